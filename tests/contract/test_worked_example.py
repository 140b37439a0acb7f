"""EXTENDING's worked example, followed to the letter: a feature block in under ten lines, and what it changes."""

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


def read_example() -> str:
    """The diff of the section "Add a feature"."""
    section = (
        (ROOT / "competitions" / "EXTENDING.md").read_text().partition("\n## Add a feature\n")[2].partition("\n## ")[0]
    )
    (diff,) = re.findall(r"```diff\n(.*?)```", section, re.DOTALL)
    assert isinstance(diff, str)
    return diff


def apply_example(root: Path) -> None:
    """The source with the example, by ``git apply``."""
    for name in SOURCE:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    words = ["git", "apply", "--verbose", "-"]
    applied = subprocess.run(words, cwd=root, input=read_example(), text=True, capture_output=True, check=False)
    assert applied.returncode == 0, applied.stderr


def test_one_registration_and_one_module_switch_it_on(tmp_path: Path) -> None:
    apply_example(tmp_path)
    changed = {line[6:] for line in read_example().splitlines() if line.startswith("+++ b/")}
    assert changed == {"competitions/mgtv/features/build.py", "competitions/mgtv/features/length.py"}
    script = "from competitions.mgtv.plan import list_blocks; print(list_blocks()[-1])"
    shown = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, text=True, capture_output=True, check=True)
    assert shown.stdout == "length\n"


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
    assert re.search(r"length_ratio +B +[\d.]+", out)
    difference = re.search(r"B - A = ([+-][\d.]+) ± ([\d.]+) on ([\d,]+) common queries", out)
    assert difference
    assert float(difference[1]) == pytest.approx(after.record["cv"]["score"] - finished.record["cv"]["score"], abs=1e-4)
    assert int(difference[3].replace(",", "")) == after.record["cv"]["queries"]
