"""What a card says that a method gains: the mean over the queries of both, each counting as it does in the score."""

import polars as pl
import pytest

from common.day.methods.card import pair


def test_a_gain_is_weighed_as_the_score_is() -> None:
    own = pl.DataFrame({"query": ["a", "b", "x"], "score": [1.0, 0.5, 9.0], "weight": [3.0, 1.0, 5.0]})
    below = pl.DataFrame({"query": ["b", "a"], "score": [0.5, 0.0]})
    gain, error = pair(own, below)
    assert gain == pytest.approx(0.75)
    assert error > 0
    assert pair(own.with_columns(weight=0.0), below) == (0.0, 0.0)
