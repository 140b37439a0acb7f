"""A competition that ``new`` makes runs at once, by make, and passes the tests that all competitions pass."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common.day.hosts import REPORT, TRUTH

ROOT = Path(__file__).resolve().parents[3]
IGNORED = shutil.ignore_patterns("__pycache__", "build", "raw")
MADE = {"one": "podcasts2027", "several": "songs", "rows": "clicks"}  # by kind


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source with a competition of each kind, one of a long name, made by the command."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("common", "competitions", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=IGNORED)
    for name in ("Makefile", "pyproject.toml", "README.md", "requirements.lock"):
        shutil.copy(ROOT / name, root / name)
    for kind, name in MADE.items():
        words(root, *MAKE, "new", f"NAME={name}", f"KIND={kind}")
    return root


MAKE = ("make", "-o", ".venv/installed", "-o", ".venv/torch", f"PY={sys.executable}")


def words(root: Path, *line: str) -> str:
    ended = subprocess.run(line, cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("kind", MADE)
def test_make_runs_it_to_a_checked_submission_near_its_ceiling(checkout: Path, kind: str) -> None:
    name = MADE[kind]
    out = words(checkout, *MAKE, name, "SCALE=0.01")
    assert re.search(r", [1-9],?[0-9]{2,} rows, checked", out)
    share = float(out.partition("share of the best possible ")[2].partition("%")[0])
    assert 75 < share < 115
    (page,) = (checkout / "build" / name).glob("*/report.html")
    assert name in page.read_text()


@pytest.mark.parametrize("kind", MADE)
def test_its_tests_pass(checkout: Path, kind: str) -> None:
    """As ``make test-podcasts2027`` runs them, but for those that take processes and time, and know no competition."""
    pytest_words = (sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider")
    out = words(checkout, *pytest_words, "-m", MADE[kind], "-k", "not killed and not disk and not cold")
    assert " passed" in out
    assert "failed" not in out


@pytest.mark.parametrize("kind", MADE)
def test_the_day_after_needs_no_more_writing(checkout: Path, kind: str) -> None:
    """The quick loop, the blocks, a changed setting, a blend; its own host's files can be handed in."""
    name, raw = MADE[kind], f"build/{MADE[kind]}/simulated/own"
    words(checkout, *MAKE, f"simulate-{name}", "SCALE=0.005", f"ARGS=--out {raw}")
    (checkout / raw / REPORT).unlink()
    (checkout / raw / TRUTH).unlink()
    quick = f"@competitions/{name}/quick.toml"
    words(checkout, *MAKE, name, f"RAW={raw}")
    words(checkout, *MAKE, name, f"RAW={raw}", "ARGS=rank.rounds=20")
    assert " B - A = " in words(checkout, *MAKE, f"compare-{name}").replace("\n", " ")
    assert "upload submission.csv" in words(checkout, *MAKE, f"submit-{name}")
    assert "less the best run" in words(checkout, *MAKE, f"blend-{name}", "ARGS=last last~1")
    words(checkout, *MAKE, name, f"RAW={raw}", f"ARGS=--until cv {quick}")
    if kind != "rows":
        assert "item-cf" in words(checkout, *MAKE, f"ladder-{name}", f"RAW={raw}")
    assert "it adds" in words(checkout, *MAKE, f"ablate-{name}", f"RAW={raw}", f"ARGS={quick}")


def test_a_broken_contract_file_stops_the_tests_of_its_own_competition_alone(checkout: Path) -> None:
    path = checkout / "tests" / "contract" / f"{MADE['rows']}.py"
    text = path.read_text()
    path.write_text("import nothing_of_this_name\n")
    pytest_words = (sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider")
    only = (*pytest_words, "tests/contract/test_contract_files.py")
    ended = subprocess.run(only, cwd=checkout, capture_output=True, text=True, check=False)
    path.write_text(text)
    assert re.search(r"^1 failed, 6 passed", ended.stdout, re.MULTILINE), ended.stdout
    assert "tests/contract/clicks.py cannot be used: ModuleNotFoundError" in ended.stdout


def test_what_a_new_one_has_not_is_one_sentence(checkout: Path) -> None:
    for line, said in (
        ((sys.executable, "-m", "tests.benches.figures", MADE["rows"]), "There is no "),
        ((sys.executable, "-m", "competitions", "new", "other", "--kind", "pairs"), "There is no kind of task 'pairs'"),
        ((sys.executable, "-m", "competitions", "run", MADE["one"], "--set", "rank.blocks=[]"), "rank.blocks is empty"),
    ):
        ended = subprocess.run(line, cwd=checkout, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert said in ended.stderr
        assert ended.stderr.count("\n") == 1, ended.stderr


def test_its_source_passes_the_linters(checkout: Path) -> None:
    source = [path for name in MADE.values() for path in (f"competitions/{name}", f"tests/contract/{name}.py")]
    words(checkout, sys.executable, "-m", "ruff", "format", "--check", *source)
    words(checkout, sys.executable, "-m", "ruff", "check", *source)


def test_without_a_simulator_it_runs_on_the_files_of_the_host(checkout: Path, tmp_path: Path) -> None:
    """As step 6 of its README says."""
    root, name = tmp_path / "checkout", MADE["one"]
    shutil.copytree(checkout, root, ignore=shutil.ignore_patterns("build"))
    run = (sys.executable, "-m", "competitions")
    words(root, *run, "simulate", name, "--out", "raw", "--scale", "0.003")
    (root / "raw" / REPORT).unlink()
    declared = root / "competitions" / name / "competition.py"
    lines = declared.read_text().splitlines(keepends=True)
    gone = ("FILES =", "SIMULATE =", "    score_truth=")
    text = "".join(line for line in lines if not line.startswith(gone)).replace(", 0.02, SIMULATE)", ")")
    declared.write_text(text)
    out = words(root, *run, "run", name, "--raw", "raw", "rank.rounds=5")
    assert ", checked" in out
    ended = subprocess.run((*run, "run", name), cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: There is no simulator here: put the host's files into data/{name}/raw")
