"""The page of a run: which parts it has, that nothing in a record becomes markup, that it asks for nothing."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from common.day.report.page import build_page
from tests.unit.common.day.report import report_record

Record = dict[str, Any]
VOID = {"meta"}
EVIL = "<script>alert('x')</script>\"><img src=x onerror=y>"
IN_RECORD = {
    "folds": ("cv", "folds"),
    "slices": ("cv", "slices"),
    "models": ("ranking",),
    "tables": ("tables",),
    "calibration": ("insight", "calibration"),
    "curves": ("insight", "curves"),
    "answers": ("insight", "answers"),
    "steps": ("steps",),
    "notes": ("notes",),
}
ALL = [*IN_RECORD, "features", "run"]


class Page(HTMLParser):
    """A page read by Python's own parser: elements with attributes, text by section, and whether all are closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.links: list[str] = []
        self.broken = False
        self._open: list[tuple[str, str | None]] = []
        self.feed(page)
        self.close()
        self.broken |= bool(self._open)

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((name, attributes))
        if name not in VOID:
            self._open.append((name, attributes.get("id") if name == "section" else None))
        if name == "a":
            self.links.append(attributes["href"] or "")

    def handle_endtag(self, name: str) -> None:
        self.broken |= not self._open or self._open.pop()[0] != name

    def handle_data(self, data: str) -> None:
        inside = [identity for _, identity in self._open if identity]
        where = inside[-1] if inside else ("head" if any(name == "header" for name, _ in self._open) else "")
        self.texts[where] = self.texts.get(where, "") + " ".join(data.split()) + " "

    @property
    def sections(self) -> list[str]:
        return [str(attributes["id"]) for name, attributes in self.elements if name == "section"]


def build(record: Record | None = None, **beside: Any) -> Page:
    return Page(build_page(report_record.read(record or report_record.complete()), **beside))


# --- parts ---


def test_a_complete_record_has_every_part_and_a_link_to_each() -> None:
    page = build()
    assert sorted(page.sections) == sorted(ALL)
    assert page.links[-len(ALL) :] == [f"#{name}" for name in page.sections]
    assert not page.broken


@pytest.mark.parametrize("name", IN_RECORD)
def test_a_missing_part_leaves_no_heading_and_no_link(name: str) -> None:
    record = report_record.complete()
    *path, last = IN_RECORD[name]
    holder = record
    for key in path:
        holder = holder[key]
    del holder[last]
    page = build(record)
    assert sorted(page.sections) == sorted(set(ALL) - {name})
    assert f"#{name}" not in page.links
    assert not page.broken


def test_the_least_record_is_a_head_and_how_to_run_it_again() -> None:
    page = build(report_record.bare())
    assert page.sections == ["run"]
    assert ".1174" in page.texts["head"]


# --- what it says ---


COMPLETE = report_record.complete()


STEPS = [
    {"name": "read", "seconds": 200.0, "peak_mib": 100.0, "kept": True},
    {"name": "fit", "seconds": 30.0, "peak_mib": 2048.0, "kept": False},
]
# By part: a record, what stands there in this order (between bars), what does not.
SAID: list[tuple[str, Record, str, str]] = [
    (
        "head",
        COMPLETE,
        ".3619|± .0048|of 6,598 queries|.3525 to .3713|86.5 %|pair_collection_clicks_share (23.1 %)",
        "",
    ),
    ("head", COMPLETE | {"cv": COMPLETE["cv"] | {"why": "clicks are of one day"}}, "one day|Random order|.1811", ""),
    ("head", COMPLETE | {"fits": [0.3601, 0.3644]}, "Fit 1 alone|.3601|Fit 2 alone|.3644", ""),
    ("head", COMPLETE | {"fits": [0.3601]}, "", "Fit 1 alone"),
    (
        "run",
        COMPLETE,
        "run mgtv --raw build/mgtv/simulated --set watch.rounds=200 --set seed=0|2 min 51 s",
        "--untuned",
    ),
    ("run", COMPLETE, 'blocks = ["video","device","pair","list"]|num_leaves = 15', ""),
    ("answers", COMPLETE, "100.0 % (6,598)|2e11, 9 videos|Right: video e (not among the v", ""),
    ("features", COMPLETE | {"insight": {}}, "pair_next_episode", ""),
    ("steps", COMPLETE | {"steps": STEPS}, "read (kept)|3 min 20 s", "fit (kept)"),
]


@pytest.mark.parametrize(("part", "record", "there", "absent"), SAID)
def test_each_part_says_what_its_record_holds(part: str, record: Record, there: str, absent: str) -> None:
    text = build(record).texts[part]
    positions = [text.find(words) for words in there.split("|")]
    assert positions == sorted(positions)
    assert -1 not in positions
    assert not absent or absent not in text


def test_only_the_right_one_is_marked() -> None:
    assert [name for name, attributes in build().elements if attributes.get("class") == "hit"] == ["li"]


def test_a_number_that_is_missing_is_no_error() -> None:
    record = report_record.complete()
    record["cv"]["folds"][0] = {"name": "day 29", "score": None, "error": None, "queries": None}
    record["insight"]["importance"][0] |= {"gain": None, "permutation": None}
    record["insight"]["curves"][0]["values"] = [None, 0.1, 0.2]
    page = build(record)
    assert not page.broken
    assert "day 29" in page.texts["folds"]
    assert "nan" not in " ".join(page.texts.values()).lower().split()


# --- safety ---


def poison(value: Any) -> Any:
    """The same structure with every text, and every key of it that is a name from outside, made evil."""
    if isinstance(value, str):
        return f"{value}{EVIL}"
    if isinstance(value, list):
        return [poison(item) for item in value]
    if isinstance(value, dict):
        return {key: poison(item) for key, item in value.items()}
    return value


def test_nothing_in_a_record_becomes_markup() -> None:
    record = poison(report_record.complete())
    record["config"][EVIL] = {EVIL: EVIL}
    record["tables"][0]["rows"][0][EVIL] = EVIL
    record["truth"]["scores"][EVIL] = 0.5
    record["notes"].append({EVIL: EVIL})
    page, clean = build(record), build()
    assert not page.broken
    assert "img" not in {name for name, _ in page.elements}
    assert "script" not in {name for name, _ in page.elements}
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]
    assert {name for name, _ in page.elements} == {name for name, _ in clean.elements}
    for part in ("features", "notes", "models", "folds", "tables", "run", "steps"):
        assert EVIL in page.texts[part], part


def test_the_page_asks_for_nothing() -> None:
    text = build_page(report_record.read(report_record.complete()))
    page = Page(text)
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & {n for n, _ in page.elements}
    assert not [a for _, a in page.elements if {"src", "srcset", "data", "action", "xlink:href"} & a.keys()]
    assert all(link.startswith("#") for link in page.links)
    assert not re.search(r"@import|url\(|https?://", text)
    policies = [a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]
