"""What a card says of a change: the mean over the queries of both, each counting as it does in the score."""

import polars as pl

from common.day.methods.card import describe_change


def test_a_change_is_weighed_as_the_score_is() -> None:
    own = pl.DataFrame({"query": ["a", "b", "x"], "score": [1.0, 0.5, 9.0], "weight": [3.0, 1.0, 5.0]})
    before = pl.DataFrame({"query": ["b", "a"], "score": [0.5, 0.0], "weight": [1.0, 3.0]})
    assert describe_change(own, before).startswith(".1250; after - before: .7500 ± ")
    assert describe_change(own.with_columns(weight=0.0), before).startswith(".1250; after - before: .0000 ± .0000")
