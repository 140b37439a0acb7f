"""EXTENDING's worked examples, followed to the letter: a block of features, a rung, and what they change."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.contract import ROOT, Contract, Finished, run, start
from tests.contract.mgtv import MGTV

SOURCE = ("common", "competitions")
ONLY = (MGTV,)


FEATURE, RUNG = "Add a feature", "Add a rung of the ladder"
LISTED = {  # by section: the files that its diff changes, a script, what it prints where the example is applied
    FEATURE: (
        {"competitions/mgtv/features/build.py", "competitions/mgtv/features/length.py"},
        "from competitions.mgtv.plan import list_blocks; print(list_blocks()[-1])",
        "length",
    ),
    RUNG: (
        {"competitions/learning/news/neighbours.py"},
        "from competitions.learning.news.ladder import list_alone; print([rung.key for rung in list_alone()][-2])",
        "item-cf-one",
    ),
}


def read_example(section: str) -> str:
    """The diff of a section."""
    page = (ROOT / "competitions" / "EXTENDING.md").read_text()
    (diff,) = re.findall(r"```diff\n(.*?)```", page.partition(f"\n## {section}\n")[2].partition("\n## ")[0], re.DOTALL)
    assert isinstance(diff, str)
    return diff


def apply_example(root: Path, section: str = FEATURE) -> None:
    """The source with an example, by ``git apply``."""
    for name in SOURCE:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    words = ["git", "apply", "--verbose", "-"]
    applied = subprocess.run(words, cwd=root, input=read_example(section), text=True, capture_output=True, check=False)
    assert applied.returncode == 0, applied.stderr


@pytest.mark.parametrize("section", LISTED)
def test_a_function_and_a_line_switch_it_on(tmp_path: Path, section: str) -> None:
    files, script, listed = LISTED[section]
    apply_example(tmp_path, section)
    assert {line[6:] for line in read_example(section).splitlines() if line.startswith("+++ b/")} == files
    shown = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, text=True, capture_output=True, check=True)
    assert shown.stdout == f"{listed}\n"


@pytest.mark.nightly
def test_a_new_block_is_built_and_compare_reads_its_difference(
    contract: Contract, finished: Finished, tmp_path: Path
) -> None:
    apply_example(tmp_path)
    after = run(contract, finished.raw, finished.build, root=tmp_path)
    assert "length_ratio" in after.record["features"]
    assert "length_ratio" not in finished.record["features"]
    kept = {name.rpartition(".")[2] for name in after.kept()}  # only what the change reaches is computed again
    assert {"read", "history", "video", "device", "pair", "list", "comment", "profile"} <= kept
    assert "length" not in kept
    process = start("compare", str(finished.folder), str(after.folder), root=tmp_path)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert re.search(r"length_ratio +B", out)
    assert f"B - A = {after.record['cv']['score'] - finished.record['cv']['score']:+.4f}" in out
