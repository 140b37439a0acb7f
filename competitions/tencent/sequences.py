"""Histories: what of each user's sequence may be seen; and their last events as padded arrays, as models take them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.arrays import expand_spans
from competitions.tencent.corpus import Bools, Int64s, Sequences
from competitions.tencent.io.schema import CLICK


@dataclass(frozen=True)
class Histories:
    """One row per history: the events of ``users[i]`` (an index into ``sequences``) up to, without, event ``ends[i]``.

    A history is a prefix of the sequence, so that nothing behind ``ends`` can be reached through it.
    """

    sequences: Sequences
    users: Int64s
    ends: Int64s

    def __len__(self) -> int:
        """How many histories."""
        return len(self.users)

    @property
    def starts(self) -> Int64s:
        """The first event of each."""
        return np.asarray(self.sequences.offsets[self.users])

    @property
    def lengths(self) -> Int64s:
        """The number of events of each."""
        return np.asarray(self.ends - self.starts)

    def take(self, rows: Int64s) -> "Histories":
        """These histories."""
        return Histories(self.sequences, self.users[rows], self.ends[rows])

    def events(self) -> Int64s:
        """The index of every event in the sequences, history after history."""
        return expand_events(self)[0]


def expand_events(histories: Histories) -> tuple[Int64s, Int64s]:
    """See ``Histories.events``; and the history that each is of."""
    return expand_spans(histories.starts, histories.lengths)


def whole(sequences: Sequences) -> Histories:
    """Everything that every user did."""
    return Histories(sequences, np.arange(len(sequences)), sequences.offsets[1:])


def last_times(histories: Histories) -> Int64s:
    """The second of the last event of each, int64 [histories]; of one without any the middle one of the others."""
    filled, times = histories.lengths > 0, np.zeros(len(histories), np.int64)
    times[filled] = histories.sequences.time[histories.ends[filled] - 1]
    if filled.any():
        times[~filled] = int(np.median(times[filled]))
    return times


@dataclass(frozen=True)
class Padded:
    """The last events of histories, int64 [histories, length], oldest first, filled up with zeros at the end.

    ``mask`` is true where there is an event. ``time`` is in seconds.
    """

    item: Int64s
    action: Int64s
    time: Int64s
    mask: Bools

    @property
    def clicked(self) -> Bools:
        """Where there is a click, or more."""
        return np.asarray(self.mask & (self.action >= CLICK))


def pad(histories: Histories, length: int) -> Padded:
    """The last ``length`` events of each."""
    kept = np.minimum(histories.lengths, length)
    mask = np.arange(max(1, int(kept.max(initial=1)))) < kept[:, None]
    events = (histories.ends - kept)[:, None] + np.arange(mask.shape[1])
    sequences = histories.sequences

    def pad_column(column: npt.NDArray[np.signedinteger]) -> Int64s:
        padded = np.zeros(mask.shape, np.int64)
        padded[mask] = column[events[mask]]
        return padded

    item, action, time = (pad_column(column) for column in (sequences.item, sequences.action, sequences.time))
    return Padded(item, action, time, mask)


def blocks(count: int, size: int) -> Iterator[Int64s]:
    """Indices 0..count-1 in blocks."""
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))
