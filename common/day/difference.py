"""The difference of two runs on the same queries: its mean, its error and the words for it.

Two scores of the same validation queries share most of their noise. So the difference is taken query by query: its
standard error is that of the difference, not of two scores. Two runs that differ in one feature differ in chance as
well: each fit draws rows and columns, and another draw moves the score. How far is known from a run whose models were
fitted several times (``--seeds 3``), and is part of the error. Both follow from the pair alone.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import polars as pl

from common.day.record_schema import NORMAL_95, RECORD, RunRecord, read_record
from common.day.run_record import QUERIES, TRUTH_QUERIES, find_clusters, find_weights, read_frame
from common.engine.errors import UserError
from common.learning.metrics import average

CLEAR = 2.0  # standard errors: a difference of so many is no chance
FEW = 20  # queries, of which a mean says nothing and its error is hardly known


class FitNoise(NamedTuple):
    """The ``variance`` of the score of one fit, known by so many degrees of ``freedom``, from so many ``fits``."""

    variance: float
    freedom: int
    fits: int = 0


class Difference(NamedTuple):
    """B - A over ``queries`` that both answered: mean, its standard error; ``changed``: those scored differently.

    ``fits``: the error counts the noise of the fits too, known by so many of them; 0: it is that of the queries alone.
    ``compared``: how many differences are told side by side: the more there are, the further one lies by chance.
    """

    mean: float
    error: float
    queries: int
    changed: int
    fits: int = 0
    compared: int = 1

    @property
    def beyond(self) -> bool:
        """Whether it is more than its error explains."""
        return self.changed > 0 and abs(self.mean) >= find_limit(self.compared) * self.error

    @property
    def clear(self) -> bool:
        """Whether chance, that of the fits too, would bring such a difference once in twenty times at most."""
        return self.beyond and self.fits > 0

    @property
    def verdict(self) -> str:
        """In words. Nothing is clear where it is not known how far another fit moves the score."""
        if not self.changed:
            return "no query is scored differently"
        if not self.beyond:
            return "within the noise"
        if not self.fits:
            return "more than the noise of the queries, but that of the fits is not known"
        size = f" ({abs(self.mean) / self.error:.1f} standard errors)" if self.error else ""
        return f"clear {'gain' if self.mean > 0 else 'loss'}{size}"

    @property
    def sentence(self) -> str:
        """The difference, its error and what is counted in it, the same words on every page."""
        on = f"on {self.queries:,} common queries, {self.changed:,} of them scored differently"
        what = f"{self.mean:+.4f} ± {self.error:.4f} {on}: {self.verdict}"
        known = f"{self.fits} fits known" if self.fits else "no fits known: a run with --seeds 3 tells their noise"
        return f"{what} ({known})" if self.changed else what


def find_limit(compared: int) -> float:
    """Standard errors beyond which one of so many differences lies by chance once in twenty times (Bonferroni).

    >>> [round(find_limit(compared), 1) for compared in (1, 5, 20)]
    [2.0, 2.6, 3.1]
    """
    return CLEAR * NormalDist().inv_cdf(1 - 0.025 / max(compared, 1)) / NORMAL_95


def compute_difference(
    joined: pl.DataFrame, noise: FitNoise | None = None, fits: tuple[int, int] = (1, 1), compared: int = 1
) -> Difference:
    """The paired difference of queries with ``before``, ``after`` and, where there are such columns, ``weight`` and
    ``cluster``; with the ``noise`` of the fits in its error, each score being the mean of so many ``fits``.
    """
    gains = (joined["after"] - joined["before"]).to_numpy()
    mean, error = average(gains, find_weights(joined), find_clusters(joined))
    plain = Difference(mean, error, joined.height, int((gains != 0).sum()), compared=compared)
    if noise is None or not plain.changed:
        return plain
    return plain._replace(error=widen_error(error, noise, fits), fits=noise.fits)


# --- the noise of the fits ---


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
    (Satterthwaite 1946, for the sum's degrees of freedom); where few fits are known the error grows as Student's
    quantile does over the normal one. What a fit does to single queries is in both parts, so that the error is rather
    too large than too small.

    >>> round(widen_error(0.003, FitNoise(8e-6, 10_000), (1, 1)), 4)  # many fits known: the root of 9e-6 + 2 x 8e-6
    0.005
    >>> round(widen_error(0.003, FitNoise(8e-6, 2), (1, 1)), 4)  # three fits known
    0.0066
    """
    fitted = noise.variance * (1 / fits[0] + 1 / fits[1])
    total = error**2 + fitted
    if not fitted:
        return error
    from scipy.special import stdtrit  # here: most pairs have one fit each, and scipy takes long to import

    return math.sqrt(total) * float(stdtrit(noise.freedom * (total / fitted) ** 2, 0.975)) / NORMAL_95


# --- two runs, query by query ---


class Pair(NamedTuple):
    """Two runs of one competition by their records; one row per query of both: fold, query, slices of the second,
    ``before`` and ``after``.
    """

    one: RunRecord
    other: RunRecord
    queries: pl.DataFrame

    @property
    def noise(self) -> FitNoise | None:
        """The noise of the fits, as far as the two know it."""
        return pool_variance([self.one.fits, self.other.fits])

    @property
    def difference(self) -> Difference:
        """B - A, each score being the mean over the run's fits."""
        return compute_difference(self.queries, self.noise, (len(self.one.fits) or 1, len(self.other.fits) or 1))


def read_pair(first: Path, second: Path) -> Pair:
    """Two runs by their folders. ``UserError`` where they are of two competitions, metrics, or simulated files, or have
    no query in common.
    """
    one, other = read_record(first / RECORD), read_record(second / RECORD)
    for mine, theirs, what in ((one.name, other.name, "a run of"), (one.metric, other.metric, "scored by")):
        if mine != theirs:
            raise UserError(f"{first} is {what} {mine}, {second} is {what} {theirs}: they cannot be compared.")
    if one.data.digest != other.data.digest and (one.data.simulated or other.data.simulated):
        raise UserError(
            f"{first} and {second} are of different files ({one.data.folder} and {other.data.folder}), so their queries"
            " are not the same: compare two runs on the same files."
        )
    joined = pair_scores(*(read_frame(run / QUERIES) for run in (first, second)))
    if not joined.height:
        raise UserError(
            f"{first} and {second} have no validation query in common: compare two runs on the same files and split."
        )
    return Pair(one, other, joined)


def pair_truth(first: Path, second: Path) -> pl.DataFrame | None:
    """One row per query of the test; None where a run does not know their truth."""
    paths = first / TRUTH_QUERIES, second / TRUTH_QUERIES
    if not all(path.exists() for path in paths):
        return None
    joined = pair_scores(*map(read_frame, paths))
    return joined if joined.height else None


def pair_scores(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """One row per query of both: the second's columns with its score as ``after``, the first's as ``before``."""
    before = first.select("fold", "query", before="score")
    return second.rename({"score": "after"}).join(before, on=["fold", "query"], maintain_order="left")
