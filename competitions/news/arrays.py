"""What features and retrieval make of arrays: comparisons within a query, look-ups, exact counts in time windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.time_units import HOUR_MS
from competitions.news.sort_keys import pack_scores

TIME_BITS = 41  # 2^41 ms are 69 years


@dataclass(frozen=True)
class Groups:
    """Rows by query: ``order`` brings those of one together, ``number`` (rows,) is each one's query, from 0 on, then.

    ``starts`` (queries,) is where each query begins in that order.
    """

    order: NDArray[np.int64] | slice
    number: NDArray[np.int64]
    starts: NDArray[np.int64]


def group_rows(keys: NDArray[Any]) -> Groups:
    """Rows with the same key, such as a query, together.

    >>> groups = group_rows(np.array([5, 3, 5]))
    >>> groups.order.tolist(), groups.number.tolist(), groups.starts.tolist()
    ([1, 0, 2], [0, 1, 1], [0, 1])
    """
    ascending = bool((keys[1:] >= keys[:-1]).all())
    order = slice(None) if ascending else np.argsort(keys, kind="stable")
    first = _begins_run(keys[order])
    return Groups(order, np.cumsum(first) - 1, np.flatnonzero(first))


def _begins_run(ordered: NDArray[Any]) -> NDArray[np.bool_]:
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return first


def _fill(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isnan(values), np.float32(0), values)  # numpy's own nan_to_num looks for infinities as well


def share_within(values: NDArray[np.float32], groups: Groups) -> NDArray[np.float32]:
    """Non-negative values (columns, rows) divided by the largest of their column in the group: 1 = best; NaN is 0.

    A share survives what moves every value of a query alike, such as a busier hour or a thinner log.

    >>> share_within(np.array([[4, 1, 2, np.nan]], np.float32), group_rows(np.array([1, 1, 2, 2]))).tolist()
    [[1.0, 0.25, 1.0, 0.0]]
    """
    filled = _fill(values[:, groups.order])
    if filled.shape[1]:
        sizes = np.diff(groups.starts, append=filled.shape[1])
        largest = np.maximum(np.maximum.reduceat(filled, groups.starts, axis=1), np.float32(1e-9))
        filled /= np.repeat(largest, sizes, axis=1)
    shares = np.empty_like(filled)
    shares[:, groups.order] = filled
    return shares


def rank_within(values: NDArray[np.float32], groups: Groups) -> NDArray[np.float32]:
    """The average rank of each value (rows,) within its group, 1 = the largest; NaN counts as 0.

    >>> rank_within(np.array([4, 1, 4, 2], np.float32), group_rows(np.array([1, 1, 1, 2]))).tolist()
    [1.5, 3.0, 1.5, 1.0]
    """
    code = pack_scores(groups.number, _fill(values[groups.order]))
    turn = np.argsort(code)
    first = _begins_run(code[turn])
    runs = np.flatnonzero(first)  # of equal values
    lengths = np.diff(runs, append=len(code))
    middle = runs + (lengths + 1) / 2
    grouped, ranks = np.empty(len(code), np.float32), np.empty(len(code), np.float32)
    grouped[turn] = np.repeat(middle, lengths)
    grouped -= groups.starts[groups.number]
    ranks[groups.order] = grouped
    return ranks


def lookup_rows(keys: NDArray[Any], values: NDArray[Any], missing: int = -1) -> NDArray[np.int64]:
    """The row of each value in ``keys`` (ascending, distinct); ``missing`` for a value that is not there.

    >>> lookup_rows(np.array([10, 20, 30]), np.array([30, 11, 10])).tolist()
    [2, -1, 0]
    """
    if not len(keys):
        return np.full(len(values), missing)
    rows = np.minimum(np.searchsorted(keys, values), len(keys) - 1)
    return np.where(keys[rows] == values, rows, missing)


def take_known(values: NDArray[Any], rows: NDArray[np.int64], missing: float = np.nan) -> NDArray[Any]:
    """``values[rows]``; ``missing`` where the row is -1, as ``lookup_rows`` says it.

    >>> take_known(np.array([5, 6]), np.array([1, -1, 0]), missing=0).tolist()
    [6, 0, 5]
    """
    if not len(values):
        return np.full(len(rows), missing)
    return np.where(rows < 0, missing, values[rows])


def expand_spans(low: NDArray[Any], lengths: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each number from ``low[i]`` on, ``lengths[i]`` of them, for every i in turn; and the i of each.

    >>> numbers, owner = expand_spans(np.array([7, 3, 0]), np.array([2, 0, 3]))
    >>> numbers.tolist(), owner.tolist()
    ([7, 8, 0, 1, 2], [0, 0, 2, 2, 2])
    """
    shift = low - (np.cumsum(lengths) - lengths)
    return np.arange(lengths.sum()) + np.repeat(shift, lengths), np.repeat(np.arange(len(low)), lengths)


def mean_by_row(rows: NDArray[np.int64], values: NDArray[np.float64], height: int) -> NDArray[np.float64]:
    """The mean of the values of each of ``height`` rows, NaN left out; NaN where there is none.

    >>> mean_by_row(np.array([0, 0, 2, 0]), np.array([1.0, 2.0, 5.0, np.nan]), 3).tolist()
    [1.5, nan, 5.0]
    """
    known = ~np.isnan(values)
    count = np.bincount(rows[known], minlength=height)
    total = np.bincount(rows[known], values[known], height)
    means: NDArray[np.float64] = np.divide(total, count, out=np.full(height, np.nan), where=count > 0)
    return means


def normalise_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows scaled to length 1, as contiguous float32; a row of zeros stays zero.

    >>> normalise_rows(np.array([[3, 4], [0, 0]], np.float32)).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    return np.ascontiguousarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)


@dataclass(frozen=True)
class WindowCounts:
    """How many events a key had in any window of time, by binary search in one sorted array (8 bytes an event).

    ``events`` (ascending): key and time since ``start`` (ms), packed; made by ``count_events``.
    """

    events: NDArray[np.int64]
    start: int

    def count(
        self, keys: NDArray[Any], times: NDArray[np.int64], windows: Sequence[tuple[float, float]]
    ) -> NDArray[np.float32]:
        """Events of ``keys[i]`` in (times[i] - before, times[i] + after] hours, for each window: (windows, keys).

        A negative ``before`` starts later. An edge of several windows is sought once.

        >>> counts = count_events(np.array([7, 7, 8]), np.array([0, 5, 5]) * HOUR_MS)
        >>> counts.count(np.array([7, 8]), np.array([5, 5]) * HOUR_MS, [(5, 0), (6, 0)]).tolist()  # open at its start
        [[1.0, 1.0], [2.0, 1.0]]
        """
        edges = {edge for before, after in windows for edge in (-before, after)}
        reached = {edge: self._reach(keys, times + int(edge * HOUR_MS)) for edge in edges}
        return np.array([reached[after] - reached[-before] for before, after in windows], np.float32)

    def _reach(self, keys: NDArray[Any], times: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many events come before those of a key that are later than a time."""
        return np.searchsorted(self.events, _pack_event(keys, times - self.start), "right")


def count_events(keys: NDArray[Any], times: NDArray[np.int64]) -> WindowCounts:
    """Counts of events, each with its key (>= 0) and time in ms."""
    start = int(times.min()) if len(times) else 0
    return WindowCounts(np.sort(_pack_event(keys, times - start)), start)


def _pack_event(keys: NDArray[Any], since: NDArray[np.int64]) -> NDArray[np.int64]:
    # A time before or after all that can be packed must not carry into the key: it is cut to the outermost values.
    inside = np.minimum(np.maximum(since, -1), 2**TIME_BITS - 2) + 1  # np.clip takes twice as long on a few rows
    packed: NDArray[np.int64] = (keys.astype(np.int64) << TIME_BITS) | inside
    return packed
