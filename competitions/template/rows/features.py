"""What the model knows of each row, in blocks: a function gets the rows of a fold, whose labels are null where they are
asked for. No row sees a label of its own day or a later one.

A column's name begins with that of its block. A new block is a function, a line in ``DESCRIBE`` and its name in
``BLOCKS`` of config.py; another rate is a line of ``KEYS``.
"""

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from common.time_units import DAY_MS, HOUR_MS

# Of what the share of yeses is told, with the keys whose rate it is drawn to where there are few rows; (): of all rows.
KEYS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "user": (["user"], []),
    "item": (["item"], []),
    "kind": (["kind"], []),
    "user_kind": (["user", "kind"], ["user"]),
}
DAY = (pl.col("time") // DAY_MS).alias("day")


def rate_before(rows: pl.DataFrame, keys: Sequence[str], prior: pl.Series, strength: float) -> pl.DataFrame:
    """The share of yeses among the rows of the same keys on earlier days, drawn to the ``prior`` (n,) as by so many
    rows; and how many rows those are: rate, rows.

    >>> rows = pl.DataFrame({"user": [1, 1, 1], "time": [0, DAY_MS, DAY_MS], "label": [1.0, None, 0.0]})
    >>> rate_before(rows, ["user"], pl.Series([0.5, 0.5, 0.5]), strength=1.0).rows()
    [(0.5, 0), (0.75, 1), (0.75, 1)]
    """
    known = rows.with_columns(DAY).with_row_index("row")
    days = known.group_by(*keys, "day").agg(yes=pl.col("label").sum(), shown=pl.col("label").count()).sort("day")
    sums = (pl.col(name).cum_sum() - pl.col(name) for name in ("yes", "shown"))
    before = days.with_columns(*((each.over(keys) if keys else each) for each in sums))
    joined = known.join(before, on=[*keys, "day"], how="left", maintain_order="left").with_columns(prior=prior)
    rate = (pl.col("yes") + strength * pl.col("prior")) / (pl.col("shown") + strength)
    return joined.select(rate=rate, rows="shown")


def describe_rates(rows: pl.DataFrame, strength: float) -> pl.DataFrame:
    """The smoothed rate of each of the ``KEYS`` on earlier days, and the number of rows behind it."""
    whole = rate_before(rows, [], pl.repeat(0.5, rows.height, eager=True), strength)["rate"]
    rates, columns = {(): whole}, {"rate_all": whole}
    for name, (keys, above) in KEYS.items():
        told = rate_before(rows, keys, rates[tuple(above)], strength)
        rates[tuple(keys)] = columns[f"rate_{name}"] = told["rate"]
        columns[f"rate_{name}_rows"] = told["rows"]
    return pl.DataFrame(columns).cast(pl.Float32)


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
