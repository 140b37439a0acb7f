"""A ladder: methods from the simplest one up, each a step of it, measured on one set of queries with its cost.

    def measure() -> Scored:
        lists = run.step(find_popular, history)
        return Scored(score(lists.value), made_by=[lists])

    rungs = [Rung("popularity", "what others click within the hour", POPULARITY, measure, find_popular)]
    rows = Ladder(run, "News: from popularity to the blend", "MRR@5", files, rungs).climb()

A method is declared by a function that is called when it is to be measured: what one method does not need is not
computed. Its cost is that of all steps behind the results that it is made by, but for those that every method begins
with (``given``): their seconds together, and the most memory that one of them took beyond what the process held as it
began. A step that is kept reports what it cost once, so that a second climb shows the same numbers as the first.
"""

import inspect
import math
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.fit_noise import FitNoise, find_noise_of_files, widen_error
from common.day.methods.families import FITTED, PATH, TAKEN_OVER
from common.day.record_schema import FiguresFile, decode_file
from common.day.report.charts import Figure
from common.day.report.formatting import is_number
from common.day.report.formatting import score as format_score
from common.day.run_record import digest_files
from common.engine.errors import UserError
from common.engine.progress import say
from common.engine.run import Result, Run
from common.io.submission import write_parquet
from common.learning.metrics import weighted_error, weighted_mean

Row = dict[str, Any]
TABLE, LISTS, BEFORE_FILE = "ladder.json", "rungs", ".before.parquet"
KEY, BASE, GAIN, GAIN_ERROR, FITS, BEFORE = "rung", "builds on", "gain", "gain error", "fits counted", "before"
SECONDS, MEMORY, CODE = "seconds", "MiB beyond the start", "code"
CAPTION = (
    f"Gain: over the step it builds on, query by query; {FITS}: whose noise its error includes (0: not known, a run"
    " with --seeds 3 on these files measures it)"
)

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Lists:
    """What a method answers, for its card. ``queries``: the name of every query, in the order of ``Scored.each``;
    ``ranks``: query, rank (from 1) of its right answer, of the queries whose list holds that; ``shown``: query, rank,
    item (in words), answer (bool): the first items of each list.
    """

    queries: pl.Series
    ranks: pl.DataFrame
    shown: pl.DataFrame


@dataclass(frozen=True)
class Scored:
    """What a method scores.

    ``each``: the score in the ladder's metric of every validation query, in one order for all methods, 0 for one
    without a list. ``weights``: how much each counts, alike by default. ``more``: further columns of the table.
    ``made_by``: the results that its cost is counted of.
    """

    each: Floats
    weights: Floats | None = None
    more: Mapping[str, float | None] = field(default_factory=dict)
    lists: Lists | None = None
    made_by: Sequence[Result[Any]] = ()

    def weigh(self, each: Floats) -> tuple[float, float]:
        """The mean over the queries, and its standard error; zeros where no query counts."""
        weights = np.ones(len(each)) if self.weights is None else self.weights
        return (weighted_mean(each, weights), weighted_error(each, weights)) if weights.any() else (0.0, 0.0)


@dataclass(frozen=True)
class Rung:
    """A method, declared. ``key``: its name at the command line; ``title``: in the table.

    ``measure`` scores it; ``code`` is the function to read and to change. ``builds_on``: the key of the method above
    that it is compared with, by default the last; the first has none. ``formula``: in one line, else the family's.
    ``lacks``: what the files or settings have not that it needs, as the end of a sentence; None where it can run.
    ``plots``: what its card draws.
    """

    key: str
    title: str
    family: str
    measure: Callable[[], Scored]
    code: Callable[..., object]
    builds_on: str | None = None
    formula: str = ""
    lacks: Callable[[], str | None] = lambda: None
    plots: Callable[[], Sequence[Figure]] = tuple

    def place(self) -> str:
        """Where its code stands: a file from the root of the workspace, a line, a function."""
        function = inspect.unwrap(self.code)
        path = Path(inspect.getsourcefile(function) or "").resolve().relative_to(ROOT)
        return f"{path}:{inspect.getsourcelines(function)[1]} {function.__name__}"


class Ladder:
    """``run`` is where the steps are done and where the table is written.

    ``title`` stands above the table; ``metric`` names the score, which higher is better. ``files``: the raw files: the
    scores of the last ladder in the run's folder stand beside these where it was of the same. ``rungs``: the methods,
    none of which is measured, nor asked what it lacks, before ``climb``. ``given``: the results that every method
    begins with. ``describe(queries)``: the history and the right answer of some queries in words (query, history,
    answer), for a card.
    """

    def __init__(
        self,
        run: Run,
        title: str,
        metric: str,
        files: object,
        rungs: Sequence[Rung],
        given: Callable[[], Iterable[Result[Any]]] = tuple,
        describe: Callable[[Sequence[str]], pl.DataFrame] | None = None,
    ) -> None:
        """Nothing is measured yet."""
        self.run, self.title, self.metric, self.files = run, title, metric, files
        self.rungs, self.given, self.describe = rungs, given, describe
        self._each: dict[str, Floats] = {}
        self._noise: FitNoise | None = None

    def find(self, key: str) -> Rung:
        """The method of a key. ``UserError`` where there is none, without a look at the files."""
        known = {rung.key: rung for rung in sorted(self.rungs, key=find_step)}
        if key not in known:
            raise UserError(f"There is no step {key!r} on this ladder. Its steps in order: {', '.join(known)}.")
        return known[key]

    def climb(self, only: str | None = None) -> list[Row]:
        """Measure every method, or the one of the key ``only`` and that which it builds on; the rows asked for.

        Leaves ladder.json, which the reports draw, in the run's folder: all rows known of these files, in the order of
        LEARNING.md and with the same columns. A row: rung (its key), title, family, score, error, whatever else was
        recorded (None where a method has no such number), the method that it builds on, the gain over that with its
        standard error and how many fits' noise is in that (None where no seed moves it), the score in the last ladder
        of the same files, seconds, memory (what a step took beyond what the process held as it began, at most; None:
        not known), the place of its code. ``UserError`` for a key that there is not, or that cannot run on these files.
        """
        chosen = self._choose(only)
        digest = digest_files(self.files, self.run.cache)
        known = {row.get(KEY): row for row in self._read_rows(digest)}
        self._noise = find_noise_of_files(self.run.folder.parent, digest, self.metric)
        if not known:  # lists of other files would stand beside these
            shutil.rmtree(self.run.folder / LISTS, ignore_errors=True)
        rows = {rung.key: self._measure(rung, base, known) for rung, base in chosen}
        every: dict[Any, Row] = {**known, **rows} if only is None else {**rows, **known, only: rows[only]}
        ordered = [every[rung.key] for rung in sorted(self.rungs, key=find_step) if rung.key in every]
        last = (BASE, GAIN, GAIN_ERROR, FITS, BEFORE, SECONDS, MEMORY, CODE)
        names = [*dict.fromkeys(name for row in ordered for name in row if name not in last), *last]
        table = [{name: row.get(name) for name in names} for row in ordered]
        self.run.write_json(TABLE, {"title": self.title, "metric": self.metric, "files": digest, "rows": table})
        return [row for row in table if row[KEY] in rows and (only is None or row[KEY] == only)]

    def _choose(self, only: str | None) -> list[tuple[Rung, Rung | None]]:
        """The methods to measure, in order, each with the one that it is compared with: the nearest that can run."""
        if only is not None:
            self.find(only)
        chosen: list[tuple[Rung, Rung | None]] = []
        standing: dict[str, Rung | None] = {}  # by key the method itself, or what it builds on where it cannot run
        for above, rung in zip([None, *self.rungs], self.rungs, strict=False):
            base = standing[rung.builds_on or above.key] if above else None
            why = rung.lacks()
            standing[rung.key] = base if why else rung
            if rung.key == only:
                if why:
                    raise UserError(f"The step {only!r} cannot run here: {why}.")
                return [*([(base, None)] if base else []), (rung, base)]  # the base is compared with nothing itself
            if not why:
                chosen.append((rung, base))
            elif only is None:
                say(f"  {rung.key} is left out: {why}")
        return chosen

    def _measure(self, rung: Rung, base: Rung | None, known: Mapping[Any, Row]) -> Row:
        scored = rung.measure()
        costs, given = (self.run.list_costs(results) for results in (scored.made_by, self.given()))
        steps = [record for key, record in costs.items() if key not in given]
        rises = [step.peak_mib - step.base_mib for step in steps if step.base_mib is not None]
        score, error = scored.weigh(scored.each)
        gain, gain_error = scored.weigh(scored.each - self._each[base.key]) if base else (None, None)
        self._each[rung.key] = scored.each
        gain_error, counted = self._count_fits(gain_error, rung.family, base.family if base else None)
        say(f"  {rung.key}: {score:.4f}")
        if scored.lists is not None:
            keep_lists(self.run.folder / LISTS, rung.key, scored, scored.lists)
        past = known.get(rung.key, {}).get("score")
        return {
            KEY: rung.key,
            "title": rung.title,
            "family": rung.family,
            "score": score,
            "error": error,
            **scored.more,
            BASE: base.key if base else None,
            GAIN: gain,
            GAIN_ERROR: gain_error,
            FITS: counted,
            BEFORE: past if is_number(past) else None,
            SECONDS: sum(step.seconds for step in steps),
            MEMORY: max(rises, default=None),
            CODE: rung.place(),
        }

    def _count_fits(self, error: float | None, family: str, base: str | None) -> tuple[float | None, int | None]:
        """The error of a gain with the noise of both methods' fits, and how many fits that is known by: those of runs
        of the whole pipeline.
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
    """The step of LEARNING.md that a method belongs to; a family that is not on the path comes last."""
    return PATH.get(rung.family, len(PATH))


def keep_lists(folder: Path, key: str, scored: Scored, lists: Lists) -> None:
    """Write what a method answers, a row a query: query, score, weight, rank of the right answer (null: not listed),
    and its first items in words. What it answered when it was measured before stays beside it.
    """
    star = pl.when("answer").then(pl.lit("* ")).otherwise(pl.lit(""))
    items = lists.shown.sort("query", "rank").group_by("query").agg(items=pl.concat_str(star, "item"))
    weights = np.ones(len(scored.each)) if scored.weights is None else scored.weights
    rows = pl.DataFrame({"query": lists.queries, "score": scored.each, "weight": weights})
    for more in (lists.ranks.select("query", "rank"), items):
        rows = rows.join(more, on="query", how="left", maintain_order="left")
    path = folder / f"{key}.parquet"
    if path.exists():
        path.replace(folder / f"{key}{BEFORE_FILE}")
    write_parquet(rows, path)


def rank_right(rows: pl.DataFrame) -> pl.DataFrame:
    """Query and rank of the best right answer, of rows with a query, a score and whether they are the answer; ties
    count against it.

    >>> rows = pl.DataFrame({"query": ["a"] * 3, "score": [2.0, 1.0, 1.0], "answer": [False, True, False]})
    >>> rank_right(rows).rows()
    [('a', 3)]
    """
    rank = pl.col("score").rank("max", descending=True).over("query").cast(pl.Int64)
    ranked = rows.select("query", "answer", rank=rank).filter("answer")
    return ranked.group_by("query", maintain_order=True).agg(pl.col("rank").min())


def list_moved(rows: Sequence[Row]) -> list[str]:
    """A line for each method that scores otherwise than in the last ladder.

    >>> list_moved([{"rung": "als", "score": 0.0588, "before": 0.0922}, {"rung": "new", "score": 0.1, "before": None}])
    ['als: .0922 -> .0588']
    """
    scores = [(row[KEY], format_score(row.get(BEFORE)), format_score(row.get("score"))) for row in rows]
    return [f"{rung}: {before} -> {now}" for rung, before, now in scores if before and before != now]
