"""Building blocks of features: guarded joins, spans of whole numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray


def attach(left: pl.DataFrame, right: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
    """Left join that can only add columns: a duplicate key on the right, or a shared column, is refused.

    >>> prices = pl.DataFrame({"item": [1, 2], "price": [9.5, 3.0]})
    >>> attach(pl.DataFrame({"item": [2, 7, 2]}), prices, ["item"]).rows()
    [(2, 3.0), (7, None), (2, 3.0)]
    """
    keys = list(on)
    if right.select(pl.struct(keys).is_duplicated().any()).item():
        raise ValueError(f"attach: the right frame has a duplicate key in {keys}")
    shared = (set(left.columns) & set(right.columns)) - set(keys)
    if shared:
        raise ValueError(f"attach: both frames have {sorted(shared)}")
    return left.join(right, on=keys, how="left", maintain_order="left")


def expand_spans(low: NDArray[Any], lengths: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each number from ``low[i]`` on, ``lengths[i]`` of them, for every i in turn; and the i of each.

    >>> numbers, owner = expand_spans(np.array([7, 3, 0]), np.array([2, 0, 3]))
    >>> numbers.tolist(), owner.tolist()
    ([7, 8, 0, 1, 2], [0, 0, 2, 2, 2])
    """
    shift = low - (np.cumsum(lengths) - lengths)
    return np.arange(lengths.sum()) + np.repeat(shift, lengths), np.repeat(np.arange(len(low)), lengths)
