"""Read and check the host's raw files: either layout becomes raw tables, and those become the same arrays.

What a rule can settle (an item without features, a user without an event, events out of order) is counted in a
``Note``; what would leave a row without its meaning is a ``UserError`` with the file and the line or row.
"""

import numpy as np
import polars as pl

from common.engine.errors import UserError
from common.io.agreement import MOST, compare
from common.io.notes import Note
from competitions.tencent.corpus import CatalogueRows, Corpus, Int32s, Oids, RawFiles
from competitions.tencent.io import encoder, json_layout, parquet_layout
from competitions.tencent.io.embeddings import read_embedding
from competitions.tencent.io.encoder import RawCandidates, RawSequences, Source, encode
from competitions.tencent.io.folder import locate, note_unread
from competitions.tencent.io.indexer import Indexer, read_indexer

__all__ = ["RawFiles", "compare_files", "locate", "note_unread", "read_corpus", "read_embedding"]


UNSEEN_NOTE = "event of an item that is not in the indexer: kept with its original id"
# By layout: blocks of re-ids and their features as the host's numbers; all candidates; all users of a role.
READ_ITEMS = {"competition": json_layout.read_items, "release": parquet_layout.read_items}
READ_CANDIDATES = {"competition": json_layout.read_candidates, "release": parquet_layout.read_candidates}
READ_USERS = {"competition": json_layout.read_users, "release": parquet_layout.read_users}


def read_corpus(files: RawFiles) -> Corpus:
    """Read everything but the embeddings.

    ``train`` has the users with events by re-id; ``test`` all users in the order of the predict file, or of ``seq``.
    """
    indexer = read_indexer(files.files["indexer"][0])
    blocks = READ_ITEMS[files.layout](files, indexer)
    numbers, item_notes = encoder.fill_table(Source.of(files, "items"), blocks, indexer.known)
    items = encode(numbers, indexer.item_sizes)
    test_role = "test_sequences" if "test_sequences" in files.files else "sequences"
    raw = {role: _read_users(files, role, indexer) for role in dict.fromkeys(("sequences", test_role))}
    candidates = _read_candidates(files, indexer, items)
    catalogue = encoder.build_catalogue(items, indexer, candidates, raw[test_role])
    items_of_test = raw[test_role].item
    encoded = {role: encoder.encode_users(Source.of(files, role), raw[role], indexer, catalogue) for role in raw}
    users, train = encoder.select_training(*encoded["sequences"][:2], indexer)
    test_users, test, _ = encoded[test_role]
    actions, action_notes = json_layout.read_actions(files, test_users, indexer)
    return Corpus(
        catalogue=catalogue,
        train=train,
        users=users,
        test=test,
        test_users=test_users,
        candidates=CatalogueRows(np.sort(catalogue.rows_of(Oids(candidates.oid)))),
        actions=actions,
        notes=(
            *note_unread(files),
            *item_notes,
            *(note for role in raw for note in encoded[role][2]),
            *action_notes,
            *Source.of(files, test_role).note(UNSEEN_NOTE, items_of_test[items_of_test > indexer.known], "item"),
        ),
    )


def _read_users(files: RawFiles, role: str, indexer: Indexer) -> RawSequences:
    raw = READ_USERS[files.layout](files, role, indexer)
    if role == "sequences" and not len(raw.item):
        raise UserError(f"{Source.of(files, role).path} has no event; download it again")
    return raw


def _read_candidates(files: RawFiles, indexer: Indexer, items: Int32s) -> RawCandidates:
    """The candidates; where there are no predict files, any known item could be the target."""
    if files.has_queries:
        raw = READ_CANDIDATES[files.layout](files)
        return encoder.encode_candidates(Source.of(files, "candidates"), raw, indexer)
    return RawCandidates(indexer.oid[1:], items[1:])


def compare_files(corpus: Corpus) -> tuple[Note, ...]:
    """What disagrees between the times of the sequences to learn from and of the test's."""
    seconds = (pl.Series(each.time[:: max(len(each.time) // MOST, 1)]) for each in (corpus.train, corpus.test))
    old, new = ((each * 1_000).cast(pl.Datetime("ms")) for each in seconds)
    return tuple(compare("sequences of the test", "the others", {"timestamp": (old, new)}))
