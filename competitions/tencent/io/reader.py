"""Read and check the host's raw files: either layout becomes the same arrays.

What a rule can settle (a profile that is missing, a list that is too long, events out of order) is counted in a
``Note``; what would leave a row without its meaning is a ``UserError`` with the file and the line or row.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from competitions.tencent.corpus import Candidates, Catalogue, Corpus, Note, RawFiles, Sequences, Users
from competitions.tencent.ids import Oids
from competitions.tencent.io.embeddings import list_embeddings, read_embedding
from competitions.tencent.io.folder import locate
from competitions.tencent.io.indexer import read_indexer
from competitions.tencent.io.items import lay_out_catalogue
from competitions.tencent.io.json_layout import read_competition
from competitions.tencent.io.parquet_layout import read_release
from competitions.tencent.io.raw_sequences import Histories
from competitions.tencent.io.schema import ITEM_FEATURES, USER_FEATURES

__all__ = ["RawFiles", "list_embeddings", "locate", "read_corpus", "read_embedding"]


def read_corpus(files: RawFiles) -> Corpus:
    """Read everything but the embeddings.

    ``train`` has the users with events by re-id; ``asked`` all users in the order of the predict file, or of ``seq``.
    """
    indexer = read_indexer(files.files["indexer"][0])
    parts = read_competition(files, indexer) if files.layout == "competition" else read_release(files, indexer)
    catalogue = lay_out_catalogue(parts.items, indexer, parts.candidates, parts.asked.unseen)
    asked = _give_rows(parts.asked, catalogue)
    train = asked if parts.train is parts.asked else parts.train.sequences
    users, asked_users = parts.train.users(indexer.user_sizes), parts.asked.users(indexer.user_sizes)
    rows = catalogue.rows_of(Oids(parts.candidates.oid))
    notes = (*parts.notes, *_note_unseen(files, parts.asked, catalogue), *_note_cold(files, catalogue, asked_users))
    return Corpus(catalogue, train, users, asked, asked_users, Candidates(rows), parts.actions, notes)


def _give_rows(histories: Histories, catalogue: Catalogue) -> Sequences:
    """The events with rows of the catalogue in the place of unseen items."""
    if not len(histories.unseen.oid):
        return histories.sequences
    item = histories.sequences.item.copy()
    unseen = item < 0
    item[unseen] = catalogue.rows_of(Oids(histories.unseen.oid)).values[-1 - item[unseen]]
    return replace(histories.sequences, item=item)


def _note_unseen(files: RawFiles, asked: Histories, catalogue: Catalogue) -> tuple[Note, ...]:
    item = asked.sequences.item
    count = int((item < 0).sum())
    if not count:
        return ()
    first = asked.unseen.oid[-1 - item[np.argmax(item < 0)]]
    what = "event of an item that the indexer lacks: kept by its original id"
    return (Note(files.files["asked_sequences"][0].name, what, count, f"item {first}"),)


def _note_cold(files: RawFiles, catalogue: Catalogue, users: Users) -> Iterator[Note]:
    """Values that the indexer lacks, by feature; users are those to be answered."""
    file, what = files.files["indexer"][0].name, "whose feature {} has a value that the indexer lacks: cold"
    for place, (name, size) in enumerate(zip(ITEM_FEATURES, catalogue.sizes, strict=True)):
        cold = catalogue.features[:, place] > size
        if cold.any():
            yield Note(file, f"item {what.format(name)}", int(cold.sum()), f"item {catalogue.oid[np.argmax(cold)]}")
    left = 0
    for (name, width), size in zip(USER_FEATURES.items(), users.sizes, strict=True):
        cold = np.asarray((users.features[:, left : left + width] > size).any(axis=1))
        left += width
        if cold.any():
            first = users.names[np.argmax(cold)].decode()
            yield Note(file, f"asked user {what.format(name)}", int(cold.sum()), f"user {first}")
