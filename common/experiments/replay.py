"""A simulated A/B comparison of two runs: their validation queries are the traffic, replayed in order.

Each request goes to one arm by a hash of its query and a salt, and only that arm's answer counts: this is what a live
test would see. Offline the same query can be answered by both, which the paired difference uses; it says what the live
test would have to find, and how many requests that takes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from common.errors import UserError
from common.experiments.compare import pair_queries
from common.experiments.run_record import RECORD, read_record

LEVEL, POWER = 0.95, 0.8
DRAWS = 2_000  # of the bootstrap
CHUNK = 2_000_000  # numbers drawn at a time
SALTS = 1_000  # splits of one run against itself
LEAST = 2  # requests of an arm
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


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
    one, other = read_record(first / RECORD), read_record(second / RECORD)
    if one["name"] != other["name"]:
        raise UserError(f"{first} is a run of {one['name']} and {second} one of {other['name']}: nothing to compare.")
    if one["metric"] != other["metric"]:
        raise UserError(f"{first} is measured by {one['metric']} and {second} by {other['metric']}: run both again.")
    traffic = pair_queries(first, second)
    if not traffic.height:
        raise UserError(f"{first} and {second} have no validation query in common: there is no traffic to replay.")
    return compare_arms(traffic.head(requests or traffic.height), one["metric"], seed)


def compare_arms(traffic: pl.DataFrame, metric: str, seed: int) -> Replay:
    """One row per request, in order: ``query``, and what A (``before``) and B (``after``) earn with it."""
    a, b = (traffic[name].cast(pl.Float64).to_numpy() for name in ("before", "after"))
    units = code_units(traffic["query"])
    to_b = assign(units, seed)
    if min(int(to_b.sum()), int((~to_b).sum())) < LEAST:
        raise UserError(f"{len(a)} request(s) are too few to split: each arm needs {LEAST}.")
    gain = b - a
    paired, variances = interval_of_mean(gain), (float(a.var(ddof=1)), float(b.var(ddof=1)))
    clear = paired.excludes_zero
    near, far = sorted((abs(paired.low), abs(paired.high)))
    found = [welch(a[~mask], b[mask]) for mask in splits(units, seed)]
    same = [welch(a[~mask], a[mask]).excludes_zero for mask in splits(units, seed)]
    return Replay(
        metric,
        len(a),
        (float(a.mean()), float(b.mean())),
        look_on(a, b, to_b),
        welch(a[~to_b], b[to_b]),
        bootstrap([a[~to_b], b[to_b]], (-1.0, 1.0), seed),
        paired,
        bootstrap([gain], (1.0,), seed),
        int((gain != 0).sum()),
        needed_requests(paired.mean, *variances),
        needed_requests(far, *variances),
        needed_requests(near, *variances) if clear else None,
        float(np.mean([one.excludes_zero and one.mean * paired.mean > 0 for one in found])),
        float(np.mean(same)),
    )


def code_units(queries: pl.Series) -> NDArray[np.uint64]:
    """A number for each query, the same wherever it stands."""
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
    for salt in range(SALTS):
        mask = assign(units, seed + 1 + salt)
        if LEAST <= mask.sum() <= len(mask) - LEAST:
            yield mask


def look_on(a: Floats, b: Floats, to_b: Bools) -> list[Look]:
    """What the test shows after each quarter of the traffic: who stops at the first clear look is often wrong."""
    looks = []
    for quarter in range(1, 5):
        end = len(a) * quarter // 4
        mask = to_b[:end]
        in_b = int(mask.sum())
        if LEAST <= in_b <= end - LEAST:
            looks.append(Look(end, end - in_b, in_b, welch(a[:end][~mask], b[:end][mask])))
    return looks


def welch(a: Floats, b: Floats) -> Interval:
    """mean(b) - mean(a) of independent samples of unequal variance (Welch 1947; degrees of freedom: Satterthwaite)."""
    parts = np.array([a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)])
    mean, variance = float(b.mean() - a.mean()), float(parts.sum())
    if not variance:
        return Interval(mean, mean, mean)
    freedom = variance**2 / float((parts**2 / np.array([len(a) - 1, len(b) - 1])).sum())
    reach = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * variance**0.5
    return Interval(mean, mean - reach, mean + reach)


def interval_of_mean(values: Floats) -> Interval:
    """The mean of a sample, by Student's t."""
    mean = float(values.mean())
    if len(values) < LEAST:
        return Interval(mean, -np.inf, np.inf)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    return Interval(mean, mean - reach, mean + reach)


def bootstrap(samples: Sequence[Floats], signs: Sequence[float], seed: int) -> Interval:
    """The signed sum of the samples' means: each resampled with replacement ``DRAWS`` times, bounds by percentiles."""
    rng, total = np.random.default_rng([seed, 29]), np.zeros(DRAWS)
    for sample, sign in zip(samples, signs, strict=True):
        size = max(1, CHUNK // len(sample))
        for start in range(0, DRAWS, size):
            count = min(size, DRAWS - start)
            total[start : start + count] += sign * sample[rng.integers(len(sample), size=(count, len(sample)))].mean(1)
    mean = sum(sign * float(sample.mean()) for sample, sign in zip(samples, signs, strict=True))
    low, high = np.quantile(total, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(mean, float(low), float(high))


def needed_requests(difference: float, variance_a: float, variance_b: float) -> float | None:
    """Requests in all, half of them to each arm, for a two-sided test at ``LEVEL`` to find a difference with a chance
    of ``POWER``: 2 (z_level + z_power)^2 (variance_a + variance_b) / difference^2; None for no difference.
    """
    if not difference:
        return None
    z = float(stats.norm.ppf((1 + LEVEL) / 2) + stats.norm.ppf(POWER))
    return 2 * z**2 * (variance_a + variance_b) / difference**2
