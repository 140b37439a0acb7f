"""Tables cut down to what a request can meet."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.day.serving.keyed_table import take_rows


def draw(seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    key = pl.Series("key", np.sort(rng.integers(0, 30, 200)), pl.Int32)
    return pl.DataFrame({"key": key, "value": rng.random(200), "name": ["a", "b"] * 100})


@pytest.mark.parametrize("values", [[3], [29, 3, 3], [], [None], [7, None, 99], [-5, 500], list(range(30))])
def test_the_rows_of_some_keys_are_those_of_a_filter(values: list[int | None]) -> None:
    frame = draw(0)
    rows = take_rows(frame, "key", pl.Series("key", values, pl.Int32))
    present = [key for key in values if key is not None]
    assert_frame_equal(rows, frame.filter(pl.col("key").is_in(present)))


def test_an_empty_table_has_no_rows() -> None:
    assert take_rows(draw(1).clear(), "key", pl.Series([1, 2])).height == 0
