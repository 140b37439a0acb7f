"""Rungs: methods from the simplest one up, measured on one set of queries, each with its score and what it costs.

    ladder = Ladder(run, "News: from popularity to the blend", "MRR@5")
    with ladder.rung("popularity", "popularity") as rung:
        scores = run.step(score_by_popularity, history).value
        rung.record(scores)
    rows = ladder.write()

What a rung costs is the sum of its steps' seconds and the most memory that one of them took beyond what the process
held as it began, as they were when the steps were computed: a step that is kept reports what it cost once, so that a
second climb shows the same numbers as the first.
"""

import contextlib
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from common.day.record_schema import FiguresFile, decode_file
from common.day.report.formatting import is_number
from common.day.report.formatting import score as format_score
from common.day.run_record import digest_files
from common.engine.progress import say
from common.engine.run import Run, StepRecord
from common.io.submission import write_text
from common.learning.metrics import Floats, weighted_error, weighted_mean

Row = dict[str, Any]
TABLE, PLOT = "ladder.json", "ladder.svg"
BASE, GAIN, GAIN_ERROR, BEFORE, MEMORY = "builds on", "gain", "gain error", "before", "MiB beyond the start"
CAPTION = "Gain: over the rung that it builds on, query by query; another fit moves a score too, which no error counts"
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
    """One method under way: its scores are recorded once."""

    def __init__(self, name: str) -> None:
        """Nothing is known yet."""
        self.name = name
        self.scores: Row = {}

    def record(self, each: Floats, weights: Floats | None = None, **more: Any) -> None:
        """What the table shows: the mean of ``each`` with its standard error, and ``more``.

        ``each``: the score in the ladder's metric of every validation query, in one order for all rungs, 0 for one
        without a list. ``weights``: how much each counts, alike by default.
        """
        self.each, self.weights = each, np.ones(len(each)) if weights is None else weights
        score, error = self.weigh(each)
        self.scores = {"score": score, "error": error, **more}

    def weigh(self, each: Floats) -> tuple[float, float]:
        """The mean over the queries, and its standard error; zeros where no query counts."""
        if not self.weights.any():
            return 0.0, 0.0
        return weighted_mean(each, self.weights), weighted_error(each, self.weights)


class Ladder:
    """The rows so far; ``run`` is where the steps are done and where the table is written.

    ``title`` stands above the table; ``metric`` names the score, which higher is better. ``files``: the raw files: the
    scores of the last ladder in the run's folder stand beside these where it was of the same.
    """

    def __init__(self, run: Run, title: str, metric: str, files: object = ()) -> None:
        """No rung yet."""
        self.run, self.title, self.metric, self.files = run, title, metric, files
        self.rows: list[Row] = []
        self._each: dict[str, Floats] = {}

    @contextlib.contextmanager
    def rung(
        self, name: str, family: str, needs: Iterable[str] = (), free: Sequence[str] = (), builds_on: str | None = None
    ) -> Iterator[Rung]:
        """Measure what the block's steps cost. ``needs``: names of steps done before it without which the method could
        not work, so that their cost is its cost as well. ``free``: names of steps in the block that the method could do
        without; one that ends in "." or "_" is the beginning of names. ``builds_on``: the rung that it is compared
        with, by default the one above; the first has none. A block that records no score: ``ValueError``.
        """
        needed, start, rung = set(needs), len(self.run.timings), Rung(name)
        yield rung
        if not rung.scores:
            raise ValueError(f"the rung {name!r} recorded no score")
        before = [record for record in self.run.timings[:start] if record.name in needed]
        names, beginnings = set(free), tuple(name for name in free if name.endswith((".", "_")))
        later = [record for record in self.run.timings[start:] if record.name not in names]
        own = [record for record in later if not record.name.startswith(beginnings)]
        seconds, memory = add_up([*before, *own])
        base = (builds_on or self.rows[-1]["rung"]) if self.rows else None
        gain, error = rung.weigh(rung.each - self._each[base]) if base else (None, None)
        row = {"rung": name, "family": family, **rung.scores, BASE: base, GAIN: gain, GAIN_ERROR: error}
        self.rows.append({**row, "seconds": seconds, MEMORY: memory})
        self._each[name] = rung.each
        say(f"  rung {name}: {rung.scores['score']:.4f}")

    def write(self) -> list[Row]:
        """Leave ladder.json and ladder.svg in the run's folder; returns the rows, all with the same columns.

        A row: rung, family, score, error, whatever else was recorded (None where a rung has no such number), the rung
        that it builds on, the gain over that with its standard error, the score in the last ladder of the same files,
        seconds, memory (what a step took beyond what the process held as it began, at most; None: not known).
        """
        last = (BASE, GAIN, GAIN_ERROR, BEFORE, "seconds", MEMORY)
        names = dict.fromkeys(name for row in self.rows for name in row if name not in last)
        digest = digest_files(self.files, self.run.cache)
        before = self._read_scores(digest)
        rows = [{n: row.get(n) for n in (*names, *last)} | {BEFORE: before.get(row["rung"])} for row in self.rows]
        self.run.write_json(TABLE, {"title": self.title, "metric": self.metric, "files": digest, "rows": rows})
        write_text(self.run.folder / PLOT, draw_ladder(self.title, self.metric, rows))
        return rows

    def _read_scores(self, digest: str) -> dict[Any, float]:
        """By rung the score of the ladder that the folder holds; of other files or in another metric none."""
        try:
            last = decode_file((self.run.folder / TABLE).read_bytes(), FiguresFile)
        except (OSError, ValueError):
            return {}
        same = (last.get("metric"), last.get("files")) == (self.metric, digest)
        return {row.get("rung"): row["score"] for row in last.get("rows") or [] if same and is_number(row.get("score"))}


def list_moved(rows: Sequence[Row]) -> list[str]:
    """A line for each rung that scores otherwise than in the last ladder.

    >>> list_moved([{"rung": "ALS", "score": 0.0588, "before": 0.0922}, {"rung": "new", "score": 0.1, "before": None}])
    ['ALS: .0922 -> .0588']
    """
    scores = [(row["rung"], format_score(row.get(BEFORE)), format_score(row.get("score"))) for row in rows]
    return [f"{rung}: {before} -> {now}" for rung, before, now in scores if before and before != now]


def add_up(records: Sequence[StepRecord]) -> tuple[float, float | None]:
    """Seconds of these steps together, and the most memory that one took in MiB beyond what the process held as it
    began, None where no record tells; a result that was requested twice counts once.

    Two records of one step have one name and, to the last digit, one time: that of its computing.
    """
    once = {(record.name, record.seconds): record for record in records}.values()
    rises = [record.peak_mib - record.base_mib for record in once if record.base_mib is not None]
    return sum(record.seconds for record in once), max(rises, default=None)


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
        (f"{MEMORY}, log scale", MEMORY, "{:,.0f}"),
    )
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": PLOT, "text.parse_math": False, "font.size": 9}):
        figure = Figure(figsize=(11, 1.1 + 0.23 * len(rows)), layout="constrained")
        figure.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=9)
        for axes, (name, key, form) in zip(figure.subplots(1, 3, sharey=True), panels, strict=True):
            values = [float(row[key] or 0.0) for row in rows]
            errors = [row["error"] or 0.0 for row in rows] if key == "score" else None
            fills = [colours[str(row["family"])] for row in rows]
            bars = axes.barh(range(len(rows)), values, height=0.65, xerr=errors, color=fills, ecolor="#222222")
            labels = ["" if row[key] is None else form.format(row[key]) for row in rows]
            axes.bar_label(bars, labels, padding=3, fontsize=8)
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
