"""Read the host's numberings of items, users and feature values, indexer.pkl.

The dicts of the pickle are turned into arrays at once and dropped.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from common.engine.errors import UserError
from competitions.tencent.corpus import Int64s, Names
from competitions.tencent.io.safe_pickle import read_pickle
from competitions.tencent.io.schema import ITEM_FEATURES

NAME_BYTES = 64  # the longest user name that is taken
NUMBER: Any = Annotated[int, msgspec.Meta(ge=1, le=1 << 62)]
NAME: Any = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_BYTES, pattern="^[ -~]*$")]
Values: Any = msgspec.defstruct(  # by item feature: value -> re-id
    "Values", [(f"f{key}", dict[Any, NUMBER], msgspec.field(name=key)) for key in ITEM_FEATURES]
)


class _Numberings(msgspec.Struct):
    """The pickle: original id or name -> re-id; further keys are not looked at."""

    i: dict[NUMBER, NUMBER]
    u: dict[NAME, NUMBER]
    f: Values


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

    Refused: what is of another form; re-ids that are not 1..n; a feature that is missing.
    """
    try:
        numberings = msgspec.convert(read_pickle(path), _Numberings)
    except msgspec.ValidationError as error:
        raise UserError(f"{path}: {error}; download it again") from error
    values = msgspec.structs.asdict(numberings.f)
    for name, numbering in values.items():
        _order_by_rid(f"{path}, 'f' {name[1:]}", numbering)
    oid = np.fromiter(numberings.i, np.int64, len(numberings.i))[_order_by_rid(f"{path}, 'i'", numberings.i)]
    names = np.array([b"", *numberings.u], np.bytes_)[1:][_order_by_rid(f"{path}, 'u'", numberings.u)]
    return Indexer(
        np.concatenate([np.zeros(1, np.int64), oid]),
        np.concatenate([np.array([b""]), names]),
        tuple(map(len, values.values())),
    )


def parse_id(text: str) -> int:
    """The number that a text of plain digits names, 0 for any other; ``int`` takes signs, blanks and underscores too.

    >>> [parse_id(text) for text in ("20000000007", " 7", "+7", "7_0", "9" * 19)]
    [20000000007, 0, 0, 0, 0]
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _order_by_rid(where: str, numbering: dict[Any, int]) -> Int64s:
    """The order of re-ids 1, 2, ...; refuses numbers that are not 1..n."""
    rids = np.fromiter(numbering.values(), np.int64, len(numbering))
    order = np.argsort(rids, kind="stable")
    wrong = np.flatnonzero(rids[order] != np.arange(1, len(rids) + 1))
    if len(wrong):
        raise UserError(
            f"{where}: re-ids are not 1..{len(rids)}, {rids[order][wrong[0]]} stands where {wrong[0] + 1} "
            f"is expected; download it again"
        )
    return order
