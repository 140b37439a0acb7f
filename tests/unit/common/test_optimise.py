"""The minimiser: closed forms with and without bounds, and what it says of a fit that did not end."""

import numpy as np
import pytest
from numpy.typing import NDArray

from common.optimise import minimise

Array = NDArray[np.float64]


def plant_least_squares() -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(200, 5)) * [1, 1, 1, 3, 0.3]
    return matrix, matrix @ [1.0, -2.0, 0.5, 0.0, 3.0] + rng.normal(size=200)


def mean_squares(weights: Array) -> tuple[float, Array]:
    matrix, target = plant_least_squares()
    error = matrix @ weights - target
    return float(error @ error) / len(target) / 2, matrix.T @ error / len(target)


def test_with_bounds_it_is_non_negative_least_squares() -> None:
    from scipy.optimize import nnls

    weights = minimise(mean_squares, np.ones(5), "least squares", [(0.0, None)] * 5)
    assert weights[1] == 0
    np.testing.assert_allclose(weights, nnls(*plant_least_squares())[0], atol=1e-4)


def test_a_fit_out_of_iterations_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    minimise(mean_squares, np.zeros(5), "weights of channels", iterations=2)
    assert "The fit of weights of channels did not converge after 2 iterations" in capsys.readouterr().err


def test_a_loss_that_is_no_number_does_not_converge(capsys: pytest.CaptureFixture[str]) -> None:
    minimise(lambda x: (np.nan, np.full(len(x), np.nan)), np.zeros(2), "it")
    assert "did not converge" in capsys.readouterr().err


def test_a_loss_that_is_rounded_converges_where_it_is_flat(capsys: pytest.CaptureFixture[str]) -> None:
    def rounded(x: Array) -> tuple[float, Array]:
        value, slope = mean_squares(x)
        return float(np.float32(value)), slope.astype(np.float32).astype(np.float64)

    minimise(rounded, np.zeros(5), "least squares")
    assert capsys.readouterr().err == ""
