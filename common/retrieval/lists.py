"""Lists of items for many queries at once, as flat arrays: what queries clicked, and what channels list for them.

The lists of all rows stand one after the other, ``starts[i]:starts[i + 1]`` those of row ``i`` (the layout of a sparse
matrix). Fifty thousand queries of a fold and the one query of a request go through the same functions.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Bools, expand_spans, lookup_rows
from common.engine.progress import track
from common.engine.resources import count_threads
from common.retrieval.sort_keys import sort_best

T = TypeVar("T")
Ints = NDArray[np.integer]
Int64s = NDArray[np.int64]


@dataclass(frozen=True)
class Histories:
    """What each query saw: ``times`` (rows,) of the queries in ms; ``items``, ``clicked`` (ms) and ``back`` by click.

    ``back`` counts from 0 = the latest click; the clicks of a row stand in the order of time. ``repeats``: whether a
    list may hold what its query saw.
    """

    times: Int64s
    starts: Int64s
    items: Ints
    clicked: Int64s
    back: Ints
    repeats: bool = False

    @cached_property
    def sizes(self) -> Int64s:
        """The clicks of each row."""
        return self.starts[1:] - self.starts[:-1]

    @cached_property
    def rows(self) -> Int64s:
        """The row of each click."""
        return np.repeat(np.arange(len(self.times)), self.sizes)

    @cached_property
    def seen(self) -> Int64s:
        """Row and item of each click, packed, ascending: what is left out of the lists."""
        return np.sort(pack_pairs(self.rows, self.items)[: 0 if self.repeats else None])


@dataclass(frozen=True)
class ScoredLists:
    """Each row's ``items``, best first, and their ``scores`` (float32, higher is better)."""

    starts: Int64s
    items: Ints
    scores: NDArray[np.float32]

    @cached_property
    def sizes(self) -> Int64s:
        """The entries of each row."""
        return self.starts[1:] - self.starts[:-1]

    @cached_property
    def rows(self) -> Int64s:
        """The row of each entry."""
        return np.repeat(np.arange(len(self.starts) - 1), self.sizes)

    @cached_property
    def positions(self) -> Int64s:
        """The position of each entry in its list, 0 = best."""
        return np.arange(len(self.items)) - np.repeat(self.starts[:-1], self.sizes)

    def keep(self, mask: Bools) -> "ScoredLists":
        """The entries of ``mask`` alone."""
        kept = count_up(mask)
        return ScoredLists(kept[self.starts], self.items[mask], self.scores[mask])

    def head(self, top: int | Ints) -> "ScoredLists":
        """The first ``top`` of each list: one number for all rows, or one a row."""
        limit = top if isinstance(top, int) else np.repeat(top, self.sizes)
        return self.keep(self.positions < limit)


class Scorer(Protocol):
    """A fitted channel. What it lists of a query depends on that query's row alone (of factors, up to the rounding of a
    product), so that one request and the queries of a whole fold get the same.
    """

    def list_items(self, histories: Histories, top: int) -> ScoredLists:
        """At most ``top`` items of each row, best first, none twice, none that the query saw unless it may repeat."""


def gather_histories(
    seen: pl.DataFrame, queries: pl.DataFrame | None = None, *, repeats: bool = False
) -> tuple[NDArray[np.int32], Histories]:
    """The ids of the queries, ascending, and their clicks; without ``queries`` (query, time) those of ``seen``."""
    ordered = seen.select("query", "item", "time", "back").sort("query", "back", descending=[False, True])
    if queries is None:
        queries = ordered.group_by("query", maintain_order=True).agg(pl.col("time").max())
    chosen = queries.select("query", "time").sort("query")
    ids = chosen["query"].to_numpy()
    rows = lookup_rows(ids, ordered["query"].to_numpy())
    if (rows < 0).any():
        raise ValueError("gather_histories: there are clicks of a query that is not among the queries")
    starts = count_up(np.bincount(rows, minlength=len(ids)))
    items, clicked, back = (ordered[name].to_numpy() for name in ("item", "time", "back"))
    return ids, Histories(chosen["time"].to_numpy(), starts, items, clicked, back, repeats)


def lists_to_frame(ids: NDArray[np.int32], lists: ScoredLists) -> pl.DataFrame:
    """One row per (query, item) with its score, sorted by query, best first."""
    query = np.repeat(ids, lists.sizes)
    return pl.DataFrame({"query": query, "item": lists.items.astype(np.int32), "score": lists.scores})


def frame_to_lists(ids: NDArray[np.int32], listed: pl.DataFrame) -> ScoredLists:
    """The lists of some queries from a frame of ``lists_to_frame``; an empty one for an id that is not in it."""
    owner = listed["query"].to_numpy()
    low, high = np.searchsorted(owner, ids, "left"), np.searchsorted(owner, ids, "right")
    items, scores, starts = listed["item"].to_numpy(), listed["score"].to_numpy(), count_up(high - low)
    if starts[-1] < len(owner):
        entries, _ = expand_spans(low, high - low)
        items, scores = items[entries], scores[entries]
    return ScoredLists(starts, items, scores)


def keep_best(rows: Ints, items: Ints, scores: NDArray[Any], top: int | Ints, height: int) -> ScoredLists:
    """The ``top`` entries of each of ``height`` rows by falling score as float32, ties by item (both >= 0)."""
    short = scores.astype(np.float32)
    order = sort_best(rows, items, short)
    return ScoredLists(count_up(np.bincount(rows, minlength=height)), items[order], short[order]).head(top)


def drop_seen(lists: ScoredLists, histories: Histories) -> ScoredLists:
    """Leave out the items that a query has already seen, where no ``repeats`` are wanted."""
    return lists.keep(lookup_rows(histories.seen, pack_pairs(lists.rows, lists.items)) < 0)


def keep_unseen(
    entries: tuple[Ints, Ints, NDArray[Any]], ids: NDArray[np.int32], histories: Histories, top: int
) -> ScoredLists:
    """``keep_best`` of what a query has not seen; ``entries``: row, index in ``ids`` and score of each.

    As many more than ``top`` are kept first as the query has clicks, so that these can leave.
    """
    best = keep_best(*entries, top + histories.sizes, len(histories.times))
    return drop_seen(ScoredLists(best.starts, ids[best.items], best.scores), histories).head(top)


def pack_pairs(first: Ints, second: Ints) -> Int64s:
    """Pairs of numbers from 0 to 2^31 - 1 as one number each, in the order of the pairs.

    >>> [part.tolist() for part in unpack_pairs(pack_pairs(np.array([0, 1, 1]), np.array([9, 2, 3])))]
    [[0, 1, 1], [9, 2, 3]]
    """
    packed: Int64s = first.astype(np.int64) << 32 | second.astype(np.int64)
    return packed


def unpack_pairs(packed: Int64s) -> tuple[Int64s, NDArray[np.int32]]:
    """Both numbers of each pair."""
    return packed >> 32, packed.astype(np.int32)  # the lower half


def take_lists(lists: ScoredLists, chosen: Ints) -> ScoredLists:
    """Some of the lists, one a row of ``chosen``; -1 is an empty one."""
    low = np.where(chosen < 0, 0, lists.starts[chosen])
    lengths = np.where(chosen < 0, 0, lists.starts[chosen + 1] - low)
    entries, _ = expand_spans(low, lengths)
    return ScoredLists(count_up(lengths), lists.items[entries], lists.scores[entries])


def join_lists(parts: Sequence[ScoredLists]) -> ScoredLists:
    """The lists of all parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    sizes = np.concatenate([part.sizes for part in parts])
    items, scores = (np.concatenate([getattr(part, name) for part in parts]) for name in ("items", "scores"))
    return ScoredLists(count_up(sizes), items, scores)


def slice_histories(histories: Histories, first: int, last: int) -> Histories:
    """Some rows, one after the other."""
    if first == 0 and last == len(histories.times):
        return histories
    clicks = slice(histories.starts[first], histories.starts[last])
    starts = histories.starts[first : last + 1] - histories.starts[first]
    clicked, back = histories.clicked[clicks], histories.back[clicks]
    return Histories(histories.times[first:last], starts, histories.items[clicks], clicked, back, histories.repeats)


def work_side_by_side(work: Callable[[int, int], T], ranges: Sequence[tuple[int, int]], label: str = "") -> list[T]:
    """What ``work`` makes of each range, in their order; as many at a time as there are threads. ``label``: of a bar.

    numpy and scipy let other threads work during their loops. What a range gives must not depend on the others.
    """
    if len(ranges) == 1:
        return [work(*ranges[0])]  # a request must not wait for threads to start
    with ThreadPoolExecutor(count_threads()["openmp"]) as pool:
        done = pool.map(work, *zip(*ranges, strict=True))
        return list(track(done, label, len(ranges)) if label else done)


def cut_rows(height: int, size: int) -> list[tuple[int, int]]:
    """Ranges of ``size`` rows that cover so many; one, if an empty one, where there are none.

    >>> cut_rows(5, 2), cut_rows(0, 2)
    ([(0, 2), (2, 4), (4, 5)], [(0, 0)])
    """
    return [(first, min(first + size, height)) for first in range(0, max(height, 1), size)]


def count_up(sizes: NDArray[Any]) -> Int64s:
    """Where each of some lists of these sizes starts, and where the last one ends: (lists + 1,).

    >>> count_up(np.array([2, 0, 3])).tolist()
    [0, 2, 2, 5]
    """
    starts = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=starts[1:])
    return starts
