"""Rungs: methods from the simplest one up, measured on one set of queries, each with its score and what it costs.

    def score() -> Scored:
        return Scored(run.step(score_by_popularity, history).value)

    rungs = [Rung("popularity", "what others click within the hour", POPULARITY, score, score_by_popularity)]
    rows = Ladder(run, "News: from popularity to the blend", "MRR@5").climb(rungs, only=None)

A rung is declared with a function, which is called if the rung is to be measured: one rung alone costs what it needs.
What a rung costs is the sum of its steps' seconds and the most memory that one of them took beyond what the process
held as it began, as they were when the steps were computed: a step that is kept reports what it cost once, so that a
second climb shows the same numbers as the first.
"""

import inspect
import math
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.fit_noise import FitNoise, find_noise_of_files, widen_error
from common.day.record_schema import FiguresFile, decode_file
from common.day.report.formatting import is_number
from common.day.report.formatting import score as format_score
from common.day.run_record import digest_files
from common.engine.errors import UserError
from common.engine.progress import say
from common.engine.run import Run, StepRecord
from common.learning.metrics import weighted_error, weighted_mean

Row = dict[str, Any]
TABLE, LISTS = "ladder.json", "rungs"
KEY, BASE, GAIN, GAIN_ERROR, FITS, BEFORE = "rung", "builds on", "gain", "gain error", "fits counted", "before"
SECONDS, MEMORY, CODE = "seconds", "MiB beyond the start", "code"
CAPTION = (
    f"Gain: over the rung it builds on, query by query; {FITS}: whose noise its error includes (0: not known, a run"
    " with --seeds 3 on these files measures it)"
)

POPULARITY = "popularity"
RULE = "rule"
NEIGHBOURS = "collaborative filtering"
FACTORS = "matrix factorisation"
RETRIEVAL = "retrieval from several channels"
LOGIT = "conditional logit"
BOOSTING = "gradient-boosted ranker"
DEEP = "deep ranker"
CALIBRATION = "calibration"
SEQUENCE = "sequence model"
CONTENT = "content"
LANGUAGE = "language model"
GENERATIVE = "generative retrieval"
BLEND = "blend"
RERANKING = "re-ranking"
QUANTISATION = "quantisation"
# The rung of LEARNING.md that explains a family: rows stand in its order.
PATH = {
    POPULARITY: 1,
    RULE: 1,
    NEIGHBOURS: 2,
    FACTORS: 3,
    RETRIEVAL: 4,
    LOGIT: 5,
    BOOSTING: 6,
    DEEP: 7,
    CALIBRATION: 8,
    SEQUENCE: 10,
    CONTENT: 11,
    LANGUAGE: 12,
    GENERATIVE: 13,
    BLEND: 14,
    RERANKING: 15,
    QUANTISATION: 16,
}
# What another seed fits otherwise; and what takes over the very fit of the rung that it builds on.
FITTED = {FACTORS, BOOSTING, DEEP, SEQUENCE, LANGUAGE, GENERATIVE, BLEND}
TAKEN_OVER = {CALIBRATION, RERANKING, QUANTISATION}
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Scored:
    """What a rung found.

    ``each``: the score in the ladder's metric of every validation query, in one order for all rungs, 0 for one without
    a list. ``weights``: how much each counts, alike by default. ``more``: further columns of the table. ``lists``: the
    first answers of some queries, a row each: query (a name), rank (1 is first), item (in words), answer (bool).
    """

    each: Floats
    weights: Floats | None = None
    more: Mapping[str, float | None] = field(default_factory=dict)
    lists: pl.DataFrame | None = None

    def weigh(self, each: Floats) -> tuple[float, float]:
        """The mean over the queries, and its standard error; zeros where no query counts."""
        weights = np.ones(len(each)) if self.weights is None else self.weights
        if not weights.any():
            return 0.0, 0.0
        return weighted_mean(each, weights), weighted_error(each, weights)


@dataclass(frozen=True)
class Rung:
    """A method, declared. ``key``: its name at the command line; ``title``: in the table.

    ``score`` measures it; ``code`` is the function to read. ``needs``: names of steps done before it without which the
    method could not work, so that their cost is its cost as well. ``free``: names of its own steps that it could do
    without. In both a name that ends in "." or "_" is the beginning of names. ``builds_on``: the key of the rung that
    it is compared with, by default the one above; the first has none.
    """

    key: str
    title: str
    family: str
    score: Callable[[], Scored]
    code: Callable[..., object]
    needs: Collection[str] = ()
    free: Collection[str] = ()
    builds_on: str | None = None

    def place(self) -> str:
        """Where its code stands: a file from the root of the workspace, a line, a function."""
        function = inspect.unwrap(self.code)
        path = Path(inspect.getsourcefile(function) or "").resolve().relative_to(ROOT)
        return f"{path}:{inspect.getsourcelines(function)[1]} {function.__name__}"


class Ladder:
    """``run`` is where the steps are done and where the table is written.

    ``title`` stands above the table; ``metric`` names the score, which higher is better. ``files``: the raw files: the
    scores of the last ladder in the run's folder stand beside these where it was of the same.
    """

    def __init__(self, run: Run, title: str, metric: str, files: object = ()) -> None:
        """Nothing is measured yet."""
        self.run, self.title, self.metric, self.files = run, title, metric, files
        self._each: dict[str, Floats] = {}
        self._families: dict[str, str] = {}
        self._noise: FitNoise | None = None

    def climb(self, rungs: Sequence[Rung], only: str | None = None) -> list[Row]:
        """Measure every rung, or the one of the key ``only`` and that which it builds on; the rows asked for.

        Leaves ladder.json, which the reports draw, in the run's folder: all rows known of these files, in the order of
        LEARNING.md and with the same columns. A row: rung (its key), title, family, score, error, whatever else was
        recorded (None where a rung has no such number), the rung that it builds on, the gain over that with its
        standard error and how many fits' noise is in that (None where no seed moves it), the score in the last ladder
        of the same files, seconds, memory (what a step took beyond what
        the process held as it began, at most; None: not known), the place of its code. ``UserError`` for a rung that
        there is not.
        """
        digest = digest_files(self.files, self.run.cache)
        known = {row.get(KEY): row for row in self._read_rows(digest)}
        self._noise = find_noise_of_files(self.run.folder.parent, digest, self.metric)
        if not known:  # lists of other files would stand beside these
            shutil.rmtree(self.run.folder / LISTS, ignore_errors=True)
        rows = {rung.key: self._measure(rung, base, known) for rung, base in choose_rungs(rungs, only)}
        every: dict[Any, Row] = {**known, **rows} if only is None else {**rows, **known, only: rows[only]}
        ordered = [every[rung.key] for rung in sorted(rungs, key=find_step) if rung.key in every]
        last = (BASE, GAIN, GAIN_ERROR, FITS, BEFORE, SECONDS, MEMORY, CODE)
        names = [*dict.fromkeys(name for row in ordered for name in row if name not in last), *last]
        table = [{name: row.get(name) for name in names} for row in ordered]
        self.run.write_json(TABLE, {"title": self.title, "metric": self.metric, "files": digest, "rows": table})
        return [row for row in table if row[KEY] in rows and (only is None or row[KEY] == only)]

    def _measure(self, rung: Rung, base: str | None, known: Mapping[Any, Row]) -> Row:
        start = len(self.run.timings)
        scored = rung.score()
        before = [record for record in self.run.timings[:start] if is_named(record.name, rung.needs)]
        own = [record for record in self.run.timings[start:] if not is_named(record.name, rung.free)]
        seconds, memory = add_up([*before, *own])
        score, error = scored.weigh(scored.each)
        gain, gain_error = scored.weigh(scored.each - self._each[base]) if base else (None, None)
        self._each[rung.key], self._families[rung.key] = scored.each, rung.family
        gain_error, counted = self._count_fits(gain_error, rung.family, self._families.get(base or ""))
        say(f"  rung {rung.key}: {score:.4f}")
        if scored.lists is not None:
            folder = self.run.folder / LISTS
            folder.mkdir(parents=True, exist_ok=True)
            scored.lists.write_parquet(folder / f"{rung.key}.parquet")
        row: Row = {KEY: rung.key, "title": rung.title, "family": rung.family, "score": score, "error": error}
        past = known.get(rung.key, {}).get("score")
        row |= {
            **scored.more,
            BASE: base,
            GAIN: gain,
            GAIN_ERROR: gain_error,
            FITS: counted,
            BEFORE: past if is_number(past) else None,
        }
        return row | {SECONDS: seconds, MEMORY: memory, CODE: rung.place()}

    def _count_fits(self, error: float | None, family: str, base: str | None) -> tuple[float | None, int | None]:
        """The error of a gain with the noise of both rungs' fits, and how many fits that is known by: those of runs of
        the whole pipeline.
        """
        own, below = (1.0 if one in FITTED else math.inf for one in (family, base))
        if error is None or family in TAKEN_OVER or min(own, below) == math.inf:
            return error, None
        return (error, 0) if self._noise is None else (widen_error(error, self._noise, (own, below)), self._noise.fits)

    def _read_rows(self, digest: str) -> list[Row]:
        """The rows of the ladder that the folder holds; of other files or in another metric none."""
        try:
            last = decode_file((self.run.folder / TABLE).read_bytes(), FiguresFile)
        except (OSError, ValueError):
            return []
        same = (last.get("metric"), last.get("files")) == (self.metric, digest)
        return list(last.get("rows") or []) if same else []


def find_step(rung: Rung) -> int:
    """The rung of LEARNING.md that a method belongs to; a family that is not on the path comes last."""
    return PATH.get(rung.family, len(PATH))


def choose_rungs(rungs: Sequence[Rung], only: str | None) -> Iterator[tuple[Rung, str | None]]:
    """The rungs to measure, in order, each with the key of the one that it is compared with.

    ``UserError`` where no rung has the key ``only``.
    """
    above: list[str | None] = [None, *(rung.key for rung in rungs)]
    bases = {
        rung.key: (rung.builds_on or before) if before else None for rung, before in zip(rungs, above, strict=False)
    }
    if only is not None and only not in bases:
        known = [rung.key for rung in sorted(rungs, key=find_step)]
        raise UserError(f"There is no rung {only!r} on this ladder. Its rungs, from the first up: {', '.join(known)}.")
    wanted = bases if only is None else {only, bases[only]}
    for rung in rungs:
        if rung.key in wanted:
            base = bases[rung.key]
            yield rung, base if base in wanted else None  # what the one rung builds on is compared with nothing itself


def is_named(step: str, names: Collection[str]) -> bool:
    """Whether a step is among these names; one that ends in "." or "_" stands for all that begin so.

    >>> [is_named(step, ("label", "test.")) for step in ("label", "labelled", "test.unite")]
    [True, False, True]
    """
    return step in names or step.startswith(tuple(name for name in names if name.endswith((".", "_"))))


def list_moved(rows: Sequence[Row]) -> list[str]:
    """A line for each rung that scores otherwise than in the last ladder.

    >>> list_moved([{"rung": "als", "score": 0.0588, "before": 0.0922}, {"rung": "new", "score": 0.1, "before": None}])
    ['als: .0922 -> .0588']
    """
    scores = [(row[KEY], format_score(row.get(BEFORE)), format_score(row.get("score"))) for row in rows]
    return [f"{rung}: {before} -> {now}" for rung, before, now in scores if before and before != now]


def add_up(records: Sequence[StepRecord]) -> tuple[float, float | None]:
    """Seconds of these steps together, and the most memory that one took in MiB beyond what the process held as it
    began, None where no record tells; a result that was requested twice counts once.

    Two records of one step have one name and, to the last digit, one time: that of its computing.
    """
    once = {(record.name, record.seconds): record for record in records}.values()
    rises = [record.peak_mib - record.base_mib for record in once if record.base_mib is not None]
    return sum(record.seconds for record in once), max(rises, default=None)
