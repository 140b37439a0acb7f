"""Who won: queries that the second of two runs answers better, worse and alike, and hits that it gains and loses."""

import polars as pl

from common.day.run_record import Row
from common.io.natural_order import natural_key

ALL = "all queries"


def count_outcomes(joined: pl.DataFrame, slices: list[str]) -> list[Row]:
    """One row for all queries, then one per value of every slice: ``won``, ``lost``, ``equal`` (by B against A), and
    which of the two has a hit, a score above 0.

    ``joined``: one row per query, ``before`` its score by A, ``after`` by B, and the slices.
    """
    rows = [{"slice": ALL} | row for row in joined.select(*COUNTS).to_dicts()]
    for name in slices:
        table = joined.drop_nulls(name).group_by(name).agg(*COUNTS).to_dicts()
        rows += [
            {"slice": f"{name}: {row.pop(name)}"} | row for row in sorted(table, key=lambda row: natural_key(row[name]))
        ]
    return rows


BEFORE, AFTER = pl.col("before"), pl.col("after")
COUNTS = (
    (AFTER > BEFORE).sum().alias("won"),
    (AFTER < BEFORE).sum().alias("lost"),
    (AFTER == BEFORE).sum().alias("equal"),
    ((BEFORE > 0) & (AFTER > 0)).sum().alias("hit by both"),
    ((BEFORE > 0) & (AFTER <= 0)).sum().alias("only A"),
    ((BEFORE <= 0) & (AFTER > 0)).sum().alias("only B"),
    ((BEFORE <= 0) & (AFTER <= 0)).sum().alias("neither"),
)
