"""The difference of two runs on the same queries: its mean, its error and the words for it.

Two scores of the same queries share most of their noise, so the difference is taken query by query. What is left is
that of a two-way layout, queries by fits: score[query, fit] = query + fit + rest. The gains of the queries' means over
the fits tell the noise of query and rest (clusters of queries rise and fall together), the fits' own means tell what
one fit moves all queries by. All follows from the pair alone; compare, ablate, tune, ladder and the reports ask here.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import polars as pl

from common.arrays import Floats, Ints
from common.day.record_schema import CLUSTER, FITS, NORMAL_95, PART, PREDICTED, RECORD, RunRecord, read_record
from common.day.run_record import QUERIES, TRUTH_QUERIES, find_weights, number_groups, read_frame
from common.engine.errors import UserError

CLEAR = 2.0  # standard errors: a difference of so many is no chance
SEEN = NormalDist().inv_cdf(0.8)  # errors beyond that by which a gain is found 8 times in 10
FEW = 20  # queries, of which a mean says nothing and its error is hardly known
POOLED, MANY = 0.25, 1e9  # level of the test by which the fits' own noise counts; degrees of freedom of the rest
PAIRED = 0.6  # the correlation of two runs' fits beyond which a few gains tell more than twice as many scores
FEWEST = 10  # clusters that are scored differently, below which an error says nothing


class FitNoise(NamedTuple):
    """What another fit moves a weighted mean over queries by.

    ``total``: the variance of one fit's mean, known by so many degrees of ``freedom``; ``rest``: the part of it that
    follows from what a fit does to single queries; ``fits``: so many were seen.
    """

    total: float
    rest: float
    freedom: float
    fits: int


class Difference(NamedTuple):
    """B - A over ``queries`` that both answered: mean, its standard error; ``changed``: those scored differently.

    ``error``: twice it bounds chance, few clusters and few fits counted; infinite where too few clusters differ.
    ``fits`` of each side tell the noise of a fit; 0: it is not known. ``compared``: how many differences are told side
    by side: the more there are, the further one lies by chance.
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
    def smallest(self) -> float:
        """The gain that would be clear 8 times in 10."""
        return (find_limit(self.compared) + SEEN) * self.error

    @property
    def reach(self) -> str:
        """What can be seen where this is the difference of two draws of the fits."""
        return f"gains of {self.smallest:.4f} and more would be clear here (8 times in 10)"

    @property
    def verdict(self) -> str:
        """In words. Nothing is clear where it is not known how far another fit moves the score."""
        if not self.changed:
            return "no query is scored differently"
        if math.isinf(self.error):
            return "too few queries are scored differently to tell"
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
        error = "" if math.isinf(self.error) else f" ± {self.error:.4f}"
        what = f"{self.mean:+.4f}{error} {on}: {self.verdict}"
        if not self.changed or math.isinf(self.error):
            return what
        return f"{what} ({f'{self.fits} fits each' if self.fits else 'one fit each, or equal ones'})"


def find_limit(compared: int) -> float:
    """Standard errors beyond which one of so many differences lies by chance once in twenty times (Bonferroni).

    >>> [round(find_limit(compared), 1) for compared in (1, 5, 20)]
    [2.0, 2.6, 3.1]
    """
    return CLEAR * NormalDist().inv_cdf(1 - 0.025 / max(compared, 1)) / NORMAL_95


def compute_difference(joined: pl.DataFrame, compared: int = 1) -> Difference:
    """The paired difference of queries with ``before``, ``after`` and, where there are such columns, ``weight``,
    ``cluster``, ``part``, and the scores of single fits in ``fits before`` and ``fits after`` (see ``pair_scores``).
    """
    gains = joined["after"].to_numpy() - joined["before"].to_numpy()
    weights, clusters, changed = find_weights(joined), number_groups(joined, CLUSTER), int((gains != 0).sum())
    mean = float(np.average(gains, weights=weights)) if weights.any() else 0.0
    moved = np.unique(clusters[(gains != 0) & (weights > 0)])
    if len(moved) < FEWEST:
        return Difference(mean, math.inf if changed else 0.0, len(gains), changed, compared=compared)
    variance, freedom = sum_clusters(gains - mean, weights, clusters), len(moved) - 1.0
    apart = pair_fits([read_fits(joined, side) for side in SIDES])
    known = [noise for noise in (measure_noise(each, joined) for each in apart) if noise is not None]
    if len(known) < len(apart):
        return Difference(mean, widen_error(variance, [(variance, freedom)]), len(gains), changed, 0, compared)
    of_fits, estimate = add_noise(known)
    error = widen_error(variance + of_fits, [(variance, freedom), estimate])
    return Difference(mean, error, len(gains), changed, min(noise.fits for noise in known), compared)


def expect_difference(queries: pl.DataFrame) -> Difference | None:
    """The difference of a run from one that another draw of the fits alone sets apart: no gain, and the error that
    tells what can be seen (``smallest``). None where its fits are not known.
    """
    noise = measure_noise(read_fits(queries, FITS), queries)
    if noise is None:
        return None
    of_fits, estimate = add_noise([noise, noise])
    error = widen_error(2 * noise.rest / noise.fits + of_fits, [estimate])
    return Difference(0.0, error, queries.height, queries.height, noise.fits)


# --- the noise ---


def sum_clusters(values: Floats, weights: Floats, clusters: Ints) -> float:
    """The variance of the weighted mean of ``values`` (n,) of mean 0: Liang and Zeger 1986, few clusters corrected."""
    count = int(clusters.max()) + 1
    sums = np.bincount(clusters, values * weights, count)
    used = max(int(np.count_nonzero(np.bincount(clusters, weights, count))), 2)
    return float((sums**2).sum() / weights.sum() ** 2 * used / (used - 1))


def measure_noise(values: Floats, queries: pl.DataFrame) -> FitNoise | None:
    """The noise of the fits that scored ``queries``, by the score of each: (queries, fits).

    A fit scored all queries of a ``part``; of its mean's variance what the rest explains is taken off, so that what one
    fit does to single queries is counted once. None of a single fit, and where all fits are equal: such a model draws
    nothing, and its seeds tell nothing of the next one.

    >>> rng = np.random.default_rng(0)
    >>> rest, queries = rng.normal(size=(2_000, 200)), pl.DataFrame({"query": range(2_000)})
    >>> noise = measure_noise(rest + rng.normal(scale=0.1, size=200), queries)
    >>> round(noise.total - noise.rest, 3), round(noise.rest * 2_000, 1)  # .1 squared; 1
    (0.01, 1.0)
    """
    fits = values.shape[1]
    if fits < 2 or not (values != values[:, :1]).any():
        return None
    moved = values - values.mean(1, keepdims=True)
    weights, clusters, parts = find_weights(queries), number_groups(queries, CLUSTER), number_groups(queries, PART)
    whole, of_means, of_rest = weights.sum(), [], []
    for part in (parts == number for number in np.unique(parts[weights > 0])):
        own, share = weights[part], weights[part].sum() / whole
        means = own @ moved[part] / own.sum()
        rests = [
            sum_clusters(rest, own, np.unique(clusters[part], return_inverse=True)[1])
            for rest in (moved[part] - means).T
        ]
        of_means.append(share**2 * float((means**2).sum()) / (fits - 1))
        of_rest.append(share**2 * sum(rests) / (fits - 1))
    total, rest = float(sum(of_means)), float(sum(of_rest))
    freedom = (fits - 1) * total**2 / sum(one**2 for one in of_means) if total else 0.0
    return FitNoise(total, rest, freedom, fits)


def pair_fits(sides: list[Floats]) -> list[Floats]:
    """The gains of the second's fits over the first's, where the same seed moves single queries alike in two runs; else
    both sides, which tell the noise of a fit by twice as many degrees of freedom.
    """
    if sides[0].shape != sides[1].shape or not sides[0].size:
        return sides
    one, other = (side - side.mean(1, keepdims=True) for side in sides)
    alike = float((one * other).sum()) > PAIRED * math.sqrt(float((one**2).sum()) * float((other**2).sum()))
    return [sides[1] - sides[0]] if alike else sides


def add_noise(sides: Sequence[FitNoise]) -> tuple[float, tuple[float, float]]:
    """The variance that the fits of both sides add, beside the rest, to a difference of means over as many fits each;
    and the estimate that it is taken from, with its degrees of freedom.

    Few fits tell it badly: it counts where it is there by an F test at 25 %, as Bozivich, Bancroft and Hartley 1956
    advise for pooling ("Power of analysis of variance test procedures for certain incompletely specified models").
    """
    from scipy.special import fdtr

    total = sum(side.total / side.fits for side in sides)
    rest = sum(side.rest / side.fits for side in sides)
    spread = sum((side.total / side.fits) ** 2 / side.freedom for side in sides if side.freedom)  # 0: means are equal
    freedom = total**2 / max(spread, 1e-300)
    if rest and fdtr(freedom, MANY, total / rest) < 1 - POOLED:
        return 0.0, (0.0, 0.0)
    return max(total - rest, 0.0), (total, freedom)


def widen_error(variance: float, parts: Sequence[tuple[float, float]]) -> float:
    """The standard error of a sum of ``variance``, such that twice it bounds chance: it grows as Student's quantile
    does over the normal one. ``parts``: independent estimates in it, each with its degrees of freedom (Satterthwaite
    1946).

    >>> round(widen_error(4e-6, [(4e-6, 10_000)]), 4), round(widen_error(4e-6, [(4e-6, 2)]), 4)  # 4.30 over 1.96
    (0.002, 0.0044)
    """
    spread = sum(part**2 / freedom for part, freedom in parts if part and freedom)
    if not spread:
        return math.sqrt(variance)
    from scipy.special import stdtrit  # here: scipy takes long to import, and most verbs compare nothing

    return math.sqrt(variance) * float(stdtrit(max(variance**2 / spread, 1.0), 0.975)) / NORMAL_95


# --- two runs, query by query ---

BEFORE, AFTER = " before", " after"
SIDES = FITS + BEFORE, FITS + AFTER  # columns of the scores by single fits
OF_FIRST = {"score": "before", FITS: SIDES[0], PREDICTED: PREDICTED + BEFORE}  # columns of the first of two runs


def read_pair(first: Path, second: Path) -> tuple[RunRecord, RunRecord, pl.DataFrame]:
    """The records of two runs of one competition, by their folders, and one row per query of both (``pair_scores``).
    ``UserError`` where they are of two competitions, metrics, or simulated files, or have no query in common.
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
    return one, other, joined


def pair_truth(first: Path, second: Path) -> pl.DataFrame | None:
    """One row per query of the test; None where a run does not know their truth."""
    paths = first / TRUTH_QUERIES, second / TRUTH_QUERIES
    if not all(path.exists() for path in paths):
        return None
    joined = pair_scores(*map(read_frame, paths))
    return joined if joined.height else None


def pair_scores(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """One row per query of both: the second's columns with its score as ``after`` and the scores of its fits as ``fits
    after``, the first's as ``before`` and ``fits before``.
    """
    before = first.select(
        "fold", "query", *(pl.col(old).alias(new) for old, new in OF_FIRST.items() if old in first.columns)
    )
    renamed = second.rename({"score": "after", FITS: FITS + AFTER}, strict=False)
    return renamed.join(before, on=["fold", "query"], maintain_order="left")


def read_fits(queries: pl.DataFrame, column: str) -> Floats:
    """The scores (queries, fits) by single fits; none where there is no such column."""
    if column not in queries.columns or not queries.height:
        return np.empty((queries.height, 0))
    return queries[column].list.to_array(len(queries[column][0])).to_numpy()
