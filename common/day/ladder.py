"""Rungs: methods from the simplest one up, measured on one set of queries, each with its score and what it costs.

    ladder = Ladder(run, "News: from popularity to the blend", "MRR@5")
    with ladder.rung("popularity", "popularity") as rung:
        scores = run.step(score_by_popularity, history)
        rung.record(score=0.09, error=0.004)
    rows = ladder.write()

What a rung costs is the sum of its steps' seconds and the highest of their peaks, as they were when the steps were
computed: a step that is kept reports what it cost once, so that a second climb shows the same numbers as the first.
"""

import contextlib
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from common.engine.progress import say
from common.engine.run import Run, StepRecord
from common.io.submission import write_text

Row = dict[str, Any]
TABLE, PLOT = "ladder.json", "ladder.svg"
COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#b279a2", "#9d755d", "#eeca3b", "#79706e", "#ff9da6")
LABEL_CHARS = 56  # the longest name that the picture shows whole

POPULARITY = "popularity"
RULE = "rule"
NEIGHBOURS = "collaborative filtering"
FACTORS = "matrix factorisation"
LOGIT = "conditional logit"
BOOSTING = "gradient-boosted ranker"
DEEP = "deep ranker"
SEQUENCE = "sequence model"
GENERATIVE = "generative retrieval"
BLEND = "blend"


class Rung:
    """One method under way: its scores are recorded once; its ``name`` may be set until the end."""

    def __init__(self, name: str) -> None:
        """Nothing is known yet."""
        self.name = name
        self.scores: Row = {}

    def record(self, score: float, error: float | None, **more: float | int | str | None) -> None:
        """The score in the ladder's metric and its standard error (None: unknown), and what else the table shows."""
        self.scores = {"score": float(score), "error": None if error is None else float(error), **more}


class Ladder:
    """The rows so far; ``run`` is where the steps are done and where the table is written.

    ``title`` stands above the table; ``metric`` names the score, which higher is better.
    """

    def __init__(self, run: Run, title: str, metric: str) -> None:
        """No rung yet."""
        self.run, self.title, self.metric = run, title, metric
        self.rows: list[Row] = []

    @contextlib.contextmanager
    def rung(self, name: str, family: str, needs: Iterable[str] = (), free: Sequence[str] = ()) -> Iterator[Rung]:
        """Measure what the block's steps cost. ``needs``: names of steps done before it without which the method could
        not work, so that their cost is its cost as well. ``free``: names of steps in the block that the method could do
        without; one that ends in "." or "_" is the beginning of names. A block that records no score: ``ValueError``.
        """
        needed, start, rung = set(needs), len(self.run.timings), Rung(name)
        yield rung
        if not rung.scores:
            raise ValueError(f"the rung {name!r} recorded no score")
        before = [record for record in self.run.timings[:start] if record.name in needed]
        names, beginnings = set(free), tuple(name for name in free if name.endswith((".", "_")))
        later = [record for record in self.run.timings[start:] if record.name not in names]
        own = [record for record in later if not record.name.startswith(beginnings)]
        seconds, peak = add_up([*before, *own])
        self.rows.append({"rung": rung.name, "family": family, **rung.scores, "seconds": seconds, "peak_mib": peak})
        say(f"  rung {rung.name}: {rung.scores['score']:.4f}")

    def write(self) -> list[Row]:
        """Leave ladder.json and ladder.svg in the run's folder; returns the rows, all with the same columns.

        A row: rung, family, score, error, whatever else was recorded (None where a rung has no such number), seconds,
        peak_mib (the resident memory of the whole process, in MiB).
        """
        costs = ("seconds", "peak_mib")  # which stand last
        names = dict.fromkeys(name for row in self.rows for name in row if name not in costs)
        rows = [{name: row.get(name) for name in (*names, *costs)} for row in self.rows]
        self.run.write_json(TABLE, {"title": self.title, "metric": self.metric, "rows": rows})
        write_text(self.run.folder / PLOT, draw_ladder(self.title, self.metric, rows))
        return rows


def add_up(records: Sequence[StepRecord]) -> tuple[float, float]:
    """Seconds of these steps together and the highest peak in MiB; a result that was requested twice counts once.

    Two records of one step have one name and, to the last digit, one time: that of its computing.
    """
    once = {(record.name, record.seconds): record for record in records}
    return sum(record.seconds for record in once.values()), max((r.peak_mib for r in once.values()), default=0.0)


def _shorten(name: str) -> str:
    return name if len(name) <= LABEL_CHARS else name[: LABEL_CHARS - 1] + "…"


def draw_ladder(title: str, metric: str, rows: Sequence[Row]) -> str:
    """The rows as an SVG that loads nothing: score, seconds and memory side by side, one colour a family.

    Seconds and memory are on a log scale, since the methods lie orders of magnitude apart.
    """
    from matplotlib import rc_context  # imported here: it takes a second, which no other command should wait
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    families = list(dict.fromkeys(str(row["family"]) for row in rows))
    colours = {family: COLOURS[number % len(COLOURS)] for number, family in enumerate(families)}
    panels = (
        (metric, "score", "{:.4f}"),
        ("seconds, log scale", "seconds", "{:,.1f}"),
        ("peak MiB, log scale", "peak_mib", "{:,.0f}"),
    )
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": PLOT, "text.parse_math": False, "font.size": 9}):
        figure = Figure(figsize=(11, 1.1 + 0.23 * len(rows)), layout="constrained")
        figure.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=9)
        for axes, (name, key, form) in zip(figure.subplots(1, 3, sharey=True), panels, strict=True):
            values = [float(row[key]) for row in rows]
            errors = [row["error"] or 0.0 for row in rows] if key == "score" else None
            fills = [colours[str(row["family"])] for row in rows]
            bars = axes.barh(range(len(rows)), values, height=0.65, xerr=errors, color=fills, ecolor="#222222")
            axes.bar_label(bars, [form.format(value) for value in values], padding=3, fontsize=8)
            axes.set_title(name, fontsize=9, loc="left", color="#555555")
            positive = [value for value in values if value > 0]
            if key != "score" and positive:
                axes.set_xscale("log")
                axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
                axes.xaxis.set_minor_locator(NullLocator())
                axes.set_xlim(min(positive) / 2, max(positive) * (max(positive) / min(positive) * 2) ** 0.2)
            axes.set_yticks(range(len(rows)), [_shorten(str(row["rung"])) for row in rows])
            axes.tick_params(axis="y", length=0)
            axes.tick_params(axis="x", length=2, labelsize=7, colors="#555555")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
            axes.grid(axis="x", color="#e3e4e6", linewidth=0.6)
            axes.set_axisbelow(True)
            axes.spines[:].set_visible(False)
        figure.axes[0].margins(x=0.25)
        figure.axes[0].invert_yaxis()
        handles = [Patch(color=colour, label=family) for family, colour in colours.items()]
        figure.legend(handles=handles, loc="outside lower left", ncols=4, frameon=False)
        svg = io.StringIO()
        figure.savefig(svg, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return "<svg" + svg.getvalue().partition("<svg")[2]  # without the prolog, which names a host
