"""What tires as a table, drawn: recall by the length of the list, shares side by side, figures of many days."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from common.day.report.charts import NORMAL_95, Line, Plot, Scale, make_scale
from common.day.report.formatting import is_number
from common.day.report.record import Row

STYLES = ("line", "other", "third")  # the first three of a legend
RECALL = re.compile(r"(?:recall@|within )(\d+)")
DAY = re.compile(r"day \d+")
BOTH_WAYS = (NORMAL_95, -NORMAL_95)
MANY = 5  # days that are a line
MOST_NAMES = 6  # below a picture
LEAST_RECALL = 3  # lengths of a list that make a curve


def draw_table(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The pictures of a table; none for one that reads as well as it is.

    Recall: columns recall@5, recall@10, ... and a name. Shares: the columns what and value, then a side each. Days: the
    column what, then a column for each day.
    """
    if not rows:
        return []
    first, *names = rows[0]
    if [first, *names[:1]] == ["what", "value"]:
        return list(_draw_shares(rows, names[1:]))
    if sum(bool(DAY.fullmatch(name)) for name in names) >= MANY:
        return [_draw_days(row, str(row[first])) for row in rows if any(is_number(row.get(name)) for name in names)]
    return list(_draw_recall(rows, first, names))


def draw_slices(rows: Sequence[Row], whole: float | None) -> dict[str, Any]:
    """The score of one slice by day with the band of its 95 % interval, and that of the ``whole``.

    ``rows``: value, score, error. A day without an error has a query or two, all alike, and is left out.
    """
    known = [row for row in rows if is_number(row.get("score")) and row.get("error")]
    scores = [float(row["score"]) for row in known]
    bounds = [[(float(at), row["score"] + way * row["error"]) for at, row in enumerate(known)] for way in BOTH_WAYS]
    lines = [Line([*bounds[0], *bounds[1][::-1]], "band"), Line(list(enumerate(scores)))]
    lines += [Line([(0.0, whole), (len(known) - 1.0, whole)], "guide")] if is_number(whole) else []
    plot = _draw(lines, [str(row["value"]) for row in known])
    return {"plot": plot, "legend": [], "across": "day", "upward": "score"}


def _draw_recall(rows: Sequence[Row], first: str, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Recall by the length of the list: the last row, as a rule all channels together, and the two best of the others.

    The rest are thin lines, since a dozen colours are told apart by nobody.
    """
    columns = {name: int(found[1]) for name in [first, *names] if (found := RECALL.fullmatch(name))}
    if len(columns) < LEAST_RECALL:
        return
    lengths, last = list(columns.values()), max(columns, key=lambda name: columns[name])
    *others, whole = [row for row in rows if all(is_number(row.get(name)) for name in columns)] or [{}]
    if not whole:
        return
    ranked = [whole, *sorted(others, key=lambda row: -float(row[last]))]
    styles = [*STYLES, *["thin"] * len(ranked)]
    lines = [
        Line([(float(at), float(row[name])) for at, name in enumerate(columns)], style)
        for row, style in zip(ranked, styles, strict=False)
    ]
    sides = [str(row[first]) if first not in columns else "all" for row in ranked]
    legend = [{"side": side, "style": style} for side, style in zip(sides, STYLES, strict=False)]
    legend += [{"side": "the others", "style": "rest"}] if len(ranked) > len(STYLES) else []
    plot = _draw(lines, [str(length) for length in lengths], zero=True)
    yield {"title": "Recall", "plot": plot, "legend": legend, "across": "length of the list", "upward": "recall"}


def _draw_shares(rows: Sequence[Row], sides: Sequence[str]) -> Iterator[dict[str, Any]]:
    """For each ``what`` the shares of its values as steps, a line each side."""
    legend = [{"side": side, "style": style} for side, style in zip(sides, STYLES, strict=False)]
    for what in dict.fromkeys(str(row["what"]) for row in rows):
        part = [row for row in rows if str(row["what"]) == what]
        shares = [[float(row.get(side) or 0.0) for row in part] for side in sides]
        lines = [Line(list(_steps(values)), style) for values, style in zip(shares, STYLES, strict=False)]
        plot = _draw(lines, [str(row["value"]) for row in part], zero=True, room=0.5)
        yield {"title": what, "plot": plot, "legend": legend, "across": what, "upward": "share"}


def _steps(values: Sequence[float]) -> Iterator[tuple[float, float]]:
    for at, value in enumerate(values):
        yield from ((at - 0.5, value), (at + 0.5, value))


def _draw_days(row: Row, what: str) -> dict[str, Any]:
    """One figure by day; what else stands in the row, the test as a rule, as a dashed line."""
    days = [name for name in row if DAY.fullmatch(name) and is_number(row[name])]
    points = [(float(at), float(row[name])) for at, name in enumerate(days)]
    other = next((name for name in row if name != "what" and not DAY.fullmatch(name) and is_number(row[name])), None)
    level = [Line([(0.0, float(row[other])), (len(days) - 1.0, float(row[other]))], "guide")] if other else []
    legend = [{"side": "day", "style": "line"}, *([{"side": other, "style": "guide"}] if other else [])]
    plot = _draw([Line(points), *level], [name.removeprefix("day ") for name in days])
    return {"title": what, "plot": plot, "legend": legend, "across": "day", "upward": ""}


def _draw(lines: Sequence[Line], names: Sequence[str], *, zero: bool = False, room: float = 0.0) -> Plot:
    """Lines over categories that stand at 0, 1, 2, ..., some of which are named."""
    stride = -(-len(names) // MOST_NAMES)
    ticks = list(range(0, len(names), stride))
    across = Scale(-room, max(len(names) - 1, 1) + room, ticks, [names[tick] for tick in ticks])
    ys = [y for line in lines for _, y in line.points]
    return Plot(lines, [], across, make_scale(ys, zero=zero))


def group_days(rows: Sequence[Row]) -> tuple[list[tuple[str, list[Row]]], list[Row]]:
    """Slices by day that are many, by their name, and the slices that stay a table.

    >>> rows = [{"slice": f"last day: 10-0{day}"} for day in range(1, 6)] + [{"slice": "trip: return"}]
    >>> [(name, len(part)) for name, part in group_days(rows)[0]], group_days(rows)[1]
    ([('last day', 5)], [{'slice': 'trip: return'}])
    """
    named: dict[str, list[Row]] = {}
    for row in rows:
        name, _, value = str(row.get("slice", "")).partition(": ")
        named.setdefault(name, []).append({**row, "value": value})
    days = {name for name, part in named.items() if "day" in name.split() and len(part) >= MANY}
    rest = [row for row in rows if str(row.get("slice", "")).partition(": ")[0] not in days]
    return [(name, named[name]) for name in named if name in days], rest
