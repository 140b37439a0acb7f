"""Types of numpy arrays, by what they hold; rows of a dataclass of arrays."""

from collections.abc import Sequence
from dataclasses import fields
from typing import TypeVar

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
