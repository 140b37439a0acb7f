"""Without a package index, ``make install`` says so; it does not blame the first package of the list."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_no_index_is_named_as_that(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "requirements.lock").write_text("alembic==1.20.1\n")
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    ended = subprocess.run(
        ["make", "install", f"PYTHON={sys.executable}"],
        cwd=tmp_path,
        env=kept | nowhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    first = ended.stderr.splitlines()[0]
    assert first.startswith("error: No package index can be reached")
    assert "PIP_INDEX_URL" in first
    assert "from versions" not in ended.stdout + ended.stderr
    assert "from versions: none" in (tmp_path / ".venv" / "pip.log").read_text()  # where pip blames one package
    assert not (tmp_path / ".venv" / "installed").exists()
