"""Read the release layout as raw tables: parquet folders, one of sequences of users who train and are the queries."""

from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa

from common.arrays import join
from common.engine.errors import UserError
from common.io.notes import Note
from competitions.tencent.corpus import Int32s, Int64s, RawFiles
from competitions.tencent.io import schema
from competitions.tencent.io.encoder import CUT, RawCandidates, RawSequences, Source, fill_table
from competitions.tencent.io.feature_encoding import UNKNOWN, WIDTHS, clip, pad_lists
from competitions.tencent.io.indexer import Indexer
from competitions.tencent.io.parquet import Batch, read_batches, to_numpy
from competitions.tencent.io.schema import ITEM_FEATURES, USER_FEATURES, USER_LISTS

EVENT = ("item_id", "action_type", "timestamp")
EVENTS = pa.list_(pa.struct([(name, pa.int64()) for name in EVENT]))
# A feature of a candidate: whether it is cold, its value. Older files call the flag is_str, and the id creative_id.
CELL, OLDER_CELL = (
    pa.struct([(flag, pa.int64()), ("feature_value", pa.string())]) for flag in ("cold_start", "is_str")
)
OLDER = {"item_id": "creative_id"}


def read_items(files: RawFiles, indexer: Indexer) -> Iterator[tuple[Int64s, Int32s]]:
    """Re-ids and features of item_feat/."""
    for batch in read_batches(files.files["items"], ("item_id", *ITEM_FEATURES)):
        features = [_values(batch, name)[0] for name in ITEM_FEATURES]
        yield batch.rids("item_id", indexer.known, "items"), np.stack(features, axis=1)


def _values(batch: Batch, name: str) -> tuple[Int32s, Int64s]:
    """The values of a feature end to end, and how many each row has."""
    if name in USER_LISTS:
        elements, lengths = batch.lists(name)
        values = to_numpy(elements)
    else:
        values, lengths = batch.numbers(name), np.ones(batch.rows, np.int64)
    batch.refuse_any(values < 0, f"feature {name} is negative", lengths)
    return clip(values), lengths


def read_candidates(files: RawFiles) -> RawCandidates:
    """Read candidate/."""
    paths = files.files["candidates"]
    batches = read_batches(paths, ("item_id", *ITEM_FEATURES), older=OLDER)
    parts = [
        RawCandidates(
            oid=batch.numbers("item_id", -1),
            features=np.stack([_candidate_values(batch, name) for name in ITEM_FEATURES], axis=1),
        )
        for batch in batches
    ]
    if not parts:
        raise UserError(f"{paths[0].parent} has no candidate; download it again")
    return join(parts)


def _candidate_values(batch: Batch, name: str) -> Int32s:
    """The values of a column of structs: numbers of the indexer as texts, or cold texts that the indexer lacks."""
    older = "is_str" in str(batch.table.column(name).type)
    fields = pl.Series(batch.column(name, OLDER_CELL if older else CELL)).struct.unnest()
    value, cold = fields["feature_value"], (fields.to_series(0) == 1).fill_null(False)
    number = value.cast(pl.Int64, strict=False)
    wrong = (~cold & value.is_not_null() & (number.is_null() | (number < 0)).fill_null(True)).to_numpy()
    reason = f"feature {name}: {value[int(np.argmax(wrong))]!r} is not marked as cold and no number of the indexer"
    batch.refuse_any(wrong, reason)
    return clip(number.set(cold & value.is_not_null(), UNKNOWN).fill_null(0).to_numpy())


def read_users(files: RawFiles, role: str, indexer: Indexer) -> tuple[RawSequences, tuple[Note, ...]]:
    """Read seq/, with the features of user_feat/, and what was settled in the latter."""
    cut = []

    def read_profiles() -> Iterator[tuple[Int64s, Int32s]]:
        for batch in read_batches(files.files["users"], ("user_id", *USER_FEATURES)):
            rids = batch.rids("user_id", indexer.users, "users")
            features, is_cut = pad_lists([_values(batch, name) for name in USER_FEATURES])
            cut.append(np.flatnonzero(is_cut) + batch.first + 1)
            yield rids, features

    features, rows = fill_table(read_profiles(), indexer.users, sum(WIDTHS))
    source = Source.of(files, "users")
    positions = np.concatenate([np.empty(0, np.int64), *cut])
    notes = (*source.note(CUT, positions), *source.note_repeats("a user who", rows))
    batches = read_batches(files.files[role], ("user_id", "seq"))
    parts = [_parse_users(batch, indexer, features, rows) for batch in batches]
    if not parts:
        raise UserError(f"{files.files[role][0].parent} has no event; download it again")
    return join(parts), notes


def read_rids(files: RawFiles, indexer: Indexer) -> Int64s:
    """The re-ids of the users of seq/, without reading their events."""
    batches = read_batches(files.files["sequences"], ("user_id",))
    return np.concatenate([[0], *(batch.rids("user_id", indexer.users, "users") for batch in batches)])[1:]


def _parse_users(batch: Batch, indexer: Indexer, features: Int32s, profiles: Int64s) -> RawSequences:
    rids = batch.rids("user_id", indexer.users, "users")
    events, lengths = batch.lists("seq", EVENTS)
    item, action, time = (to_numpy(column, -1) for column in events.flatten())
    for wrong, reason in (
        ((item < 1) | (item > indexer.known), f"an item that is not one of the indexer's {indexer.known}"),
        ((time < 0) | (time > schema.MAX_SECONDS), "an event without a time, or with one that is no time in seconds"),
        ((action < schema.NULL_ACTION) | (action > schema.CONVERSION), "an action that is not 0, 1, 2 or null"),
    ):
        batch.refuse_any(wrong, reason, lengths)
    return RawSequences(
        rid=rids,
        name=np.zeros(len(rids), "S1"),
        features=features[rids],
        is_cut=np.zeros(len(rids), np.bool_),  # that is said of user_feat/
        profiles=np.minimum(profiles[rids], 1),  # those that come again are said of user_feat/
        lengths=lengths,
        item=item.astype(np.int32),
        action=action.astype(np.int8),
        time=time,
        new_oid=np.empty(0, np.int64),
        new_features=np.empty((0, len(ITEM_FEATURES)), np.int32),
    )
