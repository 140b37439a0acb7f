"""A channel: what was clicked most around the time of a query."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from common.arrays import lookup_rows
from common.learning.cooccurrence import keep_top
from common.retrieval.lists import (
    Histories,
    Int64s,
    ScoredLists,
    drop_seen,
    gather_histories,
    lists_to_frame,
    take_lists,
)
from common.retrieval.settings import PopularSettings
from common.time_units import HOUR_MS

Window = tuple[float, float]  # hours before and after a query's time


@dataclass(frozen=True)
class PopularLists:
    """The most clicked items of ``buckets`` of time (ascending) in a ``window`` around each, best first."""

    window: Window
    buckets: Int64s
    lists: ScoredLists

    def list_items(self, histories: Histories, top: int) -> ScoredLists:
        """The best ``top`` of each query's bucket that it has not seen; none where its bucket was not counted."""
        buckets = lookup_rows(self.buckets, histories.times // popular_bucket_ms(self.window))
        return drop_seen(take_lists(self.lists, buckets), histories).head(top)


@dataclass(frozen=True)
class Popular:
    """The channel fitted: ``counts`` (bucket of time, item, score) of a history, summed in a ``window`` when asked."""

    window: Window
    counts: pl.DataFrame

    def list_items(self, histories: Histories, top: int) -> ScoredLists:
        """The most clicked items around each query's time."""
        return _list_buckets(self.counts, histories, self.window, top).list_items(histories, top)


def fit_popular(history: pl.DataFrame, settings: PopularSettings, seed: int) -> Popular:
    """Count a history: item, time (ms)."""
    del seed
    window = settings.before_hours, settings.after_hours
    return Popular(window, _count_buckets(history, window))


def find_popular(
    history: pl.DataFrame, queries: pl.DataFrame, seen: pl.DataFrame, window: Window, top: int
) -> pl.DataFrame:
    """``PopularLists`` of ``queries`` (query, time), counted in ``history`` as ``count_popular`` does."""
    ids, histories = gather_histories(seen, queries)
    return lists_to_frame(ids, count_popular(history, histories, window, top).list_items(histories, top))


def count_popular(history: pl.DataFrame, histories: Histories, window: Window, top: int) -> PopularLists:
    """The most clicked items in a window around each query's time, in buckets of ``popular_bucket_ms``.

    Hours after the query's time look past it: the log of the other users is given whole, so this is legal in the
    competition, and says nothing of what a live system could do. Without such hours the past alone counts: a query's
    own bucket, which goes on after it, is left out. The lists are as much longer than ``top`` as the 99 % quantile of
    what queries have seen, so that seen items can leave them.
    """
    return _list_buckets(_count_buckets(history, window), histories, window, top)


def _list_buckets(counts: pl.DataFrame, histories: Histories, window: Window, top: int) -> PopularLists:
    sizes = histories.sizes[histories.sizes > 0]
    spare = int(np.quantile(sizes, 0.99, method="nearest")) if len(sizes) else 0
    buckets = np.unique(histories.times // popular_bucket_ms(window))
    listed = _count_window(counts, buckets, window, top + spare)
    starts = np.searchsorted(listed["bucket"].to_numpy(), np.append(buckets, np.iinfo(np.int64).max))
    return PopularLists(window, buckets, ScoredLists(starts, listed["item"].to_numpy(), listed["score"].to_numpy()))


def _count_buckets(history: pl.DataFrame, window: Window) -> pl.DataFrame:
    bucket = (pl.col("time") // popular_bucket_ms(window)).alias("bucket")
    return history.lazy().group_by(bucket, "item").agg(score=pl.len()).collect(engine="streaming")


def _count_window(counts: pl.DataFrame, buckets: Int64s, window: Window, top: int) -> pl.DataFrame:
    width = popular_bucket_ms(window)
    first, last = (round(hours * HOUR_MS / width) for hours in (-window[0], window[1]))
    steps = range(first, last + 1 if last else 0)
    spread = pl.concat([counts.lazy().with_columns(pl.col("bucket") - step) for step in steps])
    windows = spread.join(pl.LazyFrame({"bucket": buckets}), on="bucket", how="semi")
    summed = windows.group_by("bucket", "item").agg(pl.col("score").sum().cast(pl.Float64))
    return keep_top(summed, "bucket", "item", "score", top)


def popular_bucket_ms(window: Window) -> int:
    """Queries whose times fall into one such bucket share a list: an eighth of the window, or a 32nd where the past
    alone counts, whose last bucket is left out.

    >>> popular_bucket_ms((1.0, 1.0)) / 60_000, popular_bucket_ms((1.6, 0.0)) / 60_000
    (15.0, 3.0)
    """
    before, after = window
    return int((before + after) * HOUR_MS / (8 if after else 32))
