"""A competition that ``new`` makes runs at once, by make, and passes the tests that all competitions pass."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common.day.hosts.simulated import REPORT

ROOT = Path(__file__).resolve().parents[3]
IGNORED = shutil.ignore_patterns("__pycache__", "build", "raw")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source with a competition of a long name, made by the command."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("common", "competitions", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=IGNORED)
    for name in ("Makefile", "pyproject.toml", "README.md", "requirements.lock"):
        shutil.copy(ROOT / name, root / name)
    words(root, sys.executable, "-m", "competitions", "new", "podcasts2027")
    return root


def words(root: Path, *line: str) -> str:
    ended = subprocess.run(line, cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_make_runs_it_to_a_checked_submission_near_its_ceiling(checkout: Path) -> None:
    out = words(checkout, "make", "-o", ".venv/installed", f"PY={sys.executable}", "podcasts2027", "SCALE=0.01")
    assert "podcasts2027" in out
    assert ", 1,000 rows, checked" in out
    share = float(out.partition("share of the best possible ")[2].partition("%")[0])
    assert 80 < share < 115
    (page,) = (checkout / "build" / "podcasts2027").glob("*/report.html")
    assert "podcasts2027" in page.read_text()


def test_its_tests_pass(checkout: Path) -> None:
    """As ``make test-podcasts2027`` runs them, but for those that take processes and time, and know no competition."""
    pytest_words = (sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider")
    out = words(checkout, *pytest_words, "-m", "podcasts2027", "-k", "not killed and not disk and not cold")
    assert " passed" in out
    assert "failed" not in out


def test_its_source_passes_the_linters(checkout: Path) -> None:
    source = ["competitions/podcasts2027", "tests/contract/podcasts2027.py"]
    words(checkout, sys.executable, "-m", "ruff", "format", "--check", *source)
    words(checkout, sys.executable, "-m", "ruff", "check", *source)


def test_without_a_simulator_it_runs_on_the_files_of_the_host(checkout: Path, tmp_path: Path) -> None:
    """As step 6 of its README says."""
    root, room = tmp_path / "checkout", tmp_path / "checkout" / "competitions" / "podcasts2027"
    shutil.copytree(checkout, root, ignore=shutil.ignore_patterns("build"))
    run = (sys.executable, "-m", "competitions")
    words(root, *run, "simulate", "podcasts2027", "--out", "raw", "--scale", "0.003")
    (root / "raw" / REPORT).unlink()
    shutil.rmtree(room / "simulator")
    judged, declared = room / "day" / "judged.py", room / "competition.py"
    judged.write_text(re.sub(r"\n\n\ndef score_truth.*?(?=\n\n\ndef |\Z)", "", judged.read_text(), flags=re.DOTALL))
    for path, gone in ((judged, "simulator"), (declared, "simulator|describe")):
        lines = path.read_text().replace(", score_truth", "").replace(", simulate)", ")").splitlines(keepends=True)
        path.write_text("".join(line for line in lines if not re.search(f"{gone}|score_truth=", line)))
    out = words(root, *run, "run", "podcasts2027", "--raw", "raw", "rank.rounds=5")
    assert ", checked" in out
    ended = subprocess.run((*run, "run", "podcasts2027"), cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: There is no simulator here: put the host's files into data/podcasts2027/raw")
