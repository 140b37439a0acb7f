"""What of each user's sequence may be seen, and its last events as padded arrays: the shape in which models take it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from competitions.tencent.corpus import Bools, Int64s, Sequences


@dataclass(frozen=True)
class Histories:
    """One row per history: the events of ``users[i]`` (a place in ``sequences``) up to, without, event ``ends[i]``.

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
        starts: Int64s = self.sequences.offsets[self.users]
        return starts

    @property
    def lengths(self) -> Int64s:
        """The number of events of each."""
        lengths: Int64s = self.ends - self.starts
        return lengths

    def take(self, places: Int64s) -> "Histories":
        """These histories."""
        return Histories(self.sequences, self.users[places], self.ends[places])

    def events(self) -> Int64s:
        """The place of every event in the sequences, history after history."""
        lengths = self.lengths
        begins = np.cumsum(lengths) - lengths
        places: Int64s = np.arange(lengths.sum()) + np.repeat(self.starts - begins, lengths)
        return places


def whole(sequences: Sequences) -> Histories:
    """Everything that every user did."""
    return Histories(sequences, np.arange(len(sequences)), sequences.offsets[1:])


@dataclass(frozen=True)
class Padded:
    """The last events of histories, int64 [histories, length], oldest first, filled up with zeros at the end.

    ``there`` says which places hold an event. ``time`` is in seconds.
    """

    item: Int64s
    action: Int64s
    time: Int64s
    there: Bools
    users: Int64s


def pad(histories: Histories, length: int) -> Padded:
    """The last ``length`` events of each."""
    kept = np.minimum(histories.lengths, length)
    there = np.arange(max(1, int(kept.max(initial=1)))) < kept[:, None]
    places = (histories.ends - kept)[:, None] + np.arange(there.shape[1])
    sequences = histories.sequences

    def lay(column: npt.NDArray[np.signedinteger]) -> Int64s:
        laid = np.zeros(there.shape, np.int64)
        laid[there] = column[places[there]]
        return laid

    return Padded(lay(sequences.item), lay(sequences.action), lay(sequences.time), there, histories.users)


def blocks(count: int, size: int) -> Iterator[Int64s]:
    """Places 0..count-1 in blocks."""
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))


def list_seen(histories: Histories) -> tuple[Int64s, Int64s]:
    """Every event of every history as (history, row of the catalogue): what is not recommended again."""
    items = histories.sequences.item[histories.events()].astype(np.int64)
    return np.repeat(np.arange(len(histories)), histories.lengths), items
