"""Two runs as a live test would see them, and how many requests it takes to tell them apart."""

from pathlib import Path

import polars as pl

from common.day.difference import NORMAL_95, Difference, measure_difference, pair_queries, read_records
from common.day.record_schema import Row
from common.day.run_record import WEIGHT, weigh_alike
from common.engine.errors import UserError
from common.learning.metrics import weighted_error, weighted_mean

BEFORE, AFTER, EACH = pl.col("before"), pl.col("after"), pl.col(WEIGHT)
POWER_80 = 0.841621  # standard errors: the normal quantile of a power of 80 %


def simulate_live_test(first: Path, second: Path) -> tuple[str, list[Row], list[str]]:
    """Two runs with their validation queries as the requests of a live test, a hash of a query sending it to one run: a
    title with both scores; rows of B - A with its 95 % interval, where one run answers each request, as in a live test,
    and where both do; what a live test needs, and the difference as everywhere.
    """
    (record, _), joined = read_records(first, second), weigh_alike(pair_queries(first, second))
    difference, to_b = measure_difference(first, second), pl.col("query").hash(0) % 2 == 1
    one, other = (_measure(joined.filter(arm), score) for arm, score in ((~to_b, BEFORE), (to_b, AFTER)))
    a, b = (_measure(joined, score) for score in (BEFORE, AFTER))
    if min(one["requests"], other["requests"]) < 2:
        raise UserError(f"{joined.height} request(s) are too few to split: each run needs at least 2.")
    live = other["score"] - one["score"], (one["error"] ** 2 + other["error"] ** 2) ** 0.5
    rows = [
        {"answered by": way, "requests of A": to_one, "requests of B": to_other, "B - A": mean, "error": error}
        | {"95 % from": mean - NORMAL_95 * error, "to": mean + NORMAL_95 * error}
        for way, to_one, to_other, (mean, error) in (
            ("one run", one["requests"], other["requests"], live),
            ("both runs", joined.height, joined.height, difference[:2]),
        )
    ]
    needed = describe_needed(difference, (a["error"] ** 2 + b["error"] ** 2) * joined.height)
    title = f"{record.metric} on {joined.height} requests: A {a['score']:.4f}, B {b['score']:.4f}"
    return title, rows, [needed, f"B - A = {difference.sentence}"]


def _measure(joined: pl.DataFrame, score: pl.Expr) -> Row:
    mean, error = weighted_mean(score, EACH).alias("score"), weighted_error(score, EACH).alias("error")
    return joined.select(pl.len().alias("requests"), mean, error).row(0, named=True)


def describe_needed(difference: Difference, variance: float) -> str:
    """How many requests a live test takes; ``variance``: of a request's score, the sum of both runs'."""
    if not difference.changed:
        return "The two runs do not differ: a live test would find nothing."
    mean, reach = difference.mean, NORMAL_95 * difference.error
    least, most = abs(mean) + reach, abs(mean) - reach
    high = f"{count_requests(most, variance):,.0f}" if most > 0 else "no limit"
    return (
        f"A live test needs about {count_requests(mean, variance):,.0f} requests to find {mean:+.4f} with a power of 80"
        f" % ({count_requests(least, variance):,.0f} to {high} over the interval of both runs)."
    )


def count_requests(gain: float, variance: float) -> float:
    """Requests, half of them to each run, of a two-sided test at the level of 5 % that finds a ``gain`` with a power of
    80 %: 2 (z_level + z_power)^2 variance / gain^2.

    >>> round(count_requests(0.1, 2))  # 7.8489 x 2 / 0.01 to each run
    3140
    """
    return 2 * (NORMAL_95 + POWER_80) ** 2 * variance / gain**2 if gain else float("inf")
