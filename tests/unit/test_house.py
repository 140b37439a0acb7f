"""The layout that a newcomer relies on: small rooms of the same names, imports that go one way."""

import ast
import functools
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from competitions import NAMES
from tests.benches import story

ROOT = Path(__file__).resolve().parents[2]
SOURCE = [path for top in ("common", "competitions") for path in sorted((ROOT / top).rglob("*.py"))]
HOUSES = tuple(ROOT / "competitions" / name for name in (*NAMES, "template", "template/rows"))
ROOMS = {"day", "simulator"}  # beside the story
MOST_MODULES = 16


def name_module(path: Path) -> str:
    """``common.engine.run`` for its file, ``common.engine`` for that of the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_module(path): path for path in SOURCE}


@functools.cache
def list_imports(path: Path) -> tuple[str, ...]:
    """The first-party modules that a file imports, in functions and for types as well."""
    return tuple(read_imports(path))


def read_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            inner = [f"{node.module}.{name.name}" for name in node.names]
            yield from (name if name in MODULES else node.module for name in inner)  # a module of it, or a name in it


def list_callers(called: str) -> set[str]:
    """The modules of the story, outside day/ and simulator/, that call ``step`` as such or as ``run.step``; an
    optimizer has steps of its own.
    """
    callers = set()
    for house in HOUSES:
        for path in (path for path in house.rglob("*.py") if not ROOMS & {*path.relative_to(house).parts}):
            functions = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
            names = {ast.unparse(function) for function in functions}
            if names & {called, f"run.{called}", f"self.run.{called}", f"importlib.{called}"}:
                callers.add(name_module(path))
    return callers


def test_a_folder_holds_at_most_sixteen_modules() -> None:
    sizes = Counter(path.parent.relative_to(ROOT) for path in SOURCE)
    assert {str(folder): size for folder, size in sizes.items() if size > MOST_MODULES} == {}


def test_the_rooms_have_the_same_names_in_all_competitions() -> None:
    rooms = {"io", "day"}  # a simulator is a new one's own choice
    for name in (*NAMES, "template", "template/rows"):  # of which new ones are made
        folders = {path.name for path in (ROOT / "competitions" / name).iterdir() if path.is_dir()}
        assert rooms <= folders, name


def test_common_imports_nothing_from_a_competition() -> None:
    upward = [
        f"{name}: {imported}"
        for name, path in MODULES.items()
        if name.split(".")[0] == "common"
        for imported in list_imports(path)
        if imported.split(".")[0] == "competitions"
    ]
    assert upward == []


def test_no_circle_of_modules() -> None:
    graph = {name: {*list_imports(path)} - {name} for name, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(reversed(error.args[1]))) from None


def test_the_story_imports_nothing_by_a_string() -> None:
    """Which would hide an import from this graph, and from the keys of the steps."""
    assert list_callers("import_module") == set()


def test_in_the_story_only_the_pipeline_makes_steps() -> None:
    assert {name for name in list_callers("step") if not name.endswith(".pipeline")} == set()


def test_no_competition_imports_what_is_there_to_learn() -> None:
    """What lies there is kept to be learned from: move what others need out of it."""
    floor = "competitions.learning"
    visitors = {name for name in MODULES for imported in list_imports(MODULES[name]) if is_in(imported, floor)}
    assert {name for name in visitors if not is_in(name, floor)} == {"competitions.cli.run"}  # the verb ladder


def is_in(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def test_what_becomes_of_an_ads_clicks_is_read_within_its_budget() -> None:
    counted = story.count_story(story.STORY)
    assert all(counted[what] <= most for what, most in story.MOST.items()), counted
