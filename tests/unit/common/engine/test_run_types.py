"""A type checker holds each argument of ``run.step`` against the parameter of the step's function."""

from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).resolve().parents[4]
# What the libraries' own types are is of no matter here, and takes most of a minute to find out.
SETTINGS = """[mypy]
strict = True
follow_imports = silent
disallow_subclassing_any = False

[mypy-numpy.*,polars.*,psutil.*,pyarrow.*,msgspec.*,rich.*]
follow_imports = skip
"""
# mypy warns of an ignore without an error, too.
STEPS = """
from pathlib import Path
from common.engine.run import Run, collect

def read(path: Path) -> list[int]: return []
def join(parts: list[list[int]], name: str) -> dict[str, int]: return {}
def many(a: int, b: int, c: int, d: int, e: int, f: str) -> int: return 0

run = Run(Path(), Path())
numbers = run.step(read, Path())
run.step(join, collect([numbers, numbers]), "a").value["a"] + 1
run.step(join, [[1]], "a", name="other")
run.step(many, 1, 2, 3, 4, 5, "a").value + 1
run.step(join, collect([numbers]))  # type: ignore[arg-type]
run.step(join, "a", collect([numbers]))  # type: ignore[arg-type]
run.step(read, numbers)  # type: ignore[arg-type]
run.step(many, 1, 2, 3, "d", 5, "a")  # type: ignore[misc]
run.step(read, Path(), 1, 2, 3, 4, 5, 6)  # type: ignore[arg-type]
"""


def test_a_wrong_argument_is_a_type_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    file, settings = tmp_path / "steps.py", tmp_path / "mypy.ini"
    file.write_text(STEPS)
    settings.write_text(SETTINGS)
    options = ["--config-file", str(settings), "--cache-dir", str(tmp_path / "cache")]
    report, _, code = api.run([*options, str(file)])
    assert code == 0, report
