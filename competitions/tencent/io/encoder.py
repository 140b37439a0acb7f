"""Raw tables, as either layout gives them, and their encoder: the catalogue, users with their events, candidates.

Feature values become codes: 0 is missing, 1..size the indexer's values, size + 1 any value that the indexer lacks. The
host numbers the values that it knows and writes out the others as texts; a number beyond the indexer's is as unknown as
a text. Raw tables hold its numbers, 0 for none and ``UNKNOWN`` for a text.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from common.engine.errors import UserError
from common.io.notes import Note
from common.io.submission import refuse_unwritable
from competitions.tencent.corpus import (
    Bools,
    Catalogue,
    Int8s,
    Int32s,
    Int64s,
    Names,
    Oids,
    RawFiles,
    Sequences,
    find_rows,
)
from competitions.tencent.io.indexer import Indexer
from competitions.tencent.io.schema import ITEM_FEATURES
from competitions.tencent.sequences import whole

UNKNOWN = int(np.iinfo(np.int32).max)
NO_EVENT = "user without an event"
UNSORTED = "user with events out of time order: sorted"


@dataclass(frozen=True)
class RawSequences:
    """One entry a line or row of the files, in their order; events of all users end to end, ``lengths`` of them each.

    ``rid`` is 0 where the file gives a ``name``; where a line is empty both are missing. ``item`` is a re-id, or beyond
    those of the indexer an original id. ``new_oid`` has each of the latter at least once, in the order of the file,
    with its ``new_features``. All are arrays, so that parts of a file join end to end. Features of users are not read:
    nothing asks for them.
    """

    rid: Int64s
    name: Names
    lengths: Int64s
    item: npt.NDArray[np.signedinteger]
    action: Int8s
    time: Int64s
    new_oid: Int64s
    new_features: Int32s


@dataclass(frozen=True)
class RawCandidates:
    """Candidates in file order, ``features`` int32 [candidates, 13] as the host's numbers."""

    oid: Int64s
    features: Int32s


@dataclass(frozen=True)
class Source:
    """What notes and refusals name: a file and its lines, or a folder, whose files' rows are counted through."""

    path: Path
    word: str
    is_test: bool = False  # whether items and users may occur that the indexer lacks

    @classmethod
    def of(cls, files: RawFiles, role: str) -> "Source":
        """The files of a role."""
        path = files.files[role][0]
        return cls(path, "line", role == "test_sequences") if files.layout == "competition" else cls(path.parent, "row")

    def refuse(self, wrong: Bools, reason: str, values: npt.NDArray[Any], positions: Int64s | None = None) -> None:
        """Stop at the first entry that is wrong; ``{}`` in the reason is its value."""
        if wrong.any():
            index = int(np.argmax(wrong))
            position = index + 1 if positions is None else positions[index]
            raise UserError(f"{self.path}, {self.word} {position}: {reason.format(_to_text(values[index]))}")

    def note(self, what: str, positions: npt.NDArray[Any], word: str = "") -> tuple[Note, ...]:
        """What a rule settled at these lines, or at these ids of which ``word`` says the kind, counted; nothing for
        never.

        >>> Source(Path("seq.jsonl"), "line").note("user without an event", np.array([4, 9]))
        (Note(file='seq.jsonl', what='user without an event', rows=2, done='line 4'),)
        """
        first = f"{word or self.word} {_to_text(positions[0])}" if len(positions) else ""
        return (Note(self.path.name, what, len(positions), first),) if first else ()


def _to_text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def encode(numbers: Int32s, sizes: Sequence[int] | Int64s) -> Int32s:
    """Codes of the host's numbers [rows, columns], of ``sizes`` by column.

    >>> encode(np.array([[0, 2], [3, UNKNOWN]], np.int32), (3, 1))
    array([[0, 2],
           [3, 2]], dtype=int32)
    """
    return np.minimum(numbers, np.array(sizes, np.int32) + 1)


def clip(numbers: Int64s) -> Int32s:
    """Numbers of values in 32 bits: no feature has so many values."""
    return np.minimum(numbers, UNKNOWN).astype(np.int32)


def fill_table(source: Source, blocks: Iterable[tuple[Int64s, Int32s]], known: int) -> tuple[Int32s, tuple[Note, ...]]:
    """Blocks of the re-ids of items and their features as one table [known + 1, 13]; notes of items that come again, or
    not at all.
    """
    table, rows = np.zeros((known + 1, len(ITEM_FEATURES)), np.int32), np.zeros(known + 1, np.int64)
    for rids, block in blocks:
        table[rids] = block
        np.add.at(rows, rids, 1)
    missing, again = np.flatnonzero(rows[1:] == 0) + 1, int(np.maximum(rows - 1, 0).sum())
    repeats = Note(source.path.name, "row of an item that had one before", again, "the last is used")
    return table, (*source.note("item without features", missing, "item"), *[repeats] * (again > 0))


def encode_candidates(source: Source, raw: RawCandidates, indexer: Indexer) -> RawCandidates:
    """The candidates with features as codes; refused: original ids that repeat, and no candidate."""
    if not len(raw.oid):
        raise UserError(f"{source.path} has no candidate; download it again")
    repeated = ~pl.Series(raw.oid).is_first_distinct().to_numpy()
    source.refuse(raw.oid < 1, "{} is not an original id of a candidate; download the file again", raw.oid)
    source.refuse(repeated, "candidate {} is repeated; download the file again", raw.oid)
    return RawCandidates(raw.oid, encode(raw.features, indexer.item_sizes))


def build_catalogue(items: Int32s, indexer: Indexer, candidates: RawCandidates, test: RawSequences) -> Catalogue:
    """Known items in the order of their re-ids, unseen ones of the candidates and of test users in that of their OID.

    ``items``: features as codes [known + 1, 13]. An unseen item's are the candidate file's, else those of its first
    event.
    """
    unseen, others = (find_rows(oids, indexer.oid) == 0 for oids in (candidates.oid, test.new_oid))
    oid, first = np.unique(np.concatenate([candidates.oid[unseen], test.new_oid[others]]), return_index=True)
    new = encode(test.new_features[others], indexer.item_sizes)
    features = np.concatenate([candidates.features[unseen], new])[first]
    oid, features = np.concatenate([indexer.oid, oid]), np.concatenate([items, features])
    return Catalogue(oid, features, indexer.known, indexer.item_sizes)


def encode_users(
    source: Source, raw: RawSequences, indexer: Indexer, catalogue: Catalogue
) -> tuple[Names, Sequences, tuple[Note, ...]]:
    """Users by name in the order of the file, their events as rows of the catalogue by time, and what rules settled."""
    kept = np.flatnonzero((raw.rid > 0) | (raw.name != b""))  # an empty line is no user
    names = name_users(source, raw, kept, indexer)
    item, unseen = raw.item.astype(np.int32, copy=False), raw.item > indexer.known
    item[unseen] = catalogue.rows_of(Oids(raw.item[unseen].astype(np.int64)))
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(raw.lengths)])
    sequences, late = sort_events(Sequences(offsets, item, raw.action, raw.time))
    notes = (*source.note(NO_EVENT, np.flatnonzero(raw.lengths == 0) + 1), *source.note(UNSORTED, late + 1))
    # What is left out has no events, so that the others' stay where they are.
    return names, replace(sequences, offsets=np.append(offsets[kept], offsets[-1])), notes


def name_users(source: Source, raw: RawSequences, kept: Int64s, indexer: Indexer) -> Names:
    """The names of the ``kept`` entries, also of users by re-id.

    Refused: a user who occurs twice, and one to train on whom the indexer lacks.
    """
    rids, names, positions = raw.rid[kept], raw.name[kept], kept + 1
    by_name = rids == 0
    if by_name.any():  # in the release nobody is: the look-up sorts all names
        rids[by_name] = find_rows(names[by_name], indexer.names)
    if not source.is_test:
        reason = "user {!r} is not in the indexer; take both files from one download"
        source.refuse(rids == 0, reason, names, positions)
    names = np.where(rids > 0, indexer.names[rids], names)
    order = np.argsort(names, kind="stable")
    repeated = np.flatnonzero(names[order][1:] == names[order][:-1])
    if len(repeated):
        index = repeated[np.argmin(order[repeated + 1])]
        first, second = positions[order[index : index + 2]]
        raise UserError(
            f"{source.path}, {source.word} {second}: user {names[order[index]].decode()!r} is there and in "
            f"{source.word} {first}; remove one of the two"
        )
    if source.is_test:
        refuse_unwritable(pl.Series(names.astype(str)), str(source.path))
    return names


def select_training(users: Names, sequences: Sequences, indexer: Indexer) -> tuple[Names, Sequences]:
    """The users with events, by re-id: those to train on."""
    kept = np.flatnonzero(np.diff(sequences.offsets))
    order = kept[np.argsort(find_rows(users[kept], indexer.names), kind="stable")]
    if np.array_equal(order, np.arange(len(users))):
        return users, sequences
    histories = whole(sequences).take(order)
    events = histories.events()
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(histories.lengths)])
    return users[order], Sequences(offsets, sequences.item[events], sequences.action[events], sequences.time[events])


def sort_events(sequences: Sequences) -> tuple[Sequences, Int64s]:
    """Events of each user by time, equal times in file order, and the users for whom that changed the order.

    >>> item, action = np.array([7, 8, 9], np.int32), np.array([0, 1, 0], np.int8)
    >>> ordered, late = sort_events(Sequences(np.array([0, 2, 3]), item, action, np.array([50, 20, 10])))
    >>> ordered.item.tolist(), late.tolist()
    ([8, 7, 9], [0])
    """
    earlier = np.flatnonzero(np.diff(sequences.time) < 0)  # than the event behind it
    owner, next_owner = (np.searchsorted(sequences.offsets, at, side="right") - 1 for at in (earlier, earlier + 1))
    late = np.unique(owner[owner == next_owner])
    if not len(late):
        return sequences, late
    # Few users are out of order: the events of the others stay where they are.
    histories = whole(sequences).take(late)
    events = histories.events()
    order = np.arange(len(sequences.time))
    order[events] = events[np.lexsort((sequences.time[events], np.repeat(late, histories.lengths)))]
    item, action, time = sequences.item[order], sequences.action[order], sequences.time[order]
    return Sequences(sequences.offsets, item, action, time), late
