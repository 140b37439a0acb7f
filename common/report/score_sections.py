"""The parts of a report about the score: its place beside truth and ceiling, folds, slices, models, ladder, tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.report import formatting as numbers
from common.report.cost_sections import memory, times
from common.report.dot_plots import Column, Mark, marks
from common.report.html import Html, Section, caption, folded, join, pairs, section, table, tag

Row = Mapping[str, Any]
SHOWN_OF_LADDER = ("rung", "family", "score", "error", "seconds", "peak_mib")
LEADERBOARD_NAMES = ("board", "name", "when")


def standing(record: Row) -> Html | None:
    """Everything that says how good the run is, on one scale: validation, leaderboard, simulated truth, its oracle."""
    cv, truth = record.get("cv") or {}, record.get("truth") or {}
    rows = [("Cross-validation", Mark(cv.get("score"), cv.get("error")))]
    rows += [
        (f"Leaderboard {name_entry(entry)}".strip(), Mark(entry.get("score"), entry.get("error")))
        for entry in record.get("leaderboard") or []
    ]
    rows.append(("Simulated truth", Mark(truth.get("score"), truth.get("error"))))
    rows.append(("Oracle", Mark(truth.get("oracle"))))
    known = [(name, _told(mark)) for name, mark in rows if numbers.is_number(mark.value)]
    if len(known) < 2:
        return None
    return marks([name for name, _ in known], [Column(str(record.get("metric", "score")), [m for _, m in known])])


def name_entry(entry: Row) -> str:
    """What a leaderboard entry is called: the first that it has of a board, a name, a date."""
    return next((str(entry[key]) for key in LEADERBOARD_NAMES if entry.get(key)), "")


def folds(record: Row) -> Section | None:
    """The score of each fold, and how far they lie apart."""
    cv = record.get("cv") or {}
    rows = cv.get("folds") or []
    if not rows:
        return None
    scores = [row["score"] for row in rows if numbers.is_number(row.get("score"))]
    spread = None
    if len(scores) > 1:
        mean = sum(scores) / len(scores)
        deviation = (sum((score - mean) ** 2 for score in scores) / (len(scores) - 1)) ** 0.5
        spread = caption(
            f"From {numbers.score(min(scores))} to {numbers.score(max(scores))}; standard deviation of the folds "
            f"{numbers.score(deviation)}. Whiskers: one standard error. The line is the score of all."
        )
    return section("folds", "Folds", _scored(rows, "fold", cv.get("score")), spread)


def slices(record: Row) -> Section | None:
    """The score on parts of the queries."""
    cv = record.get("cv") or {}
    rows = cv.get("slices") or []
    if not rows:
        return None
    return section("slices", "Slices", _scored(rows, "slice", cv.get("score")))


def models(record: Row) -> Section | None:
    """Models side by side on the same queries; one alone says what the head says already."""
    rows = record.get("ranking") or []
    if len(rows) < 2:
        return None
    drawn = marks(
        [str(row.get("model", "")) for row in rows],
        [Column(str(record.get("metric", "score")), [_mark(row) for row in rows])],
        "model",
    )
    note = caption(
        "Whiskers: one standard error of each alone. All are measured on the same queries, so that a difference "
        "between two is surer than their whiskers look."
    )
    return section("models", "Models side by side", drawn, note)


def ladder(found: Row | None) -> Section | None:
    """What each rung scores, and its cost in time and memory; further numbers in a table."""
    rows = (found or {}).get("rows") or []
    if found is None or not rows:
        return None
    columns = [Column(str(found.get("metric", "score")), [_mark(row) for row in rows])]
    if any(numbers.is_number(row.get("seconds")) for row in rows):
        columns.append(times(rows))
    if any(numbers.is_number(row.get("peak_mib")) for row in rows):
        columns.append(memory(rows))
    drawn = marks([_name_rung(row) for row in rows], columns, "rung")
    extra = [{key: value for key, value in row.items() if key not in SHOWN_OF_LADDER} for row in rows]
    further = None
    if any(extra):
        listed = [{"rung": row.get("rung")} | more for row, more in zip(rows, extra, strict=True)]
        further = folded("Further numbers of each rung", table(listed))
    title = str(found.get("title") or "")
    return section("ladder", "Ladder", tag("p", title) if title else None, drawn, further)


def tables(record: Row) -> Section | None:
    """The tables of the competition itself: recall of channels, the decision ladder, folds side by side."""
    parts = []
    for one in record.get("tables") or []:
        shown = table(one.get("rows") or [])
        if shown:
            parts.append(join(tag("h3", str(one.get("title", ""))), shown))
    return section("tables", "Tables", *parts)


def leaderboard(record: Row) -> Section | None:
    """What the host said of uploads of this run, as it was noted."""
    shown = table(record.get("leaderboard") or [], tints=False)
    return section("leaderboard", "Leaderboard", shown)


def truth(record: Row) -> Section | None:
    """All scores on the simulated truth; ``x`` and ``x_error`` stand together."""
    found = (record.get("truth") or {}).get("scores") or {}
    single = [
        (name, numbers.with_error(value, found[f"{name}_error"]) if f"{name}_error" in found else numbers.alone(value))
        for name, value in found.items()
        if not isinstance(value, Mapping) and name.removesuffix("_error") not in found.keys() - {name}
    ]
    nested = [{"": name} | dict(value) for name, value in found.items() if isinstance(value, Mapping)]
    return section("truth", "On the simulated truth", pairs(single) if single else None, table(nested))


def _scored(rows: Sequence[Row], key: str, whole: float | None) -> Html:
    columns = [Column("score", [_mark(row) for row in rows], reference=whole)]
    if any(numbers.is_number(row.get("queries")) for row in rows):
        columns.append(Column("queries", [Mark(None, text=numbers.count(row.get("queries"))) for row in rows], "plain"))
    return marks([str(row.get(key, "")) for row in rows], columns, key)


def _mark(row: Row) -> Mark:
    return _told(Mark(row.get("score"), row.get("error")))


def _told(mark: Mark) -> Mark:
    return Mark(mark.value, mark.error, numbers.with_error(mark.value, mark.error), mark.pale)


def _name_rung(row: Row) -> str:
    family = row.get("family")
    name = tag("span", str(row.get("rung", "")))
    return join(name, " ", tag("span", str(family), class_="faint")) if family else name
