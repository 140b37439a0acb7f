"""What was clicked most around the time of a query."""

from dataclasses import dataclass

import numpy as np
import polars as pl

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
    take_lists,
)

Window = tuple[float, float]  # hours before and after a query's time


@dataclass(frozen=True)
class PopularLists:
    """The most clicked items of ``buckets`` of time (ascending) in a ``window`` around each, best first."""

    window: Window
    buckets: Int64s
    lists: ScoredLists


def find_popular(
    history: pl.DataFrame, queries: pl.DataFrame, seen: pl.DataFrame, window: Window, top: int
) -> pl.DataFrame:
    """``list_popular`` for ``queries`` (query, time), counted in ``history`` as ``count_popular`` does."""
    ids, histories = gather_histories(seen, queries)
    return lists_to_frame(ids, list_popular(histories, count_popular(history, histories, window, top), top))


def count_popular(history: pl.DataFrame, histories: Histories, window: Window, top: int) -> PopularLists:
    """The most clicked items in a window around each query's time, in buckets of ``popular_bucket_ms``.

    Hours after the query's time look past it: the log of the other users is given whole, so this is legal in the
    competition, and says nothing of what a live system could do. Without such hours the past alone counts: a query's
    own bucket, which goes on after it, is left out. The lists are as much longer than ``top`` as the 99 % quantile of
    what queries have seen, so that seen items can leave them.
    """
    sizes = histories.sizes[histories.sizes > 0]
    spare = int(np.quantile(sizes, 0.99, method="nearest")) if len(sizes) else 0
    buckets = np.unique(histories.times // popular_bucket_ms(window))
    listed = _count_window(history, buckets, window, top + spare)
    starts = np.searchsorted(listed["bucket"].to_numpy(), np.append(buckets, np.iinfo(np.int64).max))
    return PopularLists(window, buckets, ScoredLists(starts, listed["item"].to_numpy(), listed["score"].to_numpy()))


def _count_window(history: pl.DataFrame, buckets: Int64s, window: Window, top: int) -> pl.DataFrame:
    width = popular_bucket_ms(window)
    counts = history.lazy().group_by((pl.col("time") // width).alias("bucket"), "item").agg(score=pl.len())
    first, last = (round(hours * HOUR_MS / width) for hours in (-window[0], window[1]))
    steps = range(first, last + 1 if last else 0)
    spread = pl.concat([counts.with_columns(pl.col("bucket") - step) for step in steps])
    windows = spread.join(pl.LazyFrame({"bucket": buckets}), on="bucket", how="semi")
    summed = windows.group_by("bucket", "item").agg(pl.col("score").sum().cast(pl.Float64))
    return keep_top(summed, "bucket", "item", "score", top)


def list_popular(histories: Histories, popular: PopularLists, top: int) -> ScoredLists:
    """The best ``top`` of each query's bucket that it has not seen; an empty list where its bucket was not counted."""
    buckets = lookup_rows(popular.buckets, histories.times // popular_bucket_ms(popular.window))
    return drop_seen(take_lists(popular.lists, buckets), histories).head(top)


def popular_bucket_ms(window: Window) -> int:
    """Queries whose times fall into one such bucket share a list: an eighth of the window, or a 32nd where the past
    alone counts, whose last bucket is left out.

    >>> popular_bucket_ms((1.0, 1.0)) / 60_000, popular_bucket_ms((1.6, 0.0)) / 60_000
    (15.0, 3.0)
    """
    before, after = window
    return int((before + after) * HOUR_MS / (8 if after else 32))
