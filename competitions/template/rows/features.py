"""What the model knows of each row, in blocks: a function gets the rows of a fold, whose labels are null where they are
asked for. No row sees a label of its own day or a later one.

A column's name begins with that of its block. A new block is a function, a line in ``DESCRIBE`` and its name in
``BLOCKS`` of config.py; another rate is a line of ``KEYS``.
"""

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from common.features.rates import encode_rates
from common.time_units import DAY_MS, HOUR_MS

# Smoothed rates of a yes, by levels from coarse to fine: each is drawn to the one before it, the first to that of all.
KEYS: Sequence[Mapping[str, Sequence[str]]] = (
    {"user": ["user"], "user_kind": ["user", "kind"]},
    {"kind": ["kind"], "item": ["item"]},
)
DAY = (pl.col("time") // DAY_MS).alias("day")


def describe_rates(rows: pl.DataFrame, strength: float) -> pl.DataFrame:
    """The rate of each of the ``KEYS`` on earlier days, and the number of rows behind it."""
    dated = rows.with_columns(DAY)
    log = dated.drop_nulls("label")
    rates = [encode_rates(dated, log, levels, "label", strength, before="day") for levels in KEYS]
    return pl.concat(rates, how="horizontal").select(pl.all().cast(pl.Float32).name.prefix("rate_"))


def describe_counts(rows: pl.DataFrame, strength: float) -> pl.DataFrame:
    """How often user and item stand in the rows, so far and that day; how long ago the user's row before was."""
    del strength
    so_far, hours = pl.int_range(pl.len()), (pl.col("time") - pl.col("time").shift()) / HOUR_MS
    return rows.with_columns(DAY).select(
        count_user=so_far.over("user").cast(pl.Float32),
        count_item=so_far.over("item").cast(pl.Float32),
        count_user_item=so_far.over("user", "item").cast(pl.Float32),
        count_user_day=so_far.over("user", "day").cast(pl.Float32),
        count_hours_since=hours.over("user").cast(pl.Float32),
    )


def describe_times(rows: pl.DataFrame, strength: float) -> pl.DataFrame:
    """The hour of the day and the day of the week, in universal time."""
    del strength
    return rows.select(
        time_hour=(pl.col("time") // HOUR_MS % 24).cast(pl.Float32),
        time_weekday=(pl.col("time") // DAY_MS % 7).cast(pl.Float32),
    )


Describe = Callable[[pl.DataFrame, float], pl.DataFrame]
DESCRIBE: Mapping[str, Describe] = {"rate": describe_rates, "count": describe_counts, "time": describe_times}
