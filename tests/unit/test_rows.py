"""The matrix that crosses over to the libraries."""

import numpy as np
import polars as pl
import pytest

from common.rows import to_matrix

NUMBERS = [pl.Float32, pl.Float64, pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32]


@pytest.mark.parametrize("dtype", NUMBERS)
def test_numbers_become_float32_and_null_becomes_nan(dtype: type[pl.DataType]) -> None:
    matrix = to_matrix(pl.DataFrame({"x": [7, None, 0], "y": [1, 2, 3]}, schema={"x": dtype, "y": pl.Int32}))
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, [[7, 1], [np.nan, 2], [0, 3]])


def test_truth_values_become_ones_and_zeros() -> None:
    matrix = to_matrix(pl.DataFrame({"x": [True, None, False]}))
    np.testing.assert_array_equal(matrix, [[1], [np.nan], [0]])


@pytest.mark.parametrize(
    "values",
    [
        pl.Series(["a", "b"]),
        pl.Series(["a", "b"], dtype=pl.Categorical),
        pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])),
        pl.Series([1, 2], dtype=pl.Int64),
        pl.Series([1, 2], dtype=pl.UInt64),
        pl.Series([0, 1]).cast(pl.Date),
        pl.Series([0, 1]).cast(pl.Datetime("ms")),
        pl.Series([0, 1]).cast(pl.Duration("ms")),
        pl.Series([[1], [2]]),
        pl.Series([{"a": 1}, {"a": 2}]),
        pl.Series([None, None]),
        pl.Series([b"a", b"b"]),
    ],
    ids=lambda values: str(values.dtype),
)
def test_what_is_not_a_small_number_is_refused_by_name(values: pl.Series) -> None:
    frame = pl.DataFrame({"fine": [1.0, 2.0], "item_odd": values})
    with pytest.raises(TypeError, match=r"encode item_odd \(") as caught:
        to_matrix(frame)
    assert "fine" not in str(caught.value)


def test_every_refused_column_is_named_at_once() -> None:
    with pytest.raises(TypeError, match=r"encode a \(Int64\), c \(String\)"):
        to_matrix(pl.DataFrame({"a": [1], "b": [1.0], "c": ["x"]}))
