"""Building blocks of features: guarded joins, comparisons within a query, exact counts in time windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

HOUR_MS = 3_600_000
TIME_BITS = 41  # 2^41 ms are 69 years


def attach(left: pl.DataFrame, right: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
    """Left join that can only add columns: a duplicate key on the right, or a shared column, is refused."""
    keys = list(on)
    if right.select(pl.struct(keys).is_duplicated().any()).item():
        raise ValueError(f"attach: the right frame has a duplicate key in {keys}")
    shared = (set(left.columns) & set(right.columns)) - set(keys)
    if shared:
        raise ValueError(f"attach: both frames have {sorted(shared)}")
    return left.join(right, on=keys, how="left", maintain_order="left")


def share_within(column: str, group: str = "query") -> pl.Expr:
    """A non-negative column divided by its largest value within the group: 1 = the best; null counts as 0.

    A share survives what moves every value of a query alike, such as a busier hour or a thinner log.
    """
    filled = pl.col(column).fill_null(0.0)
    return (filled / filled.max().over(group).clip(lower_bound=1e-9)).cast(pl.Float32).alias(f"{column}_share")


def rank_within(column: str, group: str = "query") -> pl.Expr:
    """The average rank of a column within the group, 1 = the largest; null counts as 0."""
    filled = pl.col(column).fill_null(0.0)
    return filled.rank("average", descending=True).over(group).cast(pl.Float32).alias(f"{column}_rank")


def lookup_rows(keys: NDArray[Any], values: NDArray[Any], missing: int = -1) -> NDArray[np.int64]:
    """The row of each value in ``keys`` (ascending, distinct); ``missing`` for a value that is not there."""
    if not len(keys):
        return np.full(len(values), missing)
    rows = np.searchsorted(keys, values).clip(max=len(keys) - 1)
    return np.where(keys[rows] == values, rows, missing)


def expand_spans(low: NDArray[Any], lengths: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each number from ``low[i]`` on, ``lengths[i]`` of them, for every i in turn; and the i of each."""
    shift = low - (np.cumsum(lengths) - lengths)
    return np.arange(lengths.sum()) + np.repeat(shift, lengths), np.repeat(np.arange(len(low)), lengths)


@dataclass(frozen=True)
class WindowCounts:
    """How many events a key had in any window of time, by binary search in one sorted array (8 bytes an event).

    ``events`` (ascending): key and time since ``start`` (ms), packed; made by ``count_events``.
    """

    events: NDArray[np.int64]
    start: int

    def between(
        self, keys: NDArray[Any], times: NDArray[np.int64], before_hours: float, after_hours: float
    ) -> NDArray[np.float32]:
        """Events of ``keys[i]`` in (times[i] - before, times[i] + after]; negative ``before`` starts later."""
        first, last = self.find(keys, times, int(before_hours * HOUR_MS), int(after_hours * HOUR_MS))
        return (last - first).astype(np.float32)

    def find(
        self, keys: NDArray[Any], times: NDArray[np.int64], before_ms: int, after_ms: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the events of such a window begin and end in ``events``."""
        first, last = (_pack_event(keys, times + shift - self.start) for shift in (-before_ms, after_ms))
        return np.searchsorted(self.events, first, "right"), np.searchsorted(self.events, last, "right")


def count_events(
    keys: NDArray[Any], times: NDArray[np.int64]
) -> tuple[WindowCounts, NDArray[np.int64]]:
    """Counts of one event per position, with its key (>= 0) and time in ms; and the positions in the counts' order."""
    start = int(times.min()) if len(times) else 0
    packed = _pack_event(keys, times - start)
    order = np.argsort(packed, kind="stable")
    return WindowCounts(packed[order], start), order


def _pack_event(keys: NDArray[Any], since: NDArray[np.int64]) -> NDArray[np.int64]:
    inside = np.clip(since, -1, 2**TIME_BITS - 2) + 1
    return (keys.astype(np.int64) << TIME_BITS) | inside
