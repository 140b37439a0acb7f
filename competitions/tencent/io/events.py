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
from competitions.tencent.corpus import Bools, Int64s, Sequences
from competitions.tencent.io.feature_encoding import LARGEST, ItemFeatures, UserFeatures, encode_items, encode_users
from competitions.tencent.io.indexer import NAME_BYTES, Indexer
from competitions.tencent.io.jsonl import UNREADABLE, LineError, decode_lines, read_lines
from competitions.tencent.io.raw_sequences import RawUsers, Tally, UnseenItems, join_users, sort_events, tally

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

NO_EVENT = "user without an event"
NO_PROFILE = "user without a profile row"
SEVERAL_PROFILES = "user with several profile rows: the first is taken"
CUT = "user with a list that is longer than what is kept: cut"
UNSORTED = "user with events out of time order: sorted"


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
    """Places within the piece become lines of the file."""
    tallies = {what: Tally(one.count, _line(one.first, lines)) for what, one in part.tallies.items()}
    return replace(part, positions=part.positions + lines, tallies=tallies)


def _line(first: str, lines: int) -> str:
    word, _, number = first.partition(" ")
    return f"{word} {int(number) + lines}" if number else first


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
        unseen = self._encode_items()
        profiles, tallies = self._profiles()
        user = self.row_user[event]
        item, action, time, sorted_users = sort_events(
            self.codes[event], self.action[event], self.time.fill_null(0).to_numpy()[event], user
        )
        lengths = np.bincount(user, minlength=len(self.line))
        tallies[NO_EVENT] = self._tally(np.flatnonzero(lengths == 0), self.empty_lines)
        tallies[UNSORTED] = self._tally(sorted_users)
        rids, names = self._names()
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        sequences = Sequences(offsets, item, action, time)
        return RawUsers(self.line + 1, rids, names, profiles, sequences, unseen, tallies)

    def _refuse(self, wrong: Bools, reason: str) -> None:
        """Stop at the first row that is wrong."""
        if wrong.any():
            raise LineError(int(self.line[self.row_user[np.argmax(wrong)]]), reason)

    def _tally(self, users: Int64s, *more: Int64s) -> Tally:
        return tally(np.sort(np.concatenate([self.line[users] + 1, *more])), "line")

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

    def _encode_items(self) -> UnseenItems:
        """Set ``codes``: re-ids, and -1 - index into what is returned for items that the indexer lacks."""
        item = self.item.fill_null(0).to_numpy()
        beyond = item > self.limits.items
        if not self.limits.unseen:
            first = item[np.argmax(beyond)] if len(item) else 0
            self._refuse(beyond, f"item {first} is beyond the {self.limits.items} items of the indexer")
        rows = np.flatnonzero(beyond)
        oid, first_rows, index = np.unique(item[rows], return_index=True, return_inverse=True)
        self.codes = np.where(beyond, 0, item).astype(np.int32)
        self.codes[rows] = -1 - index
        features = [self._features_at(row) for row in rows[first_rows]]
        return UnseenItems(oid, encode_items(features, self.limits.item_sizes))

    def _features_at(self, row: int) -> Any:
        try:
            return ITEM.decode(self.item_features[row]) or ItemFeatures()
        except UNREADABLE as error:
            raise LineError(
                int(self.line[self.row_user[row]]), f"features of item {self.item[int(row)]}: {error}"
            ) from error

    def _profiles(self) -> tuple[Any, dict[str, Tally]]:
        """User features as codes, of the first profile row of each user."""
        rows = np.fromiter((row for row, profile in enumerate(self.profiles) if profile is not None), np.int64)
        owners = self.row_user[rows]
        users, first = np.unique(owners, return_index=True)
        first_profiles: list[Any] = [UserFeatures()] * len(self.line)
        for user, row in zip(users.tolist(), rows[first].tolist(), strict=True):
            first_profiles[user] = self.profiles[row]
        codes, cut = encode_users(first_profiles, self.limits.user_sizes)
        counts = np.bincount(owners, minlength=len(self.line))
        return codes, {
            NO_PROFILE: self._tally(np.flatnonzero(counts == 0)),
            SEVERAL_PROFILES: self._tally(np.flatnonzero(counts > 1)),
            CUT: self._tally(cut),
        }
