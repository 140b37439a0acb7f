"""Standardised scores by hand, and weights that must find the planted model."""

import numpy as np
import pytest
from numpy.typing import NDArray

from common.learning.metrics import reciprocal_ranks
from competitions.news.blending import Blend, fit_blend, standardise

Planted = tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.int32]]


def sizes(*values: int) -> NDArray[np.int32]:
    return np.array(values, np.int32)


# --- standardise ---


def test_scores_get_mean_zero_and_deviation_one_in_each_query_and_model() -> None:
    scores = np.array([[1.0, 10.0], [3.0, 10.0], [5.0, -2.0], [5.0, 0.0], [1.0, 6.0]])
    standard = standardise(scores, sizes(2, 3))
    third = np.array([4 / 3, 4 / 3, -8 / 3]) / np.sqrt(32 / 9)
    second = np.array([-10 / 3, -4 / 3, 14 / 3]) / np.sqrt(104 / 9)
    np.testing.assert_allclose(standard, np.column_stack([[-1, 1, *third], [0, 0, *second]]))


def test_one_row_and_none_are_zero_and_scale_and_shift_do_not_matter() -> None:
    assert standardise(np.array([[7.0, -3.0]]), sizes(1)).tolist() == [[0, 0]]
    assert standardise(np.empty((0, 2)), sizes()).shape == (0, 2)
    scores, split = np.random.default_rng(0).normal(size=(60, 3)), sizes(10, 20, 1, 29)
    moved = scores * [0.01, 5.0, 1000.0] + [100.0, -3.0, 0.0]
    np.testing.assert_allclose(standardise(moved, split), standardise(scores, split), atol=1e-9)


# --- weights ---


def plant(queries: int, models: list[float], seed: int) -> Planted:
    """Ten rows a query, one positive; model i adds ``models[i]`` to the positive's otherwise random score."""
    rng = np.random.default_rng(seed)
    marks = np.zeros((queries, 10), np.float32)
    marks[np.arange(queries), rng.integers(0, 10, queries)] = 1
    scores = rng.normal(size=(queries * 10, len(models))) + marks.ravel()[:, None] * np.array(models)
    return scores, marks.ravel(), np.full(queries, 10, np.int32)


def blend_of(data: Planted, answers: int) -> Blend:
    scores, marks, split = data
    return fit_blend(scores, marks, split, answers=answers, k=5)


def test_the_informative_model_gets_the_weight() -> None:
    data = plant(300, [0.0, 2.5, 0.0], 1)
    blend = blend_of(data, 300)
    assert sum(blend.weights) == pytest.approx(1)
    assert min(blend.weights) >= 0
    assert blend.weights[1] > 0.75
    assert blend.mrr > 0.6


def test_two_models_that_know_different_things_are_better_together() -> None:
    data = plant(400, [1.5, 1.5], 2)
    scores, marks, split = data
    blend = blend_of(data, 400)
    alone = max(reciprocal_ranks(scores[:, model].copy(), marks, split, 5).mean() for model in (0, 1))
    assert blend.mrr > alone + 0.05
    assert min(blend.weights) > 0.2


def test_queries_that_recall_missed_stay_in_the_mean() -> None:
    data = plant(200, [2.0, 0.0], 4)
    full, half = blend_of(data, 200), blend_of(data, 400)
    assert half.mrr == pytest.approx(full.mrr / 2)
    assert half.weights == full.weights
    assert full.mrr > 0.4


def test_one_model_is_taken_as_it_is() -> None:
    scores, marks, split = plant(50, [1.0], 4)
    blend, ranks = blend_of((scores, marks, split), 60), reciprocal_ranks(scores[:, 0], marks, split, 5)
    assert blend.weights == (1.0,)
    np.testing.assert_array_equal(blend.reciprocal, ranks)
    assert blend.mrr == pytest.approx(ranks.sum() / 60)


def test_the_score_is_free_of_the_fits_own_optimism() -> None:
    """On pure noise the fitted weights look better than chance where they were found, not where they are judged."""
    scored, looked = [], []
    for seed in range(4):
        scores, marks, split = plant(60, [0.0] * 4, 10 + seed)
        blend = blend_of((scores, marks, split), 60)
        scored.append(blend.mrr)
        looked.append(reciprocal_ranks(standardise(scores, split) @ np.array(blend.weights), marks, split, 5).mean())
    chance = sum(1 / rank for rank in range(1, 6)) / 10
    assert np.mean(scored) == pytest.approx(chance, abs=0.035)  # standard error 0.015
    assert np.mean(looked) > np.mean(scored) + 0.02


def test_one_query_and_hopeless_scores_still_give_weights() -> None:
    assert blend_of(plant(1, [1.0, 1.0], 6), 1).weights == pytest.approx((0.5, 0.5), abs=0.5)
    scores, _, split = plant(20, [0.0, 0.0], 7)
    blend = blend_of((scores, np.zeros(len(scores), np.float32), split), 20)
    assert blend.mrr == 0
    assert blend.weights == (0.5, 0.5)
