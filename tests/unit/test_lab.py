"""What lies in a lab is kept to be learned from: nothing imports it but that lab and the ladder."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import competitions

ROOT = Path(competitions.__file__).parent
HOUSES = ("news", "flight", "mgtv", "tencent")
DOOR = "day/ladder.py"


def list_imports(file: Path) -> Iterator[str]:
    """Every module that a file imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


@pytest.mark.parametrize("house", HOUSES)
def test_only_the_ladder_enters_a_lab(house: str) -> None:
    outside = [
        file
        for file in [*ROOT.rglob("*.py"), *(ROOT.parent / "common").rglob("*.py")]
        if not file.is_relative_to(ROOT / house / "lab")
    ]
    visitors = {
        file for file in outside for name in list_imports(file) if f"{name}.".startswith(f"competitions.{house}.lab.")
    }
    visitors -= set((ROOT / "notebooks").iterdir())  # which teach the same
    assert visitors <= {ROOT / house / DOOR}, f"{house}/lab is kept to be learned from: move what these need out of it"
