"""The minimiser: closed forms with and without bounds, and what it says of a fit that did not end."""

import numpy as np
import pytest
from numpy.typing import NDArray

from common.optimise import minimise, steepest_slope

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

    solution = minimise(mean_squares, np.ones(5), "least squares", [(0.0, None)] * 5)
    assert solution.converged
    assert solution.x[1] == 0
    np.testing.assert_allclose(solution.x, nnls(*plant_least_squares())[0], atol=1e-4)


def test_a_fit_out_of_iterations_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    solution = minimise(mean_squares, np.zeros(5), "weights of channels", iterations=2)
    assert not solution.converged
    assert "The fit of weights of channels did not converge after 2 iterations" in capsys.readouterr().err


def test_a_loss_that_is_no_number_does_not_converge(capsys: pytest.CaptureFixture[str]) -> None:
    solution = minimise(lambda x: (np.nan, np.full(len(x), np.nan)), np.zeros(2), "it")
    assert not solution.converged
    assert "did not converge" in capsys.readouterr().err


def test_a_loss_that_is_rounded_converges_where_it_is_flat() -> None:
    def rounded(x: Array) -> tuple[float, Array]:
        value, slope = mean_squares(x)
        return float(np.float32(value)), slope.astype(np.float32).astype(np.float64)

    assert minimise(rounded, np.zeros(5), "least squares").converged


def test_a_slope_that_leads_out_of_the_bounds_does_not_count() -> None:
    x, gradient = np.array([0.0, 2.0, 1.0]), np.array([4.0, -4.0, 0.25])
    assert steepest_slope(x, gradient, [(0, None), (None, 2), (None, None)]) == 0.25
    assert steepest_slope(x, gradient) == 4.0
