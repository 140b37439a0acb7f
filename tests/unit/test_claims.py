"""A sentence that compares figures is so by today's figures, in both languages, and no page quotes an old version."""

import re
from pathlib import Path

import msgspec
import pytest

from common.day.stamp import FILE, read_figures, read_version
from common.engine.errors import UserError
from competitions import NAMES, ROOM
from tests.benches.figures import claims, learning
from tests.unit.test_pages import TODAY, of_today

FIGURES = {name: read_figures(ROOM / name / FILE) for name in NAMES}
COMPARES = re.compile(
    r"\b(better|worse|best|level|above|below|behind|ahead|beats?|lose|falls?|times|costs?|doubles?|flips)\b"
)
RELEASE = re.compile(r"[Vv]ersions?\s+0\.(\d+)|\b0\.(\d+) 版")
LAG = 2  # releases that a figure of a page may be older than the code
each_lesson = pytest.mark.parametrize("page", learning.list_pages(), ids=lambda page: page.name)


@of_today
def test_what_a_sentence_says_of_two_figures_is_so(page: Path) -> None:
    said = claims.list_claims(page.read_text(encoding="utf-8"))
    assert [wrong for each in said for wrong in claims.list_false(each, FIGURES)] == []


@each_lesson
def test_a_paragraph_behind_a_table_that_compares_has_a_mark(page: Path) -> None:
    """In English; the twin has the same marks."""
    behind = re.findall(r"<!-- end -->\n\n((?![#|<-]).+?)\n\n", page.read_text(encoding="utf-8"), re.DOTALL)
    assert [text for text in behind if COMPARES.search(text) and not claims.MARK.search(text)] == []


def list_old(text: str) -> list[str]:
    """The versions that a page names and that lie more than ``LAG`` releases back."""
    newest = int(read_version().split(".")[1])
    return [found[0] for found in RELEASE.finditer(text) if newest - int(found[1] or found[2]) > LAG]


@pytest.mark.parametrize(
    "page", [page for page in TODAY if page.name != "LOG.md"], ids=lambda page: str(page.relative_to(ROOM.parent))
)
def test_no_page_quotes_an_old_version(page: Path) -> None:
    """Measure it again, or move it to LOG.md, where every figure has its version."""
    assert list_old(page.read_text(encoding="utf-8")) == []


def test_an_old_version_is_found() -> None:
    assert list_old(f"(version 0.3), 0.4 版, version {read_version()}") == ["version 0.3", "0.4 版"]


@pytest.mark.parametrize("false", ["als > covisits", "covisits = als", "covisits x 3.1 als", "als + .0664 covisits"])
def test_a_false_sentence_is_found_with_its_cells(false: str) -> None:
    rows = [{"rung": "als", "score": ".1507 ± .0041"}, {"rung": "covisits", "score": ".2171 ± .0046"}]
    table = msgspec.structs.replace(FIGURES["news"]["ladder quarter"], rows=rows)
    (wrong,) = claims.list_false(f"news {false} on Globo", {"news": {"ladder quarter": table}})
    assert "als .1507 ± .0041" in wrong


def test_a_mark_that_names_no_cells_is_refused() -> None:
    with pytest.raises(UserError, match="names no cells"):
        list(claims.list_false("news als > nothing on Globo", FIGURES))
