"""How clicks end, by ad and by feature, counted by hand."""

import numpy as np

from competitions.tencent.corpus import Catalogue
from competitions.tencent.features.action_rates import SHRINK, action_log_ratio, fit_action_rates
from competitions.tencent.sequences import whole
from tests.unit.tencent.training_inputs import make_sequences

# Rows 1 and 2 have the value 1 of the first feature, row 3 the value 2, row 4 none; the second has no values.
CATALOGUE = Catalogue(np.arange(5), np.array([[0, 0], [1, 0], [1, 0], [2, 0], [0, 0]], np.int32), 4, (2, 0))
LOG = make_sequences(
    [(1, 2, 0), (2, 1, 1), (3, 1, 2), (1, 0, 3)],
    [(1, 2, 0), (3, -1, 1), (4, 2, 2)],  # what was only shown, or of which nothing is known, is no click
)
MEAN = (3 + 1) / (5 + 2)


def lift(conversions: int, clicks: int) -> tuple[float, float]:
    rate = (conversions + SHRINK * MEAN) / (clicks + SHRINK)
    return float(np.log((1 - rate) / (1 - MEAN))), float(np.log(rate / MEAN))


def test_rates_by_hand() -> None:
    rates = fit_action_rates(whole(LOG), CATALOGUE)
    expected = np.array([lift(0, 0), lift(2, 2), lift(0, 1), lift(0, 1), lift(1, 1)])
    np.testing.assert_allclose(rates.own.T, expected, atol=1e-6)
    (first,) = rates.values
    expected = np.array([(0.0, 0.0), lift(2, 3), lift(0, 1), lift(0, 0)])  # missing, two values, cold
    np.testing.assert_allclose(first.T, expected, atol=1e-6)


def test_each_query_looks_up_its_own_action() -> None:
    rates = fit_action_rates(whole(LOG), CATALOGUE)
    found = action_log_ratio(rates.own, np.array([[1, 2], [1, 2], [1, 2]]), np.array([2, 1, 0]))
    np.testing.assert_allclose(found[0], rates.own[1, 1:3])
    np.testing.assert_allclose(found[1], rates.own[0, 1:3])
    assert found[2].tolist() == [0.0, 0.0]  # an exposure: nothing is asked for
    assert found[0, 0] > 0 > found[1, 0]
