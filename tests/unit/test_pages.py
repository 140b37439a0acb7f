"""What a page names is there: paths, commands, options; and it is short. Links: `make site`."""

import importlib.util
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
import typer

from competitions import NAMES
from competitions.__main__ import app
from tests.benches.figures import claims, learning

ROOT = Path(__file__).resolve().parents[2]
OTHERS = {".venv", ".git", ".pytest_cache", "build", "raw", "node_modules"}
# Those folders have a hundred thousand files: they are not entered.
PATHS = [path for top in ROOT.iterdir() if top.name not in OTHERS for path in (top, *top.rglob("*"))]
TREE = [path.relative_to(ROOT).as_posix() for path in PATHS if not OTHERS & set(path.relative_to(ROOT).parts)]
# CHANGELOG.md tells of what went.
TODAY = [ROOT / name for name in sorted(TREE) if name.endswith(".md") and name != "CHANGELOG.md"]
MADE = {"tuned.toml", "FILE.toml", "host_files.py"}
PLACEHOLDER = re.compile("NAME|<name>|<each>")
of_today = pytest.mark.parametrize("page", TODAY, ids=lambda page: str(page.relative_to(ROOT)))


def list_code(page: Path) -> list[str]:
    """The code spans of a page, and the commands of its blocks."""
    text = page.read_text().replace("\\\n", " ")
    blocks = "\n".join(block for _, block in re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL))
    commands = [line.partition("  #")[0] for line in blocks.splitlines() if re.match(r"[^#+-]*\b(make|python) ", line)]
    spans = re.findall("`([^`]+)`", re.sub("```.*?```", "", text, flags=re.DOTALL))
    return [" ".join(span.split()) for span in spans] + commands


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


WORDS = {"competitions/LEARNING.md": 6_500} | {
    f"competitions/learning/{page.name}": 1_300
    for page in (ROOT / "competitions/learning").glob("*.md")
    if not page.name.endswith(".zh.md")
}
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", WORDS)
def test_a_page_to_learn_from_is_short(name: str) -> None:
    """In words, worked sums included, without the tables that a command writes and the marks of a sentence."""
    text = claims.MARK.sub("", learning.BLOCK.sub("", (ROOT / name).read_text()))
    assert len(text.split()) <= WORDS[name]


@pytest.mark.parametrize("language", ["", ".zh"])
def test_the_front_page_is_short(language: str) -> None:
    assert len((ROOT / f"README{language}.md").read_text().splitlines()) <= 110


@of_today
def test_no_line_of_code_is_cut_by_the_site(page: Path) -> None:
    lines = "\n".join(FENCED.findall(page.read_text())).splitlines()
    assert [line for line in lines if len(line) > 76] == []


@of_today
def test_every_file_that_a_page_links_is_there(page: Path) -> None:
    text = FENCED.sub("", page.read_text())
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link}
    assert [link for link in sorted(links - {""}) if not (page.parent / link).exists()] == []


SECTION = re.compile(r"\[(?:LOG|FIGURES)\.md\]\(([^)]+)\)[,，]?\s*[\"“]([^\"”]+)[\"”]")  # noqa: RUF001


@of_today
def test_every_section_of_a_log_that_a_page_names_is_there(page: Path) -> None:
    named = SECTION.findall(page.read_text())
    assert [section for link, section in named if section not in (page.parent / link).read_text()] == []
