"""Read and check the host's raw files: either layout becomes the same arrays.

What a rule can settle (a profile that is missing, a list that is too long, events out of order) is counted in a
``Note``; what would leave a row without its meaning is a ``UserError`` with the file and the line or row.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from competitions.tencent.corpus import Candidates, Catalogue, Corpus, Note, RawFiles, Sequences, Users
from competitions.tencent.ids import Oids
from competitions.tencent.io import json_layout, parquet_layout
from competitions.tencent.io.embeddings import read_embedding
from competitions.tencent.io.folder import locate, note_unread
from competitions.tencent.io.indexer import Names, read_indexer
from competitions.tencent.io.items import build_catalogue
from competitions.tencent.io.raw_sequences import RawUsers
from competitions.tencent.io.schema import ITEM_FEATURES, USER_FEATURES
from competitions.tencent.sequences import usual_times, whole

__all__ = ["RawFiles", "locate", "note_unread", "read_asked", "read_corpus", "read_embedding"]


def read_corpus(files: RawFiles) -> Corpus:
    """Read everything but the embeddings.

    ``train`` has the users with events by re-id; ``test`` all users in the order of the predict file, or of ``seq``.
    """
    indexer = read_indexer(files.files["indexer"][0])
    is_json = files.layout == "competition"
    parts = (json_layout.read_competition if is_json else parquet_layout.read_release)(files, indexer)
    catalogue = build_catalogue(parts.items, indexer, parts.candidates, parts.test.unseen)
    test = _to_rows(parts.test, catalogue)
    train = test if parts.train is parts.test else parts.train.sequences
    users, test_users = (Users(part.names, part.features, indexer.user_sizes) for part in (parts.train, parts.test))
    return Corpus(
        catalogue=catalogue,
        train=train,
        users=users,
        test=test,
        test_users=test_users,
        candidates=Candidates(catalogue.rows_of(Oids(parts.candidates.oid))),
        actions=parts.actions,
        notes=(
            *note_unread(files),
            *parts.notes,
            *_note_odd_times(files, train, users),
            *_note_unseen(files, parts.test),
            *_note_cold(files, catalogue, test_users),
        ),
    )


def read_asked(files: RawFiles) -> tuple[Names, Oids]:
    """What a submission is of: the names of the test users, in order, and the candidates; no history is read."""
    indexer = read_indexer(files.files["indexer"][0])
    layout = json_layout if files.layout == "competition" else parquet_layout
    names, candidates = layout.read_asked(files, indexer)
    return names, Oids(candidates)


def _to_rows(users: RawUsers, catalogue: Catalogue) -> Sequences:
    """The events with rows of the catalogue for unseen items."""
    if not len(users.unseen.oid):
        return users.sequences
    item = users.sequences.item.copy()
    unseen = item < 0
    item[unseen] = catalogue.rows_of(Oids(users.unseen.oid)).values[-1 - item[unseen]]
    return replace(users.sequences, item=item)


def _note_odd_times(files: RawFiles, train: Sequences, users: Users) -> Iterator[Note]:
    """Events dated far apart from all others: they stay in the order, and no moment is taken from them."""
    histories = whole(train)
    first, last = usual_times(histories)
    ends = histories.ends[histories.lengths > 0] - 1
    owners, starts = np.flatnonzero(histories.lengths), histories.starts[histories.lengths > 0]
    odd = owners[(train.time[starts] < first) | (train.time[ends] > last)]
    if len(odd):
        time = train.time[histories.take(odd).events()]
        count = int(((time < first) | (time > last)).sum())
        what = f"event dated before {first} or behind {last}, where all others lie: kept, the log's end stays {last}"
        yield Note(files.files["sequences"][0].name, what, count, f"user {users.names[odd[0]].decode()}")


def _note_unseen(files: RawFiles, test: RawUsers) -> Iterator[Note]:
    unseen = test.sequences.item[test.sequences.item < 0]
    if len(unseen):
        what = "event of an item that the indexer lacks: kept by its original id"
        first = f"item {test.unseen.oid[-1 - unseen[0]]}"
        yield Note(files.files["test_sequences"][0].name, what, len(unseen), first)


def _note_cold(files: RawFiles, catalogue: Catalogue, users: Users) -> Iterator[Note]:
    """Values that the indexer lacks, by feature; users are the test users."""
    first = np.cumsum(list(USER_FEATURES.values()))[:-1]
    by_user_feature = zip(USER_FEATURES, np.split(users.features, first, axis=1), users.sizes, strict=True)
    by_item_feature = zip(ITEM_FEATURES, catalogue.features.T[:, :, None], catalogue.sizes, strict=True)
    for owner, word, ids, features in (
        ("item", "item", catalogue.oid, by_item_feature),
        ("test user", "user", users.names, by_user_feature),
    ):
        for name, values, size in features:
            rows = np.flatnonzero((values > size).any(axis=1))
            if len(rows):
                what = f"{owner} whose feature {name} has a value that the indexer lacks: cold"
                one = ids[rows[0]]
                shown = one.decode() if isinstance(one, bytes) else one
                yield Note(files.files["indexer"][0].name, what, len(rows), f"{word} {shown}")
