"""What a page names is there: links, paths, commands, modules, settings. Make's targets: test_makefile."""

import importlib.util
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer

from competitions import NAMES, find_competition
from competitions.__main__ import app

ROOT = Path(__file__).resolve().parents[2]
OTHERS = {".venv", ".git", ".pytest_cache", "build", "raw", "node_modules"}
TREE = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if not OTHERS & set(path.relative_to(ROOT).parts)]
PAGES = [ROOT / name for name in sorted(TREE) if name.endswith(".md")]
TODAY = [page for page in PAGES if page.name != "CHANGELOG.md"]  # which tells of what went
MADE = {"tuned.toml", "FILE.toml", "host_files.py"}
PLACEHOLDER = re.compile("NAME|<name>|<each>")
DOTTED = re.compile(r"(?<![\w./@-])[a-z]\w*(?:\.[a-z]\w*)+(?=\s*=|$)")
FILES = (".csv", ".html", ".json", ".lock", ".md", ".py", ".toml", ".tsv")
of_today = pytest.mark.parametrize("page", TODAY, ids=lambda page: str(page.relative_to(ROOT)))


def list_code(page: Path) -> list[str]:
    """The code spans of a page, and the commands of its blocks."""
    text = page.read_text().replace("\\\n", " ")
    blocks = "\n".join(block for _, block in re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL))
    commands = [line.partition("  #")[0] for line in blocks.splitlines() if re.match(r"[^#+-]*\b(make|python) ", line)]
    spans = re.findall("`([^`]+)`", re.sub("```.*?```", "", text, flags=re.DOTALL))
    return [" ".join(span.split()) for span in spans] + commands


def list_keys(table: dict[str, Any], before: str = "") -> Iterator[str]:
    """The dotted names of all settings and tables below a table."""
    for key, value in table.items():
        yield f"{before}{key}"
        if isinstance(value, dict):
            yield from list_keys(value, f"{before}{key}.")


def is_defined(name: str) -> bool:
    """Whether a dotted name is a module, or something that a module defines; ``run`` may be a loaded one."""
    path, _, last = name.replace(".", "/").rpartition("/")
    if any(fnmatch(f"/{one}", f"*/{path}/{last}*") for one in TREE):
        return True
    ends = tuple({f"/{path}.py", f"/{path}.py".replace("/run.", "/loaded.")})
    modules = [ROOT / one for one in TREE if f"/{one}".endswith(ends)]
    return any(re.search(rf"^ *(def |class )?{last}\b", module.read_text(), re.MULTILINE) for module in modules)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    broken = [link for link in links if "://" not in link and not (page.parent / link.replace("\\_", "_")).exists()]
    assert broken == []


@of_today
def test_every_path_of_a_page_is_there(page: Path) -> None:
    words = {word for code in list_code(page) for word in re.split(r"[\s\"'=@]+", code)}
    paths = {
        word for word in words if re.fullmatch(r"(tests|common|competitions)/\S*|[\w./<>-]+\.(py|toml|md|lock)", word)
    }
    wanted = {re.sub(PLACEHOLDER, name, path).rstrip("/") for path in paths - MADE for name in NAMES}
    assert [path for path in sorted(wanted) if not any(fnmatch(f"/{one}", f"*/{path}") for one in TREE)] == []


@of_today
def test_every_module_verb_and_option_of_a_page_is_there(page: Path) -> None:
    verbs = typer.main.get_command(app).commands
    for code in list_code(page):
        for module in re.findall(r"-m ((?:common|competitions|tests)[\w.]*)", code):
            assert importlib.util.find_spec(module), code
        for verb, words in re.findall(r"-m competitions (\w+)(.*)", code):
            known = {option for parameter in verbs[verb].params for option in parameter.opts}
            assert set(re.findall(r"(?<=\s)--[a-z-]+", words)) <= known, code


@of_today
def test_every_dotted_name_of_a_page_is_a_setting_or_stands_in_a_module(page: Path) -> None:
    own = [name for name in NAMES if name in page.relative_to(ROOT).parts] or NAMES
    settings: set[str] = set()
    for name in own:
        settings |= set(list_keys(msgspec.to_builtins(find_competition(name).load_config([]))))
    held = {name for code in list_code(page) for name in DOTTED.findall(code) if not name.endswith(FILES)}
    assert {name for name in held - settings if not is_defined(name)} == set()


@of_today
def test_a_command_of_a_page_says_what_it_needs(page: Path) -> None:
    for code in list_code(page):
        assert "make standin-" not in code or "FROM=" in code
