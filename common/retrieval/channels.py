"""Channels over what queries clicked, and their fusion: neighbours of the clicks, popularity, reciprocal ranks.

Each channel has one function over arrays (``follow``, ``list_popular``, ``fuse_lists``), which a service calls for one
request, and one over the frames of a fold, which calls the former for all queries. Channels' frames have one row per
(query, item) with a score, higher is better.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from common.io.schemas import Candidates, validate
from common.learning.cooccurrence import FollowSettings, keep_top
from common.learning.features import HOUR_MS, lookup_rows
from common.retrieval.lists import (
    Floats,
    Histories,
    Int64s,
    Ints,
    ScoredLists,
    count_up,
    drop_seen,
    frame_to_lists,
    gather_histories,
    join_lists,
    keep_best,
    keep_unseen,
    lists_to_frame,
    pack_pairs,
    repeat_histories,
    slice_histories,
    split_rows,
    take_lists,
    take_range,
)

NO_NEIGHBOURS = pl.DataFrame(schema={"item": pl.Int32, "neighbour": pl.Int32, "weight": pl.Float32})
Window = tuple[float, float]  # hours before and after a query's time


@dataclass(frozen=True)
class NeighbourTables:
    """Item-to-item tables, numbered from 0 on, as one sparse matrix with a row per table and item.

    ``sources`` (ascending): number of the table and item, packed. The neighbours of source i are
    ``neighbours[columns[j]]`` (ids, ascending), of ``weights[j]``, j from ``starts[i]`` to ``starts[i + 1]``.
    """

    sources: Int64s
    neighbours: NDArray[np.int32]
    starts: NDArray[np.int32]
    columns: NDArray[np.int32]
    weights: Floats

    @cached_property
    def matrix(self) -> sp.csr_array:
        """(sources, neighbours)."""
        shape = len(self.sources), len(self.neighbours)
        return sp.csr_array((self.weights, self.columns, self.starts), shape=shape)


def index_neighbours(tables: Sequence[pl.DataFrame]) -> NeighbourTables:
    """Frames of one row per (item, neighbour) with its weight."""
    ordered = pl.concat([NO_NEIGHBOURS, *(table.sort("item", maintain_order=True) for table in tables)])
    numbers = np.repeat(np.arange(len(tables)), np.array([table.height for table in tables], np.int64))
    owner, reached = pack_pairs(numbers, ordered["item"].to_numpy()), ordered["neighbour"].to_numpy()
    sources, neighbours = np.unique(owner), np.unique(reached)
    starts = np.append(np.searchsorted(owner, sources), len(owner)).astype(np.int32)
    columns = np.searchsorted(neighbours, reached).astype(np.int32)
    return NeighbourTables(sources, neighbours, starts, columns, ordered["weight"].cast(pl.Float64).to_numpy())


def score_neighbours(seen: pl.DataFrame, table: pl.DataFrame, settings: FollowSettings, top: int) -> pl.DataFrame:
    """``follow`` for the queries of ``seen`` (query, item, time, back) with a table of (item, neighbour, weight)."""
    ids, histories = gather_histories(seen)
    return lists_to_frame(ids, follow(histories, index_neighbours([table]), [(0, settings)], top))


def follow(
    histories: Histories, tables: NeighbourTables, channels: Sequence[tuple[int, FollowSettings]], top: int
) -> ScoredLists:
    """Score the neighbours of what a query saw: sum of weight * decay^back * 0.5^(hours before the last / half-life).

    Only the ``last`` clicks count. Items that the query has seen and those whose score is 0 are left out; the best
    ``top`` a query stay. ``channels``: each one's table and settings; the lists of all queries by the first channel
    come first, then those by the second. In one pass they cost a request what one of them costs.
    """
    table, last, decay, half_life = np.array([(number, *_list_weights(one)) for number, one in channels]).T[:, :, None]
    every = repeat_histories(histories, len(channels))
    hours = (_last_clicks(histories)[histories.rows] - histories.clicked) / HOUR_MS
    keys = pack_pairs(table, histories.items)
    used = histories.back < last
    sources = np.full(used.shape, -1)
    sources[used] = lookup_rows(tables.sources, keys[used])
    used = sources >= 0
    trust = (decay**histories.back * 0.5 ** (hours / half_life))[used]
    starts, sources = count_up(used.ravel())[every.starts], sources[used].astype(np.int32)
    work = count_up((tables.starts[1:] - tables.starts[:-1])[sources])[starts]
    parts = []
    for first, end in split_rows(work):
        own = slice(starts[first], starts[end])
        sums = _add_up((trust[own], sources[own], starts[first : end + 1]), tables.matrix)
        parts.append(keep_unseen(sums, tables.neighbours, slice_histories(every, first, end), top))
    return join_lists(parts)


def _list_weights(settings: FollowSettings) -> tuple[float, float, float]:
    return settings.last, settings.decay, settings.half_life_hours


def _last_clicks(histories: Histories) -> Int64s:
    """The time of each row's latest click; that of the query where it has none."""
    clicked = np.append(histories.clicked, 0)
    return np.where(histories.sizes > 0, clicked[histories.starts[1:] - 1], histories.times)


def _add_up(sources: tuple[Floats, Ints, Int64s], matrix: sp.csr_array) -> tuple[Int64s, Ints, Floats]:
    """The sums of the matrix' rows by trust: row, column and value of each. ``sources``: trust, rows, and their starts.

    The sums of a row are made in the order of its sources, so they do not depend on the other rows.
    """
    trust, chosen, starts = sources
    own = sp.csr_array((trust, chosen, (starts - starts[0]).astype(np.int32)), shape=(len(starts) - 1, matrix.shape[0]))
    sums = own @ matrix
    return np.repeat(np.arange(len(starts) - 1), sums.indptr[1:] - sums.indptr[:-1]), sums.indices, sums.data


# --- popularity ---


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
    competition, and tells nothing about what a live system could do. The lists are as much longer than ``top`` as the
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
    """Queries whose times fall into one such bucket share a list: an eighth of the window."""
    return int((window[0] + window[1]) * HOUR_MS / 8)


# --- fusion ---


@dataclass(frozen=True)
class FusedLists:
    """The union of channels: each row's ``items`` (ids, ascending) and ``fusion``, and of each channel (rows of
    ``ranks`` and ``scores``) the rank, 1 = best, and the score that it gave an item; NaN where it did not name it.
    """

    starts: Int64s
    items: Ints
    fusion: NDArray[np.float32]
    ranks: NDArray[np.float32]
    scores: NDArray[np.float32]

    @cached_property
    def rows(self) -> Int64s:
        """The row of each item."""
        return np.repeat(np.arange(len(self.starts) - 1), self.starts[1:] - self.starts[:-1])


def fuse_channels(
    channels: Mapping[str, pl.DataFrame], constant: float, top: int, weights: Mapping[str, float] | None = None
) -> pl.DataFrame:
    """``fuse_lists`` of channels' frames; ``weights`` by channel, each 1 where there are none.

    One row per (query, item), sorted by both: ``fusion``, and of each channel ``rank_NAME`` (1 = best) and
    ``score_NAME``, null where the channel did not name the item.
    """
    ids = pl.concat([channel.select("query") for channel in channels.values()])["query"].unique().sort().to_numpy()
    lists = [frame_to_lists(ids, channel) for channel in channels.values()]
    votes = np.array([(weights or {}).get(name, 1.0) for name in channels])
    fused = fuse_lists(lists, constant, top, votes)
    candidates = fused_to_frame(ids, fused, list(channels))
    return validate(candidates, Candidates, "the union of the recall channels")


def fused_to_frame(ids: NDArray[np.int32], fused: FusedLists, channels: Sequence[str]) -> pl.DataFrame:
    """The union as ``fuse_channels`` returns it."""
    columns = {"query": np.repeat(ids, np.diff(fused.starts)), "item": fused.items, "fusion": fused.fusion}
    for name, ranks, scores in zip(channels, fused.ranks, fused.scores, strict=True):
        columns |= {f"rank_{name}": ranks, f"score_{name}": scores}
    return pl.DataFrame(columns, nan_to_null=True)


def fuse_lists(channels: Sequence[ScoredLists], constant: float, top: int, weights: Floats) -> FusedLists:
    """The best ``top`` a row by reciprocal-rank fusion: sum of weight / (constant + rank), ties by item.

    ``weights`` (channels,) of the votes (``fusion.learn_weights``). (Cormack, Clarke and Buettcher 2009.)
    """
    entries = np.sum([channel.starts for channel in channels], axis=0)
    parts = []
    for first, last in split_rows(entries):
        part = [take_range(channel, first, last) for channel in channels]
        parts.append(_fuse_part(part, constant, top, weights))
    if len(parts) == 1:
        return parts[0]
    items, fusion = (np.concatenate([getattr(part, name) for part in parts]) for name in ("items", "fusion"))
    ranks, scores = (np.hstack([getattr(part, name) for part in parts]) for name in ("ranks", "scores"))
    return FusedLists(count_up(np.concatenate([np.diff(part.starts) for part in parts])), items, fusion, ranks, scores)


def _fuse_part(channels: Sequence[ScoredLists], constant: float, top: int, weights: Floats) -> FusedLists:
    height, sizes = len(channels[0].starts) - 1, [len(channel.items) for channel in channels]
    items, scores, rows, positions = (
        np.concatenate([getattr(channel, name) for channel in channels])
        for name in ("items", "scores", "rows", "positions")
    )
    ranks = positions + 1
    votes = np.repeat(weights, sizes) / (constant + ranks)
    width = int(items.max()) + 1 if len(items) else 1
    sums = sp.coo_array((votes, (rows, items)), shape=(height, width)).tocsr()
    best = keep_best(np.repeat(np.arange(height), np.diff(sums.indptr)), sums.indices, sums.data, top, height)
    keys = pack_pairs(best.rows, best.items)
    order = np.argsort(keys)
    entries = lookup_rows(keys[order], pack_pairs(rows, items))
    kept = entries >= 0
    cells = np.repeat(np.arange(len(channels)), sizes)[kept], entries[kept]
    tables = np.full((2, len(channels), len(keys)), np.nan, np.float32)
    tables[0][cells], tables[1][cells] = ranks[kept], scores[kept]
    return FusedLists(best.starts, best.items[order], best.scores[order], tables[0], tables[1])
