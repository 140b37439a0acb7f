"""Guarded joins of features."""

from collections.abc import Sequence

import polars as pl


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
