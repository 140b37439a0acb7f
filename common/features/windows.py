"""Events of a key, such as an item, in windows of time around given moments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import lookup_rows
from common.time_units import HOUR_MS

TIME_BITS = 41  # 2^41 ms are 69 years; 22 bits are left for keys: number those that may be greater


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

    def sort(self, keys: NDArray[Any], times: NDArray[np.int64]) -> NDArray[np.int64]:
        """The order in which neighbouring searches hit neighbouring memory: many are several times faster so.

        >>> count_events(np.array([7]), np.array([0])).sort(np.array([8, 7, 7]), np.array([0, 5, 1])).tolist()
        [2, 1, 0]
        """
        return np.argsort(_pack_event(keys, times - self.start))

    def _reach(self, keys: NDArray[Any], times: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many events come before those of a key that are later than a time."""
        return np.searchsorted(self.events, _pack_event(keys, times - self.start), "right")


def count_events(keys: NDArray[Any], times: NDArray[np.int64]) -> WindowCounts:
    """Counts of events, each with its key (from 0 on, under 2^22) and time in ms.

    >>> count_events(np.array([7, 7]), np.array([0, 1])).count(np.array([7]), np.array([1]), [(9, 9)]).tolist()
    [[2.0]]
    """
    start = int(times.min()) if len(times) else 0
    return WindowCounts(np.sort(_pack_event(keys, times - start)), start)


def _pack_event(keys: NDArray[Any], since: NDArray[np.int64]) -> NDArray[np.int64]:
    # A time before or after all that can be packed must not carry into the key: it is cut to the outermost values.
    inside = np.minimum(np.maximum(since, -1), 2**TIME_BITS - 2) + 1  # np.clip takes twice as long on a few rows
    packed: NDArray[np.int64] = (keys.astype(np.int64) << TIME_BITS) | inside
    return packed


def count_windows(
    rows: pl.DataFrame, log: pl.DataFrame, key: str, windows: Mapping[str, tuple[float, float]]
) -> pl.DataFrame:
    """One row per row of ``rows`` (key, time in ms), in order: a column a window, the events of the key in a ``log``
    (key, time in ms) within (time - before, time + after], in hours. ``after`` 0: the past and the very moment alone.

    >>> log = pl.DataFrame({"item": [7, 7, 8], "time": [0, 5 * HOUR_MS, 5 * HOUR_MS]})
    >>> count_windows(log, log, "item", {"last_day": (24, 0), "next_day": (0, 24)}).rows()
    [(1.0, 1.0), (2.0, 0.0), (1.0, 0.0)]
    """
    known, numbers = np.unique(log[key].to_numpy(), return_inverse=True)
    events = count_events(numbers, log["time"].to_numpy())
    counts = events.count(lookup_rows(known, rows[key].to_numpy()), rows["time"].to_numpy(), list(windows.values()))
    return pl.DataFrame(dict(zip(windows, counts, strict=True)))
