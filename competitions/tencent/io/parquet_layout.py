"""Read the release layout: parquet folders, one set of sequences of users who are both training and test users."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from common.engine.errors import UserError
from competitions.tencent.corpus import Bools, Int8s, Int32s, Int64s, Note, RawFiles
from competitions.tencent.io import raw_sequences
from competitions.tencent.io.candidates import read_candidate_tables
from competitions.tencent.io.events import CUT, MAX_SECONDS, NO_PROFILE
from competitions.tencent.io.feature_encoding import USER_COLUMNS, encode_numbers, pad_lists
from competitions.tencent.io.indexer import Indexer, Names
from competitions.tencent.io.items import note_items
from competitions.tencent.io.parquet import EVENTS, LIST, Batch, numbers, read_batches
from competitions.tencent.io.raw_sequences import RawDataset, RawUsers, UnseenItems, list_notes
from competitions.tencent.io.schema import CONVERSION, ITEM_FEATURES, NULL_ACTION, USER_FEATURES, USER_LISTS

EVENT = ("item_id", "action_type", "timestamp")
NO_UNSEEN = UnseenItems(np.empty(0, np.int64), np.empty((0, len(ITEM_FEATURES)), np.int32))


def read_release(files: RawFiles, indexer: Indexer) -> RawDataset:
    """Training users by re-id, those without events left out; test users in the order of ``seq``."""
    items, notes = _read_items(files.files["items"], indexer)
    profiles, has_profile, profile_notes = _read_profiles(files.files["users"], indexer)
    users = _read_users(files.files["sequences"], indexer, profiles, has_profile)
    test = raw_sequences.name_users(files.files["sequences"][0].parent, users, indexer, allow_unknown=False, word="row")
    user_notes = list_notes(files.files["sequences"][0].parent.name, "row", test.settled)
    candidates = read_candidate_tables(files.files["candidates"], indexer)
    return RawDataset(
        items, candidates, raw_sequences.training_users(test), test, None, (*notes, *profile_notes, *user_notes)
    )


def read_asked(files: RawFiles, indexer: Indexer) -> tuple[Names, Int64s]:
    """The names of the test users and the original ids of the candidates, as ``read_release`` has them."""
    batches = read_batches(files.files["sequences"], ("user_id",))
    rids = [_rids(batch, "user_id", indexer.users, "users") for batch in batches]
    names = indexer.names[np.concatenate([np.empty(0, np.int64), *rids])]
    return names, read_candidate_tables(files.files["candidates"], indexer).oid


def _read_items(paths: tuple[Path, ...], indexer: Indexer) -> tuple[Int32s, tuple[Note, ...]]:
    table = np.zeros((indexer.known + 1, len(ITEM_FEATURES)), np.int32)
    filled = np.zeros(indexer.known + 1, np.bool_)
    rows = 0
    for batch in read_batches(paths, ("item_id", *ITEM_FEATURES)):
        rids = _rids(batch, "item_id", indexer.known, "items")
        for feature, name in enumerate(ITEM_FEATURES):
            values = numbers(batch.path, name, batch.columns[name])
            batch.refuse_any(values < 0, f"feature {name} is negative")
            table[rids, feature] = encode_numbers(values, indexer.item_sizes[feature])
        filled[rids] = True
        rows += len(rids)
    return table, note_items(paths[0].parent.name, filled, rows)


def _rids(batch: Batch, name: str, known: int, what: str) -> Int64s:
    rids = batch.whole(name)
    wrong = (rids < 1) | (rids > known)
    batch.refuse_any(
        wrong, f"{name} {rids[np.argmax(wrong)] if len(rids) else 0} is not one of the indexer's {known} {what}"
    )
    return rids


def _read_profiles(paths: tuple[Path, ...], indexer: Indexer) -> tuple[Int32s, Bools, tuple[Note, ...]]:
    """User features as codes [users + 1, 17] by re-id, which re-ids have some, and what was cut."""
    table = np.zeros((indexer.users + 1, USER_COLUMNS), np.int32)
    filled = np.zeros(indexer.users + 1, np.bool_)
    settled, rows = [], 0
    for batch in read_batches(paths, ("user_id", *USER_FEATURES), dict.fromkeys(USER_FEATURES, LIST)):
        rids = _rids(batch, "user_id", indexer.users, "users")
        columns = [_codes(batch, name, size) for name, size in zip(USER_FEATURES, indexer.user_sizes, strict=True)]
        table[rids], cut = pad_lists(columns)
        filled[rids] = True
        rows += len(rids)
        settled.append({CUT: cut + batch.first + 1})
    file = paths[0].parent.name
    notes = (
        list_notes(file, "row", raw_sequences.join_settled(settled)),
        raw_sequences.note_repeats(file, "a user who", rows, filled),
    )
    return table, filled, sum(notes, ())


def _codes(batch: Batch, name: str, size: int) -> tuple[Int32s, Int64s]:
    """The codes of a user feature end to end, and how many each row has."""
    column = batch.columns[name]
    lengths = np.ones(len(column), np.int64)
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        if name not in USER_LISTS:
            raise UserError(f"{batch.path}, feature {name}: lists where one value is expected; download it again")
        lengths = numbers(batch.path, name, pc.list_value_length(column))
        column = column.flatten()
    values = numbers(batch.path, name, column)
    if len(values) and values.min() < 0:
        row = np.searchsorted(np.cumsum(lengths), np.argmax(values < 0), side="right")
        batch.refuse(int(row), f"feature {name} is negative")
    return encode_numbers(values, size), lengths


def _read_users(paths: tuple[Path, ...], indexer: Indexer, profiles: Int32s, has_profile: Bools) -> RawUsers:
    """The users of all files, whose rows are counted through."""
    parts: list[RawUsers] = []
    rows = 1
    for batch in read_batches(paths, ("user_id", "seq"), {"seq": EVENTS}):
        rids = _rids(batch, "user_id", indexer.users, "users")
        positions, named = rows + np.arange(len(rids)), (rids, np.zeros(len(rids), "S1"))
        part = raw_sequences.build_users(positions, named, profiles[rids], *_events(batch, indexer.known), NO_UNSEEN)
        parts.append(replace(part, settled={NO_PROFILE: positions[~has_profile[rids]]} | part.settled))
        rows += len(rids)
    if not any(len(part.sequences.item) for part in parts):
        raise UserError(f"{paths[0].parent} holds no event; download it again")
    return raw_sequences.join_users(parts)


def _events(batch: Batch, known: int) -> tuple[Int64s, tuple[Int32s, Int8s, Int64s]]:
    """How many events each row has, and their items, actions and times end to end; checked."""
    column = batch.columns["seq"]
    kind = column.type.value_type if pa.types.is_list(column.type) or pa.types.is_large_list(column.type) else None
    if kind is None or not pa.types.is_struct(kind) or any(kind.get_field_index(name) < 0 for name in EVENT):
        raise UserError(
            f"{batch.path}, column 'seq': {column.type} where lists of {EVENT} are expected; download it again"
        )
    lengths = numbers(batch.path, "seq", pc.list_value_length(column))
    events = column.flatten()
    fields = dict(zip([field.name for field in kind], events.flatten(), strict=True))
    item, time = (numbers(batch.path, name, fields[name], -1) for name in ("item_id", "timestamp"))
    action = numbers(batch.path, "action_type", fields["action_type"], NULL_ACTION)
    for wrong, reason in (
        ((item < 1) | (item > known), f"an item that is not one of the indexer's {known}"),
        ((time < 0) | (time > MAX_SECONDS), "an event without a time, or with one that is no time in seconds"),
        ((action < NULL_ACTION) | (action > CONVERSION), "an action that is not 0, 1, 2 or null"),
    ):
        if wrong.any():  # the row that holds the event: the first whose lists end behind it
            batch.refuse(int(np.searchsorted(np.cumsum(lengths), np.argmax(wrong), side="right")), reason)
    return lengths, (item.astype(np.int32), action.astype(np.int8), time)
