"""The notebooks run from top to bottom on small simulated data, from build/notebooks too, where Jupyter opens them, and
beside a clone, as a hosted kernel opens one.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benches.notebooks import FOLDER, read_code
from tests.contract.contract import ROOT

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MOST_LINES = 110  # of code
# The notebook that installs the packages finds them here, or says which is missing: a test installs nothing.
INSTALLS_NOTHING = {"PIP_DRY_RUN": "1", "PIP_NO_INDEX": "1"}


@pytest.mark.nightly
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(notebook: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    opened = tmp_path if "hosted" in notebook.stem else clone / "build" / "notebooks"
    (clone / "build" / "notebooks").mkdir(parents=True)
    for name in ("common", "competitions", "requirements.lock"):
        (clone / name).symlink_to(ROOT / name)
    script = tmp_path / "notebook.py"
    script.write_text("\n\n".join(read_code(notebook)), encoding="utf-8")
    words = [sys.executable, "-W", "error::DeprecationWarning:__main__", str(script)]
    environment = os.environ | INSTALLS_NOTHING
    done = subprocess.run(words, cwd=opened, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert len(script.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
