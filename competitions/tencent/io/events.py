"""Read the sequence files of the competition layout: a JSON list a user, one row an event, one row the profile.

A row is ``[user, item | null, user features | null, item features | null, action | null, seconds]``; the profile row
has no item and may stand anywhere. Items are re-ids; in predict files a number beyond the indexer is an original id.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from common.engine.errors import UserError
from competitions.tencent.corpus import Bools, Int32s, Int64s
from competitions.tencent.io.feature_encoding import LARGEST, ItemFeatures, UserFeatures, encode_items, encode_users
from competitions.tencent.io.indexer import NAME_BYTES, Indexer
from competitions.tencent.io.jsonl import UNREADABLE, LineError, decode_lines, read_lines
from competitions.tencent.io.raw_sequences import NO_EVENT, RawUsers, UnseenItems, build_users, join_users

MAX_SECONDS = 1 << 40
USER: Any = (
    Annotated[int, msgspec.Meta(ge=1, le=LARGEST)] | Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_BYTES)]
)
ROW: Any = tuple[
    USER,
    Annotated[int, msgspec.Meta(ge=1, le=LARGEST)] | None,
    UserFeatures | None,
    msgspec.Raw,  # looked at only where the item is unseen
    Annotated[int, msgspec.Meta(ge=0, le=2)] | None,
    Annotated[int, msgspec.Meta(ge=0, le=MAX_SECONDS)] | None,
]
LINE: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(list[ROW])
ITEM: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(ItemFeatures | None)

NO_PROFILE = "user without a profile row"
SEVERAL_PROFILES = "user with several profile rows: the first is taken"
CUT = "user with a list that is longer than what is kept: cut"


@dataclass(frozen=True)
class Limits:
    """What the indexer knows; ``unseen``: whether items beyond it may occur, by original id."""

    items: int
    users: int
    item_sizes: tuple[int, ...]
    user_sizes: tuple[int, ...]
    unseen: bool


def read_users(path: Path, offsets: Int64s, offset_path: Path, indexer: Indexer, unseen: bool) -> RawUsers:
    """Read a sequence file whose lines start at ``offsets``; users in the order of the file."""
    limits = Limits(indexer.known, indexer.users, indexer.item_sizes, indexer.user_sizes, unseen)
    parts, starts = [], []
    for piece in read_lines(path, partial(parse_users, limits=limits)):
        starts.append(piece.starts)
        parts.append(_move(piece.value, piece.first))
    if not parts:
        raise UserError(f"{path} is empty (0 bytes); download it again")
    _check_offsets(path, offset_path, offsets, np.concatenate(starts))
    return join_users(parts)


def _move(part: RawUsers, lines: int) -> RawUsers:
    """Lines of a piece, from 1, as lines of the file, of which so many stand before it."""
    settled = {what: at + lines for what, at in part.settled.items()}
    return replace(part, positions=part.positions + lines, settled=settled)


def _check_offsets(path: Path, offset_path: Path, offsets: Int64s, starts: Int64s) -> None:
    if len(offsets) != len(starts):
        raise UserError(
            f"{offset_path} has {len(offsets)} offsets where {path} has {len(starts)} lines; take both files from one "
            f"download"
        )
    wrong = np.flatnonzero(offsets != starts)
    if len(wrong):
        line = wrong[0]
        raise UserError(
            f"{offset_path}, entry {line + 1}: offset {offsets[line]} where line {line + 1} of {path} starts "
            f"at byte {starts[line]}; take both files from one download"
        )


def parse_users(text: bytes, limits: Limits) -> RawUsers:
    """The users of some whole lines; ``positions`` count them from 1. Raises ``LineError``."""
    return _Lines(decode_lines(text, LINE), limits).parse()


class _Lines:
    """Decoded lines; columns are of all rows of all lines end to end."""

    def __init__(self, lines: Sequence[Sequence[Any]], limits: Limits) -> None:
        self.limits = limits
        filled = np.fromiter(map(len, lines), np.int64, len(lines))
        empty_lines = np.flatnonzero(filled == 0)
        if len(empty_lines) and limits.unseen:
            raise LineError(int(empty_lines[0]), "the list is empty, no row names the user")
        self.empty_lines = empty_lines + 1
        self.line = np.flatnonzero(filled)  # of each user
        self.lengths = filled[self.line]
        self.row_user = np.repeat(np.arange(len(self.line)), self.lengths)
        self.user_of_line = [line[0][0] for line in lines if line]
        rows = chain.from_iterable(lines)
        columns: Any = zip(*rows, strict=True) if self.user_of_line else [()] * 6
        self.users, items, self.profiles, self.item_features, actions, times = columns
        self.item = pl.Series(items, dtype=pl.Int64)
        self.action = pl.Series(actions, dtype=pl.Int8).fill_null(-1).to_numpy()
        self.time = pl.Series(times, dtype=pl.Int64)

    def parse(self) -> RawUsers:
        self._refuse(self._of_another_user(), "rows of different users in one line")
        event = self.item.is_not_null().to_numpy()
        self._refuse(event & self.time.is_null().to_numpy(), "an event without a time")
        codes, unseen = self._encode_items()
        features, settled = self._profiles()
        events = codes[event], self.action[event], self.time.fill_null(0).to_numpy()[event]
        lengths = np.bincount(self.row_user[event], minlength=len(self.line))
        users = build_users(self.line + 1, self._names(), features, lengths, events, unseen)
        settled |= users.settled | {NO_EVENT: np.sort(np.append(users.settled[NO_EVENT], self.empty_lines))}
        return replace(users, settled=settled)

    def _refuse(self, wrong: Bools, reason: str) -> None:
        """Stop at the first row that is wrong."""
        if wrong.any():
            raise LineError(int(self.line[self.row_user[np.argmax(wrong)]]), reason)

    def _of_another_user(self) -> Bools:
        users, user_of_line = np.empty(len(self.users), object), np.empty(len(self.user_of_line), object)
        users[:], user_of_line[:] = self.users, self.user_of_line
        return np.asarray(users != user_of_line[self.row_user], np.bool_)

    def _names(self) -> tuple[Int64s, npt.NDArray[np.bytes_]]:
        rids = np.array([user if type(user) is int else 0 for user in self.user_of_line], np.int64)
        wrong = rids > self.limits.users
        if wrong.any():
            user = int(np.argmax(wrong))
            raise LineError(
                int(self.line[user]), f"user {rids[user]} is beyond the {self.limits.users} users of the indexer"
            )
        try:
            names = np.array([b"", *("" if type(user) is int else user for user in self.user_of_line)], np.bytes_)[1:]
        except UnicodeEncodeError as error:
            user = self.user_of_line.index(error.object)
            raise LineError(int(self.line[user]), f"{error.object!r} is no user name") from error
        return rids, names

    def _encode_items(self) -> tuple[Int32s, UnseenItems]:
        """Re-ids, -1 - index into what stands beside them for items that the indexer lacks, 0 in the profile row."""
        item = self.item.fill_null(0).to_numpy()
        beyond = item > self.limits.items
        if not self.limits.unseen:
            first = item[np.argmax(beyond)] if len(item) else 0
            self._refuse(beyond, f"item {first} is beyond the {self.limits.items} items of the indexer")
        rows = np.flatnonzero(beyond)
        oid, first_rows, index = np.unique(item[rows], return_index=True, return_inverse=True)
        codes = np.where(beyond, 0, item).astype(np.int32)
        codes[rows] = -1 - index
        features = [self._features_at(row) for row in rows[first_rows]]
        return codes, UnseenItems(oid, encode_items(features, self.limits.item_sizes))

    def _features_at(self, row: int) -> Any:
        try:
            return ITEM.decode(self.item_features[row]) or ItemFeatures()
        except UNREADABLE as error:
            raise LineError(
                int(self.line[self.row_user[row]]), f"features of item {self.item[int(row)]}: {error}"
            ) from error

    def _profiles(self) -> tuple[Int32s, dict[str, Int64s]]:
        """User features as codes, of the first profile row of each user, and the lines that are settled by a rule."""
        rows = np.fromiter((row for row, profile in enumerate(self.profiles) if profile is not None), np.int64)
        users, first, counts = np.unique(self.row_user[rows], return_index=True, return_counts=True)
        profiles: list[Any] = [UserFeatures()] * len(self.line)
        for user, row in zip(users.tolist(), rows[first].tolist(), strict=True):
            profiles[user] = self.profiles[row]
        codes, cut = encode_users(profiles, self.limits.user_sizes)
        lacks = np.delete(np.arange(len(self.line)), users)
        groups = {NO_PROFILE: lacks, SEVERAL_PROFILES: users[counts > 1], CUT: cut}
        return codes, {what: self.line[group] + 1 for what, group in groups.items()}
