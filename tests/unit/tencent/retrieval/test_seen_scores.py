"""What the ranker is told of an ad that the user has seen: nothing, whatever a channel thinks of it."""

import numpy as np
import pytest

from competitions.tencent.retrieval.registry import find_channel
from tests.unit.tencent.retrieval.test_search import make_search


@pytest.mark.parametrize(("name", "left"), [("counts", 0.0), ("81", 1.0)])
def test_scores_of_seen_ads_are_nothing_where_the_ranker_gets_them(name: str, left: float) -> None:
    search, queries = make_search()
    alike = {"part": np.ones((len(queries), len(search.pool)), np.float32)}
    search.channels = [(find_channel(name), lambda _: alike)]
    seen = search.find_seen(queries.histories)
    ((_, scores),) = search.score(search.block(queries), seen)
    assert (scores["part"][seen] == left).all()
    assert scores["part"].sum() == len(queries) * len(search.pool) - len(seen[0]) * (1 - left)
