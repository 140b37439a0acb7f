"""Read the host's numberings of items, users and feature values, indexer.pkl.

The dicts of the pickle are turned into arrays at once and dropped.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.engine.errors import UserError
from competitions.tencent.corpus import Int64s, Names
from competitions.tencent.io.safe_pickle import brief, read_pickle, require_dict
from competitions.tencent.io.schema import ITEM_FEATURES

NAME_BYTES = 64  # the longest user name that is taken


@dataclass(frozen=True)
class Indexer:
    """The original id of each item's re-id and the name of each user's, entry 0 being padding.

    ``oid`` int64 [known + 1]; ``names`` fixed-width bytes [users + 1]; ``item_sizes``: how many values each feature of
    items has, in the order of ``schema``.
    """

    oid: Int64s
    names: Names
    item_sizes: tuple[int, ...]

    @property
    def known(self) -> int:
        """How many items."""
        return len(self.oid) - 1

    @property
    def users(self) -> int:
        """How many users."""
        return len(self.names) - 1


def read_indexer(path: Path) -> Indexer:
    """Read indexer.pkl: ``{"i": {OID: RID}, "u": {name: RID}, "f": {feature: {value: RID}}}``.

    Refused: re-ids that are not 1..n; a feature that is missing.
    """
    content = read_pickle(path)
    items, users, features = (_get_numbering(f"{path}", content, key) for key in ("i", "u", "f"))
    oid = _to_integers(f"{path}, 'i'", items)[_order_by_rid(f"{path}, 'i'", items)]
    names = _to_names(f"{path}, 'u'", users)[_order_by_rid(f"{path}, 'u'", users)]

    def count_values(name: str) -> int:
        where = f"{path}, 'f' {name}"
        rids = _to_integers(where, _get_numbering(f"{path}, 'f'", features, name).values())
        if len(rids) and (rids.min() != 1 or rids.max() != len(rids)):
            raise UserError(f"{where}: re-ids are not 1..{len(rids)}; download it again")
        return len(rids)

    return Indexer(
        np.concatenate([np.zeros(1, np.int64), oid]),
        np.concatenate([np.array([b""]), names]),
        tuple(map(count_values, ITEM_FEATURES)),
    )


def parse_id(text: str) -> int:
    """The number that a text of plain digits names, 0 for any other; ``int`` takes signs, blanks and underscores too.

    >>> [parse_id(text) for text in ("20000000007", " 7", "+7", "7_0", "9" * 19)]
    [20000000007, 0, 0, 0, 0]
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _get_numbering(where: str, numberings: dict[Any, Any], key: str) -> dict[Any, Any]:
    if key not in numberings:
        raise UserError(f"{where} lacks {key!r}, one of its numberings; download it again")
    return require_dict(f"{where}, {key!r}", numberings[key])


def _to_integers(where: str, values: Collection[object]) -> Int64s:
    if set(map(type, values)) - {int}:
        wrong = next(value for value in values if type(value) is not int)
        raise UserError(f"{where}: {brief(wrong)} is not a whole number; download it again")
    try:
        return np.fromiter(values, np.int64, len(values))
    except OverflowError as error:
        raise UserError(f"{where}: a number is beyond 64 bits; download it again") from error


def _to_names(where: str, values: Collection[object]) -> Names:
    wrong: object = next((x for x in values if not isinstance(x, str) or not 0 < len(x) <= NAME_BYTES), None)
    if wrong is None:
        try:
            return np.array(list(values), np.bytes_) if values else np.empty(0, "S1")
        except UnicodeEncodeError as error:
            wrong = error.object
    raise UserError(f"{where}: {brief(wrong)} is not a user name; download it again")


def _order_by_rid(where: str, numbering: dict[Any, Any]) -> Int64s:
    """The order of re-ids 1, 2, ...; refuses numbers that are not 1..n."""
    rids = _to_integers(where, numbering.values())
    order = np.argsort(rids, kind="stable")
    wrong = np.flatnonzero(rids[order] != np.arange(1, len(rids) + 1))
    if len(wrong):
        raise UserError(
            f"{where}: re-ids are not 1..{len(rids)}, {rids[order][wrong[0]]} stands where {wrong[0] + 1} "
            f"is expected; download it again"
        )
    return order
