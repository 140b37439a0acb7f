"""What the templates draw: rows of marks on shared scales, small plots of lines and dots.

Rows of marks are tables with boxes placed by per cent, not pictures: long names wrap, text keeps its size, a phone gets
the name above its mark, and a screen reader hears the numbers. Plots are inline SVG stretched to the width there is,
with labels that are text of the page. A plotting library's SVG scales its text with the width, which cannot be read on
a phone, and is two to five times as large.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from common.day.record_schema import NORMAL_95
from common.day.report.formatting import is_number, score, share

MARGIN = 0.06
TICKS = 4


@dataclass(frozen=True)
class Scale:
    """A linear scale from ``low`` to ``high``, and the values worth a label; ``names`` where these are no numbers."""

    low: float
    high: float
    ticks: Sequence[float]
    names: Sequence[str] = ()

    def position(self, value: float) -> float:
        """Per cent from the left (or the bottom), clipped to the scale."""
        return round(100 * min(max((value - self.low) / (self.high - self.low), 0.0), 1.0), 2)

    @property
    def labels(self) -> list[str]:
        """The texts of the ticks, numbers with no more decimals than they need."""
        if self.names:
            return list(self.names)
        for decimals in range(7):
            if all(abs(tick - round(tick, decimals)) < 1e-9 for tick in self.ticks):
                return ["0" if tick == 0 else score(tick, decimals) for tick in self.ticks]
        return [f"{tick:.3g}" for tick in self.ticks]


@dataclass(frozen=True)
class Mark:
    """One value: drawn with a whisker of its 95 % interval, by the standard ``error``; written as ``text``; ``pale``
    where it counts less; ``beyond``: drawn at the end of the scale, which it does not stretch.
    """

    value: float | None = None
    error: float | None = None
    text: str = ""
    pale: bool = False
    beyond: bool = False

    @property
    def edges(self) -> tuple[float, float] | None:
        """Both ends of the whisker, equal where the error is unknown; None where there is no value to draw."""
        error = NORMAL_95 * self.error if is_number(self.error) else 0.0
        return (self.value - error, self.value + error) if is_number(self.value) else None


@dataclass(frozen=True)
class Marks:
    """Marks of all rows on one scale: dots (the scale begins anywhere), or bars (it holds 0), or plain text.

    ``reference`` draws a line through all rows; ``unit`` stands behind the labels of the scale, which reaches ``most``
    at least: columns that are compared have one scale.
    """

    title: str
    marks: Sequence[Mark]
    kind: Literal["dot", "bar", "plain"] = "dot"
    reference: float | None = None
    unit: str = ""
    most: float | None = None

    @property
    def width(self) -> int:
        """Letters of the longest text."""
        return max((len(mark.text) for mark in self.marks), default=0)

    def scale(self, ticks: int) -> Scale | None:
        """The scale of all marks and the reference; None where nothing is drawn."""
        values = [edge for mark in self.marks if not mark.beyond for edge in mark.edges or ()]
        values += [edge for edge in (self.reference, self.most) if edge is not None]
        drawn = self.kind != "plain" and values
        return make_scale(values, zero=self.kind == "bar", ticks=ticks) if drawn else None


@dataclass(frozen=True)
class MarkTable:
    """Rows of marks: ``title`` heads the names, ``details`` stand pale behind them."""

    title: str
    labels: Sequence[str]
    columns: Sequence[Marks]
    details: Sequence[str] = ()

    @property
    def scales(self) -> list[Scale | None]:
        """One for each column; fewer ticks where more columns share the width."""
        drawn = sum(column.kind != "plain" for column in self.columns)
        return [column.scale(max(TICKS + 1 - drawn, 2)) for column in self.columns]


def shares(title: str, values: Sequence[float | None]) -> Marks:
    """Shares of 1 as bars in per cent."""
    marks = [Mark(100 * value if is_number(value) else None, text=share(value)) for value in values]
    return Marks(title, marks, "bar", unit=" %")


def make_scale(values: Sequence[float], *, zero: bool = False, ticks: int = TICKS) -> Scale:
    """A scale with some room around the values; ``zero`` puts 0 on it, at the end if all are on one side of it."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    room = MARGIN * (high - low) or abs(high) * MARGIN or 1.0
    start = low if zero and low == 0 else low - room
    end = high if zero and high == 0 and low < 0 else high + room
    return Scale(start, end, round_values(start, end, ticks))


def make_span(low: float, high: float, *, logarithmic: bool = False) -> Scale:
    """A scale from the first value to the last, since time, rounds and bins need no room.

    ``logarithmic``: the values are powers of ten, labelled by the numbers themselves.

    >>> make_span(-2.0, 0.5, logarithmic=True).labels
    ['0.01', '0.1', '1']
    """
    if not logarithmic:
        loose = make_scale([low, high], ticks=TICKS + 1)
        return Scale(low, high, [tick for tick in loose.ticks if low <= tick <= high]) if low < high else loose
    ticks = [float(tick) for tick in range(math.ceil(low), math.floor(high) + 1)]
    names = [f"{10**tick:,.0f}" if tick >= 0 else f"{10**tick:g}" for tick in ticks]
    return Scale(low, high if high > low else low + 1, ticks, names)


def round_values(low: float, high: float, most: int) -> list[float]:
    """At most ``most`` multiples of 1, 2, 2.5 or 5 times a power of ten between the two."""
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for step in (factor * power for factor in (1, 2, 2.5, 5, 10, 20)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return [round(multiple * step, 12) for multiple in range(first, last + 1)]
    return []


# --- plots ---


@dataclass(frozen=True)
class Line:
    """A line through points; ``style``: line, thin, guide (dashed), step (constant to the next point), and of several
    sides other and third.
    """

    points: Sequence[tuple[float, float]]
    style: str = "line"


@dataclass(frozen=True)
class Dot:
    """A point with the ``text`` that shows when it is touched; ``style``: dot or best."""

    x: float
    y: float
    text: str
    style: str = "dot"


@dataclass(frozen=True)
class Plot:
    """Lines and dots on two scales."""

    lines: Sequence[Line]
    dots: Sequence[Dot]
    across: Scale
    upward: Scale

    def path(self, line: Line) -> str:
        """The line in SVG, in per cent from the upper left corner."""
        points = [(self.across.position(x), 100 - self.upward.position(y)) for x, y in line.points]
        joint = "H{0:.2f} V{1:.2f}" if line.style.startswith("step") else "L{0:.2f} {1:.2f}"
        return " ".join((joint if number else "M{0:.2f} {1:.2f}").format(*point) for number, point in enumerate(points))


def make_plot(lines: Sequence[Line], dots: Sequence[Dot], *, equal: bool = False, upward: Scale | None = None) -> Plot:
    """Scales that hold everything; ``equal`` gives both axes one, ``upward`` is that of plots which are compared."""
    xs = [x for line in lines for x, _ in line.points] + [dot.x for dot in dots]
    ys = [y for line in lines for _, y in line.points] + [dot.y for dot in dots]
    if equal:
        scale = make_scale(xs + ys)
        return Plot(lines, dots, scale, scale)
    return Plot(lines, dots, make_span(min(xs, default=0.0), max(xs, default=1.0)), upward or make_scale(ys))
