"""A simulated A/B comparison of two runs: their validation queries are the traffic, replayed in order.

Each request goes to one arm by a hash of its query and a salt, and only that arm's answer counts: this is what a live
test would see. Offline the same query can be answered by both, which the paired difference uses; it says what the live
test would have to find, and how many requests that takes.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from common.arrays import Bools, Floats
from common.day.compare import pair_queries, read_records
from common.day.run_record import WEIGHT, weigh_alike
from common.engine.errors import UserError
from common.learning.metrics import linearise

LEVEL, POWER = 0.95, 0.8
RESAMPLES = 2_000  # of the bootstrap
BATCH = 2_000_000  # numbers resampled at a time
SALTS = 1_000  # splits of one run against itself
LEAST = 2  # requests of an arm


class Interval(NamedTuple):
    """A difference with the bounds of its interval of ``LEVEL``."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether a test at this level would find a difference."""
        return self.low > 0 or self.high < 0


class Look(NamedTuple):
    """What the test shows after so many ``requests``; ``a`` and ``b`` are those of each arm."""

    requests: int
    a: int
    b: int
    split: Interval


@dataclass(frozen=True)
class Replay:
    """B - A in the traffic of ``requests``: ``split`` between the arms (by Welch's test, and by bootstrap), ``paired``
    on the same queries (the same two). ``looks``: the split after each quarter of the traffic.

    ``needed``: requests of a live test that finds the paired difference with a chance of ``POWER``; ``needed_low`` and
    ``needed_high``: those for the largest and the smallest difference that the paired interval allows, None where it
    allows none at all. ``power``: the share of salts whose split finds the paired difference's sign in this traffic;
    ``false_alarms``: the share of salts in which run A, split against itself, seems to differ.
    """

    metric: str
    requests: int
    means: tuple[float, float]
    looks: Sequence[Look]
    split: Interval
    split_bootstrap: Interval
    paired: Interval
    paired_bootstrap: Interval
    changed: int
    needed: float | None
    needed_low: float | None
    needed_high: float | None
    power: float
    false_alarms: float


def replay(first: Path, second: Path, requests: int | None, seed: int) -> Replay:
    """Replay two runs, given by their folders. ``UserError`` where they have nothing to compare."""
    one, other = read_records(first, second)
    if one["metric"] != other["metric"]:
        raise UserError(f"{first} is measured by {one['metric']} and {second} by {other['metric']}: run both again.")
    traffic = pair_queries(first, second)
    return compare_arms(traffic.head(requests or traffic.height), one["metric"], seed)


def compare_arms(traffic: pl.DataFrame, metric: str, seed: int) -> Replay:
    """One row per request, in order: ``query``, the scores of A (``before``) and B (``after``) on it, and ``weight``
    where requests do not count alike.
    """
    weights = weigh_alike(traffic)[WEIGHT].cast(pl.Float64).to_numpy()
    changed = int((traffic["before"] != traffic["after"]).sum())
    # The tests below know no weights: the values carry them, so that every mean is that of the run's score.
    a, b = (linearise(traffic[name].cast(pl.Float64).to_numpy(), weights) for name in ("before", "after"))
    units = code_units(traffic["query"])
    to_b = assign(units, seed)
    if min(int(to_b.sum()), int((~to_b).sum())) < LEAST:
        raise UserError(f"{len(a)} request(s) are too few to split: each arm needs at least {LEAST}.")
    paired, variance = t_interval(a, b, paired=True), float(a.var(ddof=1) + b.var(ddof=1))
    smallest, largest = sorted((abs(paired.low), abs(paired.high)))
    means, p_values = split_tests(a, b, splits(units, seed))
    return Replay(
        metric=metric,
        requests=len(a),
        means=(float(a.mean()), float(b.mean())),
        looks=list_looks(a, b, to_b),
        split=t_interval(a[~to_b], b[to_b]),
        split_bootstrap=bootstrap_interval(a[~to_b], b[to_b], seed),
        paired=paired,
        paired_bootstrap=bootstrap_interval(a, b, seed, paired=True),
        changed=changed,
        needed=needed_requests(paired.mean, variance),
        needed_low=needed_requests(largest, variance),
        needed_high=needed_requests(smallest, variance) if paired.excludes_zero else None,
        power=float(((p_values < 1 - LEVEL) & (means * paired.mean > 0)).mean()),
        false_alarms=float((split_tests(a, a, splits(units, seed))[1] < 1 - LEVEL).mean()),
    )


def code_units(queries: pl.Series) -> NDArray[np.uint64]:
    """A number for each query, the same in whichever row it stands."""
    return queries.cast(pl.String).hash(0).to_numpy()


def assign(units: NDArray[np.uint64], salt: int) -> Bools:
    """Whether each request goes to B: a bit of a hash of its unit and the salt (the finaliser of splitmix64)."""
    with np.errstate(over="ignore"):
        mixed = units + np.uint64(salt + 1) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray((mixed ^ (mixed >> np.uint64(31))) & np.uint64(1), dtype=bool)


def splits(units: NDArray[np.uint64], seed: int) -> Iterator[Bools]:
    """The assignments of ``SALTS`` other salts, without those that leave an arm too small."""
    masks = (assign(units, seed + 1 + salt) for salt in range(SALTS))
    return (mask for mask in masks if LEAST <= mask.sum() <= len(mask) - LEAST)


def split_tests(a: Floats, b: Floats, masks: Iterable[Bools]) -> tuple[Floats, Floats]:
    """Welch's test of every split: mean(b) - mean(a), and the p-value (NaN for no difference and no variance)."""
    moments = [[(arm.mean(), arm.std(ddof=1), len(arm)) for arm in (a[~mask], b[mask])] for mask in masks]
    means, deviations, sizes = np.array(moments).transpose(2, 1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        test = stats.ttest_ind_from_stats(
            means[1], deviations[1], sizes[1], means[0], deviations[0], sizes[0], equal_var=False
        )
    return means[1] - means[0], np.asarray(test.pvalue)


def list_looks(a: Floats, b: Floats, to_b: Bools) -> list[Look]:
    """What the test shows after each quarter of the traffic: who stops at the first clear look is often wrong."""
    looks = []
    for end in (len(a) * quarter // 4 for quarter in range(1, 5)):
        mask = to_b[:end]
        in_b = int(mask.sum())
        if LEAST <= in_b <= end - LEAST:
            looks.append(Look(end, end - in_b, in_b, t_interval(a[:end][~mask], b[:end][mask])))
    return looks


def t_interval(a: Floats, b: Floats, paired: bool = False) -> Interval:
    """mean(b) - mean(a): by Welch's test of independent samples, by Student's of ``paired`` ones."""
    with warnings.catch_warnings():  # scipy warns of samples that hardly vary, as B - A of two runs often does
        warnings.simplefilter("ignore", RuntimeWarning)
        test: Any = stats.ttest_rel(b, a) if paired else stats.ttest_ind(b, a, equal_var=False)
        bounds = test.confidence_interval(LEVEL)
    return Interval(float(b.mean() - a.mean()), float(bounds.low), float(bounds.high))


def bootstrap_interval(a: Floats, b: Floats, seed: int, paired: bool = False) -> Interval:
    """mean(b) - mean(a): resampled with replacement ``RESAMPLES`` times, the bounds by percentiles."""
    samples: tuple[Floats, ...] = (b - a,) if paired else (a, b)
    bounds = stats.bootstrap(
        samples,
        np.mean if paired else lambda a, b, axis: b.mean(axis) - a.mean(axis),
        n_resamples=RESAMPLES,
        batch=max(1, BATCH // sum(map(len, samples))),
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng([seed, 29]),
    ).confidence_interval
    return Interval(float(b.mean() - a.mean()), float(bounds.low), float(bounds.high))


def needed_requests(difference: float, variance: float) -> float | None:
    """Requests in all, half of them to each arm, for a two-sided test at ``LEVEL`` to find a difference with a chance
    of ``POWER``: 2 (z_level + z_power)^2 variance / difference^2, the variance being the sum of both arms'; None for no
    difference.
    """
    if not difference:
        return None
    z = float(stats.norm.ppf((1 + LEVEL) / 2) + stats.norm.ppf(POWER))
    return 2 * z**2 * variance / difference**2
