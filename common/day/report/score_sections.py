"""The parts of a report about the score: beside truth and ceiling, by fold and slice, models, ladder, tables."""

from collections.abc import Sequence
from statistics import stdev
from typing import Any

from common.day.methods.ladder import CAPTION, CODE, FITS, GAIN, GAIN_ERROR, MEMORY
from common.day.report import formatting as numbers
from common.day.report.charts import Column, Mark, MarkTable
from common.day.report.checks import name_validation
from common.day.report.cost_sections import memory, times
from common.day.report.record import Row
from common.day.report.tables import make_table

SHOWN_OF_LADDER = ("rung", "title", "family", "score", "error", GAIN, GAIN_ERROR, FITS, "seconds", MEMORY, CODE)
LEAST_QUERIES = 20  # of a score that is not drawn pale


def standing(record: Row) -> MarkTable | None:
    """Everything that says how good the run is, on one scale: what it scores, each fit alone where there are several,
    and did before; what plain orders of the same candidates score; the leaderboard; the simulated truth and its oracle.
    """
    truth, before = record["truth"], record["before"]
    rows = [(name_validation(record["cv"]).capitalize(), _mark(record["cv"]))]
    fits = record["fits"] if len(record["fits"]) > 1 else []
    rows += [
        (f"Fit {number} alone", Mark(fit, None, numbers.score(fit), pale=True)) for number, fit in enumerate(fits, 1)
    ]
    rows += [("Earlier run", _mark(before)), *((str(row.get("name")), _mark(row)) for row in record["rivals"])]
    rows += [(f"Leaderboard {entry['when']}", _mark(entry)) for entry in record["leaderboard"]]
    rows += [("Simulated truth", _mark(truth)), ("Oracle", _mark({"score": truth.get("oracle")}))]
    known = [(name, mark) for name, mark in rows if mark.edges]
    if len(known) < 2:
        return None
    return MarkTable("", [name for name, _ in known], [Column(str(record["metric"]), [mark for _, mark in known])])


def board(record: Row) -> dict[str, Any] | None:
    """The known marks of the host's board, with this run's scores among them in their order."""
    known = record["board"]
    own = [(f"this run, {name_validation(record['cv'])}", "", record["cv"])]
    own += [(f"this run, leaderboard {entry['when']}", "", entry) for entry in record["leaderboard"]]
    own = [row for row in own if numbers.is_number(row[2].get("score"))]
    if not known["mark"] or not own:
        return None
    rows = [*own, *((mark["name"], mark["source"], {"score": mark["score"]}) for mark in known["mark"])]
    rows.sort(key=lambda row: -float(row[2]["score"]))
    marks = [
        Mark(row.get("score"), row.get("error"), numbers.with_error(row["score"], row.get("error"), 5), not label)
        for _, label, row in rows
    ]
    column = Column(str(record["metric"]), marks, reference=own[-1][2]["score"])
    return {
        "title": known.get("title", ""),
        "marks": MarkTable("mark", [name for name, _, _ in rows], [column], [source for _, source, _ in rows]),
    }


def folds(record: Row) -> dict[str, Any] | None:
    """The score of each fold, and how far they lie apart; nothing of a single one, which is the whole."""
    rows = record["cv"]["folds"]
    scores = [row["score"] for row in rows if numbers.is_number(row.get("score"))]
    spread = {"low": min(scores), "high": max(scores), "deviation": stdev(scores)} if len(scores) > 1 else None
    return {"marks": _scored(rows, "fold", record["cv"].get("score")), "spread": spread} if len(rows) > 1 else None


def slices(record: Row) -> MarkTable | None:
    """The score on parts of the queries."""
    rows = record["cv"]["slices"]
    return _scored(rows, "slice", record["cv"].get("score")) if rows else None


def models(record: Row) -> MarkTable | None:
    """Models side by side on the same queries; one alone, blended or not, says what the head says already."""
    rows = record["ranking"]
    rows = rows if len({row.get("score") for row in rows}) > 1 else []
    names, column = [str(row.get("model", "")) for row in rows], _scores(str(record["metric"]), rows)
    return MarkTable("model", names, [column]) if len(rows) > 1 else None


def ladder(ladder: Row | None) -> dict[str, Any] | None:
    """What each step scores and gains on the one it builds on, and its cost in time and memory; the rest in a table."""
    rows = (ladder or {}).get("rows") or []
    if ladder is None or not rows:
        return None
    columns = [_scores(str(ladder.get("metric", "score")), rows)]
    if gains := any(numbers.is_number(row.get(GAIN)) for row in rows):
        pairs = [(row.get(GAIN), row.get(GAIN_ERROR)) for row in rows]
        columns.append(Column(GAIN, [Mark(*pair, numbers.with_error(*pair)) for pair in pairs], reference=0.0))
    if any(numbers.is_number(row.get("seconds")) for row in rows):
        columns.append(times(rows))
    if any(numbers.is_number(row.get(MEMORY)) for row in rows):
        columns.append(memory(rows, MEMORY, "memory beyond the start"))
    names = [str(row.get("title") or row.get("rung") or "") for row in rows]
    families = [f"{row.get('rung') or ''}: {row.get('family') or ''}" for row in rows]
    extra = [{key: value for key, value in row.items() if key not in SHOWN_OF_LADDER} for row in rows]
    further = [{"step": row.get("rung")} | more for row, more in zip(rows, extra, strict=True)] if any(extra) else []
    marks = MarkTable("step", names, columns, details=families)
    words = {"title": str(ladder.get("title") or ""), "caption": CAPTION if gains else ""}
    return {**words, "marks": marks, "further": make_table(further)}


def tables(record: Row) -> list[dict[str, Any]]:
    """The tables of the competition itself: recall of channels, the decision ladder, folds side by side."""
    return [
        {"title": table.get("title", ""), "table": make_table(table["rows"])}
        for table in record["tables"]
        if table.get("rows")
    ]


def _scored(rows: Sequence[Row], key: str, whole: float | None) -> MarkTable:
    columns = [_scores("score", rows, whole)]
    if any(numbers.is_number(row.get("queries")) for row in rows):
        columns.append(Column("queries", [Mark(text=numbers.count(row.get("queries"))) for row in rows], "plain"))
    return MarkTable(key, [str(row.get(key, "")) for row in rows], columns)


def _scores(title: str, rows: Sequence[Row], reference: float | None = None) -> Column:
    return Column(title, [_mark(row) for row in rows], reference=reference)


def _mark(row: Row) -> Mark:
    score, error = row.get("score"), row.get("error")
    return Mark(
        score, error, numbers.with_error(score, error), pale=(row.get("queries") or LEAST_QUERIES) < LEAST_QUERIES
    )
