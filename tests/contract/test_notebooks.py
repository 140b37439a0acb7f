"""The notebooks run from top to bottom on small simulated data, from build/notebooks too, where Jupyter opens them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.contract import ROOT

NOTEBOOKS = sorted((ROOT / "competitions" / "learning" / "notebooks").glob("*.py"))
MOST_LINES = 120


@pytest.mark.nightly
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(notebook: Path, tmp_path: Path) -> None:
    for package in ("common", "competitions"):
        (tmp_path / package).symlink_to(ROOT / package)
    opened = tmp_path / "build" / "notebooks"
    opened.mkdir(parents=True)
    words = [sys.executable, "-W", "error::DeprecationWarning:__main__", str(notebook)]
    done = subprocess.run(words, cwd=opened, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert len(notebook.read_text().splitlines()) <= MOST_LINES
