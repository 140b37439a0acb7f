"""The tables that reading makes of either layout, and that everything behind it takes: plain arrays, mapped from disk.

Nothing here holds an object per row. With E events, I items and U users: sequences take 13 bytes an event, the item
table 60 bytes an item, an embedding 2 bytes a dimension and item.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NewType

import numpy as np
import numpy.typing as npt

from common.arrays import lookup_rows
from common.io.notes import Note
from competitions.tencent.io.schema import ITEM_FEATURES

Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Halves = npt.NDArray[np.float16]
Bools = npt.NDArray[np.bool_]
Names = npt.NDArray[np.bytes_]  # of users, as the host gives them (``user_01343549``)
# The two numberings of ads, as types: mypy checks them where one is handed over to the other. The organiser's own
# numbers of creatives, about 20 billion; and the rows of ``Catalogue``, whose ``oid[rows]`` gives the former.
Oids = NewType("Oids", Int64s)
CatalogueRows = NewType("CatalogueRows", Int64s)


class Field(NamedTuple):
    """A feature of items: its name, the codes by row of the catalogue, the largest that the indexer has.

    What becomes of it: features/ (popularity by value, lifts, shares of the history), retrieval/sparse_history.py (the
    channels counts and values), and the item tower of the sequence channel.
    """

    name: str
    codes: Int32s
    size: int


@dataclass(frozen=True)
class Catalogue:
    """Every item that is named anywhere. Row 0 is padding; rows 1..known are the indexer's re-ids, in their order.

    Behind them stand the unseen items (candidates and items of predict sequences that the indexer lacks), by OID.
    ``oid`` int64 [rows], 0 for padding. ``features`` int32 [rows, 13] in the order of ``schema.ITEM_FEATURES``: 0 is
    missing, 1..size the indexer's values, size + 1 a value that the indexer lacks (cold). ``sizes``: the number of
    values of each feature in the indexer.
    """

    oid: Int64s
    features: Int32s
    known: int
    sizes: tuple[int, ...]

    @property
    def fields(self) -> list[Field]:
        """The features that have values."""
        columns = zip(ITEM_FEATURES, np.asarray(self.features).T, self.sizes, strict=True)
        return [Field(*column) for column in columns if column[2]]

    def rows_of(self, oids: Oids) -> CatalogueRows:
        """The rows of these original ids; 0 where an id is not in the catalogue."""
        return CatalogueRows(find_rows(oids, self.oid))


def find_rows(values: npt.NDArray[Any], among: npt.NDArray[Any]) -> Int64s:
    """The index of each value in ``among``, whose index 0 is padding; 0 where it is missing."""
    order = np.argsort(among, kind="stable")
    return order[lookup_rows(among[order], values, missing=0)]


def number_rows(rows: Int64s, size: int) -> Int32s:
    """The index of each row of a catalogue of this ``size`` among the ``rows``, -1 for none.

    >>> number_rows(np.array([1, 3]), size=5).tolist()
    [-1, 0, -1, 1, -1]
    """
    index = np.full(size, -1, np.int32)
    index[rows] = np.arange(len(rows))
    return index


@dataclass(frozen=True)
class Sequences:
    """What users did: events of user u stand at ``offsets[u]:offsets[u + 1]``, oldest first, equal times in file order.

    ``item`` int32 rows of the catalogue; ``action`` int8, -1 where the host gave null; ``time`` int64 seconds.
    """

    offsets: Int64s
    item: Int32s
    action: Int8s
    time: Int64s

    def __len__(self) -> int:
        """How many users."""
        return len(self.offsets) - 1


@dataclass(frozen=True)
class Corpus:
    """Everything that was read.

    ``train`` is what may be learned from, the sequences of ``users``; ``test`` those of ``test_users``, the queries of
    the submission, whose histories may hold unseen items. ``candidates``: what may be recommended, ascending. In the
    release layout both are the same sequences.
    ``actions``: of round 2, what each test user will do (int8 [test users]), None where the host does not say.
    """

    catalogue: Catalogue
    train: Sequences
    users: Names
    test: Sequences
    test_users: Names
    candidates: CatalogueRows
    actions: Int8s | None
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class RawFiles:
    """The host's files: ``layout`` is "competition" or "release"; paths by role; embeddings by name,
    such as ``emb_81_32``: the host's number and the width. ``unread``: what else lies in the folders that are read.
    """

    layout: str
    files: dict[str, tuple[Path, ...]]
    embeddings: dict[str, tuple[Path, ...]]
    unread: tuple[str, ...] = ()

    @property
    def has_queries(self) -> bool:
        """Whether there are predict files; the organiser's sample has none."""
        return "candidates" in self.files
