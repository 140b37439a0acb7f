"""Read the competition layout: JSON lines with byte offsets, one file of training users and one of test users."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from common.engine.errors import UserError
from competitions.tencent.corpus import Int8s, Int64s, Note, RawFiles, find_rows
from competitions.tencent.io.candidates import CandidateTable, read_candidate_lines
from competitions.tencent.io.events import read_users
from competitions.tencent.io.feature_encoding import LARGEST
from competitions.tencent.io.indexer import Indexer, Names, parse_id, read_offsets
from competitions.tencent.io.items import read_item_table
from competitions.tencent.io.jsonl import UNREADABLE
from competitions.tencent.io.raw_sequences import RawDataset, RawUsers, list_notes, name_users, training_users
from competitions.tencent.io.schema import CLICK, CONVERSION, EXPOSURE, NULL_ACTION

ACTIONS = (EXPOSURE, CLICK, CONVERSION)
ACTION: Any = Annotated[int, msgspec.Meta(ge=-LARGEST, le=LARGEST)]


def read_competition(files: RawFiles, indexer: Indexer) -> RawDataset:
    """Training users by re-id, those without events left out; test users in the order of the predict file, of
    ``seq.jsonl`` where there is none.
    """
    table, item_notes = read_item_table(files.files["items"][0], indexer)
    train, train_notes = _read_users(files, "", indexer)
    if not files.has_queries:  # any known item could be the target
        candidates = CandidateTable(indexer.oid[1:], np.arange(1, indexer.known + 1), table[1:])
        return RawDataset(table, candidates, training_users(train), train, None, (*item_notes, *train_notes))
    candidates = read_candidate_lines(files.files["candidates"][0], indexer)
    test, test_notes = _read_users(files, "test_", indexer)
    actions, action_notes = _read_actions(files, test, indexer)
    notes = (*item_notes, *train_notes, *test_notes, *action_notes)
    return RawDataset(table, candidates, training_users(train), test, actions, notes)


def read_asked(files: RawFiles, indexer: Indexer) -> tuple[Names, Int64s]:
    """The names of the test users and the original ids of the candidates, as ``read_competition`` has them."""
    users, _ = _read_users(files, "test_" if files.has_queries else "", indexer)
    if not files.has_queries:
        return users.names, indexer.oid[1:]
    return users.names, read_candidate_lines(files.files["candidates"][0], indexer).oid


def _read_users(files: RawFiles, prefix: str, indexer: Indexer) -> tuple[RawUsers, tuple[Note, ...]]:
    (path,), (offset_path,) = files.files[f"{prefix}sequences"], files.files[f"{prefix}offsets"]
    is_test = prefix != ""
    users = read_users(path, read_offsets(offset_path), offset_path, indexer, unseen=is_test)
    if not len(users.positions) or (not is_test and not users.sequences.offsets[-1]):
        raise UserError(f"{path} holds no event; download it again")
    return name_users(path, users, indexer, allow_unknown=is_test), list_notes(path.name, "line", users.settled)


def _read_actions(files: RawFiles, test: RawUsers, indexer: Indexer) -> tuple[Int8s | None, tuple[Note, ...]]:
    """The action of each test user by user_action_type.json, whose keys are names or re-ids; NULL_ACTION if none."""
    if "actions" not in files.files:
        return None, ()
    path = files.files["actions"][0]
    try:
        action_of: dict[str, int] = msgspec.json.decode(path.read_bytes(), type=dict[str, ACTION])
    except UNREADABLE as error:
        raise UserError(f"{path} is not a JSON object of user and action: {error}; download it again") from error
    values = np.fromiter(action_of.values(), np.int64, len(action_of))
    wrong = ~np.isin(values, ACTIONS)
    if wrong.any():
        user = list(action_of)[np.argmax(wrong)]
        raise UserError(f"{path}, user {user!r}: action {action_of[user]} is not one of {ACTIONS}; download it again")
    actions = np.full(len(test.names), NULL_ACTION, np.int8)
    actions[_find_users(path, list(action_of), test, indexer)] = values
    missing = {"test user without an action": test.positions[actions == NULL_ACTION]}
    return actions, list_notes(path.name, "line", missing)


def _find_users(path: Path, users: list[str], test: RawUsers, indexer: Indexer) -> Int64s:
    """The index of each of these users, names or re-ids, among the test users."""
    rids = np.array([parse_id(user) for user in users], np.int64)
    rids[rids > indexer.users] = 0
    # Behind an empty name, which gives an array of no users its type.
    names = np.array([b"", *(user.encode("ascii", "replace") for user in users)])[1:]
    names = np.where(rids > 0, indexer.names[rids], names)
    rows = find_rows(names, test.names)
    unknown = np.flatnonzero(test.names[rows] != names)
    if len(unknown):
        raise UserError(
            f"{path}: user {users[unknown[0]]!r} is not in the predict file; take both files from one download"
        )
    return rows
