"""Rows of marks: a name, and on a shared scale a dot with its error or a bar, with the number beside it.

They are tables with boxes placed by per cent, not pictures: long names wrap, text keeps its size, a phone gets the
name above its mark, and a reader without a screen hears the numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from common.report.formatting import is_number, score, share
from common.report.html import Html, join, tag

MARGIN = 0.06
TICKS = 4


@dataclass(frozen=True)
class Mark:
    """One value: drawn with a whisker of one ``error`` each way, written as ``text``; ``pale`` where it counts less."""

    value: float | None
    error: float | None = None
    text: str = ""
    pale: bool = False


@dataclass(frozen=True)
class Column:
    """Marks of all rows on one scale: dots (the scale begins anywhere), or bars (it holds 0), or ``plain`` text.

    ``reference`` draws a line through all rows; ``unit`` stands behind the labels of the scale.
    """

    title: str
    marks: Sequence[Mark]
    kind: str = "dot"
    reference: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Scale:
    """A straight scale from ``low`` to ``high``, and the round values worth a label."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Per cent from the left (or the bottom), clipped to the scale."""
        return 100 * min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


def shares(title: str, values: Sequence[float | None]) -> Column:
    """Shares of 1 as bars in per cent."""
    drawn = [Mark(None if value is None else 100 * value, text=share(value)) for value in values]
    return Column(title, drawn, "bar", unit=" %")


def make_scale(values: Sequence[float], *, zero: bool = False, ticks: int = TICKS) -> Scale:
    """A scale with some room around the values; ``zero`` puts 0 on it, at the end if all are on one side of it."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    room = MARGIN * (high - low) or abs(high) * MARGIN or 1.0
    start = low if zero and low == 0 else low - room
    end = high if zero and high == 0 and low < 0 else high + room
    return Scale(start, end, round_values(start, end, ticks))


def round_values(low: float, high: float, most: int) -> tuple[float, ...]:
    """At most ``most`` multiples of 1, 2, 2.5 or 5 times a power of ten between the two."""
    rough = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1, 2, 2.5, 5, 10, 20):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return tuple(round(place * step, 12) for place in range(first, last + 1))
    return ()


def tick_texts(ticks: Sequence[float]) -> list[str]:
    """The labels of a scale, with no more decimals than they need."""
    for decimals in range(7):
        if all(abs(tick - round(tick, decimals)) < 1e-9 for tick in ticks):
            return ["0" if tick == 0 else score(tick, decimals) for tick in ticks]
    return [f"{tick:.3g}" for tick in ticks]


def marks(labels: Sequence[str], columns: Sequence[Column], title: str = "") -> Html:
    """The rows as a table; ``title`` heads the names."""
    drawn = sum(column.kind != "plain" for column in columns)
    scales = [_scale_of(column, max(TICKS + 1 - drawn, 2)) for column in columns]
    heads = [tag("th", c.title, scope="col", class_="text" if c.kind == "plain" else None) for c in columns]
    head = tag("tr", tag("th", title, scope="col"), *heads)
    body = [
        tag(
            "tr",
            tag("th", label, scope="row"),
            *(_cell(c, s, c.marks[row]) for c, s in zip(columns, scales, strict=True)),
        )
        for row, label in enumerate(labels)
    ]
    axes = [_axis(column, scale) for column, scale in zip(columns, scales, strict=True)]
    foot = tag("tfoot", tag("tr", tag("td"), *axes), aria_hidden="true") if any(s for s in scales) else None
    shape = ("one" if len(columns) == 1 else "many") + (" odd" if len(columns) % 2 else "")
    return tag("table", tag("thead", head), tag("tbody", *body), foot, class_=f"marks {shape}")


def _scale_of(column: Column, ticks: int) -> Scale | None:
    if column.kind == "plain":
        return None
    reach = [edge for mark in column.marks for edge in _edges(mark)]
    if column.reference is not None:
        reach.append(column.reference)
    return make_scale(reach, zero=column.kind == "bar", ticks=ticks) if reach else None


def _edges(mark: Mark) -> tuple[float, ...]:
    if mark.value is None or not is_number(mark.value):
        return ()
    error = mark.error if mark.error is not None and is_number(mark.error) else 0.0
    return mark.value - error, mark.value + error


def _cell(column: Column, scale: Scale | None, mark: Mark) -> Html:
    pale = " pale" if mark.pale else ""
    if scale is None:
        return tag("td", tag("span", mark.text, data_title=column.title), class_=f"text{pale}")
    drawn = [*_lines(column, scale), *(_draw(column, scale, mark) if _edges(mark) else [])]
    width = f"--width:{max((len(one.text) for one in column.marks), default=0)}ch"
    track = tag("span", *drawn, class_="track")
    number = tag("span", mark.text, class_="number")
    cell = tag("span", track, number, class_="cell", style=width, data_title=column.title)
    return tag("td", cell, class_=pale.strip() or None)


def _lines(column: Column, scale: Scale) -> list[Html]:
    lines = [tag("i", class_="tick", style=f"left:{scale.place(tick):.2f}%") for tick in scale.ticks]
    if column.reference is not None:
        lines.append(tag("i", class_="reference", style=f"left:{scale.place(column.reference):.2f}%"))
    return lines


def _draw(column: Column, scale: Scale, mark: Mark) -> list[Html]:
    low, high = (scale.place(edge) for edge in _edges(mark))
    value = scale.place(mark.value or 0.0)
    drawn = []
    if column.kind == "bar":
        start = scale.place(0.0)
        drawn.append(_box("bar", min(start, value), abs(value - start)))
    if high > low:
        drawn.append(_box("whisker", low, high - low))
    if column.kind == "dot":
        drawn.append(tag("i", class_="dot", style=f"left:{value:.2f}%"))
    return drawn


def _box(name: str, left: float, width: float) -> Html:
    return tag("i", class_=name, style=f"left:{left:.2f}%;width:{width:.2f}%")


def _axis(column: Column, scale: Scale | None) -> Html:
    if scale is None:
        return tag("td")
    placed = [
        tag("span", text + (column.unit if tick else ""), style=f"left:{scale.place(tick):.2f}%")
        for text, tick in zip(tick_texts(scale.ticks), scale.ticks, strict=True)
    ]
    width = f"--width:{max((len(one.text) for one in column.marks), default=0)}ch"
    track = tag("span", join(*placed), class_="axis")
    return tag("td", tag("span", track, tag("span", class_="number"), class_="cell", style=width))
