"""Read the competition layout: JSON lines with byte offsets, one file to learn from and one to answer."""

from pathlib import Path

import msgspec
import numpy as np

from common.errors import UserError
from competitions.tencent.corpus import Int8s, Note, RawFiles
from competitions.tencent.io.candidates import read_candidate_lines
from competitions.tencent.io.events import read_histories
from competitions.tencent.io.indexer import Indexer, read_offsets
from competitions.tencent.io.items import read_item_table
from competitions.tencent.io.raw_dataset import Parts
from competitions.tencent.io.raw_sequences import Histories, learn_from, name_users, notes_of
from competitions.tencent.io.schema import CLICK, CONVERSION, EXPOSURE, NULL_ACTION

ACTIONS = (EXPOSURE, CLICK, CONVERSION)


def read_competition(files: RawFiles, indexer: Indexer) -> Parts:
    """Users to learn from by re-id, those without events left out; asked users in the order of the predict file."""
    (items,), (candidates,) = files.files["items"], files.files["candidates"]
    table, notes = read_item_table(items, indexer)
    found = read_candidate_lines(candidates, indexer)
    train = _read_users(files, "", indexer)
    asked = _read_users(files, "asked_", indexer)
    actions, more = _read_actions(files, asked, indexer)
    learned = (*notes_of(files.files["sequences"][0].name, train.tallies),)
    told = (*notes_of(files.files["asked_sequences"][0].name, asked.tallies),)
    return Parts(table, found, learn_from(train), asked, actions, (*notes, *learned, *told, *more))


def _read_users(files: RawFiles, side: str, indexer: Indexer) -> Histories:
    (path,), (offset_path,) = files.files[f"{side}sequences"], files.files[f"{side}offsets"]
    asked = side != ""
    histories = read_histories(path, read_offsets(offset_path), offset_path, indexer, unseen=asked)
    if not len(histories.places) or (not asked and not histories.sequences.offsets[-1]):
        raise UserError(f"{path} holds no event; download it again")
    return name_users(path, histories, indexer, strangers=asked)


def _read_actions(files: RawFiles, asked: Histories, indexer: Indexer) -> tuple[Int8s | None, tuple[Note, ...]]:
    """The action of each asked user by user_action_type.json, whose keys are names or re-ids; NULL_ACTION if none."""
    if "actions" not in files.files:
        return None, ()
    path = files.files["actions"][0]
    try:
        told: dict[str, int] = msgspec.json.decode(path.read_bytes(), type=dict[str, int])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a JSON object of user and action: {error}; download it again") from error
    values = np.fromiter(told.values(), np.int64, len(told))
    wrong = ~np.isin(values, ACTIONS)
    if wrong.any():
        user = list(told)[np.argmax(wrong)]
        raise UserError(f"{path}, user {user!r}: action {told[user]} is not one of {ACTIONS}; download it again")
    places = _asked_places(path, list(told), asked, indexer)
    actions = np.full(len(asked.names), NULL_ACTION, np.int8)
    actions[places] = values
    without = np.flatnonzero(actions == NULL_ACTION)
    if not len(without):
        return actions, ()
    return actions, (Note(path.name, "asked user without an action", len(without), f"line {asked.places[without[0]]}"),)


def _asked_places(
    path: Path, users: list[str], asked: Histories, indexer: Indexer
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    rids = [int(user) if user.isascii() and user.isdigit() and len(user) < 19 else 0 for user in users]
    numbers = np.array(rids, np.int64)
    names = np.where(
        (numbers > 0) & (numbers <= indexer.users),
        indexer.names[np.minimum(numbers, indexer.users)],
        np.array([b"", *(user.encode("ascii", "replace") for user in users)])[1:],
    )
    order = np.argsort(asked.names, kind="stable")
    found = order[np.minimum(np.searchsorted(asked.names, names, sorter=order), len(order) - 1)]
    unknown = np.flatnonzero(asked.names[found] != names)
    if len(unknown):
        raise UserError(
            f"{path}: user {users[unknown[0]]!r} is not in the predict file; take both files from one download"
        )
    return found
