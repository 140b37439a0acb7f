"""Re-ranking: both methods against a search over all lists, and what they must not do."""

import numpy as np
import polars as pl
import pytest

from competitions.learning.news.reranking import (
    intra_list_distance,
    rerank_dpp,
    rerank_lists,
    rerank_mmr,
    scale_relevance,
)
from competitions.news.io.reader import Embeddings
from competitions.news.lookups import scale_vectors


def draw(queries: int, candidates: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Relevance, and the cosines of random unit vectors."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(queries, candidates, 4))
    points /= np.linalg.norm(points, axis=2, keepdims=True)
    return scale_relevance(rng.normal(size=(queries, candidates))), np.einsum("qid,qjd->qij", points, points)


@pytest.mark.parametrize("strength", [0.0, 3.0])
def test_each_step_of_the_dpp_takes_the_largest_determinant(strength: float) -> None:
    relevance, likeness = draw(3, 7, 0)
    for query, chosen in enumerate(rerank_dpp(relevance, likeness, strength, 3)):
        quality = np.exp(strength * relevance[query])
        kernel = quality[:, None] * likeness[query] * quality
        taken: list[int] = []
        for item in chosen:
            volumes = {
                other: np.linalg.det(kernel[np.ix_([*taken, other], [*taken, other])])
                for other in range(7)
                if other not in taken
            }
            assert item == max(volumes, key=volumes.__getitem__)
            taken.append(item)


def test_mmr_without_likeness_is_the_rankers_order_and_without_relevance_spreads_out() -> None:
    relevance, likeness = draw(5, 8, 1)
    order = np.argsort(-relevance, axis=1)[:, :4]
    assert rerank_mmr(relevance, likeness, 1.0, 4).tolist() == order.tolist()
    spread = rerank_mmr(relevance, likeness, 0.0, 2)
    for query, pair in enumerate(spread):
        least = min(likeness[query, pair[0], other] for other in range(8) if other != pair[0])
        assert max(likeness[query, *pair], 0) == pytest.approx(max(least, 0))


def test_what_is_no_candidate_comes_last() -> None:
    relevance, likeness = draw(2, 5, 2)
    relevance[0, 3:] = -np.inf
    for chosen in (rerank_mmr(relevance, likeness, 0.5, 5), rerank_dpp(relevance, likeness, 1.0, 5)):
        assert sorted(chosen[0, :3]) == [0, 1, 2]
        assert sorted(chosen[1]) == [0, 1, 2, 3, 4]


def test_lists_keep_their_articles_and_lose_twins() -> None:
    content = scale_vectors(Embeddings(np.array([1, 2, 3], np.int32), np.array([[2, 0], [1, 0.1], [0, 1]], np.float32)))
    # Article 8 has no vector, and is as near to itself as any other: the likeliest comes first all the same.
    rows = {"query": [*"aaabccc"], "item": [1, 2, 3, 9, 8, 3, 1], "score": [3.0, 2.9, 2.0, 1.0, 3.0, 2.0, 1.0]}
    ranked = pl.DataFrame(rows, schema_overrides={"item": pl.Int32})
    for method, weight in (("mmr", 0.5), ("dpp", 1.0)):
        lists = rerank_lists(ranked, content, method, weight, 2)  # type: ignore[arg-type]
        assert lists.sort("query", "score", descending=[False, True]).select("query", "item").rows() == [
            ("a", 1),
            ("a", 3),
            ("b", 9),
            ("c", 8),
            ("c", 3),
        ]
        assert lists.schema["item"] == pl.Int32
    assert rerank_lists(ranked, content, "mmr", 1.0, 2).filter(query="a")["item"].to_list() == [1, 2]


def test_a_list_of_one_article_has_no_distance() -> None:
    assert intra_list_distance(np.array([0, 0, 1]), np.eye(3)) == 1.0
    assert intra_list_distance(np.array([0, 1]), np.eye(2)) is None
