"""A page in Chinese and the one in English have the same sections, commands and figures: neither goes stale alone."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.benches.figures import claims

ROOT = Path(__file__).resolve().parents[2]
TRANSLATED = [page for page in sorted(ROOT.glob("**/*.zh.md")) if ".venv" not in page.parts]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)  # its language, `text` for output
NUMBER = re.compile(r"(?<![a-zA-Z\d.,])(\d[\d,]*(?:\.\d+)?|\.\d+)(?: ?(万|亿|million|billion))?")
TIMES = {"万": 10**4, "亿": 10**8, "million": 10**6, "billion": 10**9}
SPELT = 10  # a whole number below it may be a word in one language


def read(page: Path) -> str:
    """A page without its link to its twin."""
    text = page.read_text(encoding="utf-8").replace(".zh.", ".")
    return re.sub(r"\[[^\]]+\]\(README\.md\)", "", text)


def list_tables(text: str) -> list[list[int]]:
    """Of each table, the number of cells in each row."""
    tables = re.findall(r"(?:^\|.*\n?)+", BLOCK.sub("", text), re.MULTILINE)
    return [[row.count("|") for row in table.splitlines()] for table in tables]


def list_numbers(text: str) -> Counter[float]:
    """The numbers of a text, without those of code and links."""
    words = re.sub(r"`[^`\n]+`|\]\([^)]*\)", "", BLOCK.sub("", text))
    numbers = [float(number.replace(",", "")) * TIMES.get(unit, 1) for number, unit in NUMBER.findall(words)]
    return Counter(number for number in numbers if number >= SPELT or number % 1)


def list_commands(text: str) -> Counter[str]:
    """The code spans, and the commands of the blocks, where a comment may take a line of its own."""
    blocks = "\n".join(block for kind, block in BLOCK.findall(text) if kind != "text")
    lines = [line.partition("#")[0].strip(" >.") for line in blocks.splitlines()]
    spans = re.findall("`([^`\n]+)`", BLOCK.sub("", text))
    return Counter([" ".join(span.split()) for span in spans] + [line for line in lines if line])


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: str(page.relative_to(ROOT)))
def test_both_languages_say_the_same(page: Path) -> None:
    chinese, english = read(page), read(page.with_name(page.name.replace(".zh.md", ".md")))
    levels = [re.findall(r"^#+(?= )", text, re.MULTILINE) for text in (chinese, english)]
    assert levels[0] == levels[1]
    commands = [list_commands(text) for text in (chinese, english)]
    assert commands[0] == commands[1]
    links = [set(re.findall(r"\]\(([^)]+)", text)) for text in (chinese, english)]
    assert links[0] == links[1]
    assert [kind for kind, _ in BLOCK.findall(chinese)] == [kind for kind, _ in BLOCK.findall(english)]
    assert list_tables(chinese) == list_tables(english)
    assert list_numbers(chinese) == list_numbers(english)
    assert claims.list_claims(chinese) == claims.list_claims(english)


def test_numbers_are_read_alike_in_both_languages() -> None:
    assert list_numbers("7 of 660,000 ads have .281") == list_numbers("66 万个广告里七个有 0.281")
    assert list_numbers("7 of 660,000") != list_numbers("6 万里七个")


def test_every_page_that_a_newcomer_opens_first_is_translated() -> None:
    names = {str(page.relative_to(ROOT)) for page in TRANSLATED}
    pages = {"README", "competitions/EXTENDING", "competitions/LEARNING", "competitions/SERVING", "data/README"} | {
        f"competitions/{name}/README" for name in ("news", "flight", "mgtv", "tencent")
    }
    explained = (ROOT / "competitions" / "learning").glob("*.md")
    pages |= {f"competitions/learning/{page.name.partition('.')[0]}" for page in explained}
    assert names == {f"{page}.zh.md" for page in pages}
