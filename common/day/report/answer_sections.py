"""The part of a report about right answers: where they are lost, at which rank they stand, queries to read."""

from collections.abc import Sequence
from typing import Any

from common.day.record_schema import AnswerRecord, ExampleQuery, RankCount, Stage
from common.day.report import formatting as numbers
from common.day.report.charts import Column, Mark, MarkTable


def answers(known: AnswerRecord) -> dict[str, Any] | None:
    """The funnel, the histogram of ranks, and some queries in words."""
    if not known.funnel:
        return None
    right, wrong = ([row for row in known.examples if (row.kind == "right") is kind] for kind in (True, False))
    groups = (("Answered correctly", right), ("Answered incorrectly", wrong))
    return {
        "funnel": _funnel(known.funnel),
        "ranks": MarkTable("rank", [row.rank for row in known.ranks], [_counted(known.ranks)]) if known.ranks else None,
        "lost": known.lost,
        "examples": [
            {"title": title, "rows": [_example(row, known.missed) for row in rows]} for title, rows in groups if rows
        ],
    }


def _funnel(stages: Sequence[Stage]) -> MarkTable:
    """The stages that say something: the first, and those that lose an answer and keep one."""
    rows = [row for number, row in enumerate(stages) if not number or row.lost or 0 < row.share < 1]
    lost = [Mark(text=numbers.count(row.lost) if row.lost else "") for row in rows]
    return MarkTable("queries", [row.stage for row in rows], [_counted(rows), Column("lost here", lost, "plain")])


def _counted(rows: Sequence[Stage | RankCount]) -> Column:
    """Shares as bars, with the numbers of queries beside them."""
    texts = [f"{numbers.share(row.share)} ({numbers.count(row.queries)})" for row in rows]
    marks = [Mark(100 * row.share, text=text) for row, text in zip(rows, texts, strict=True)]
    return Column("share (queries)", marks, "bar", unit=" %")


def _example(row: ExampleQuery, missed: str) -> dict[str, Any]:
    right = row.listed.index(row.answer) if row.answer in row.listed else None  # texts may repeat: the first
    outside = "further down" if row.candidate else missed
    return {
        "query": row.query,
        "context": row.context,
        "listed": [{"text": text, "right": number == right} for number, text in enumerate(row.listed)],
        "answer": row.answer,
        "rank": f"rank {numbers.count(row.rank)}" if row.rank else outside,
    }
