"""What was clicked most around the time of a query."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.learning.cooccurrence import keep_top
from common.time_units import HOUR_MS
from competitions.news.arrays import lookup_rows
from competitions.news.retrieval.lists import (
    Histories,
    Int64s,
    ScoredLists,
    drop_seen,
    gather_histories,
    lists_to_frame,
    pack_pairs,
    repeat_histories,
    take_lists,
)

Window = tuple[float, float]  # hours before and after a query's time


@dataclass(frozen=True)
class PopularLists:
    """The most clicked items of buckets of time, best first; ``buckets``: number of the window and bucket, packed."""

    buckets: Int64s
    starts: Int64s
    items: NDArray[np.int32]
    scores: NDArray[np.float32]


def find_popular(
    history: pl.DataFrame, queries: pl.DataFrame, seen: pl.DataFrame, window: Window, top: int
) -> pl.DataFrame:
    """``list_popular`` for ``queries`` (query, time), counted in ``history`` as ``count_popular`` does."""
    ids, histories = gather_histories(seen, queries)
    popular = count_popular(history, histories, [window], top)
    return lists_to_frame(ids, list_popular(histories, popular, [window], top))


def count_popular(history: pl.DataFrame, histories: Histories, windows: Sequence[Window], top: int) -> PopularLists:
    """The most clicked items in windows around each query's time, in buckets of ``popular_bucket_ms``.

    Hours after the query's time look past it: the log of the other users is given whole, so this is legal in the
    competition, and says nothing of what a live system could do. The lists are as much longer than ``top`` as the
    99 % quantile of what queries have seen, so that seen items can leave them.
    """
    sizes = histories.sizes[histories.sizes > 0]
    spare = int(np.quantile(sizes, 0.99, method="nearest")) if len(sizes) else 0
    buckets = [np.unique(histories.times // popular_bucket_ms(window)) for window in windows]
    pairs = zip(windows, buckets, strict=True)
    listed = [_count_window(history, wanted, window, top + spare) for window, wanted in pairs]
    if not windows:
        return PopularLists(
            np.empty(0, np.int64), np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32)
        )
    numbers = np.arange(len(windows))
    keys = pack_pairs(np.repeat(numbers, [len(wanted) for wanted in buckets]), np.concatenate(buckets))
    owner = np.repeat(numbers, [table.height for table in listed])
    joined = pl.concat(listed)
    starts = np.searchsorted(pack_pairs(owner, joined["bucket"].to_numpy()), np.append(keys, np.iinfo(np.int64).max))
    return PopularLists(keys, starts, joined["item"].to_numpy(), joined["score"].to_numpy())


def _count_window(history: pl.DataFrame, buckets: Int64s, window: Window, top: int) -> pl.DataFrame:
    width = popular_bucket_ms(window)
    counts = history.lazy().group_by((pl.col("time") // width).alias("bucket"), "item").agg(score=pl.len())
    steps = range(-round(window[0] * HOUR_MS / width), round(window[1] * HOUR_MS / width) + 1)
    spread = pl.concat([counts.with_columns(pl.col("bucket") - step) for step in steps])
    windows = spread.join(pl.LazyFrame({"bucket": buckets}), on="bucket", how="semi")
    summed = windows.group_by("bucket", "item").agg(pl.col("score").sum().cast(pl.Float64))
    return keep_top(summed, "bucket", "item", "score", top)


def list_popular(histories: Histories, popular: PopularLists, windows: Sequence[Window], top: int) -> ScoredLists:
    """The best ``top`` of each query's bucket that it has not seen; an empty list where its bucket was not counted.

    ``windows``: those that were counted, in their order; the lists of all queries by the first come first.
    """
    widths = np.array([popular_bucket_ms(window) for window in windows])[:, None]
    keys = pack_pairs(np.arange(len(windows))[:, None], histories.times // widths).ravel()
    lists = ScoredLists(popular.starts, popular.items, popular.scores)
    taken = take_lists(lists, lookup_rows(popular.buckets, keys))
    return drop_seen(taken, repeat_histories(histories, len(windows))).head(top)


def popular_bucket_ms(window: Window) -> int:
    """Queries whose times fall into one such bucket share a list: an eighth of the window.

    >>> popular_bucket_ms((1.0, 1.0)) / 60_000
    15.0
    """
    return int((window[0] + window[1]) * HOUR_MS / 8)
