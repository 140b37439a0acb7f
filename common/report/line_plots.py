"""Small line and point plots as inline SVG, stretched to the room there is; labels are text of the page, unscaled."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.report.dot_plots import Scale, make_scale, tick_texts
from common.report.html import Html, tag

MOST_POINTS = 240


@dataclass(frozen=True)
class Line:
    """A line through points; ``style``: line, thin, guide (dashed), step (constant to the next point)."""

    points: Sequence[tuple[float, float]]
    style: str = "line"


@dataclass(frozen=True)
class Dot:
    """A point with what it says when it is touched; ``style``: dot, pale-dot or best."""

    x: float
    y: float
    says: str
    style: str = "dot"


def plot(
    lines: Sequence[Line],
    dots: Sequence[Dot] = (),
    *,
    x_title: str,
    y_title: str,
    says: str,
    square: bool = False,
    equal: bool = False,
) -> Html:
    """One plot; ``equal`` gives both axes one scale; ``says`` describes it to who cannot see it."""
    xs = [x for line in lines for x, _ in line.points] + [dot.x for dot in dots]
    ys = [y for line in lines for _, y in line.points] + [dot.y for dot in dots]
    if equal:
        across = upward = make_scale(xs + ys, ticks=4)
    else:
        across, upward = _tight(xs), make_scale(ys, ticks=4)
    drawn = [tag("path", d=f"M0 {100 - upward.place(t):.2f}h100", class_="grid") for t in upward.ticks]
    drawn += [tag("path", d=_path(line, across, upward), class_=f"{line.style}") for line in lines]
    drawn += [_dot(dot, across, upward) for dot in dots]
    picture = tag("svg", *drawn, viewBox="0 0 100 100", preserveAspectRatio="none", role="img", aria_label=says)
    y_texts, x_texts = tick_texts(upward.ticks), tick_texts(across.ticks)
    y_labels = [
        tag("span", text, style=f"top:{100 - upward.place(tick):.2f}%")
        for text, tick in zip(y_texts, upward.ticks, strict=True)
    ]
    x_labels = [
        tag("span", text, style=f"left:{across.place(tick):.2f}%")
        for text, tick in zip(x_texts, across.ticks, strict=True)
    ]
    width = f"--width:{max((len(text) for text in y_texts), default=1)}ch"
    return tag(
        "div",
        tag("div", y_title, class_="y-title"),
        tag("div", *y_labels, class_="y"),
        tag("div", picture, class_="area"),
        tag("div", *x_labels, class_="x"),
        tag("div", x_title, class_="x-title"),
        class_="plot square" if square else "plot",
        style=width,
    )


def thin(values: Sequence[float], keep: int) -> list[tuple[float, float]]:
    """(round, value) from round 1 on, at most some hundred evenly, with the round ``keep`` and the last among them."""
    stride = max(1, -(-len(values) // MOST_POINTS))
    rounds = {*range(1, len(values) + 1, stride), len(values), min(max(keep, 1), len(values))}
    return [(float(number), values[number - 1]) for number in sorted(rounds)]


def _tight(values: Sequence[float]) -> Scale:
    """From the first value to the last: time and rounds need no room around them."""
    loose = make_scale(values, ticks=5)
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low == high:
        return loose
    return Scale(low, high, tuple(tick for tick in loose.ticks if low <= tick <= high))


def _path(line: Line, across: Scale, upward: Scale) -> str:
    places = [(across.place(x), 100 - upward.place(y)) for x, y in line.points]
    joint = " H{0:.2f} V{1:.2f}" if line.style == "step" else " L{0:.2f} {1:.2f}"
    return "".join((f"M{x:.2f} {y:.2f}" if number == 0 else joint.format(x, y)) for number, (x, y) in enumerate(places))


def _dot(dot: Dot, across: Scale, upward: Scale) -> Html:
    """A line of no length with round ends stays round however the picture is stretched."""
    path = f"M{across.place(dot.x):.2f} {100 - upward.place(dot.y):.2f}h0"
    return tag("path", tag("title", dot.says), d=path, class_=dot.style)
