"""A ladder as one small picture: three panels side by side, a line a rung: score, seconds, memory.

SVG is text that every browser shows; nothing is loaded from anywhere. Seconds and memory are on a log scale, since the
methods lie orders of magnitude apart.
"""

import math
from collections.abc import Sequence
from html import escape
from typing import Any

LINE, HEAD, PANEL, GAP, TAIL = 22, 64, 190, 60, 34
LABEL_CHARS, CHAR = 56, 6.4  # the longest label that is shown whole, and about the width of a letter
COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#b279a2", "#9d755d", "#eeca3b", "#79706e", "#ff9da6")
FONT = 'font-family="sans-serif" font-size="12"'


def draw(title: str, metric: str, rows: Sequence[dict[str, Any]]) -> str:
    """The SVG of rows with rung, family, score, error, seconds and peak_mib; one colour a family."""
    families = list(dict.fromkeys(str(row["family"]) for row in rows))
    colours = {family: COLOURS[place % len(COLOURS)] for place, family in enumerate(families)}
    left = 16 + CHAR * max((min(len(row["rung"]), LABEL_CHARS) for row in rows), default=0)
    width = left + 3 * (PANEL + GAP)
    height = HEAD + LINE * len(rows) + TAIL + LINE * ((len(families) + 3) // 4)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" {FONT}>',
        f'<rect width="{width:.0f}" height="{height}" fill="white"/>',
        _text(8, 20, title, 'font-weight="bold"'),
    ]
    panels = (
        _Panel(metric, left, [row["score"] for row in rows], [row["error"] for row in rows], log=False),
        _Panel("seconds", left + PANEL + GAP, [row["seconds"] for row in rows], None, log=True),
        _Panel("peak MiB", left + 2 * (PANEL + GAP), [row["peak_mib"] for row in rows], None, log=True),
    )
    parts += [panel.head() for panel in panels]
    for place, row in enumerate(rows):
        y, colour = HEAD + LINE * place + LINE / 2, colours[str(row["family"])]
        parts.append(_text(8, y + 4, _shorten(row["rung"])))
        parts += [panel.bar(place, y, colour) for panel in panels]
    for place, family in enumerate(families):
        x, y = 8 + (place % 4) * (width - 16) / 4, HEAD + LINE * len(rows) + TAIL + LINE * (place // 4)
        parts.append(f'<rect x="{x:.1f}" y="{y - 10:.1f}" width="10" height="10" fill="{colours[family]}"/>')
        parts.append(_text(x + 14, y, family))
    return "\n".join([*parts, "</svg>", ""])


class _Panel:
    """Bars of one number from ``x`` on; ``errors`` are drawn where they are known."""

    def __init__(
        self, name: str, x: float, values: Sequence[float], errors: Sequence[float | None] | None, log: bool
    ) -> None:
        self.name, self.x, self.values, self.log = name, x, values, log
        self.errors = errors or [None] * len(values)
        positive = [value for value in values if value > 0]
        most = max((v + (e or 0.0) for v, e in zip(values, self.errors, strict=True)), default=1.0)
        self.most = max(most, 1e-9)
        self.least = min(positive, default=1.0) / 2 if log else 0.0

    def place(self, value: float) -> float:
        """Where a value stands, in pixels from the panel's left."""
        if not self.log:
            return PANEL * min(max(value, 0.0) / self.most, 1.0)
        if value <= self.least:
            return 0.0
        return PANEL * math.log(value / self.least) / math.log(self.most / self.least)

    def head(self) -> str:
        return _text(self.x, HEAD - 8, self.name, 'fill="#555"')

    def bar(self, number: int, y: float, colour: str) -> str:
        value, error = self.values[number], self.errors[number]
        end = self.x + self.place(value)
        drawn = f'<rect x="{self.x:.1f}" y="{y - 7:.1f}" width="{end - self.x:.1f}" height="14" fill="{colour}"/>'
        far = end
        if error:
            low, far = self.x + self.place(value - error), self.x + self.place(value + error)
            drawn += f'<line x1="{low:.1f}" x2="{far:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="#222" stroke-width="1.5"/>'
        told = f"{value:.4f}" if not self.log else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
        return drawn + _text(far + 4, y + 4, told, 'fill="#333" font-size="11"')


def _text(x: float, y: float, words: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'


def _shorten(words: str) -> str:
    return words if len(words) <= LABEL_CHARS else words[: LABEL_CHARS - 1] + "…"
