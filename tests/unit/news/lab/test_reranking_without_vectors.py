"""An article without a vector is as like to itself as any other, so that a list counts it once, by its own score."""

import numpy as np
import polars as pl

from competitions.news.io.reader import Embeddings
from competitions.news.lab.reranking import rerank_lists


def test_articles_without_vectors_are_taken_by_the_rankers_order() -> None:
    content = Embeddings(np.array([1], np.int32), np.array([[1.0, 0.0]], np.float32))
    rows = {"query": ["a"] * 3, "item": [1, 8, 9], "score": [1.0, 3.0, 2.0]}
    ranked = pl.DataFrame(rows, schema_overrides={"item": pl.Int32})
    lists = rerank_lists(ranked, content, "dpp", 1.0, 3)
    assert lists.sort("score", descending=True)["item"].to_list() == [8, 9, 1]
