"""The notebooks run from top to bottom on small simulated data."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.contract import ROOT

NOTEBOOKS = sorted((ROOT / "competitions" / "notebooks").glob("*.py"))
MOST_LINES = 120


@pytest.mark.nightly
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(notebook: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    words = [sys.executable, "-W", "error::DeprecationWarning:__main__", str(notebook)]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert len(notebook.read_text().splitlines()) <= MOST_LINES
