"""A ladder: methods from the simplest one up, each a step of it, measured on one set of queries with its cost.

    def list_popular(bench: NewsBench, hours: float) -> Result[pl.DataFrame]:
        return bench.run.step(find_popular, bench.fold, hours)

    rungs = [Rung("popularity", "what others click within the hour", POPULARITY, list_popular, find_popular, (1.0,))]
    rows = Ladder("News: from popularity to the blend", "MRR@5", bench, rungs).climb()

A method is a function that returns its answer as a Result, which the bench scores; it is called when it is to be
measured: what one method does not need is not computed. Its cost is that of all steps behind this Result, but for those
that every method begins with (``given``): their seconds together, and the most memory that one of them took beyond what
the process held as it began. A kept step costs what it took once, so that a second climb shows the same numbers.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import polars as pl

from common.day.difference import compute_difference
from common.day.record_schema import Row, read_ladder
from common.day.report.formatting import is_number
from common.day.run_record import average_queries, digest_files
from common.engine.errors import UserError
from common.engine.progress import say
from common.engine.run import Result, Run
from competitions.learning.families import Family

Files = TypeVar("Files")
Config = TypeVar("Config")
TABLE = "ladder.json"
KEY, BASE, GAIN, GAIN_ERROR, BEFORE = "rung", "builds on", "gain", "gain error", "before"
SECONDS, MEMORY, CODE = "seconds", "MiB beyond the start", "code"
ONE_FIT = "by one fit each: another fit moves it too"
CAPTION = f"Gain: over the step it builds on, query by query, {ONE_FIT}"

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Bench(Generic[Files, Config]):
    """What the methods of a competition begin with, and how it scores their answers. ``files``: the raw ones."""

    files: Files
    config: Config
    run: Run

    @property
    def given(self) -> Sequence[Result[Any]]:
        """The results that every method begins with."""
        return []

    def record(self, answer: Any) -> tuple[pl.DataFrame, Mapping[str, float | None]]:
        """What a method scores by its answer: a row a validation query, in one order for all methods, with its
        ``score`` in the ladder's metric, 0 for one without a list, and ``weight`` and ``cluster`` as ``Judged`` has
        them; further columns of the table.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Rung:
    """A method, declared. ``key``: its name at the command line; ``title``: in the table.

    ``answer(bench, *args)``: what it answers on the validation queries; ``code``: the function to read and to change.
    ``builds_on``: the key of the method above that it is compared with, by default the last; the first has none.
    ``formula``: in one line, else the family's. ``lacks(bench, *args)``: what the files or settings have not that it
    needs, as the end of a sentence; None where it can run.
    """

    key: str
    title: str
    family: Family
    answer: Callable[..., Result[Any]]
    code: Callable[..., object]
    args: tuple[Any, ...] = ()
    builds_on: str | None = None
    formula: str = ""
    lacks: Callable[..., str | None] | None = None

    def locate_code(self) -> str:
        """Where its code stands: a file from the root of the workspace, a line, a function."""
        function = inspect.unwrap(self.code)
        path = Path(inspect.getsourcefile(function) or "").resolve().relative_to(ROOT)
        return f"{path}:{inspect.getsourcelines(function)[1]} {function.__name__}"


@dataclass(frozen=True)
class Ladder:
    """``title`` stands above the table; ``metric`` names the score, higher is better. No method is measured, nor asked
    what it lacks, before ``climb``. ``measured``: by key, the queries of what was.
    """

    title: str
    metric: str
    bench: Bench[Any, Any]
    rungs: Sequence[Rung]
    measured: dict[str, pl.DataFrame] = field(default_factory=dict)

    @property
    def by_key(self) -> dict[str, Rung]:
        """The methods in the order of LEARNING.md."""
        return {rung.key: rung for rung in sorted(self.rungs, key=lambda rung: rung.family.step)}

    def find(self, key: str) -> Rung:
        """The method of a key. ``UserError`` where there is none, without a look at the files."""
        if key not in self.by_key:
            raise UserError(f"There is no step {key!r} on this ladder. Its steps in order: {', '.join(self.by_key)}.")
        return self.by_key[key]

    def climb(self, only: str | None = None) -> list[Row]:
        """Measure every method, or the one of the key ``only`` behind that which it builds on; their rows.

        Leaves ladder.json, from which pages are written, in the run's folder: all rows known of these files, in the
        order of LEARNING.md and with the same columns. A row: rung (its key), title, family, score, error, whatever
        else was recorded (None where a method has no such number), the method that it builds on, the gain over that
        with its standard error (of the queries, by one fit each; None where too few differ), the score in the last
        ladder of the same files, seconds, memory (what a step took beyond what the process held as it began, at most;
        None: not known), the place of its code. ``UserError`` for a key that there is not, or that cannot run on these
        files.
        """
        chosen, run = self._choose(only), self.bench.run
        digest = digest_files(self.bench.files, run.cache)
        known = {row.get(KEY): row for row in self._read_rows(digest)}
        rows: dict[str, Row] = {}
        for rung, base in chosen:
            rows[rung.key], self.measured[rung.key] = self._measure(rung, base)
        for key, row in rows.items():
            past = known.get(key, {}).get("score")
            row[BEFORE] = past if is_number(past) else None
        every: dict[Any, Row] = {**known, **rows} if only is None else {**rows, **known, only: rows[only]}
        ordered = [every[key] for key in self.by_key if key in every]
        last = (BASE, GAIN, GAIN_ERROR, BEFORE, SECONDS, MEMORY, CODE)
        names = [*dict.fromkeys(name for row in ordered for name in row if name not in last), *last]
        table = {row[KEY]: {name: row.get(name) for name in names} for row in ordered}
        run.write_json(TABLE, {"title": self.title, "metric": self.metric, "files": digest, "rows": [*table.values()]})
        return [table[key] for key in (rows if only else table) if key in rows]

    def _choose(self, only: str | None) -> list[tuple[Rung, Rung | None]]:
        """The methods to measure, in order, each with the one that it is compared with: the nearest that can run."""
        if only is not None:
            self.find(only)
        chosen: list[tuple[Rung, Rung | None]] = []
        standing: dict[str, Rung | None] = {}  # by key the method itself, or what it builds on where it cannot run
        for above, rung in zip([None, *self.rungs], self.rungs, strict=False):
            base = standing[rung.builds_on or above.key] if above else None
            why = rung.lacks(self.bench, *rung.args) if rung.lacks else None
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

    def _measure(self, rung: Rung, base: Rung | None) -> tuple[Row, pl.DataFrame]:
        run, answer = self.bench.run, rung.answer(self.bench, *rung.args)
        queries, more = self.bench.record(answer.value)
        given = run.list_costs(self.bench.given)
        steps = [record for key, record in run.list_costs([answer]).items() if key not in given]
        rises = [step.peak_mib - step.base_mib for step in steps if step.base_mib is not None]
        scored, gain = average_queries(queries), None
        if base:
            before = self.measured[base.key]["score"]
            gain = compute_difference(queries.with_columns(before=before, after=pl.col("score")))
        say(f"  {rung.key}: {scored['score']:.4f}")
        row = {
            KEY: rung.key,
            "title": rung.title,
            "family": rung.family.name,
            "score": scored["score"],
            "error": scored["error"],
            **more,
            BASE: base.key if base else None,
            GAIN: gain and gain.mean,
            GAIN_ERROR: gain.error if gain and math.isfinite(gain.error) else None,
            SECONDS: sum(step.seconds for step in steps),
            MEMORY: max(rises, default=None),
            CODE: rung.locate_code(),
        }
        return row, queries

    def _read_rows(self, digest: str) -> list[Row]:
        """The rows of the ladder that the folder holds; of other files or in another metric none."""
        last = read_ladder(self.bench.run.folder / TABLE)
        same = (last.get("metric"), last.get("files")) == (self.metric, digest)
        return list(last.get("rows") or []) if same else []
