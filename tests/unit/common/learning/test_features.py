"""Guarded joins: only columns are added, in the order of the left frame."""

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
