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
# A line, and the code of the error that it is; "" for none.
LINES = {
    "run.step(join, collect([numbers, numbers]), 'a').value['a'] + 1": "",
    "run.step(join, [[1]], 'a', name='other')": "",
    "run.step(join, collect([numbers]))": "arg-type",
    "run.step(join, 'a', collect([numbers]))": "arg-type",
    "run.step(join, numbers, 'a')": "arg-type",
    "run.step(read, numbers)": "arg-type",
    "run.step(read, Path(), 1, 2, 3, 4, 5, 6)": "call-overload",
}


@pytest.mark.nightly  # half a minute of mypy, which `make lint` runs on the steps themselves
def test_a_wrong_argument_is_a_type_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    file = tmp_path / "steps.py"
    file.write_text(HEAD + "\n".join(LINES) + "\n")
    report, _, _ = api.run(["--strict", "--follow-imports=silent", str(file)])
    for number, (line, error) in enumerate(LINES.items(), HEAD.count("\n") + 1):
        said = [text for text in report.splitlines() if f"{file.name}:{number}: error" in text]
        assert bool(said) == bool(error), (line, report)
        assert all(text.endswith(f"[{error}]") for text in said), (line, report)
