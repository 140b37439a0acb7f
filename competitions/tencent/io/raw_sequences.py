"""Users with their events while they are being read: unseen items have no row yet, users stand in file order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.engine.errors import UserError
from competitions.tencent.corpus import Int8s, Int32s, Int64s, Note, Sequences, join_columns
from competitions.tencent.io.candidates import CandidateTable
from competitions.tencent.io.indexer import Indexer

GATHER_USERS = 1 << 16


@dataclass(frozen=True)
class Tally:
    """Something that a rule settled: how often, and where first, such as "line 7"."""

    count: int
    first: str


@dataclass(frozen=True)
class UnseenItems:
    """Items that the indexer lacks: ``oid`` int64 [items], ``features`` int32 [items, 13] as codes."""

    oid: Int64s
    features: Int32s


@dataclass(frozen=True)
class RawUsers:
    """Users in file order. ``positions``: the line or row of each; ``rids`` 0 where a name is unknown to the indexer.

    ``sequences.item`` is a re-id, or -1 - index into ``unseen``.
    """

    positions: Int64s
    rids: Int64s
    names: npt.NDArray[np.bytes_]
    features: Int32s
    sequences: Sequences
    unseen: UnseenItems
    tallies: dict[str, Tally]

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


def tally(positions: Int64s, word: str) -> Tally:
    """How many positions, the first of them as ``word`` and its number."""
    return Tally(len(positions), f"{word} {positions[0]}" if len(positions) else "")


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
    """The events of these users in this order; memory is bounded by the result and a block of users."""
    lengths = np.diff(sequences.offsets)[users]
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    columns = sequences.item, sequences.action, sequences.time
    item, action, time = (np.empty(offsets[-1], column.dtype) for column in columns)
    for begin in range(0, len(users), GATHER_USERS):
        end = min(begin + GATHER_USERS, len(users))
        shift = sequences.offsets[users[begin:end]] - offsets[begin:end]
        into = slice(offsets[begin], offsets[end])
        events = np.arange(offsets[begin], offsets[end]) + np.repeat(shift, lengths[begin:end])
        item[into], action[into], time[into] = (column[events] for column in columns)
    return Sequences(offsets, item, action, time)


def sort_events(item: Int32s, action: Int8s, time: Int64s, user: Int64s) -> tuple[Int32s, Int8s, Int64s, Int64s]:
    """Events of each user by time, equal times in file order, and the users for whom that changed the order.

    ``user``: the user of each event, ascending.
    """
    late = np.flatnonzero((time[1:] < time[:-1]) & (user[1:] == user[:-1]))
    if not len(late):
        return item, action, time, late
    order = np.lexsort((time, user))
    return item[order], action[order], time[order], np.unique(user[late])


def join_users(parts: Sequence[RawUsers]) -> RawUsers:
    """Parts of one file, in its order, as one."""
    sequences = [part.sequences for part in parts]
    known = np.cumsum([0, *(len(part.unseen.oid) for part in parts)])
    item = np.empty(sum(len(part.item) for part in sequences), np.int32)
    at = 0
    for part, shift in zip(sequences, known, strict=False):
        item[at : at + len(part.item)] = np.where(part.item < 0, part.item - shift, part.item)
        at += len(part.item)

    def joined(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    return RawUsers(
        positions=joined("positions"),
        rids=joined("rids"),
        names=joined("names"),
        features=joined("features"),
        sequences=Sequences(
            offsets=np.concatenate([[0], np.cumsum(np.concatenate([np.diff(part.offsets) for part in sequences]))]),
            item=item,
            action=np.concatenate([part.action for part in sequences]),
            time=np.concatenate([part.time for part in sequences]),
        ),
        unseen=join_columns([part.unseen for part in parts]),
        tallies=join_tallies([part.tallies for part in parts]),
    )


def join_tallies(parts: Iterable[dict[str, Tally]]) -> dict[str, Tally]:
    """Counts added up, the first occurrence of the first part that has one."""
    joined: dict[str, Tally] = {}
    for what, one in ((what, one) for part in parts for what, one in part.items() if one.count):
        before = joined.get(what)
        joined[what] = Tally(before.count + one.count, before.first) if before else one
    return joined


def list_notes(file: str, tallies: dict[str, Tally]) -> tuple[Note, ...]:
    """The tallies of a file as notes; what never happened is left out."""
    return tuple(Note(file, what, one.count, one.first) for what, one in tallies.items() if one.count)
