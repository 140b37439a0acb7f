"""Feature values as codes: 0 is missing, 1..size the indexer's values, size + 1 any value that the indexer lacks.

The host numbers the values that it knows and writes out the others as texts; a number beyond the indexer's is as
unknown as a text.
"""

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any

import msgspec
import numpy as np

from competitions.tencent.corpus import Int32s, Int64s
from competitions.tencent.io.schema import ITEM_FEATURES, USER_FEATURES, USER_LISTS

LARGEST = 1 << 62
VALUE: Any = Annotated[int, msgspec.Meta(ge=0, le=LARGEST)] | str | None
WIDTHS = tuple(USER_FEATURES.values())
USER_COLUMNS = sum(WIDTHS)


def _struct(name: str, kinds: dict[str, Any]) -> Any:
    """A JSON object of features; further keys are skipped without being looked at."""
    fields = [(f"f{key}", kind, msgspec.field(name=key, default=None)) for key, kind in kinds.items()]
    return msgspec.defstruct(name, fields, gc=False)


ItemFeatures: Any = _struct("ItemFeatures", {name: VALUE for name in ITEM_FEATURES})
UserFeatures: Any = _struct(
    "UserFeatures",
    {name: VALUE | list[VALUE] if name in USER_LISTS else VALUE for name in USER_FEATURES},
)
_ITEM_GETTERS = tuple(attrgetter(f"f{name}") for name in ITEM_FEATURES)
_USER_GETTERS = tuple(attrgetter(f"f{name}") for name in USER_FEATURES)


def encode_numbers(numbers: Int64s, size: int) -> Int32s:
    """Codes of values that the host has numbered; never negative."""
    return np.minimum(numbers, size + 1).astype(np.int32)


def encode_values(values: Sequence[int | str | None], size: int) -> Int32s:
    """Codes of values as they stand in JSON: a text is a value that the indexer lacks."""
    numbers = [value if type(value) is int else 0 if value is None else LARGEST for value in values]
    return encode_numbers(np.array(numbers, np.int64), size)


def encode_items(items: Sequence[Any], sizes: tuple[int, ...]) -> Int32s:
    """Codes [items, 13] of ``ItemFeatures``."""
    codes = np.zeros((len(items), len(sizes)), np.int32)
    for feature, (getter, size) in enumerate(zip(_ITEM_GETTERS, sizes, strict=True)):
        codes[:, feature] = encode_values(list(map(getter, items)), size)
    return codes


def encode_users(users: Sequence[Any], sizes: tuple[int, ...]) -> tuple[Int32s, Int64s]:
    """Codes [users, 17] of ``UserFeatures``, and the indices of users with a list that is longer than its columns."""
    columns = []
    for getter, size in zip(_USER_GETTERS, sizes, strict=True):
        lists = [value if type(value) is list else (value,) for value in map(getter, users)]
        flat = encode_values(list(chain.from_iterable(lists)), size)
        columns.append((flat, np.fromiter(map(len, lists), np.int64, len(lists))))
    return pad_lists(columns)


def pad_lists(columns: Sequence[tuple[Int32s, Int64s]]) -> tuple[Int32s, Int64s]:
    """Lists side by side in the columns that each user feature has, and the indices of rows that were cut.

    ``columns``: for each user feature the codes of all rows end to end and how many each row has.
    """
    rows = len(columns[0][1])
    codes = np.zeros((rows, USER_COLUMNS), np.int32)
    cut = np.zeros(rows, np.bool_)
    left = 0
    for (flat, lengths), width in zip(columns, WIDTHS, strict=True):
        # Each value's row and its position in the row's list, from the lengths alone.
        row = np.repeat(np.arange(rows), lengths)
        within = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        kept = within < width
        codes[row[kept], left + within[kept]] = flat[kept]
        cut |= lengths > width
        left += width
    return codes, np.flatnonzero(cut)
