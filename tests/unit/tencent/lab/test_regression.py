"""The linear model against S and T written out row by row."""

import numpy as np
import pytest

from competitions.tencent.lab import regression
from competitions.tencent.lab.regression import FADE, fit_regression, score_regression
from competitions.tencent.sequences import Histories
from tests.unit.tencent.training_inputs import draw_log, write_log

ROWS = 8  # of the catalogue; ad 7 has no event


def solve_by_rows(histories: Histories, past_decay: float, future_decay: float) -> np.ndarray:
    """B from S and T with one row for each position of each history."""
    past, future, log = [], [], histories.sequences
    for user, end in zip(histories.users, histories.ends, strict=True):
        span = slice(log.offsets[user], end)
        events = list(zip(log.item[span], np.where(log.action[span] >= 1, 1.0, 0.2), strict=True))
        for position in range(len(events) - 1):
            past.append(np.zeros(ROWS))
            future.append(np.zeros(ROWS))
            for event, (item, weight) in enumerate(events):
                if event <= position:
                    past[-1][item] += weight * past_decay ** (position - event)
                else:
                    future[-1][item] += weight * future_decay ** (event - position - 1)
    s, t = np.array(past), np.array(future)
    return np.asarray(np.linalg.solve(s.T @ s + 2.0 * np.eye(ROWS), s.T @ t))


@pytest.mark.parametrize("decays", [(0.8, 0.6), (0.5, 0.5)])
def test_coefficients_equal_the_regression_written_out(
    decays: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("PAST", decays[0]), ("FUTURE", decays[1]), ("RIDGE", 2.0)):
        monkeypatch.setattr(regression, name, value)
    histories = draw_log(40, 6, seed=1)
    ads, coefficients = fit_regression(histories, ROWS)
    found = score_regression(ads, coefficients, write_log(*([row] for row in range(ROWS))), ROWS)
    np.testing.assert_allclose(found, solve_by_rows(histories, *decays), rtol=1e-3, atol=1e-5)
    last_two = score_regression(ads, coefficients, write_log([1, 2]), ROWS)
    np.testing.assert_allclose(last_two[0], FADE * found[1] + found[2], rtol=1e-5)
