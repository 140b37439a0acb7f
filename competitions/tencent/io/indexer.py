"""Read the host's numberings: indexer.pkl (items, users, feature values) and the byte offsets of sequence files.

The dicts of the pickle are turned into arrays at once and dropped.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.errors import UserError
from competitions.tencent.corpus import Int64s
from competitions.tencent.io.safe_pickle import read_pickle
from competitions.tencent.io.schema import ITEM_FEATURES, USER_FEATURES

NAME_BYTES = 64  # the longest user name that is taken


@dataclass(frozen=True)
class Indexer:
    """The original id of each item's re-id and the name of each user's, place 0 being padding.

    ``oid`` int64 [known + 1]; ``names`` fixed-width bytes [users + 1]; ``item_sizes`` and ``user_sizes``: how many
    values each feature has, in the order of ``layout``.
    """

    oid: Int64s
    names: npt.NDArray[np.bytes_]
    item_sizes: tuple[int, ...]
    user_sizes: tuple[int, ...]

    @property
    def known(self) -> int:
        """How many items."""
        return len(self.oid) - 1

    @property
    def users(self) -> int:
        """How many users."""
        return len(self.names) - 1

    def users_of(self, names: npt.NDArray[np.bytes_]) -> Int64s:
        """The re-ids of these users; 0 where a name is not in the indexer."""
        return find_places(self.names, names)

    def items_of(self, oids: Int64s) -> Int64s:
        """The re-ids of the items of these original ids; 0 where one is not in the indexer."""
        return find_places(self.oid, oids)


def find_places(among: npt.NDArray[Any], values: npt.NDArray[Any]) -> Int64s:
    """Where each value stands in ``among``, whose place 0 is padding; 0 where it does not."""
    if not len(values):
        return np.empty(0, np.int64)
    order = np.argsort(among, kind="stable")
    found = order[np.minimum(np.searchsorted(among[order], values), len(order) - 1)]
    return np.where(among[found] == values, found, 0).astype(np.int64)


def read_indexer(path: Path) -> Indexer:
    """Read indexer.pkl: ``{"i": {OID: RID}, "u": {name: RID}, "f": {feature: {value: RID}}}``, or lists of pairs.

    Refused: re-ids that are not 1..n, an original id or a name that occurs twice, a feature that is missing.
    """
    host = read_pickle(path)
    parts = {key: _split(path, key, _look(path, host, key)) for key in ("i", "u")}
    oid = _whole(path, "i", parts["i"][0])
    order = _places(path, "i", parts["i"][1])
    names = _texts(path, parts["u"][0])[_places(path, "u", parts["u"][1])]
    _refuse_repeated(path, "i", oid)
    _refuse_repeated(path, "u", names)
    features = _look(path, host, "f")
    return Indexer(
        np.concatenate([np.zeros(1, np.int64), oid[order]]),
        np.concatenate([np.array([b""]), names]),
        tuple(_size(path, features, name) for name in ITEM_FEATURES),
        tuple(_size(path, features, name) for name in USER_FEATURES),
    )


def read_offsets(path: Path) -> Int64s:
    """Read the byte offset at which each line of a sequence file starts."""
    return _whole(path, "the list", _listed(path, read_pickle(path)))


def _listed(path: Path, value: object) -> list[object]:
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, np.ndarray):
        return list(value.ravel())
    raise UserError(
        f"{path} holds a {type(value).__name__} where a list of byte offsets is expected; download it again"
    )


def _look(path: Path, host: object, key: str) -> object:
    host = dict(host) if isinstance(host, list) and all(_is_pair(pair) for pair in host) else host
    if not isinstance(host, dict) or key not in host:
        raise UserError(f"{path} lacks {key!r}, one of its numberings; download it again")
    return host[key]


def _is_pair(value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and not isinstance(value[0], (list, dict))


def _split(path: Path, key: str, numbering: object) -> tuple[list[object], list[object]]:
    """The two columns of a numbering: what is numbered, and its number."""
    if isinstance(numbering, dict):
        return list(numbering), list(numbering.values())
    if isinstance(numbering, (list, tuple)) and all(map(_is_pair, numbering)):
        return [pair[0] for pair in numbering], [pair[1] for pair in numbering]
    raise UserError(f"{path}, {key!r}: neither a dict nor a list of pairs; download it again")


def _whole(path: Path, key: str, values: Collection[object]) -> Int64s:
    if not all(issubclass(kind, (int, np.integer)) for kind in set(map(type, values))):
        wrong = next(value for value in values if not isinstance(value, (int, np.integer)))
        raise UserError(f"{path}, {key!r}: {str(wrong)[:40]!r} is not a whole number; download it again")
    try:
        return np.fromiter(values, np.int64, len(values))
    except OverflowError as error:
        raise UserError(f"{path}, {key!r}: a number is beyond 64 bits; download it again") from error


def _texts(path: Path, values: list[object]) -> npt.NDArray[np.bytes_]:
    wrong: object = next(
        (value for value in values if not isinstance(value, str) or not 0 < len(value) <= NAME_BYTES), None
    )
    if wrong is None:
        try:
            return np.array(values, np.bytes_) if values else np.empty(0, "S1")
        except UnicodeEncodeError as error:
            wrong = error.object
    raise UserError(f"{path}, 'u': {str(wrong)[:40]!r} is no user name; download it again")


def _places(path: Path, key: str, numbers: list[object]) -> Int64s:
    """Where re-id 1, 2, ... stands; refuses numbers that are not 1..n."""
    rids = _whole(path, key, numbers)
    order = np.argsort(rids, kind="stable")
    wrong = np.flatnonzero(rids[order] != np.arange(1, len(rids) + 1))
    if len(wrong):
        raise UserError(
            f"{path}, {key!r}: re-ids are not 1..{len(rids)}, {rids[order][wrong[0]]} stands where {wrong[0] + 1} "
            f"is expected; download it again"
        )
    return order


def _refuse_repeated(path: Path, key: str, values: npt.NDArray[np.int64] | npt.NDArray[np.bytes_]) -> None:
    ordered = np.sort(values)
    again = np.flatnonzero(ordered[1:] == ordered[:-1])
    if len(again):
        raise UserError(f"{path}, {key!r}: {ordered[again[0]].item()!r} occurs twice; download it again")


def _size(path: Path, features: object, name: str) -> int:
    rids = _split(path, "f", _look(path, features, name))[1]
    numbers = _whole(path, f"f {name}", rids)
    if len(numbers) and (numbers.min() != 1 or numbers.max() != len(numbers)):
        raise UserError(f"{path}, 'f' {name}: re-ids are not 1..{len(numbers)}; download it again")
    return len(numbers)
