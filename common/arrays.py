"""Types of numpy arrays, by what they hold; rows of a dataclass of arrays; look-ups, spans and means by row."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Columns = TypeVar("Columns")


def take(columns: Columns, rows: Ints | Bools | slice) -> Columns:
    """Some rows of a dataclass whose fields are all arrays.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Clicks:
    ...     user: Ints
    ...     ad: Ints
    >>> take(Clicks(np.array([1, 1, 2]), np.array([7, 8, 9])), np.array([0, 2]))
    Clicks(user=array([1, 2]), ad=array([7, 9]))
    """
    taken = {field.name: getattr(columns, field.name)[rows] for field in fields(columns)}  # type: ignore[arg-type]
    return type(columns)(**taken)


def join(parts: Sequence[Columns]) -> Columns:
    """Dataclasses whose fields are all arrays, end to end; at least one.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Clicks:
    ...     user: Ints
    >>> join([Clicks(np.array([1])), Clicks(np.array([2, 3]))])
    Clicks(user=array([1, 2, 3]))
    """
    names = [field.name for field in fields(parts[0])]  # type: ignore[arg-type]
    return type(parts[0])(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def lookup_rows(keys: NDArray[Any], values: NDArray[Any], missing: int = -1) -> NDArray[np.int64]:
    """The row of each value in ``keys`` (ascending, distinct); ``missing`` for a value that is not there.

    >>> lookup_rows(np.array([10, 20, 30]), np.array([30, 11, 10])).tolist()
    [2, -1, 0]
    """
    if not len(keys):
        return np.full(len(values), missing)
    rows = np.minimum(np.searchsorted(keys, values), len(keys) - 1)
    return np.where(keys[rows] == values, rows, missing)


def take_known(values: NDArray[Any], rows: NDArray[np.int64], missing: float = np.nan) -> NDArray[Any]:
    """``values[rows]``; ``missing`` where the row is -1, as ``lookup_rows`` says it.

    >>> take_known(np.array([5, 6]), np.array([1, -1, 0]), missing=0).tolist()
    [6, 0, 5]
    """
    if not len(values):
        return np.full(len(rows), missing)
    return np.where(rows < 0, missing, values[rows])


def expand_spans(low: NDArray[Any], lengths: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each number from ``low[i]`` on, ``lengths[i]`` of them, for every i in turn; and the i of each.

    >>> numbers, owner = expand_spans(np.array([7, 3, 0]), np.array([2, 0, 3]))
    >>> numbers.tolist(), owner.tolist()
    ([7, 8, 0, 1, 2], [0, 0, 2, 2, 2])
    """
    shift = low - (np.cumsum(lengths) - lengths)
    return np.arange(lengths.sum()) + np.repeat(shift, lengths), np.repeat(np.arange(len(low)), lengths)


def mean_by_row(rows: NDArray[np.int64], values: NDArray[np.float64], height: int) -> NDArray[np.float64]:
    """The mean of the values of each of ``height`` rows, NaN left out; NaN where there is none.

    >>> mean_by_row(np.array([0, 0, 2, 0]), np.array([1.0, 2.0, 5.0, np.nan]), 3).tolist()
    [1.5, nan, 5.0]
    """
    known = ~np.isnan(values)
    count = np.bincount(rows[known], minlength=height)
    total = np.bincount(rows[known], values[known], height)
    means: NDArray[np.float64] = np.divide(total, count, out=np.full(height, np.nan), where=count > 0)
    return means


def normalise_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows scaled to length 1, as contiguous float32; a row of zeros stays zero.

    >>> normalise_rows(np.array([[3, 4], [0, 0]], np.float32)).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    return np.ascontiguousarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)
