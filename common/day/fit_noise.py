"""How far another fit moves a score, and the error of a difference that counts it.

Two runs that differ in one feature differ in chance as well: each fit draws rows and columns, and another draw moves
the score. The error of a paired difference is that of the queries; here the fits' is added to it. It is known from runs
whose models were fitted several times (the setting ``fits``), each time by another ``fit_seed``.
"""

import functools
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from common.day.record_schema import RECORD, Row, RunRecord, read_record
from common.engine.errors import UserError

NORMAL_95 = 1.959964  # standard errors each way of a 95 % interval
CLEAR = 2.0  # standard errors: a difference of so many is no chance
READ = 100  # runs, newest first
# What differs between runs whose fits vary alike: which fit it is, how many, what the features are.
FITS, ALIKE = ("seed", "fit_seed", "fits"), ".blocks"


class FitNoise(NamedTuple):
    """The ``variance`` of the score of one fit, known by so many degrees of ``freedom``, from so many ``fits``."""

    variance: float
    freedom: int
    fits: int = 0


def pool_variance(groups: Iterable[Sequence[float]]) -> FitNoise | None:
    """The variance within groups of scores that differ by the fit alone; None where no group has two.

    >>> pool_variance([[1.0, 3.0], [5.0, 5.0, 5.0], [9.0]])  # squares of 2 and 0 over 1 and 2 degrees of freedom
    FitNoise(variance=0.6666666666666666, freedom=3, fits=5)
    """
    known = [group for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in known)
    means = [sum(group) / len(group) for group in known]
    squares = sum((score - mean) ** 2 for group, mean in zip(known, means, strict=True) for score in group)
    return FitNoise(squares / freedom, freedom, sum(map(len, known))) if freedom else None


def widen_error(error: float, noise: FitNoise, fits: tuple[float, float]) -> float:
    """The error of a difference between the means of so many ``fits`` each, such that twice it bounds chance.

    ``error``: that of the queries; ``fits`` may be infinite: of what no seed moves. The two variances add up
    (Welch-Satterthwaite gives the sum's degrees of freedom);
    where few fits are known the error grows as Student's quantile does over the normal one. What a fit does to single
    queries is in both parts, so that the error is rather too large than too small.

    >>> round(widen_error(0.003, FitNoise(8e-6, 10_000), (1, 1)), 4)  # many fits known: the root of 9e-6 + 2 x 8e-6
    0.005
    >>> round(widen_error(0.003, FitNoise(8e-6, 2), (1, 1)), 4)  # three fits known
    0.0066
    """
    fitted = noise.variance * (1 / fits[0] + 1 / fits[1])
    total = error**2 + fitted
    if not fitted:
        return error
    return math.sqrt(total) * student_95(noise.freedom * (total / fitted) ** 2) / NORMAL_95


def smallest_gain(error: float, noise: FitNoise, fits: int) -> float:
    """The gain that is ``CLEAR`` between two runs of so many ``fits`` each; ``error``: of the queries, between two runs
    that differ by the fit alone.
    """
    return CLEAR * widen_error(error, noise, (fits, fits))


def student_95(freedom: float) -> float:
    """Student's quantile at .975, by Fisher's expansion (Abramowitz and Stegun 26.7.5): from two degrees of freedom on
    within 1 %, at one 11 % low. SciPy, which has it exactly, takes longer to import than `compare` to answer.

    >>> [round(student_95(freedom), 2) for freedom in (2, 4, 30)]  # 4.30, 2.78, 2.04
    [4.27, 2.78, 2.04]
    """
    z = NORMAL_95
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return sum(term / freedom**power for power, term in enumerate(terms))


def count_fits(record: RunRecord) -> int:
    """The fits whose mean a run's score is."""
    return len(record.fits) or 1


def find_noise(folders: Iterable[Path], pair: tuple[RunRecord, RunRecord]) -> FitNoise | None:
    """The noise of the fits of two runs, by all runs in ``folders`` that vary as theirs: on the same files and queries,
    by the same settings but for the features. None where none of these tells it.
    """
    records = [*pair, *(other for folder in dict.fromkeys(folders) for _, other in read_runs(folder))]
    return pool_noise(pair, {other.run: other for other in records}.values())


def find_noise_of_files(folder: Path, digest: str, metric: str) -> FitNoise | None:
    """The noise of the fits of all runs in a folder on these files, whatever their settings; None where no run has
    several fits.
    """
    records = (record for _, record in read_runs(folder) if record.data.digest == digest)
    return pool_variance(record.fits for record in records if record.metric.lower() == metric.lower())


def pool_noise(pair: tuple[RunRecord, RunRecord], records: Iterable[RunRecord]) -> FitNoise | None:
    """The variance of a single fit's score, by runs that differ in nothing but which fits they are: each fit counts
    once, whichever runs it is part of.

    Two runs of other seeds learned from other rows as well: that is known only by runs that differ in the seed alone.
    """
    kinds = [describe_kind(record) for record in pair]
    one_seed = len({record.config.get("seed") for record in pair}) == 1
    groups: dict[str, dict[Any, float]] = {}
    for record in records:
        if describe_kind(record) not in kinds:
            continue
        fits = record.fits or [record.cv.score]
        settings = dict(flatten(record.config)) | dict.fromkeys(("fit_seed", "fits"))
        first = record.config.get("fit_seed") or 0
        numbers: Sequence[Any] = range(first, first + len(fits))
        if not one_seed:  # the first fit of each seed
            numbers, settings = [record.config.get("seed")], settings | {"seed": None}
        known = groups.setdefault(str((settings, record.features, record.code)), {})
        known |= dict(zip(numbers, fits, strict=False))
    return pool_variance([*group.values()] for group in groups.values())


def describe_kind(record: RunRecord) -> Row:
    """What two runs share whose fits vary alike."""
    settings = {key: value for key, value in flatten(record.config) if key not in FITS and not key.endswith(ALIKE)}
    return {"files": record.data.digest, "metric": record.metric, "queries": record.queries} | settings


def read_runs(folder: Path) -> list[tuple[Path, RunRecord]]:
    """The last ``READ`` runs of a competition's folder of the build, newest first, with their records."""
    paths = sorted(folder.glob(f"*/{RECORD}"), reverse=True)[:READ]
    return [(path.parent, record) for path in paths if (record := _read_run(path, path.stat().st_mtime_ns))]


@functools.lru_cache(maxsize=10 * READ)
def _read_run(path: Path, _: int) -> RunRecord | None:
    try:
        return read_record(path)
    except UserError:  # a damaged record
        return None


def flatten(table: Row, prefix: str = "") -> Iterator[tuple[str, object]]:
    """(dotted key, value) of everything that is no table.

    >>> dict(flatten({"seed": 0, "rank": {"rounds": 60}}))
    {'seed': 0, 'rank.rounds': 60}
    """
    for name, value in table.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
