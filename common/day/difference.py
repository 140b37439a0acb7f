"""The difference of two runs: its mean, its error and the words for it, and which earlier run a run is compared with.

Every place that says how two runs differ takes it from here: the last lines of a run, its report, ``compare``, the page
of runs, ``ablate`` and ``tune``. Two scores of the same validation queries share most of their noise. So the difference
is taken query by query: its standard error is that of the difference, not of two scores.
"""

import datetime
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from common.day.fit_noise import (
    CLEAR,
    FITS,
    FitNoise,
    count_fits,
    find_noise,
    flatten,
    read_runs,
    smallest_gain,
    widen_error,
)
from common.day.record_schema import RECORD, Row, RunRecord, read_record
from common.day.revision import list_differing
from common.day.run_record import QUERIES, TRUTH, WEIGHT, weigh_alike
from common.engine.errors import UserError
from common.io.files import UNREADABLE, describe_failure
from common.io.tables import read_parquet
from common.learning.metrics import weighted_error, weighted_mean

BEFORE, AFTER = pl.col("before"), pl.col("after")
GAIN, EACH = AFTER - BEFORE, pl.col(WEIGHT)
SHOWN, VALUE_CHARS = 3, 30  # settings, features or source files that differ; letters of a value


class Difference(NamedTuple):
    """B - A over ``queries`` that both answered: mean, its standard error; ``changed``: those scored differently.

    ``fits``: the error counts the noise of the fits too, known by so many of them as of ``time`` (HH:MM); 0: it is that
    of the queries alone. ``repeat``: where the two differ in nothing but chance, what is said instead of a judgement.
    """

    mean: float
    error: float
    queries: int
    changed: int
    fits: int = 0
    time: str = ""
    repeat: str = ""

    @property
    def clear(self) -> bool:
        """Whether chance, that of the fits too, would bring such a difference once in twenty times at most."""
        known = self.fits > 0 and self.changed > 0 and not self.repeat
        return known and abs(self.mean) >= CLEAR * self.error

    @property
    def verdict(self) -> str:
        """In words. Nothing is clear where it is not known how far another fit moves the score."""
        if not self.changed:
            return "no query is scored differently"
        if self.repeat:
            return self.repeat.partition(":")[0]
        if abs(self.mean) < CLEAR * self.error:
            return "within the noise"
        if not self.fits:
            return "more than the noise of the queries, but that of the fits is not known"
        size = f" ({abs(self.mean) / self.error:.1f} standard errors)" if self.error else ""
        return f"clear {'gain' if self.mean > 0 else 'loss'}{size}"

    @property
    def sentence(self) -> str:
        """The difference, its error and what is counted in it, the same words on every page."""
        on = f"on {self.queries:,} common queries, {self.changed:,} of them scored differently"
        if self.repeat and self.changed:
            return f"{self.mean:+.4f} {on}. {self.repeat}"
        what = f"{self.mean:+.4f} ± {self.error:.4f} {on}: {self.verdict}"
        known = f"{self.fits} fits known" if self.fits else "no fits known: a run with --seeds 3 tells their noise"
        return f"{what} (as of {self.time}, {known})" if self.changed else what


def measure_difference(first: Path, second: Path) -> Difference:
    """B - A of two runs by their folders. ``UserError`` where they cannot be compared."""
    return judge(pair_queries(first, second), read_records(first, second), (first.parent, second.parent))


def judge(
    joined: pl.DataFrame,
    pair: tuple[RunRecord, RunRecord],
    folders: Sequence[Path],
    fits: tuple[int, int] | None = None,
) -> Difference:
    """The difference of the ``joined`` queries of two runs, the noise of their fits in its error as far as runs in
    ``folders`` tell it by now.

    ``fits``: how many each score is the mean of; by default those of the records. Runs that differ in chance alone are
    not judged: the noise would be measured by the very difference.
    """
    noise, fits = find_noise(folders, pair), fits or (count_fits(pair[0]), count_fits(pair[1]))
    repeated, time = name_repeat(*pair), f"{datetime.datetime.now():%H:%M}"
    if repeated is None:
        return compute_difference(joined, noise, fits)._replace(time=time)
    plain = compute_difference(joined)
    return plain._replace(time=time, repeat=describe_repeat(repeated, plain.error, noise, min(fits), time))


def compute_difference(
    joined: pl.DataFrame, noise: FitNoise | None = None, fits: tuple[int, int] = (1, 1)
) -> Difference:
    """The paired difference of queries with ``before``, ``after`` and, where they do not count alike, ``weight``; with
    the ``noise`` of the fits in its error, each score being the mean of so many ``fits``.
    """
    mean, error = weighted_mean(GAIN, EACH), weighted_error(GAIN, EACH)
    figures = mean.alias("mean"), error.alias("error"), (GAIN != 0).sum().alias("changed")
    (row,) = weigh_alike(joined).select(*figures).to_dicts()
    plain = Difference(row["mean"], row["error"], joined.height, row["changed"])
    if noise is None or not plain.changed:
        return plain
    return plain._replace(error=widen_error(plain.error, noise, fits), fits=noise.fits)


# --- runs that differ in chance alone ---


def name_repeat(one: RunRecord, other: RunRecord) -> str | None:
    """What differs between two runs of the same settings, features and code: the seed, with it the number of fits; None
    where anything else does, or nothing.
    """
    changed = {row["setting"] for row in list_changed_settings(one.config, other.config)}
    if not changed or changed - set(FITS) or one.features != other.features:
        return None
    if list_differing(one.code, other.code) != []:
        return None
    return "the seed" + " and the number of fits" * ("fits" in changed)


def describe_repeat(what: str, error: float, noise: FitNoise | None, fits: int, time: str) -> str:
    """How far a fit moves the score, by all that is known, and which gain can be seen with so many ``fits`` a run;
    ``error``: of the queries alone.
    """
    head = f"Nothing but {what} differs"
    if noise is None:
        return f"{head}: how far a fit moves this score is not known (as of {time})"
    gain = smallest_gain(error, noise, fits)
    return (
        f"{head}: a fit moves this score by about ± {math.sqrt(noise.variance):.4f} (as of {time}, {noise.fits} fits"
        f" known). A gain below {gain:.4f} cannot be seen with {fits} fit{'s' * (fits > 1)} a run; for half of it you"
        f" need four times as many (--seeds {4 * fits})"
    )


# --- which run a run is compared with ---


class Change(NamedTuple):
    """The earlier ``run`` that a run is compared with, its record, in ``what`` they differ, and the ``difference``."""

    run: Path
    record: RunRecord
    what: str
    difference: Difference

    @property
    def sentence(self) -> str:
        """All of it, the same words at the end of a run, in its report and on the page of runs."""
        return f"Against {self.run.parent.name}/{self.run.name} ({self.what}): {self.difference.sentence}"


def find_change(run: Path, partner: Path | None = None) -> Change | None:
    """What a run changed against its ``partner``, by default that of ``find_partner``; None where there is none whose
    queries can be read.
    """
    try:
        partner = partner or find_partner(run)
        if partner is None:
            return None
        one, other = read_records(partner, run)
        return Change(partner, one, describe_change(one, other), measure_difference(partner, run))
    except UserError:  # a damaged file
        return None


def find_partner(run: Path) -> Path | None:
    """Of the runs before a run that ask the same, the one whose settings differ least, the newest of several; None
    where none does.
    """
    own = read_record(run / RECORD)
    alike = [
        (folder, len(list_changed_settings(other.config, own.config)))
        for folder, other in read_runs(run.parent)
        if folder.name < run.name and other.question == own.question
    ]
    return min(alike, key=lambda each: each[1], default=(None, 0))[0]


def describe_change(one: RunRecord, other: RunRecord) -> str:
    """In which settings, features and code two runs differ, in a line: "rounds 5 -> 9; features +length"."""
    added = [f"+{name}" for name in other.features if name not in set(one.features)]
    removed = [f"-{name}" for name in one.features if name not in set(other.features)]
    code = list_differing(one.code, other.code)
    parts = {
        "": [
            f"{row['setting']} {shorten_value(row['A'])} -> {shorten_value(row['B'])}"
            for row in list_changed_settings(one.config, other.config)
        ],
        "features ": added + removed if one.features and other.features else [],
        "code of ": ["unlisted files"] if code is None else [Path(path).name for path in code],
    }
    return "; ".join(f"{kind}{list_first(names)}" for kind, names in parts.items() if names) or "nothing changed"


def list_first(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def shorten_value(value: str) -> str:
    """A setting's value in a sentence."""
    value = value.replace(": ", ":")
    return value if len(value) <= VALUE_CHARS else value[: VALUE_CHARS - 1] + "…"


def list_changed_settings(one: Row, other: Row) -> list[Row]:
    """Every setting with another value, by its dotted key."""
    before, after = dict(flatten(one)), dict(flatten(other))
    absent = "(not set)"
    rows = [{"setting": key, "A": before.get(key, absent), "B": after.get(key, absent)} for key in before | after]
    return [row | {"A": str(row["A"]), "B": str(row["B"])} for row in rows if row["A"] != row["B"]]


# --- two runs, query by query ---


def read_records(first: Path, second: Path) -> tuple[RunRecord, RunRecord]:
    """The records of two runs. ``UserError`` where they are of two competitions, metrics, or simulated files."""
    one, other = read_record(first / RECORD), read_record(second / RECORD)
    for mine, theirs, what in ((one.name, other.name, "a run of"), (one.metric, other.metric, "scored by")):
        if mine != theirs:
            raise UserError(f"{first} is {what} {mine}, {second} is {what} {theirs}: they cannot be compared.")
    if one.data.digest != other.data.digest and (one.data.simulated or other.data.simulated):
        raise UserError(
            f"{first} and {second} are of different files ({one.data.folder} and {other.data.folder}), so their queries"
            " are not the same: compare two runs on the same files."
        )
    return one, other


def pair_queries(first: Path, second: Path) -> pl.DataFrame:
    """One row per query of both runs: fold, query, slices of the second, ``before`` and ``after``. ``UserError`` where
    there is none.
    """
    joined = pair_scores(_read_queries(first / QUERIES), _read_queries(second / QUERIES))
    if not joined.height:
        raise UserError(
            f"{first} and {second} have no validation query in common: compare two runs on the same files and split."
        )
    return joined


def pair_truth(first: Path, second: Path) -> pl.DataFrame | None:
    """The same of the queries of the test; None where a run does not know their truth."""
    if not ((first / TRUTH).exists() and (second / TRUTH).exists()):
        return None
    joined = pair_scores(_read_queries(first / TRUTH), _read_queries(second / TRUTH))
    return joined if joined.height else None


def pair_scores(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """One row per query of both: the second's columns with its score as ``after``, the first's as ``before``."""
    before = first.select("fold", "query", before="score")
    return second.rename({"score": "after"}).join(before, on=["fold", "query"], maintain_order="left")


def _read_queries(path: Path) -> pl.DataFrame:
    if not path.exists():
        raise UserError(f"{path} does not exist: the run did not finish its record; run again.")
    try:
        return read_parquet(path)
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read ({describe_failure(error)}): run again.") from error
