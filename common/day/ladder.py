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
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from common.arrays import Floats
from common.day.record_schema import FiguresFile, decode_file
from common.day.report.formatting import is_number
from common.day.report.formatting import score as format_score
from common.day.run_record import digest_files
from common.engine.progress import say
from common.engine.run import Run, StepRecord
from common.learning.metrics import weighted_error, weighted_mean

Row = dict[str, Any]
TABLE = "ladder.json"
BASE, GAIN, GAIN_ERROR, BEFORE, MEMORY = "builds on", "gain", "gain error", "before", "MiB beyond the start"
CAPTION = "Gain: over the rung that it builds on, query by query; another fit moves a score too, which no error counts"

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
        """Leave ladder.json, which the reports draw, in the run's folder; returns the rows, all with the same columns.

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
