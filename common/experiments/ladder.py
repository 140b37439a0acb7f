"""Rungs: methods from the simplest one up, measured on one set of queries, each with its score and what it costs.

    ladder = Ladder(run, "News: from popularity to the blend", "MRR@5")
    with ladder.rung("popularity", "popularity") as rung:
        found = run.step(list_popular, history)
        rung.tell(score=0.09, error=0.004)
    rows = ladder.write()

What a rung costs is the sum of its steps' seconds and the highest of their peaks, as they were when the steps were
computed: a step that is kept tells what it cost once, so that a second climb shows the same numbers as the first.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from common.experiments.ladder_plot import draw
from common.pipeline.progress import say
from common.pipeline.result_store import writing
from common.pipeline.run import Run, StepRecord

Row = dict[str, Any]
TABLE, PLOT = "ladder.json", "ladder.svg"

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
    """One method under way: what it scored is told to it once; its ``name`` may be told until the end."""

    def __init__(self, name: str) -> None:
        """Nothing is known yet."""
        self.name = name
        self.told: Row = {}

    def tell(self, score: float, error: float | None, **more: float | int | str | None) -> None:
        """The score in the ladder's metric and its standard error (None: unknown), and what else the table shows."""
        self.told = {"score": float(score), "error": None if error is None else float(error), **more}


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
        without; one that ends in "." or "_" is the beginning of names. A block that tells no score is a ``ValueError``.
        """
        needed, place, rung = set(needs), len(self.run.timings), Rung(name)
        yield rung
        if not rung.told:
            raise ValueError(f"the rung {name!r} was told no score")
        before = [record for record in self.run.timings[:place] if record.name in needed]
        own = [record for record in self.run.timings[place:] if not _is_free(record.name, free)]
        seconds, peak = add_up([*before, *own])
        row = {"rung": rung.name, "family": family, **rung.told, "seconds": seconds, "peak_mib": peak}
        self.rows.append(row)
        say(f"  rung {rung.name}: {row['score']:.4f}")

    def write(self) -> list[Row]:
        """Leave ladder.json and ladder.svg in the run's folder; returns the rows, all with the same columns.

        A row: rung, family, score, error, whatever else was told (None where a rung has no such number), seconds,
        peak_mib (the resident memory of the whole process, in MiB).
        """
        rows = align(self.rows)
        self.run.write_json(TABLE, {"title": self.title, "metric": self.metric, "rows": rows})
        with writing(self.run.folder):
            (self.run.folder / PLOT).write_text(draw(self.title, self.metric, rows), encoding="utf-8")
        return rows


def _is_free(name: str, free: Sequence[str]) -> bool:
    return any(name.startswith(word) if word.endswith((".", "_")) else name == word for word in free)


def add_up(records: Sequence[StepRecord]) -> tuple[float, float]:
    """Seconds of these steps together and the highest peak in MiB; a result that was asked for twice counts once.

    Two records of one step have one name and, to the last digit, one time: that of its computing.
    """
    once = {(record.name, record.seconds): record for record in records}
    return sum(record.seconds for record in once.values()), max((r.peak_mib for r in once.values()), default=0.0)


def align(rows: Sequence[Row]) -> list[Row]:
    """The rows with the columns of all of them, in the order in which they came up, the costs last."""
    last = ("seconds", "peak_mib")
    names = dict.fromkeys(name for row in rows for name in row if name not in last)
    return [{name: row.get(name) for name in (*names, *last)} for row in rows]
