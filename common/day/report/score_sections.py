"""The parts of a report about the score: beside truth and ceiling, by fold and slice, models, tables, right answers;
and about the run itself: time and memory by step, its settings.
"""

import shlex
from collections.abc import Sequence
from typing import Any

import msgspec

from common.day.compare import Change, flatten
from common.day.difference import FEW
from common.day.record_schema import AnswerRecord, RankCount, RunRecord, Scored, Stage
from common.day.registry import NotedScore
from common.day.report import formatting as numbers
from common.day.report.charts import Mark, Marks, MarkTable
from common.day.report.findings import name_validation
from common.engine.stored_entry import StepRecord

STEPS_SHOWN = 20


def standing(record: RunRecord, change: Change | None, leaderboard: Sequence[NotedScore]) -> MarkTable | None:
    """Everything that says how good the run is, on one scale: what it scores, each fit alone where there are several,
    and did before; what plain orders of the same candidates score; the leaderboard; the simulated truth and its oracle.
    """
    rows = [(name_validation(record.cv).capitalize(), draw_score(record.cv.score, record.cv.error))]
    fits = record.fits if len(record.fits) > 1 else []
    rows += [
        (f"Fit {number} alone", Mark(fit, None, numbers.score(fit), pale=True)) for number, fit in enumerate(fits, 1)
    ]
    if change:
        rows.append(("Earlier run", draw_score(change.record.cv.score, change.record.cv.error)))
    rows += [(rival.name, draw_score(rival.score, rival.error)) for rival in record.rivals]
    rows += [(f"Leaderboard {entry.when}", draw_score(entry.score)) for entry in leaderboard]
    if record.truth:
        rows.append(("Simulated truth", draw_score(record.truth.score, record.truth.error)))
        rows.append(("Oracle", draw_score(record.truth.oracle)))
    if len(rows) < 2:
        return None
    return MarkTable("", [name for name, _ in rows], [Marks(record.metric, [mark for _, mark in rows])])


def models(record: RunRecord) -> MarkTable | None:
    """Models side by side on the same queries; one alone, blended or not, says what the head says already."""
    rows = record.ranking
    if len({row.score for row in rows}) < 2:
        return None
    column = Marks(record.metric, [draw_score(row.score, row.error) for row in rows])
    return MarkTable("model", [row.name for row in rows], [column])


def draw_parts(title: str, rows: Sequence[Scored], whole: float) -> MarkTable:
    """The score on parts of the queries beside that of the ``whole``."""
    scores = [draw_score(row.score, row.error, row.queries) for row in rows]
    counts = [Mark(text=numbers.count(row.queries)) for row in rows]
    columns = [Marks("score", scores, reference=whole), Marks("queries", counts, "plain")]
    return MarkTable(title, [row.name for row in rows], columns)


def draw_score(score: float | None, error: float | None = None, queries: int | None = None) -> Mark:
    """A score with its error, pale where few ``queries`` tell it."""
    few = queries is not None and queries < FEW
    return Mark(score, error, numbers.with_error(score, error), pale=few)


# --- right answers ---


def answers(known: AnswerRecord) -> dict[str, Any] | None:
    """The funnel, the histogram of ranks, and some queries in words."""
    if not known.funnel:
        return None
    right, wrong = ([row for row in known.examples if (row.kind == "right") is kind] for kind in (True, False))
    groups = ("Answered correctly", right), ("Answered incorrectly", wrong)
    return {
        "funnel": _funnel(known.funnel),
        "ranks": MarkTable("rank", [row.rank for row in known.ranks], [_counted(known.ranks)]) if known.ranks else None,
        "missed": known.missed,
        "examples": [(title, rows) for title, rows in groups if rows],
    }


def _funnel(stages: Sequence[Stage]) -> MarkTable:
    """The stages that say something: the first, and those that lose an answer and keep one."""
    rows = [row for number, row in enumerate(stages) if not number or row.lost or 0 < row.share < 1]
    lost = [Mark(text=numbers.count(row.lost) if row.lost else "") for row in rows]
    return MarkTable("queries", [row.stage for row in rows], [_counted(rows), Marks("lost here", lost, "plain")])


def _counted(rows: Sequence[Stage | RankCount]) -> Marks:
    """Shares as bars, with the numbers of queries beside them."""
    texts = [f"{numbers.share(row.share)} ({numbers.count(row.queries)})" for row in rows]
    marks = [Mark(100 * row.share, text=text) for row, text in zip(rows, texts, strict=True)]
    return Marks("share (queries)", marks, "bar", unit=" %")


# --- the run itself ---


def steps(rows: Sequence[StepRecord]) -> MarkTable | None:
    """The longest steps with time and memory, those kept from an earlier run pale; run.json has all in their order."""
    if not rows:
        return None
    longest = sorted(rows, key=lambda row: row.seconds, reverse=True)[:STEPS_SHOWN]
    times = [Mark(row.seconds, text=numbers.duration(row.seconds), pale=row.kept) for row in longest]
    peaks = [Mark(row.peak_mib / 1024, text=numbers.mebibytes(row.peak_mib), pale=row.kept) for row in longest]
    columns = [Marks("time", times, "bar", unit=" s"), Marks("memory", peaks, "bar", unit=" GiB")]
    return MarkTable("step", [f"{row.name}{' (kept)' * row.kept}" for row in longest], columns)


def run(record: RunRecord) -> dict[str, Any]:
    """How to make the run again, and every setting of it."""
    settings = [f"{name} = {msgspec.json.encode(value).decode()}" for name, value in flatten(record.config)]
    return {"command": make_command(record), "settings": settings}


def make_command(record: RunRecord) -> str:
    """The command that makes the same run again, wherever its settings came from."""
    words = [".venv/bin/python", "-m", "competitions", "run", record.name, "--raw", record.data.folder]
    seed = record.config.get("seed")
    words += ["--seed", str(seed)] if seed else []
    words += [word for override in record.overrides for word in ("--set", override)]
    words += [] if record.tuned else ["--untuned"]
    return shlex.join([*words, *(["--until", record.until] if record.until else [])])
