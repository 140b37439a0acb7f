"""Read the host's numberings: indexer.pkl (items, users, feature values) and the byte offsets of sequence files.

The dicts of the pickle are turned into arrays at once and dropped.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.engine.errors import UserError
from competitions.tencent.corpus import Int64s, find_rows
from competitions.tencent.io.safe_pickle import brief, read_pickle
from competitions.tencent.io.schema import ITEM_FEATURES, USER_FEATURES

Names = npt.NDArray[np.bytes_]
NAME_BYTES = 64  # the longest user name that is taken


@dataclass(frozen=True)
class Indexer:
    """The original id of each item's re-id and the name of each user's, entry 0 being padding.

    ``oid`` int64 [known + 1]; ``names`` fixed-width bytes [users + 1]; ``item_sizes`` and ``user_sizes``: how many
    values each feature has, in the order of ``schema``.
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
        return find_rows(names, self.names)

    def items_of(self, oids: Int64s) -> Int64s:
        """The re-ids of the items of these original ids; 0 where one is not in the indexer."""
        return find_rows(oids, self.oid)


def read_indexer(path: Path) -> Indexer:
    """Read indexer.pkl: ``{"i": {OID: RID}, "u": {name: RID}, "f": {feature: {value: RID}}}``, or lists of pairs.

    Refused: re-ids that are not 1..n, which they cannot be where a key occurs twice; a feature that is missing.
    """
    content = to_dict(str(path), read_pickle(path))
    items, users = (to_dict(f"{path}, {key!r}", _get(path, content, key)) for key in ("i", "u"))
    oid = _integers(path, "i", items)[_order_by_rid(path, "i", items.values())]
    names = _names(path, users)[_order_by_rid(path, "u", users.values())]
    features = to_dict(f"{path}, 'f'", _get(path, content, "f"))
    return Indexer(
        np.concatenate([np.zeros(1, np.int64), oid]),
        np.concatenate([np.array([b""]), names]),
        tuple(_size(path, features, name) for name in ITEM_FEATURES),
        tuple(_size(path, features, name) for name in USER_FEATURES),
    )


def read_offsets(path: Path) -> Int64s:
    """Read the byte offset at which each line of a sequence file starts."""
    offsets = read_pickle(path)
    if not isinstance(offsets, (list, tuple, np.ndarray)):
        raise UserError(
            f"{path} holds a {type(offsets).__name__} where a list of byte offsets is expected; download it again"
        )
    return _integers(path, "the list", list(offsets))


def to_dict(where: str, value: Any) -> dict[Any, Any]:
    """A dict, or the list of pairs of one; ``where`` is named in the refusal."""
    try:
        return value if isinstance(value, dict) else dict(value)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: neither a dict nor a list of pairs; download it again") from error


def parse_id(text: str) -> int:
    """The number that a text of plain digits names, 0 for any other; ``int`` takes signs, blanks and underscores too.

    >>> [parse_id(text) for text in ("20000000007", " 7", "+7", "7_0", "9" * 19)]
    [20000000007, 0, 0, 0, 0]
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _get(path: Path, numberings: dict[Any, Any], key: str) -> object:
    if key not in numberings:
        raise UserError(f"{path} lacks {key!r}, one of its numberings; download it again")
    return numberings[key]


def _integers(path: Path, key: str, values: Collection[object]) -> Int64s:
    if not all(issubclass(kind, (int, np.integer)) for kind in set(map(type, values))):
        wrong = next(value for value in values if not isinstance(value, (int, np.integer)))
        raise UserError(f"{path}, {key!r}: {brief(wrong)} is not a whole number; download it again")
    try:
        return np.fromiter(values, np.int64, len(values))
    except OverflowError as error:
        raise UserError(f"{path}, {key!r}: a number is beyond 64 bits; download it again") from error


def _names(path: Path, values: Collection[object]) -> npt.NDArray[np.bytes_]:
    wrong: object = next(
        (value for value in values if not isinstance(value, str) or not 0 < len(value) <= NAME_BYTES), None
    )
    if wrong is None:
        try:
            return np.array(list(values), np.bytes_) if values else np.empty(0, "S1")
        except UnicodeEncodeError as error:
            wrong = error.object
    raise UserError(f"{path}, 'u': {brief(wrong)} is no user name; download it again")


def _order_by_rid(path: Path, key: str, numbers: Collection[object]) -> Int64s:
    """The order of re-ids 1, 2, ...; refuses numbers that are not 1..n."""
    rids = _integers(path, key, numbers)
    order = np.argsort(rids, kind="stable")
    wrong = np.flatnonzero(rids[order] != np.arange(1, len(rids) + 1))
    if len(wrong):
        raise UserError(
            f"{path}, {key!r}: re-ids are not 1..{len(rids)}, {rids[order][wrong[0]]} stands where {wrong[0] + 1} "
            f"is expected; download it again"
        )
    return order


def _size(path: Path, features: dict[Any, Any], name: str) -> int:
    rids = to_dict(f"{path}, 'f' {name}", _get(path, features, name)).values()
    numbers = _integers(path, f"f {name}", rids)
    if len(numbers) and (numbers.min() != 1 or numbers.max() != len(numbers)):
        raise UserError(f"{path}, 'f' {name}: re-ids are not 1..{len(numbers)}; download it again")
    return len(numbers)
