"""From scores to a mixture: every model has its say."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from common.learning.blending import Blend, blend_scores, fit_weights
from common.learning.dataset import ColumnsError
from common.learning.listwise_softmax import softmax_within

Floats = NDArray[np.float64]


def test_scores_of_another_number_of_models_are_refused() -> None:
    with pytest.raises(ColumnsError, match=r"^The blend is of 2 models, the scores are of 3\.$"):
        blend_scores(Blend((1.0, 1.0), (0.5, 0.5)), np.ones((2, 3)), np.array([2], np.int32))


def test_weights_are_those_of_another_optimiser_and_a_model_that_adds_nothing_has_none() -> None:
    """Models, of which two say nearly the same and one says the opposite: the likelihood has a long ridge, on which
    expectation maximisation would crawl.
    """
    rng = np.random.default_rng(7)
    first, second = rng.normal(size=(2, 12 * 400))
    booked = (first + 0.5 * second + rng.gumbel(size=first.shape)).reshape(-1, 12).argmax(axis=1)
    labels, sizes = np.eye(12, dtype=np.float32)[booked].ravel(), np.full(400, 12, np.int32)
    scores = np.column_stack([1.5 * first, 1.5 * first + 0.05 * second, second, -first])
    known = np.column_stack([softmax_within(column, sizes)[labels > 0] for column in scores.T])

    def loss(weights: Floats) -> float:
        return float(-np.log(known @ weights).mean())

    weights = fit_weights(np.ones(4), scores, labels, sizes)
    whole = {"type": "eq", "fun": lambda weights: weights.sum() - 1}
    given = {"method": "SLSQP", "bounds": [(1e-9, 1)] * 4, "constraints": [whole], "options": {"ftol": 1e-13}}
    best = minimize(loss, np.full(4, 0.25), **given)
    assert weights.sum() == pytest.approx(1)
    assert loss(weights) == pytest.approx(best.fun, abs=1e-7)
    assert weights[3] == pytest.approx(0, abs=1e-3)
