"""A page in Chinese and the one in English have the same sections, commands and figures: neither goes stale alone."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRANSLATED = [page for page in sorted(ROOT.glob("**/*.zh.md")) if ".venv" not in page.parts]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)  # its language, `text` for output
FRACTION = re.compile(r"(?<![a-zA-Z\d.])0?(\.\d+)(?!\.?\d)")  # .281 in English is 0.281 in Chinese


def read(page: Path) -> str:
    """A page; of a competition's own what stands before "How it works", which alone is translated."""
    text = page.read_text(encoding="utf-8").replace(".zh.", ".")
    text = re.sub(r"\[[^\]]+\]\(README\.md\)", "", text)  # each page's link to its twin
    if page.name.startswith("README") and page.parent != ROOT:
        text = text.partition("\n## How it works")[0]
    return text


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
    figures = [Counter(FRACTION.findall(re.sub("`[^`\n]+`", "", text))) for text in (chinese, english)]
    assert figures[0] == figures[1]


def test_every_page_that_a_newcomer_opens_first_is_translated() -> None:
    names = {str(page.relative_to(ROOT)) for page in TRANSLATED}
    pages = {"README", "competitions/EXTENDING", "competitions/LEARNING", "competitions/SERVING", "data/README"} | {
        f"competitions/{name}/README" for name in ("news", "flight", "mgtv", "tencent")
    }
    explained = (ROOT / "competitions" / "learning").glob("*.md")
    pages |= {f"competitions/learning/{page.name.partition('.')[0]}" for page in explained}
    assert names == {f"{page}.zh.md" for page in pages}
