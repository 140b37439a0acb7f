"""Feature values as codes: 0 is missing, 1..size the indexer's values, size + 1 any value that the indexer lacks.

The host numbers the values that it knows and writes out the others as texts; a number beyond the indexer's is as
unknown as a text. Raw tables hold its numbers, 0 for none and ``UNKNOWN`` for a text.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Annotated, Any

import msgspec
import numpy as np

from competitions.tencent.corpus import Bools, Int32s, Int64s
from competitions.tencent.io.schema import ITEM_FEATURES, USER_FEATURES, USER_LISTS

LARGEST = 1 << 62  # id or value of a feature that is taken
UNKNOWN = int(np.iinfo(np.int32).max)
VALUE: Any = Annotated[int, msgspec.Meta(ge=0, le=LARGEST)] | str | None
WIDTHS = tuple(USER_FEATURES.values())


def _struct(name: str, kinds: dict[str, Any]) -> Any:
    """A JSON object of features; further keys are skipped without being looked at."""
    fields = [(f"f{key}", kind, msgspec.field(name=key, default=None)) for key, kind in kinds.items()]
    return msgspec.defstruct(name, fields, gc=False)


ItemFeatures: Any = _struct("ItemFeatures", {name: VALUE for name in ITEM_FEATURES})
UserFeatures: Any = _struct(
    "UserFeatures",
    {name: VALUE | list[VALUE] if name in USER_LISTS else VALUE for name in USER_FEATURES},
)


def encode(numbers: Int32s, sizes: Sequence[int] | Int64s) -> Int32s:
    """Codes of the host's numbers [rows, columns], of ``sizes`` by column.

    >>> encode(np.array([[0, 2], [3, UNKNOWN]], np.int32), (3, 1))
    array([[0, 2],
           [3, 2]], dtype=int32)
    """
    return np.minimum(numbers, np.array(sizes, np.int32) + 1)


def clip(numbers: Int64s) -> Int32s:
    """Numbers of values in 32 bits: no feature has so many values."""
    return np.minimum(numbers, UNKNOWN).astype(np.int32)


def _to_numbers(values: Iterable[int | str | None]) -> Int32s:
    """Values as they stand in JSON."""
    return clip(np.array([0 if x is None else x if type(x) is int else UNKNOWN for x in values], np.int64))


def item_numbers(items: Iterable[Any]) -> Int32s:
    """The values of ``ItemFeatures``, [items, 13]."""
    return _to_numbers(chain.from_iterable(map(msgspec.structs.astuple, items))).reshape(-1, len(ITEM_FEATURES))


def user_numbers(users: Sequence[Any]) -> tuple[Int32s, Bools]:
    """The values of ``UserFeatures``, [users, 17], and who has a list that is longer than its columns."""
    columns = []
    for name in USER_FEATURES:
        values = [getattr(user, f"f{name}") for user in users]
        lists = [value if type(value) is list else (value,) for value in values]
        lengths = np.fromiter(map(len, lists), np.int64, len(lists))
        columns.append((_to_numbers(chain.from_iterable(lists)), lengths))
    return pad_lists(columns)


def pad_lists(columns: Sequence[tuple[Int32s, Int64s]]) -> tuple[Int32s, Bools]:
    """Lists side by side in the columns that each user feature has, [rows, 17], and which rows were cut.

    ``columns``: for each user feature the values of all rows end to end and how many each row has.
    """
    rows = len(columns[0][1])
    table = np.zeros((rows, sum(WIDTHS)), np.int32)
    is_cut = np.zeros(rows, np.bool_)
    left = 0
    for (flat, lengths), width in zip(columns, WIDTHS, strict=True):
        # Each value's row and its position in the row's list, from the lengths alone.
        row = np.repeat(np.arange(rows), lengths)
        within = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        kept = within < width
        table[row[kept], left + within[kept]] = flat[kept]
        is_cut |= lengths > width
        left += width
    return table, is_cut
