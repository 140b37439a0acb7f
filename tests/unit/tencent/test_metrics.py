import math

import numpy as np
import pytest

from competitions.tencent.corpus import CatalogueRows, Int64s
from competitions.tencent.metrics import FEWEST_LEARNED, judge_ways, mean_scores, rank_targets, weigh_scores
from competitions.tencent.split import Fold
from competitions.tencent.top_k import FoldAnswers, TopK
from tests.unit.tencent.training_inputs import CONFIG


def make_fold(target: Int64s) -> Fold:
    """A query of each target, a click that was seen before."""
    zeros, no_ads = np.zeros(len(target), np.int64), CatalogueRows(np.empty(0, np.int64))
    ones = np.ones(len(target), np.int8)
    return Fold(zeros, np.arange(len(target)), zeros, zeros, no_ads, zeros + 1, target, zeros > 0, ones)


def test_ranks_are_counted_from_one_and_zero_is_missing() -> None:
    rows = CatalogueRows(np.array([[4, 2, 9], [4, 2, 9], [0, 5, 0], [1, 2, 3]]))
    fold = make_fold(np.array([9, 8, 0, 1]))
    assert rank_targets(fold, TopK(rows, np.zeros(rows.shape, np.float32))).tolist() == [3, 0, 0, 1]


def test_scores_by_hand() -> None:
    scores = mean_scores(np.array([1, 3, 0, 10]))
    gains = [1.0, 1 / math.log2(4), 0.0, 1 / math.log2(11)]
    by_query = [0.31 * (gain > 0) + 0.69 * gain for gain in gains]
    assert scores["hit_rate@10"] == 0.75
    assert scores["ndcg@10"] == pytest.approx(sum(gains) / 4)
    assert scores["score"] == pytest.approx(sum(by_query) / 4)
    assert scores["score_error"] == pytest.approx(np.std(by_query) / 2)
    assert scores["users"] == 4


def test_weights_count_a_conversion_more() -> None:
    scores = mean_scores(np.array([1, 0]), np.array([2.5, 1.0]))
    assert scores["score"] == pytest.approx(2.5 / 3.5)
    assert mean_scores(np.array([0, 1]), np.array([2.5, 1.0]))["hit_rate@10"] == pytest.approx(1 / 3.5)


def test_round_two_has_both_forms_and_a_user_without_a_weight_counts_in_neither() -> None:
    """By user: one of two is right, whatever the conversion counts; the exposed user has no right ad."""
    scores = mean_scores(np.array([1, 0, 1]), np.array([2.5, 1.0, 0.0]))
    assert scores["score"] == scores["hit_rate@10"] == pytest.approx(2.5 / 3.5)
    assert [scores[f"{name} by user"] for name in ("score", "hit_rate@10", "ndcg@10")] == [0.5, 0.5, 0.5]
    assert not any("by user" in name for name in mean_scores(np.array([1, 0]), np.array([1.0, 1.0])))


def test_weighed_scores_have_the_weighted_mean() -> None:
    assert weigh_scores(np.array([1.0, 0.5]), np.array([2.5, 1.0])).mean() == pytest.approx(3.0 / 3.5)
    assert weigh_scores(np.array([1.0]), np.array([0.0])).tolist() == [0.0]
    assert weigh_scores(np.empty(0), np.empty(0)).tolist() == []


@pytest.mark.parametrize(
    ("answer", "learned", "chosen"),
    [
        ("auto", FEWEST_LEARNED, "popularity"),
        ("auto", FEWEST_LEARNED - 1, "ranker"),
        ("popularity", 0, "popularity"),
    ],
)
def test_a_ranker_that_learned_from_few_queries_is_not_judged_by_the_hold_out(
    answer: str, learned: int, chosen: str
) -> None:
    """Sixty users whose ad the popular order has and the ranker's has not."""
    target = np.arange(1, 61)
    fold = make_fold(target)
    right = TopK(CatalogueRows(target[:, None]), np.ones((60, 1), np.float32))
    ways = {"ranker": TopK(CatalogueRows(target[:, None] + 100), right.scores), "popularity": right}
    chain = judge_ways(fold, FoldAnswers(ways), CONFIG.host, answer, learned)
    assert (chain.answer, chain.decision.value) == (chosen, chosen)
    if chosen == "ranker":
        assert chain.decision.reason.startswith("the hold-out's ranker learned from 999 queries, the test's from 1,059")
