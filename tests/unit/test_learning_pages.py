"""The pages of ``competitions/learning``: worked sums that run, functions that are there, words that a reader knows."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [page for page in sorted((ROOT / "competitions/learning").glob("*.md")) if not page.name.endswith(".zh.md")]
TWINS = [page.with_suffix(".zh.md") for page in PAGES]
PRIVATE_WORDS = re.compile(r"\b(rungs?|verbs?|stand-ins?|(?<!small )worlds?|verdicts?|slates?)\b", re.IGNORECASE)
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@pytest.mark.parametrize("page", [*PAGES, *TWINS], ids=lambda page: page.name)
def test_the_worked_sums_are_true(page: Path) -> None:
    """As a reader is told to run them: ``python -m doctest PAGE``."""
    failed, attempted = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert attempted
    assert not failed
    assert f"`python -m doctest {page.relative_to(ROOT)}`" in page.read_text(encoding="utf-8")


@each_page
def test_a_function_that_a_page_names_stands_in_the_file_that_it_links(page: Path) -> None:
    named = re.findall(r"`(\w+)`\s+in\s+\[[^\]]+\]\(([^)\s]+\.py)\)", page.read_text(encoding="utf-8"))
    assert named
    sources = {link: (page.parent / link).read_text() for _, link in named}
    defined = r"^ *(?:def |class )?{}\b"
    assert [one for one in named if not re.search(defined.format(one[0]), sources[one[1]], re.MULTILINE)] == []


@each_page
def test_a_page_has_none_of_the_words_of_this_house(page: Path) -> None:
    prose = re.sub("`[^`\n]+`", "", FENCED.sub("", page.read_text(encoding="utf-8")))
    assert PRIVATE_WORDS.findall(prose) == []
