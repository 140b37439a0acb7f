"""The layout that a newcomer relies on: small rooms of the same names, no upward imports."""

import ast
from collections import Counter
from pathlib import Path

from competitions import NAMES

ROOT = Path(__file__).resolve().parents[2]
SOURCE = [path for top in ("common", "competitions") for path in sorted((ROOT / top).rglob("*.py"))]
MOST_MODULES = 16


def test_a_folder_holds_at_most_sixteen_modules() -> None:
    sizes = Counter(path.parent.relative_to(ROOT) for path in SOURCE)
    assert {str(folder): size for folder, size in sizes.items() if size > MOST_MODULES} == {}


def test_the_rooms_have_the_same_names_in_all_competitions() -> None:
    rooms = {"io", "day"}  # a simulator is a new one's own choice
    for name in (*NAMES, "template"):  # of which new ones are made
        folders = {path.name for path in (ROOT / "competitions" / name).iterdir() if path.is_dir()}
        assert rooms <= folders, name


def test_common_imports_nothing_from_a_competition() -> None:
    upward = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in SOURCE
        if path.is_relative_to(ROOT / "common")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in [getattr(node, "module", None) or node.names[0].name]
        if module.split(".")[0] == "competitions"
    ]
    assert upward == []
