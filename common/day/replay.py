"""A simulated A/B comparison of two runs: their validation queries are the traffic, replayed in order.

Each request goes to one arm by a hash of its query and a salt, and only that arm's answer counts: this is what a live
test would see. Offline the same query can be answered by both, which the paired difference uses; it says what the live
test would have to find, and how many requests that takes.
"""

import warnings
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


@dataclass(frozen=True)
class Replay:
    """B - A in the traffic of ``requests``: ``split`` between the arms (``sizes`` of each; Welch), and ``paired``
    on the same queries (Student).

    ``needed``: requests of a live test that finds the paired difference with a chance of ``POWER``; ``needed_low`` and
    ``needed_high``: those for the largest and the smallest difference that the paired interval allows, None where it
    allows none at all.
    """

    metric: str
    requests: int
    means: tuple[float, float]
    sizes: tuple[int, int]
    split: Interval
    paired: Interval
    changed: int
    needed: float | None
    needed_low: float | None
    needed_high: float | None


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
    to_b = assign(code_units(traffic["query"]), seed)
    sizes = int((~to_b).sum()), int(to_b.sum())
    if min(sizes) < LEAST:
        raise UserError(f"{len(a)} request(s) are too few to split: each arm needs at least {LEAST}.")
    paired, variance = t_interval(a, b, paired=True), float(a.var(ddof=1) + b.var(ddof=1))
    smallest, largest = sorted((abs(paired.low), abs(paired.high)))
    return Replay(
        metric=metric,
        requests=len(a),
        means=(float(a.mean()), float(b.mean())),
        sizes=sizes,
        split=t_interval(a[~to_b], b[to_b]),
        paired=paired,
        changed=changed,
        needed=needed_requests(paired.mean, variance),
        needed_low=needed_requests(largest, variance),
        needed_high=needed_requests(smallest, variance) if paired.excludes_zero else None,
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


def t_interval(a: Floats, b: Floats, paired: bool = False) -> Interval:
    """mean(b) - mean(a): by Welch's test of independent samples, by Student's of ``paired`` ones."""
    with warnings.catch_warnings():  # scipy warns of samples that hardly vary, as B - A of two runs often does
        warnings.simplefilter("ignore", RuntimeWarning)
        test: Any = stats.ttest_rel(b, a) if paired else stats.ttest_ind(b, a, equal_var=False)
        bounds = test.confidence_interval(LEVEL)
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
