"""How many options of a search are better than one in two respects at once."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ranks = NDArray[np.int64]


def count_dominating(sessions: pl.Series, first: pl.Series, second: pl.Series) -> pl.Series:
    """For each row the rows of its session that are at most as large in both columns and smaller in one of them.

    The rows of a session stand together. A row with a missing value dominates none, and its own count is missing.

    >>> price, minutes = pl.Series([100, 120, 120, 90]), pl.Series([60, 60, 90, None])
    >>> count_dominating(pl.Series([0, 0, 0, 0]), price, minutes).to_list()
    [0.0, 1.0, 2.0, None]
    """
    frame = pl.DataFrame({"session": sessions, "first": first, "second": second}).with_row_index("row")
    known = frame.drop_nulls().sort("session", "first", "second", maintain_order=True)
    rank = known.select(pl.col("second").rank("max").over("session").cast(pl.Int64))["second"].to_numpy()
    starts = known.with_row_index("index").select(pl.col("index").first().over("session").cast(pl.Int64))["index"]
    # In this order every row that is as small in both stands before, but for its equals, which stand on either side.
    ahead = count_not_above_before(rank, starts.to_numpy())
    equals = known.select(rank=pl.int_range(pl.len()).over("session", "first", "second"))["rank"].to_numpy()
    counts = known.select("row", count=pl.Series(ahead - equals, dtype=pl.Float32))
    return frame.select("row").join(counts, on="row", how="left", maintain_order="left")["count"]


def count_not_above_before(ranks: Ranks, starts: Ranks) -> Ranks:
    """For each entry the earlier entries of its group whose rank is not above its own; ``starts``: its group's first.

    Bit by bit, the highest first, as in a wavelet tree: entries alike in the higher bits stand together in their
    order; where an entry has the bit, the earlier ones alike without it are below. So n log n for all groups at once.
    """
    counts = np.zeros(len(ranks), np.int64)
    order, group = np.arange(len(ranks)), starts.astype(np.int64)
    for bit in reversed(range(int(ranks.max(initial=0)).bit_length())):
        has = (ranks[order] >> bit) & 1
        without = np.cumsum(1 - has) - (1 - has)  # entries without the bit before this one
        opens = np.flatnonzero(np.diff(group, prepend=-1))
        size = np.diff(np.append(opens, len(group)))
        before = without - np.repeat(without[opens], size)
        counts[order] += has * before
        zeros = np.repeat(np.add.reduceat(1 - has, opens), size) if len(opens) else before
        first = np.repeat(opens, size)
        target = np.where(has == 1, first + zeros + (np.arange(len(group)) - first - before), first + before)
        shuffled, head = np.empty_like(order), np.empty_like(group)
        shuffled[target], head[target] = order, np.where(has == 1, first + zeros, first)
        order, group = shuffled, head
    opens = np.flatnonzero(np.diff(group, prepend=-1))
    size = np.diff(np.append(opens, len(group)))
    counts[order] += np.arange(len(group)) - np.repeat(opens, size)
    return counts
