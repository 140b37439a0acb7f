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
from competitions.tencent.io.parquet import EVENTS, LIST, STRUCT, Batch, is_list, list_columns, numbers, read_batches
from competitions.tencent.io.schema import ITEM_FEATURES, USER_FEATURES, USER_LISTS

EVENT = ("item_id", "action_type", "timestamp")
RETRIEVAL, REID = "retrieval_id", "reid_creative_id"
FLAGS = ("cold_start", "is_str")  # of candidates' features; the second in older files


def read_items(files: RawFiles, indexer: Indexer) -> Iterator[tuple[Int64s, Int32s]]:
    """Re-ids and features of item_feat/."""
    for batch in read_batches(files.files["items"], ("item_id", *ITEM_FEATURES)):
        features = [_values(batch, name)[0] for name in ITEM_FEATURES]
        yield batch.rids("item_id", indexer.known, "items"), np.stack(features, axis=1)


def _values(batch: Batch, name: str) -> tuple[Int32s, Int64s]:
    """The values of a feature end to end, and how many each row has."""
    column, lengths = batch.columns[name], np.ones(batch.rows, np.int64)
    if is_list(column.type):
        if name not in USER_LISTS:
            raise UserError(f"{batch.path}, feature {name}: lists where one value is expected; download it again")
        column, lengths = batch.flatten(name)
    values = numbers(batch.path, name, column)
    batch.refuse_any(values < 0, f"feature {name} is negative", lengths)
    return clip(values), lengths


def read_candidates(files: RawFiles) -> RawCandidates:
    """Read candidate/; the older files call the id ``creative_id``."""
    paths = files.files["candidates"]
    columns = list_columns(paths[0])
    oid_name = "item_id" if "item_id" in columns else "creative_id"
    names = (oid_name, *ITEM_FEATURES, *(name for name in (RETRIEVAL, REID) if name in columns))
    batches = read_batches(paths, names, dict.fromkeys(ITEM_FEATURES, STRUCT))
    parts = [_parse_candidates(batch, oid_name) for batch in batches]
    if not parts:
        raise UserError(f"{paths[0].parent} has no candidate; download it again")
    return join(parts)


def _parse_candidates(batch: Batch, oid_name: str) -> RawCandidates:
    columns = {name: batch.columns.get(name, pa.nulls(batch.rows)) for name in (oid_name, RETRIEVAL, REID)}
    oid, retrieval = (numbers(batch.path, name, columns[name], -1) for name in (oid_name, RETRIEVAL))
    rid = _to_whole(pl.Series(columns[REID])).fill_null(0)  # unseen candidates may have a text
    features = [_candidate_values(batch, name) for name in ITEM_FEATURES]
    return RawCandidates(oid, retrieval, np.maximum(rid.to_numpy(), 0), np.stack(features, axis=1))


def _candidate_values(batch: Batch, name: str) -> Int32s:
    """The values of a column of structs, of a flag and the value as text; plain numbers are taken as well."""
    column = batch.columns[name]
    if not pa.types.is_struct(column.type):
        return clip(numbers(batch.path, f"feature {name}", column))
    fields = pl.Series(column).struct.unnest()
    flags = [flag for flag in FLAGS if flag in fields.columns]
    if not flags or "feature_value" not in fields.columns:
        raise UserError(
            f"{batch.path}, feature {name}: {column.type} where a struct of cold_start and feature_value is "
            f"expected; download it again"
        )
    value = fields["feature_value"]
    number = _to_whole(value)
    filled = value.is_not_null() & value.cast(pl.String).ne("NaN").fill_null(True)
    cold = (_to_whole(fields[flags[0]]) == 1).fill_null(False)  # or a truth value
    wrong = (~cold & filled & (number.is_null() | (number < 0)).fill_null(True)).to_numpy()
    reason = f"feature {name}: {value[int(np.argmax(wrong))]!r} is not marked as cold and no number of the indexer"
    batch.refuse_any(wrong, reason)
    return clip(number.set(cold & filled, UNKNOWN).fill_null(0).to_numpy())


def _to_whole(values: pl.Series) -> pl.Series:
    """As Int64; null for a text that is no number, the NaN that pandas writes for null, and a fraction."""
    whole = values.cast(pl.Int64, strict=False)
    return whole.set(whole != values, None) if values.dtype.is_float() else whole


def read_users(files: RawFiles, role: str, indexer: Indexer) -> tuple[RawSequences, tuple[Note, ...]]:
    """Read seq/, with the features of user_feat/, and what was settled in the latter."""
    cut = []

    def read_profiles() -> Iterator[tuple[Int64s, Int32s]]:
        for batch in read_batches(
            files.files["users"], ("user_id", *USER_FEATURES), dict.fromkeys(USER_FEATURES, LIST)
        ):
            rids = batch.rids("user_id", indexer.users, "users")
            features, is_cut = pad_lists([_values(batch, name) for name in USER_FEATURES])
            cut.append(np.flatnonzero(is_cut) + batch.first + 1)
            yield rids, features

    features, rows = fill_table(read_profiles(), indexer.users, sum(WIDTHS))
    source = Source.of(files, "users")
    positions = np.concatenate([np.empty(0, np.int64), *cut])
    notes = (*source.note(CUT, positions), *source.note_repeats("a user who", rows))
    batches = read_batches(files.files[role], ("user_id", "seq"), {"seq": EVENTS})
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
    kind = batch.columns["seq"].type
    event = kind.value_type if is_list(kind) else kind
    if not pa.types.is_struct(event) or any(event.get_field_index(name) < 0 for name in EVENT):
        raise UserError(f"{batch.path}, column 'seq': {kind} where lists of {EVENT} are expected; download it again")
    events, lengths = batch.flatten("seq")
    fields = dict(zip([field.name for field in event], events.flatten(), strict=True))
    item, action, time = (numbers(batch.path, name, fields[name], -1) for name in EVENT)
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
        unseen_oid=np.empty(0, np.int64),
        new_oid=np.empty(0, np.int64),
        new_features=np.empty((0, len(ITEM_FEATURES)), np.int32),
    )
