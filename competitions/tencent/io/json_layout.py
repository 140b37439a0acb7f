"""Read the competition layout as raw tables: JSON, a file of training users and one of test users.

A line of those is a list of rows ``[user, item | null, user features | null, item features | null, action | null,
seconds]``, an event each but for the profile row, which has no item, may stand anywhere and is not read. Items are
re-ids; in predict files a number beyond the indexer is an original id.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Annotated, Any

import msgspec
import numpy as np
import polars as pl

from common.engine.errors import UserError
from common.io.notes import Note
from competitions.tencent.corpus import Int8s, Int32s, Int64s, Names, RawFiles, find_rows
from competitions.tencent.io.encoder import UNKNOWN, RawCandidates, RawSequences, Source, clip
from competitions.tencent.io.indexer import NAME_BYTES, Indexer, parse_id
from competitions.tencent.io.jsonl import UNREADABLE, LineError, decode_lines, join_parts, read_lines, refuse_any
from competitions.tencent.io.schema import CONVERSION, EXPOSURE, ITEM_FEATURES, MAX_SECONDS, NULL_ACTION

LARGEST = 1 << 62  # id or value of a feature that is taken
VALUE: Any = Annotated[int, msgspec.Meta(ge=0, le=LARGEST)] | str | None
ACTION: Any = Annotated[int, msgspec.Meta(ge=EXPOSURE, le=CONVERSION)]

# A JSON object of features; further keys are skipped without being looked at.
ItemFeatures: Any = msgspec.defstruct(
    "ItemFeatures", [(f"f{key}", VALUE, msgspec.field(name=key, default=None)) for key in ITEM_FEATURES], gc=False
)
ITEMS: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(dict[str, msgspec.Raw])
ITEM: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(ItemFeatures)
EMPTY = "{} is empty (0 bytes)"
BLOCK = 1 << 16  # items whose features are held as objects


class _Candidate(msgspec.Struct, gc=False):
    creative_id: Annotated[int, msgspec.Meta(ge=1, le=LARGEST)]
    features: ItemFeatures | None = None


CANDIDATE: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(_Candidate)


USER: Any = (
    Annotated[int, msgspec.Meta(ge=1, le=LARGEST)] | Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_BYTES)]
)
ROW: Any = tuple[
    USER,
    Annotated[int, msgspec.Meta(ge=1, le=LARGEST)] | None,
    msgspec.Raw,  # the user's features, which nothing reads
    msgspec.Raw,  # looked at only where the item is unseen
    ACTION | None,
    Annotated[int, msgspec.Meta(ge=0, le=MAX_SECONDS)] | None,
]
LINE: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(list[ROW])
EVENT_ITEM: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(ItemFeatures | None)


def item_numbers(items: Iterable[Any]) -> Int32s:
    """The values of ``ItemFeatures``, [items, 13]."""
    values = chain.from_iterable(map(msgspec.structs.astuple, items))
    numbers = [0 if x is None else x if type(x) is int else UNKNOWN for x in values]
    return clip(np.array(numbers, np.int64)).reshape(-1, len(ITEM_FEATURES))


def read_items(files: RawFiles, indexer: Indexer) -> Iterator[tuple[Int64s, Int32s]]:
    """Re-ids and features of item_feat_dict.json, ``{"re-id": {"feature": value}}``, in blocks."""
    path = files.files["items"][0]
    try:
        items = ITEMS.decode(path.read_bytes())
    except UNREADABLE as error:
        raise UserError(f"{path} is not a JSON object of items: {error}; download it again") from error
    keys = list(items)
    for start in range(0, len(keys), BLOCK):
        block, features = keys[start : start + BLOCK], []
        rids = np.array(list(map(parse_id, block)), np.int64)
        wrong = (rids < 1) | (rids > indexer.known)
        if wrong.any():
            key = block[np.argmax(wrong)]
            shown = f"item {key}" if key == "0" or parse_id(key) else f"the key {key[:40]!r}"
            raise UserError(
                f"{path}: {shown} is not one of the indexer's 1..{indexer.known}; take both files from one download"
            )
        for key in block:
            try:
                features.append(ITEM.decode(items[key]))
            except UNREADABLE as error:
                raise UserError(f"{path}, item {key}: {error}; correct the item or download the file again") from error
        yield rids, item_numbers(features)


def read_candidates(files: RawFiles) -> RawCandidates:
    """Read predict_set.jsonl."""
    no_features = ItemFeatures()

    def parse(text: bytes) -> RawCandidates:
        lines = decode_lines(text, CANDIDATE)
        features = item_numbers([line.features or no_features for line in lines])
        return RawCandidates(np.array([line.creative_id for line in lines], np.int64), features)

    path = files.files["candidates"][0]
    return join_parts(read_lines(path, parse), EMPTY.format(path))


def read_users(files: RawFiles, role: str, indexer: Indexer) -> RawSequences:
    """Read seq.jsonl or predict_seq.jsonl."""
    path, parse = files.files[role][0], partial(_parse_users, indexer=indexer, unseen=role == "test_sequences")
    return join_parts(read_lines(path, parse), EMPTY.format(path))


def _parse_users(text: bytes, indexer: Indexer, unseen: bool) -> RawSequences:
    """The users of some whole lines; ``unseen``: items may occur that the indexer lacks. Raises ``LineError``."""
    lines = decode_lines(text, LINE)
    if unseen and [] in lines:
        raise LineError(lines.index([]), "the list is empty, no row names the user")
    line = np.repeat(np.arange(len(lines)), np.fromiter(map(len, lines), np.int64, len(lines)))  # of each row
    columns: Any = zip(*chain.from_iterable(lines), strict=True) if len(line) else [()] * 6
    user, item, _, item_features, action, time = columns
    owner = [rows[0][0] if rows else "" for rows in lines]
    refuse_any(np.array(user, object) != np.array(owner, object)[line], "rows of different users in one line", line)

    rids = np.fromiter((user if type(user) is int else 0 for user in owner), np.int64, len(owner))
    refuse_any(rids > indexer.users, f"user {{}} is beyond the {indexer.users} users of the indexer", values=rids)
    event, time = pl.Series(item, dtype=pl.Int64), pl.Series(time, dtype=pl.Int64)
    is_event = event.is_not_null().to_numpy()
    refuse_any(is_event & time.is_null().to_numpy(), "an event without a time", line)
    items_of_rows = event.fill_null(0).to_numpy()
    new_oid, new_features = _parse_unseen(items_of_rows, item_features, line, indexer.known, unseen)
    return RawSequences(
        rid=rids,
        name=_parse_names(owner),
        lengths=np.bincount(line[is_event], minlength=len(lines)),
        item=items_of_rows[is_event],
        action=pl.Series(action, dtype=pl.Int8).fill_null(NULL_ACTION).to_numpy()[is_event],
        time=time.fill_null(0).to_numpy()[is_event],
        new_oid=new_oid,
        new_features=new_features,
    )


def _parse_names(users: Sequence[int | str]) -> Names:
    """The names of users who are given by name."""
    try:
        return np.array([b"", *("" if type(user) is int else user for user in users)], np.bytes_)[1:]
    except UnicodeEncodeError as error:
        raise LineError(users.index(error.object), f"{error.object!r} is not a user name") from error


def _parse_unseen(
    item: Int64s, features: Sequence[msgspec.Raw], line: Int64s, known: int, unseen: bool
) -> tuple[Int64s, Int32s]:
    """The original ids of unseen items, each once with its first features."""
    beyond = item > known
    if not unseen:
        refuse_any(beyond, f"item {{}} is beyond the {known} items of the indexer", line, item)
    rows = np.flatnonzero(beyond)
    oids, first_rows = np.unique(item[rows], return_index=True)
    decoded = []
    for row in rows[first_rows].tolist():
        try:
            decoded.append(EVENT_ITEM.decode(features[row]) or ItemFeatures())
        except UNREADABLE as error:
            raise LineError(int(line[row]), f"features of item {item[row]}: {error}") from error
    return oids, item_numbers(decoded)


def read_actions(files: RawFiles, test: Names, indexer: Indexer) -> tuple[Int8s | None, tuple[Note, ...]]:
    """The action of each test user by user_action_type.json, whose keys are names or re-ids; NULL_ACTION if none."""
    if "actions" not in files.files:
        return None, ()
    path = files.files["actions"][0]
    try:
        action_of: dict[str, int] = msgspec.json.decode(path.read_bytes(), type=dict[str, ACTION])
    except UNREADABLE as error:
        raise UserError(f"{path} is not a JSON object of user and action: {error}; download it again") from error
    users = list(action_of)
    rids = np.array([parse_id(user) for user in users], np.int64)
    rids[rids > indexer.users] = 0
    # Behind an empty name, which gives an array of no users its type.
    names = np.array([b"", *(user.encode("ascii", "replace") for user in users)])[1:]
    names = np.where(rids > 0, indexer.names[rids], names)
    rows = find_rows(names, test)
    unknown = np.flatnonzero(test[rows] != names)
    if len(unknown):
        raise UserError(
            f"{path}: user {users[unknown[0]]!r} is not in the predict file; take both files from one download"
        )
    actions = np.full(len(test), NULL_ACTION, np.int8)
    actions[rows] = list(action_of.values())
    missing = np.flatnonzero(actions == NULL_ACTION) + 1
    return actions, Source.of(files, "actions").note("test user without an action", missing)
