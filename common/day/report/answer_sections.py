"""The part of a report about right answers: where they are lost, at which rank they stand, queries to read."""

from collections.abc import Sequence
from typing import Any

from common.day.report import formatting as numbers
from common.day.report.charts import Column, Mark, MarkTable, shares
from common.day.report.record import Row


def answers(record: Row) -> dict[str, Any] | None:
    """The funnel, the histogram of ranks, and some queries in words."""
    known = record["insight"]["answers"]
    if not known["funnel"]:
        return None
    ranks, examples = known.get("ranks") or [], known.get("examples") or []
    missed = str(known.get("missed") or "not among the candidates")
    return {
        "funnel": _funnel(known["funnel"]),
        "ranks": MarkTable("rank", [str(row.get("rank")) for row in ranks], [_counted(ranks)]) if ranks else None,
        "lost": known.get("lost"),
        "examples": [
            {"title": title, "rows": rows}
            for kind, title in (("right", "Answered correctly"), ("wrong", "Answered incorrectly"))
            if (
                rows := [_example(row, missed) for row in examples if (row.get("kind") == "right") == (kind == "right")]
            )
        ],
    }


def _funnel(stages: Sequence[Row]) -> MarkTable:
    """The stages that say something: the first, and those that lose an answer and keep one."""
    rows = [
        row for number, row in enumerate(stages) if not number or row.get("lost") or 0 < (row.get("share") or 0) < 1
    ]
    lost = [Mark(text=numbers.count(row["lost"]) if row.get("lost") else "") for row in rows]
    columns = [_counted(rows), Column("lost here", lost, "plain")]
    return MarkTable("queries", [str(row.get("stage")) for row in rows], columns)


def _counted(rows: Sequence[Row]) -> Column:
    """Shares as bars, with the numbers of queries beside them."""
    column = shares("share", [row.get("share") for row in rows])
    marks = [
        Mark(mark.value, text=f"{mark.text} ({numbers.count(row.get('queries'))})")
        for mark, row in zip(column.marks, rows, strict=True)
    ]
    return Column("share (queries)", marks, "bar", unit=" %")


def _example(row: Row, missed: str) -> dict[str, Any]:
    rank = row.get("rank")
    listed = list(row.get("listed") or [])
    right = listed.index(row.get("answer")) if row.get("answer") in listed else None  # texts may repeat: the first
    outside = "further down" if row.get("candidate") else missed
    return {
        "query": row.get("query"),
        "context": row.get("context"),
        "listed": [{"text": text, "right": number == right} for number, text in enumerate(listed)],
        "answer": row.get("answer"),
        "rank": f"rank {numbers.count(rank)}" if numbers.is_number(rank) else outside,
    }
