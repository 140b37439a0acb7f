"""The pages of ``competitions/learning``: worked sums that run, code that is there, a twin in the other language."""

import ast
import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "competitions" / "learning").glob("*.md"))
ENGLISH = [page for page in PAGES if not page.name.endswith(".zh.md")]
LAST_SECTIONS = ["Run it", "When it loses", "Exercise", "Read"]
PRIVATE_WORDS = re.compile(r"\b(rungs?|verbs?|stand-ins?|(?<!small )worlds?|verdicts?|slates?)\b", re.IGNORECASE)
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
in_english = pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.name)


def find_twin(page: Path) -> Path:
    """The same page in the other language."""
    stem = page.name.partition(".")[0]
    return page.with_name(f"{stem}.md" if page.name.endswith(".zh.md") else f"{stem}.zh.md")


def read_examples(page: Path) -> list[doctest.Example]:
    """The doctests of a page's fenced blocks, in the page's lines."""
    lines, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        inside = line == "```python" or (inside and line != "```")
        lines.append(line if inside and line != "```python" else "")
    return doctest.DocTestParser().get_examples("\n".join(lines), page.name)


@in_english
def test_the_worked_sums_are_true(page: Path) -> None:
    examples, said = read_examples(page), list[str]()
    assert examples
    test = doctest.DocTest(examples, {}, page.name, str(page), 0, None)
    failed = doctest.DocTestRunner().run(test, out=said.append).failed
    assert not failed, "".join(said)


@in_english
def test_both_languages_hold_the_same_sums(page: Path) -> None:
    """But for the words of a comment."""
    own, other = (
        [(ast.dump(ast.parse(example.source)), example.want) for example in read_examples(each)]
        for each in (page, find_twin(page))
    )
    assert own == other


@by_page
def test_a_page_links_its_twin_at_its_top(page: Path) -> None:
    twin = find_twin(page)
    language = "English" if page.name.endswith(".zh.md") else "中文"
    assert twin in PAGES
    assert f"[{language}]({twin.name})" in "\n".join(page.read_text(encoding="utf-8").splitlines()[:4])


@by_page
def test_every_relative_link_of_a_page_resolves(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", FENCED.sub("", page.read_text(encoding="utf-8")))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []
    assert any(link.endswith(".py") for link in links)


@in_english
def test_a_function_that_a_page_names_stands_in_the_file_that_it_links(page: Path) -> None:
    named = re.findall(r"`(\w+)`\s+in\s+\[[^\]]+\]\(([^)\s]+\.py)\)", page.read_text(encoding="utf-8"))
    assert named
    missing = [
        (name, link)
        for name, link in named
        if not re.search(rf"^ *(?:def |class )?{name}\b", (page.parent / link).read_text(), re.MULTILINE)
    ]
    assert missing == []


@by_page
def test_a_page_ends_with_what_a_learner_does_next(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert page not in ENGLISH or sections[-4:] == LAST_SECTIONS
    exercise = text[text.index(f"## {sections[-2]}") : text.index(f"## {sections[-1]}")]
    assert re.search(r"<details>\s*<summary>.*?</details>", exercise, re.DOTALL)


@in_english
def test_a_page_has_none_of_the_words_of_this_house(page: Path) -> None:
    prose = re.sub("`[^`\n]+`", "", FENCED.sub("", page.read_text(encoding="utf-8")))
    assert PRIVATE_WORDS.findall(prose) == []
