"""Histories: what of each user's sequence may be seen; and their last events as padded arrays, as models take them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.time_units import DAY_S
from competitions.tencent.corpus import Bools, Int64s, Sequences

ODD_SHARE, ODD_USERS = 0.001, 3  # of the users, and at least so many, whose dates may lie apart from all others
FEWEST = 20  # users, of whom one can stand apart from the rest


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
        lengths = self.lengths
        begins = np.cumsum(lengths) - lengths
        return np.asarray(np.arange(lengths.sum()) + np.repeat(self.starts - begins, lengths))


def whole(sequences: Sequences) -> Histories:
    """Everything that every user did."""
    return Histories(sequences, np.arange(len(sequences)), sequences.offsets[1:])


def usual_times(histories: Histories) -> tuple[int, int]:
    """The seconds of the first and the last event, without those that a few users have far apart from all others.

    One event that is dated years ahead else moves every cut that is made behind the last event. ``(0, -1)``
    where there is no event.
    """
    filled = histories.lengths > 0
    if not filled.any():
        return 0, -1
    time = histories.sequences.time
    first, last = time[histories.starts[filled]], time[histories.ends[filled] - 1]
    return -_usual_end(-first), _usual_end(last)


def _usual_end(times: Int64s) -> int:
    """The largest time that is not apart: behind a silence longer than a day and than the distance of the quartiles,
    with at most ``ODD_SHARE`` of the users behind it.
    """
    users = len(times)
    if users < FEWEST:
        return int(times.max())
    low, high, tail = users // 4, 3 * users // 4, users - 1 - max(int(users * ODD_SHARE), ODD_USERS)
    parted = np.partition(times, [low, high, tail])
    last = np.sort(parted[tail:])
    silence = np.diff(last) > max(int(parted[high] - parted[low]), DAY_S)
    return int(last[silence.argmax()] if silence.any() else last[-1])


@dataclass(frozen=True)
class Padded:
    """The last events of histories, int64 [histories, length], oldest first, filled up with zeros at the end.

    ``mask`` is true where there is an event. ``time`` is in seconds.
    """

    item: Int64s
    action: Int64s
    time: Int64s
    mask: Bools
    users: Int64s


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
    return Padded(item, action, time, mask, histories.users)


def blocks(count: int, size: int) -> Iterator[Int64s]:
    """Indices 0..count-1 in blocks."""
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))
