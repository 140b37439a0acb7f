"""What lies in a lab is kept to be learned from: nothing imports it but that lab, the ladder and one switch."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import competitions

ROOT = Path(competitions.__file__).parent
HOUSES = ("news", "flight", "mgtv", "tencent")
DOOR = "day/ladder.py"
# Beside the ladder: where a setting sends a competition to its lab, and where the lab's settings are checked.
SWITCHES = {"tencent": {"pipeline.py", "config.py"}}


def imported(file: Path) -> Iterator[tuple[str, bool]]:
    """Every module that a file imports, and whether a function does so when it is called."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    lazy = {
        id(node) for function in ast.walk(tree) if isinstance(function, ast.FunctionDef) for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((f"{node.module}.{name.name}", id(node) in lazy) for name in node.names)
        elif isinstance(node, ast.Import):
            yield from ((name.name, id(node) in lazy) for name in node.names)


def list_visitors(house: str) -> dict[str, set[bool]]:
    """The files outside the lab of a house that import it, by their path, and whether they do so lazily."""
    visitors: dict[str, set[bool]] = {}
    for file in [*ROOT.rglob("*.py"), *(ROOT.parent / "common").rglob("*.py")]:
        if file.is_relative_to(ROOT / house / "lab"):
            continue
        own = file.relative_to(ROOT / house) if file.is_relative_to(ROOT / house) else file.relative_to(ROOT.parent)
        for name, lazy in imported(file):
            if f"{name}.".startswith(f"competitions.{house}.lab."):
                visitors.setdefault(own.as_posix(), set()).add(lazy)
    return visitors


@pytest.mark.parametrize("house", HOUSES)
def test_only_the_ladder_and_the_switch_enter_a_lab(house: str) -> None:
    allowed = {DOOR} | SWITCHES.get(house, set())
    assert set(list_visitors(house)) <= allowed, (
        f"{house}/lab is kept to be learned from: move what these need out of it"
    )


@pytest.mark.parametrize(
    ("house", "switch"), [(house, one) for house, files in SWITCHES.items() for one in sorted(files)]
)
def test_a_switch_imports_its_lab_only_where_it_is_thrown(house: str, switch: str) -> None:
    assert list_visitors(house)[switch] == {True}
