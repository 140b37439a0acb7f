"""Users with their events while they are being read: unseen items have no row yet, users stand in file order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.engine.errors import UserError
from competitions.tencent.corpus import Bools, Int8s, Int32s, Int64s, Note, Sequences, join_columns
from competitions.tencent.io.candidates import CandidateTable
from competitions.tencent.io.indexer import Indexer

NO_EVENT = "user without an event"
UNSORTED = "user with events out of time order: sorted"


@dataclass(frozen=True)
class UnseenItems:
    """Items that the indexer lacks: ``oid`` int64 [items], ``features`` int32 [items, 13] as codes."""

    oid: Int64s
    features: Int32s


@dataclass(frozen=True)
class RawUsers:
    """Users in file order. ``positions``: the line or row of each; ``rids`` 0 where a name is unknown to the indexer.

    ``sequences.item`` is a re-id, or -1 - index into ``unseen``. ``settled``: the ascending lines or rows in which a
    rule settled something, by what that was.
    """

    positions: Int64s
    rids: Int64s
    names: npt.NDArray[np.bytes_]
    features: Int32s
    sequences: Sequences
    unseen: UnseenItems
    settled: dict[str, Int64s]

    def take(self, users: Int64s) -> "RawUsers":
        """These users in this order."""
        if np.array_equal(users, np.arange(len(self.positions))):
            return self
        return replace(
            self,
            positions=self.positions[users],
            rids=self.rids[users],
            names=self.names[users],
            features=self.features[users],
            sequences=take_users(self.sequences, users),
        )


@dataclass(frozen=True)
class RawDataset:
    """What either layout yields, before items get their rows. ``items``: features of known items as codes
    [known + 1, 13]; ``actions`` of round 2 by test user, or None.
    """

    items: Int32s
    candidates: CandidateTable
    train: RawUsers
    test: RawUsers
    actions: Int8s | None
    notes: tuple[Note, ...]


def name_users(path: Path, users: RawUsers, indexer: Indexer, allow_unknown: bool, word: str = "line") -> RawUsers:
    """Give users their name by re-id, and their re-id by name.

    Refused: a user who occurs twice, and unless there may be ``allow_unknown``, one whom the indexer lacks.
    """
    rids = users.rids.copy()
    rids[rids == 0] = indexer.users_of(users.names[rids == 0])
    unknown = np.flatnonzero(rids == 0)
    if len(unknown) and not allow_unknown:
        name = users.names[unknown[0]].decode()
        raise UserError(
            f"{path}, {word} {users.positions[unknown[0]]}: user {name!r} is not in the indexer; take both files "
            f"from one download"
        )
    known = indexer.names[rids]
    names = known if not len(unknown) else np.where(rids > 0, known, users.names)
    _refuse_repeated(path, word, names, users.positions)
    return replace(users, rids=rids, names=names)


def _refuse_repeated(path: Path, word: str, names: npt.NDArray[np.bytes_], positions: Int64s) -> None:
    order = np.argsort(names, kind="stable")
    repeated = np.flatnonzero(names[order][1:] == names[order][:-1])
    if len(repeated):
        index = repeated[np.argmin(positions[order[repeated + 1]])]
        first, second = positions[order[index]], positions[order[index + 1]]
        raise UserError(
            f"{path}, {word} {second}: user {names[order[index]].decode()!r} stands there and in {word} {first}; "
            f"remove one of the two"
        )


def training_users(users: RawUsers) -> RawUsers:
    """The users with events, by re-id: those to train on."""
    kept = np.flatnonzero(np.diff(users.sequences.offsets))
    return users.take(kept[np.argsort(users.rids[kept], kind="stable")])


def take_users(sequences: Sequences, users: Int64s) -> Sequences:
    """The events of these users in this order."""
    lengths = np.diff(sequences.offsets)[users]
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    # An event moves as far as its user's first one does.
    events = np.arange(offsets[-1]) + np.repeat(sequences.offsets[users] - offsets[:-1], lengths)
    return Sequences(offsets, sequences.item[events], sequences.action[events], sequences.time[events])


def sort_events(item: Int32s, action: Int8s, time: Int64s, user: Int64s) -> tuple[Int32s, Int8s, Int64s, Int64s]:
    """Events of each user by time, equal times in file order, and the users for whom that changed the order.

    ``user``: the user of each event, ascending.

    >>> item, action = np.array([7, 8, 9], np.int32), np.array([0, 1, 0], np.int8)
    >>> sort_events(item, action, np.array([50, 20, 10]), np.array([0, 0, 1]))[0]
    array([8, 7, 9], dtype=int32)
    """
    late = np.flatnonzero((time[1:] < time[:-1]) & (user[1:] == user[:-1]))
    if not len(late):
        return item, action, time, late
    order = np.lexsort((time, user))
    return item[order], action[order], time[order], np.unique(user[late])


def build_users(
    positions: Int64s,
    named: tuple[Int64s, npt.NDArray[np.bytes_]],
    features: Int32s,
    lengths: Int64s,
    events: tuple[Int32s, Int8s, Int64s],
    unseen: UnseenItems,
) -> RawUsers:
    """Users of a part of a file, each one's events put into the order of time.

    ``named``: re-ids and names. ``events``: items, actions and times end to end, ``lengths`` of them a user.
    """
    item, action, time, changed = sort_events(*events, np.repeat(np.arange(len(lengths)), lengths))
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    settled = {NO_EVENT: positions[lengths == 0], UNSORTED: positions[changed]}
    return RawUsers(positions, *named, features, Sequences(offsets, item, action, time), unseen, settled)


def join_users(parts: Sequence[RawUsers]) -> RawUsers:
    """Parts of one file, in its order, as one."""
    sequences = [part.sequences for part in parts]
    # Each part counts its unseen items from 0; together they stand end to end.
    before = np.cumsum([0, *(len(part.unseen.oid) for part in parts)])
    item = [np.where(one.item < 0, one.item - shift, one.item) for one, shift in zip(sequences, before, strict=False)]
    offsets = np.concatenate([[0], np.cumsum(np.concatenate([np.diff(one.offsets) for one in sequences]))])

    def joined(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    return RawUsers(
        positions=joined("positions"),
        rids=joined("rids"),
        names=joined("names"),
        features=joined("features"),
        sequences=Sequences(
            offsets,
            np.concatenate(item, dtype=np.int32),
            np.concatenate([one.action for one in sequences]),
            np.concatenate([one.time for one in sequences]),
        ),
        unseen=join_columns([part.unseen for part in parts]),
        settled=join_settled([part.settled for part in parts]),
    )


def join_settled(parts: Sequence[dict[str, Int64s]]) -> dict[str, Int64s]:
    """What rules settled in the parts of a file."""
    return {what: np.concatenate([part[what] for part in parts]) for what in (parts[0] if parts else ())}


def list_notes(file: str, word: str, settled: dict[str, Int64s]) -> tuple[Note, ...]:
    """What rules settled in a file, counted, with the first position as ``word`` and number; nothing for never.

    >>> list_notes("seq.jsonl", "line", {"user without an event": np.array([4, 9]), "other": np.array([])})
    (Note(file='seq.jsonl', what='user without an event', count=2, first='line 4'),)
    """
    return tuple(Note(file, what, len(at), f"{word} {at[0]}") for what, at in settled.items() if len(at))


def note_repeats(file: str, what: str, rows: int, filled: Bools) -> tuple[Note, ...]:
    """A note of how many of the ``rows`` of a file replaced an earlier one; ``filled``: what has a row."""
    again = rows - int(filled.sum())
    return (Note(file, f"row of {what} had one before: the last counts", again),) if again else ()
