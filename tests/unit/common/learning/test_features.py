"""Guarded joins: only columns are added, in the order of the left frame."""

import numpy as np
import polars as pl
import pytest

from common.learning.features import attach


def test_attach_refuses_a_duplicate_key_on_the_right_and_a_shared_column() -> None:
    once, twice = pl.DataFrame({"a": [1, 2], "c": [5, 6]}), pl.DataFrame({"a": [7, 7, 2], "b": [0, 1, 0]})
    with pytest.raises(ValueError, match=r"duplicate key in \['a'\]"):  # of a key that no row on the left has
        attach(once, twice, ["a"])
    assert attach(twice, once, ["a"]).height == 3
    with pytest.raises(ValueError, match=r"both frames have \['c'\]"):
        attach(once, once, ["a"])


def test_attach_keeps_its_order_over_many_rows() -> None:
    keys = np.random.default_rng(0).integers(0, 500, 100_000)
    right = pl.DataFrame({"key": range(500)}).with_columns(value=pl.col("key") * 7).sample(500, shuffle=True, seed=1)
    attached = attach(pl.DataFrame({"key": keys}), right, ["key"])
    assert (attached["key"].to_numpy() == keys).all()
    assert (attached["value"].to_numpy() == keys * 7).all()
