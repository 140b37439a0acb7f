"""The page of a run: which parts it has, that nothing in a record becomes markup, that it asks for nothing."""

import copy
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from common.day.report.page import build_page, write_report
from common.engine.errors import UserError
from tests.unit.common.day.report import report_record

Record = dict[str, Any]
VOID = {"meta"}
EVIL = "<script>alert('x')</script>\"><img src=x onerror=y>"
IN_RECORD = {
    "folds": ("cv", "folds"),
    "slices": ("cv", "slices"),
    "models": ("ranking",),
    "truth": ("truth", "scores"),
    "leaderboard": ("leaderboard",),
    "tables": ("tables",),
    "calibration": ("insight", "calibration"),
    "curves": ("insight", "curves"),
    "drift": ("insight", "drift"),
    "answers": ("insight", "answers"),
    "steps": ("steps",),
    "notes": ("notes",),
}
ALL = [*IN_RECORD, "ladder", "features", "tuning", "settings"]


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


def build(record: Record | None = None, ladder: Record | None = None, study: list[Record] | None = None) -> Page:
    return Page(build_page(record or report_record.complete(), ladder, study or []))


def whole() -> Page:
    return build(None, report_record.ladder(), [report_record.study()])


# --- parts ---


def test_a_complete_record_has_every_part_and_a_link_to_each() -> None:
    page = whole()
    assert sorted(page.sections) == sorted(ALL)
    assert page.links[-len(ALL) :] == [f"#{name}" for name in page.sections]
    assert not page.broken


@pytest.mark.parametrize("name", IN_RECORD)
@pytest.mark.parametrize("how", ["empty", "absent"])
def test_a_missing_part_leaves_no_heading_and_no_link(name: str, how: str) -> None:
    record = report_record.complete()
    *path, last = IN_RECORD[name]
    holder = record
    for key in path:
        holder = holder[key]
    if how == "absent":
        del holder[last]
    else:
        holder[last] = None if isinstance(holder[last], dict) else []
    page = build(record, report_record.ladder(), [report_record.study()])
    assert sorted(page.sections) == sorted(set(ALL) - {name})
    assert f"#{name}" not in page.links
    assert not page.broken


def test_ladder_and_studies_are_there_when_given() -> None:
    assert not {"ladder", "tuning"} & set(build().sections)
    empty = build(None, {"title": "t", "metric": "m", "rows": []}, [{"study": "s", "metric": "m", "trials": []}])
    assert not {"ladder", "tuning"} & set(empty.sections)


def test_the_least_record_is_a_head_alone() -> None:
    page = build(report_record.bare())
    assert page.sections == []
    assert page.links == []
    assert ".1174" in page.texts["head"]
    assert "no score" in build({"name": "news", "run": "r", "metric": "MRR@5", "cv": {"score": None}}).texts["head"]


def test_features_without_importance_are_listed() -> None:
    record = report_record.complete()
    record["insight"] = {}
    page = build(record)
    assert "pair_next_episode" in page.texts["features"]
    record["features"] = []
    assert "features" not in build(record).sections


# --- what it says ---


def test_the_head_gives_score_error_interval_and_share_of_the_oracle() -> None:
    head = whole().texts["head"]
    assert ".3619" in head
    assert "± .0048" in head
    assert "95 % interval .3525 to .3713" in head  # .3619 ± 1.96 * .0048
    assert "86.5 % of the oracle" in head  # .3681 / .4254
    assert "pair_collection_clicks_share (23.1 %)" in head
    assert "a936f49, changed" in head
    assert "2 min 51 s" in head
    assert "1.9 GiB" in head


def test_right_answers_are_followed_from_the_question_to_the_first_place() -> None:
    text = whole().texts["answers"]
    assert "100.0 % (6,598)" in text
    assert "1,579 of 6,598 queries" in text  # lost between the list and its first three, more than anywhere else
    assert "Device 2e11, 9 videos shown" in text
    assert "Right: video e (not among the candidates)" in text
    hits = [attributes for name, attributes in whole().elements if name == "li" and attributes.get("class") == "hit"]
    assert len(hits) == 1  # the right one of the list that has it
    assert ".8100" in text


def test_a_score_stands_among_the_marks_of_its_board() -> None:
    text = build(report_record.news() | {"board": report_record.board()}).texts["board"]
    order = ["3rd place", "this run, validation", "official baseline", "popularity"]
    positions = [text.index(name) for name in order]
    assert positions == sorted(positions)
    assert "its code" in text
    assert "board" not in build(report_record.news()).sections


def test_validation_is_called_cross_only_where_there_are_folds() -> None:
    assert "score in cross-validation on 6,598 queries" in whole().texts["head"]
    assert "MRR@5 on validation on 2,955 queries" in build(report_record.news()).texts["head"]
    record = report_record.news()
    record["cv"]["folds"][0]["fold"] = "5 folds of whole sessions"
    assert "in cross-validation" in build(record).texts["head"]


def test_a_loss_in_training_falls_and_marks_no_round() -> None:
    record = report_record.complete()
    losses = {"name": "ranker, hold-out", "metric": "training loss", "values": [2.5, 1.5, 1.25], "falls": True}
    record["insight"]["curves"] = [losses]
    page = build(record)
    assert "training loss 2.5000 at round 1, 1.2500 at round 3" in page.texts["curves"]
    assert "best" not in {attributes.get("class") for _, attributes in page.elements}
    assert "last round allowed" not in page.texts["head"]


def test_what_is_drawn_is_among_all_the_features() -> None:
    record = report_record.complete()
    record["features"] = ["ids", "times"]
    drawn = len(record["insight"]["importance"])
    assert f"All {drawn + 2} features" in build(record).texts["features"]


def test_drift_that_the_calendar_makes_is_named_as_that() -> None:
    record = report_record.complete()
    record["insight"]["drift"] |= {"auc": 0.99, "reference": 0.98, "between": "the labelled days 28 and 30"}
    text = build(record).texts["drift"]
    assert "Between the labelled days 28 and 30 it has .980." in text
    assert "from the calendar alone" in text
    assert "two different worlds" not in text


def test_the_spread_of_folds_is_their_standard_deviation() -> None:
    assert "standard deviation of the folds .0174" in whole().texts["folds"]  # (.3742 - .3496) / sqrt(2)


def test_only_the_strongest_features_are_drawn() -> None:
    record = report_record.complete()
    record["features"] = []
    record["insight"]["importance"] = [
        {"feature": f"feature_{rank:02d}", "gain": (40 - rank) / 820, "permutation": None, "error": None}
        for rank in reversed(range(40))
    ]
    text = build(record).texts["features"]
    assert "feature_29" in text
    assert "feature_30" not in text
    assert text.index("feature_00") < text.index("feature_01")


def test_kept_steps_are_marked_and_their_time_counted_apart() -> None:
    record = report_record.complete()
    record["steps"] = [
        {"name": "read", "seconds": 200.0, "peak_mib": 100.0, "kept": True},
        {"name": "fit", "seconds": 30.0, "peak_mib": 2048.0, "kept": False},
    ]
    text = build(record).texts["steps"]
    assert "2 steps, 30.0 s in those computed; 1 kept from an earlier run, which saved 3 min 20 s" in text
    assert "read (kept)" in text
    assert "fit (kept)" not in text


@pytest.mark.parametrize(("auc", "says"), [(0.52, "can hardly be told apart"), (0.97, "two different worlds")])
def test_drift_says_what_its_auc_means(auc: float, says: str) -> None:
    record = report_record.complete()
    record["insight"]["drift"]["auc"] = auc
    assert says in build(record).texts["drift"]


def test_settings_show_what_was_changed_and_everything_that_holds() -> None:
    text = whole().texts["settings"]
    assert "watch.rounds=200" in text
    assert "watch.lightgbm_softmax.num_leaves = 15" in text
    assert 'features.blocks = ["video","device","pair","list"]' in text


def test_a_study_shows_its_best_trial_and_that_one_failed() -> None:
    study = report_record.study()
    text = build(None, None, [study]).texts["tuning"]
    best = max(trial["value"] for trial in study["trials"] if trial["state"] == "COMPLETE")
    assert f"best score {f'{best:.4f}'[1:]}" in text
    assert "1 fail" in text
    assert "1 far below the rest" in text


def test_a_number_that_is_missing_is_no_error() -> None:
    record = report_record.complete()
    record["cv"]["folds"][0] = {"fold": "day 29", "score": None, "error": float("nan"), "queries": None}
    record["insight"]["importance"][0] |= {"gain": None, "permutation": float("nan")}
    record["insight"]["curves"][0]["values"] = [None, 0.1, float("inf"), 0.2]
    record["steps"][0] |= {"seconds": None, "peak_mib": None}
    page = build(record, report_record.ladder())
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
    record, ladder, study = poison(report_record.complete()), poison(report_record.ladder()), report_record.study()
    record["config"][EVIL] = {EVIL: EVIL}
    record["tables"][0]["rows"][0][EVIL] = EVIL
    record["truth"]["scores"][EVIL] = 0.5
    record["notes"].append({EVIL: EVIL})
    study["importance"][EVIL] = 0.1
    study["trials"][0]["params"][EVIL] = EVIL
    page, clean = build(record, ladder, [poison(study)]), whole()
    assert not page.broken
    assert not {"script", "img"} & {name for name, _ in page.elements}
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]
    assert {name for name, _ in page.elements} == {name for name, _ in clean.elements}
    for part in ("features", "notes", "models", "folds", "tables", "settings", "tuning", "ladder", "drift", "steps"):
        assert EVIL in page.texts[part], part


def test_the_page_asks_for_nothing() -> None:
    text = build_page(report_record.complete(), report_record.ladder(), [report_record.study()])
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & {n for n, _ in page.elements}
    assert not [a for _, a in page.elements if {"src", "srcset", "data", "action", "xlink:href"} & a.keys()]
    assert all(link.startswith("#") for link in page.links)
    assert not re.search(r"@import|url\(|https?://", text)
    policies = [a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


# --- the file ---


def test_write_report_replaces_the_page_and_leaves_nothing_else(tmp_path: Path) -> None:
    record = report_record.complete()
    before = copy.deepcopy(record)
    path = write_report(report_record.bare(), tmp_path)
    assert path == tmp_path / "report.html"
    assert write_report(record, tmp_path, report_record.ladder(), [report_record.study()]) == path
    assert path.read_text(encoding="utf-8") == build_page(record, report_record.ladder(), [report_record.study()])
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert record == before


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write to"):
        write_report(report_record.bare(), tmp_path / "file")
