"""Softmax choices: probabilities and slopes by hand and by finite differences, temperatures against a grid."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from common.learning.listwise_softmax import (
    TINY,
    fit_temperatures,
    lightgbm_likelihood,
    lightgbm_softmax,
    log_likelihoods,
    softmax_gradients,
    softmax_within,
)

SIZES = np.array([3, 1, 4, 2], np.int32)
LABELS = np.array([0, 1, 0, 1, 0, 0, 0, 1, 0, 0], np.float32)  # the last query has no positive
SCORES = np.random.default_rng(0).normal(size=10)


def test_each_model_is_a_column_and_no_score_is_too_large_or_too_small() -> None:
    both = softmax_within(np.column_stack([SCORES, 3 * SCORES]), SIZES)
    np.testing.assert_array_equal(both[:, 0], softmax_within(SCORES, SIZES))
    np.testing.assert_array_equal(both[:, 1], softmax_within(3 * SCORES, SIZES))
    extreme = softmax_within(np.array([1e6, 1e6, -1e6, -1e6]), np.array([3, 1], np.int32))
    assert extreme.tolist() == [0.5, 0.5, 0, 1]


def differentiate(labels: NDArray[np.float32], row: int, step: float) -> tuple[float, float]:
    """First and second derivative of the loss by the score of one row, from three values of it."""
    moved = [SCORES + sign * step * (np.arange(10) == row) for sign in (-1, 0, 1)]
    below, here, above = (-float(log_likelihoods(scores, labels, SIZES).sum()) for scores in moved)
    return (above - below) / (2 * step), (above - 2 * here + below) / step**2


@pytest.mark.parametrize("also_chosen", [None, 4])  # two positives count as two choices
@pytest.mark.parametrize("row", range(8))
def test_gradients_are_the_losss_derivatives(row: int, also_chosen: int | None) -> None:
    labels = LABELS.copy()
    labels[also_chosen or 7] = 1
    first, second = softmax_gradients(SCORES, labels, SIZES)
    assert (first[row], second[row]) == pytest.approx(differentiate(labels, row, 1e-4), abs=1e-6)


def test_a_query_without_a_positive_weighs_nothing_and_a_certain_choice_hardly_anything() -> None:
    first, second = softmax_gradients(SCORES, LABELS, SIZES)
    assert (first[8:].tolist(), second[8:].tolist()) == ([0, 0], [TINY, TINY])
    assert second[:3].min() > 0.01
    first, second = softmax_gradients(np.array([1e4, 0.0]), np.array([1, 0], np.float32), np.array([2], np.int32))
    assert (first.tolist(), second.tolist()) == ([0, 0], [TINY, TINY])


def test_lightgbm_gets_gradients_and_the_mean_likelihood_of_its_own_groups() -> None:
    """LightGBM hands groups over as int32 or int64; a query without a positive counts as one."""
    for sizes in (SIZES, SIZES.astype(np.int64)):
        data = SimpleNamespace(get_label=lambda: LABELS, get_group=lambda sizes=sizes: sizes)
        np.testing.assert_array_equal(lightgbm_softmax(SCORES, data), softmax_gradients(SCORES, LABELS, SIZES))
        name, value, higher = lightgbm_likelihood(SCORES, data)
        assert (name, higher) == ("likelihood", True)
        assert value == pytest.approx(log_likelihoods(SCORES, LABELS, SIZES).sum() / 4)


def test_the_factor_that_made_the_choices_is_recovered_whatever_the_scale() -> None:
    """A softmax of the utilities of ten rows chose one of them, four thousand times."""
    rng = np.random.default_rng(1)
    utilities = rng.normal(size=(4000, 10))
    chosen = (utilities + rng.gumbel(size=utilities.shape)).argmax(axis=1)
    labels, sizes = np.eye(10, dtype=np.float32)[chosen].ravel(), np.full(4000, 10, np.int32)
    scores = utilities.reshape(-1, 1) * [1, 1 / 50, 1e5] + [0, 3, 0]
    np.testing.assert_allclose(fit_temperatures(scores, labels, sizes) * [1, 1 / 50, 1e5], 1, atol=0.06)
