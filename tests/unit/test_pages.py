"""What a page names is there: links, paths, commands, modules, settings. Make's targets: test_makefile."""

import importlib.util
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
import typer

from competitions import NAMES
from competitions.__main__ import app

ROOT = Path(__file__).resolve().parents[2]
OTHERS = {".venv", ".git", ".pytest_cache", "build", "raw", "node_modules"}
TREE = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if not OTHERS & set(path.relative_to(ROOT).parts)]
PAGES = [ROOT / name for name in sorted(TREE) if name.endswith(".md")]
TODAY = [page for page in PAGES if page.name != "CHANGELOG.md"]  # which tells of what went
MADE = {"tuned.toml", "FILE.toml", "host_files.py"}
PLACEHOLDER = re.compile("NAME|<name>|<each>")
LONGEST_CELL = 200
of_today = pytest.mark.parametrize("page", TODAY, ids=lambda page: str(page.relative_to(ROOT)))


def list_code(page: Path) -> list[str]:
    """The code spans of a page, and the commands of its blocks."""
    text = page.read_text().replace("\\\n", " ")
    blocks = "\n".join(block for _, block in re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL))
    commands = [line.partition("  #")[0] for line in blocks.splitlines() if re.match(r"[^#+-]*\b(make|python) ", line)]
    spans = re.findall("`([^`]+)`", re.sub("```.*?```", "", text, flags=re.DOTALL))
    return [" ".join(span.split()) for span in spans] + commands


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
def test_no_table_cell_of_a_page_is_a_paragraph(page: Path) -> None:
    if page.name in {"FIGURES.md", "LOG.md"}:
        return
    rows = [line for line in page.read_text().splitlines() if line.startswith("|")]
    cells = [cell.strip() for row in rows for cell in re.split(r"(?<!\\)\|", row)]
    assert [cell for cell in cells if len(cell) > LONGEST_CELL] == []
