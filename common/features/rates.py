"""Rates of few trials, such as a video's clicks by its impressions, drawn to the rate of a level above.

A rate is a posterior mean: (events + prior * rate above) / (trials + prior). A video that was shown twice is worth its
collection's rate, a collection hardly shown its channel's (Efron and Morris 1975 for the idea, Robbins 1956 for the
name: empirical Bayes). ``prior`` is in trials: how many of them the level above speaks for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import polars as pl
from numpy.typing import NDArray

from common.learning.cooccurrence import exact_sum

Column = TypeVar("Column", pl.Expr, pl.Series, NDArray[Any])


def shrink(events: Column, trials: Any, above: Any, prior: Any) -> Column:
    """The rates of a level, drawn to those ``above`` it; of arrays, or of expressions.

    >>> frame = pl.DataFrame({"clicks": [3.0, 0.0], "shows": [5.0, 0.0], "above": [0.5, 0.25]})
    >>> frame.select(rate=shrink(pl.col("clicks"), pl.col("shows"), pl.col("above"), 5.0))["rate"].to_list()
    [0.55, 0.25]
    """
    rates: Column = (events + prior * above) / (trials + prior)
    return rates


def encode_rates(
    rows: pl.DataFrame,
    log: pl.DataFrame,
    levels: Mapping[str, Sequence[str]],
    label: str,
    prior: float,
    before: str | None = None,
) -> pl.DataFrame:
    """Target encoding: the rate of ``label`` (0 or 1, or any number) in a ``log``, by levels from coarse to fine.

    ``levels``: the columns that a level groups by, by its name; each is drawn to the one before it, the first to the
    mean of all. ``before``: a column of both, such as a day or a time: of the log what has a smaller one counts alone,
    which rows of the log itself need, lest they see their own label. One row per row of ``rows``, in order:
    NAME_rate and NAME_trials of each level; a group without a past has the rate above it and 0 trials.

    >>> log = pl.DataFrame({"user": [1, 1, 2], "item": [7, 8, 7], "day": [1, 1, 2], "click": [1, 0, 1]})
    >>> encoded = encode_rates(log, log, {"item": ["item"]}, "click", prior=1.0, before="day")
    >>> encoded.rows()  # on day 1 nothing is known; on day 2 item 7 has one click of 1: (1 + 0.5) / 2
    [(0.0, 0.0), (0.0, 0.0), (0.75, 1.0)]
    """
    above = _count_before(rows, log, [], label, before)
    rate = (above["events"] / above["trials"]).fill_nan(0.0)
    columns = dict[str, pl.Series]()
    for name, keys in levels.items():
        counts = _count_before(rows, log, keys, label, before)
        rate = shrink(counts["events"], counts["trials"], rate, prior)
        columns |= {f"{name}_rate": rate, f"{name}_trials": counts["trials"]}
    return pl.DataFrame(columns)


def _count_before(
    rows: pl.DataFrame, log: pl.DataFrame, keys: Sequence[str], label: str, before: str | None
) -> pl.DataFrame:
    """Events and trials of each row's group, 0 where nothing is known."""
    group, time = list(keys) or ["group"], [before] if before else []
    made = [] if keys else [pl.lit(0, pl.Int8).alias("group")]
    known = log.lazy().with_columns(made).drop_nulls([label, *group])
    tally = known.group_by(*group, *time).agg(
        exact_sum(pl.col(label)).alias("events"), trials=pl.len().cast(pl.Float64)
    )
    asked = rows.lazy().with_columns(made).select(*group, *time).with_row_index("row")
    if not before:
        counted = asked.join(tally, on=group, how="left")
    else:
        both = pl.col("events", "trials").cum_sum().over(group, order_by=before)
        past = tally.with_columns(both).sort(before)
        counted = asked.sort(before).join_asof(
            past, on=before, by=group, strategy="backward", allow_exact_matches=False, check_sortedness=False
        )
    return counted.sort("row").select(pl.col("events", "trials").fill_null(0.0)).collect()
