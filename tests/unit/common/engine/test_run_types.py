"""A type checker holds each argument of ``run.step`` against the parameter of the step's function."""

from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).resolve().parents[4]
HEAD = """
from pathlib import Path
from common.engine.run import Run, collect

def read(path: Path) -> list[int]: return []
def join(parts: list[list[int]], name: str) -> dict[str, int]: return {}

run = Run(Path(), Path())
numbers = run.step(read, Path())
"""


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("run.step(join, collect([numbers, numbers]), 'a').value['a'] + 1", ""),
        ("run.step(join, [[1]], 'a', name='other')", ""),
        ("run.step(join, collect([numbers]))", "arg-type"),
        ("run.step(join, 'a', collect([numbers]))", "arg-type"),
        ("run.step(join, numbers, 'a')", "arg-type"),
        ("run.step(read, numbers)", "arg-type"),
        ("run.step(read, Path(), 1, 2, 3, 4, 5, 6)", "call-overload"),
    ],
)
def test_a_wrong_argument_is_a_type_error(
    line: str, error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    file = tmp_path / "steps.py"
    file.write_text(HEAD + line + "\n")
    report, _, code = api.run(["--strict", "--follow-imports=silent", str(file)])
    assert code == (1 if error else 0), report
    assert error in report
