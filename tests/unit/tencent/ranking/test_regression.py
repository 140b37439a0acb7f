"""The linear model against S and T written out row by row."""

import numpy as np
import pytest

from common.engine.errors import UserError
from competitions.tencent.corpus import Catalogue
from competitions.tencent.ranking import regression
from competitions.tencent.ranking.attributes import attribute_matrix
from competitions.tencent.ranking.regression import RegressionSettings, fit_regression, score_regression
from competitions.tencent.ranking.sparse_history import ActionWeights
from competitions.tencent.sequences import Histories
from tests.unit.tencent.tencent_log import PLAIN_LINEAR, change, draw_log, make_catalogue, write_log

UNEVEN = ActionWeights(exposure=0.2, click=1.0, conversion=2.5, null=0.0)


def solve_by_rows(histories: Histories, catalogue: Catalogue, settings: RegressionSettings) -> np.ndarray:
    """B from S and T with one row for each position of each history."""
    rows = len(catalogue.oid)
    table = {-1: settings.weights.null, 0: settings.weights.exposure, 1: settings.weights.click}
    table[2] = settings.weights.conversion
    past, future = [], []
    sequences = histories.sequences
    for user, end in zip(histories.users, histories.ends, strict=True):
        items = sequences.item[sequences.offsets[user] : end]
        weights = [table[int(action)] for action in sequences.action[sequences.offsets[user] : end]]
        for position in range(len(items) - 1):
            past.append(np.zeros(rows))
            future.append(np.zeros(rows))
            for event, (item, weight) in enumerate(zip(items, weights, strict=True)):
                if event <= position:
                    past[-1][item] += weight * settings.past_decay ** (position - event)
                else:
                    future[-1][item] += weight * settings.future_decay ** (event - position - 1)
    s, t = np.array(past), np.array(future)
    attributes = attribute_matrix(catalogue).toarray()
    alike = np.eye(rows) + settings.prior * attributes @ attributes.T
    return np.asarray(np.linalg.solve(s.T @ s + settings.ridge * np.linalg.inv(alike), s.T @ t))


@pytest.mark.parametrize("prior", [0.0, 3.0])
@pytest.mark.parametrize("decays", [(0.8, 0.6), (0.5, 0.5)])
def test_coefficients_equal_the_regression_written_out(prior: float, decays: tuple[float, float]) -> None:
    histories = draw_log(40, 6, seed=1)
    catalogue = make_catalogue(6, {0: [1, 1, 2, 2, 3, 0], 3: [4, 0, 4, 1, 1, 1]})
    settings = change(PLAIN_LINEAR, prior=prior, past_decay=decays[0], future_decay=decays[1], weights=UNEVEN)
    model = fit_regression(histories, catalogue, attribute_matrix(catalogue), settings)
    np.testing.assert_allclose(model.coefficients, solve_by_rows(histories, catalogue, settings), rtol=1e-3, atol=1e-5)


def test_a_planted_successor_wins_over_a_popular_item() -> None:
    users = [[1, 2, 5]] * 20 + [[3, 4, 5]] * 20 + [[6, 5]] * 60
    catalogue = make_catalogue(6)
    model = fit_regression(write_log(*users), catalogue, attribute_matrix(catalogue), PLAIN_LINEAR)
    scores = score_regression(model, write_log([1], [3]), np.array([2, 4, 5]))
    assert scores.argmax(1).tolist() == [0, 1]
    assert scores.dtype == np.float32


def test_nothing_behind_the_end_of_a_history_is_learned() -> None:
    whole = write_log([1, 2, 3], [4, 5, 6, 1])
    cut = Histories(whole.sequences, whole.users, whole.ends - 1)
    catalogue = make_catalogue(6)
    attributes = attribute_matrix(catalogue)
    np.testing.assert_array_equal(
        fit_regression(cut, catalogue, attributes, PLAIN_LINEAR).coefficients,
        fit_regression(write_log([1, 2], [4, 5, 6]), catalogue, attributes, PLAIN_LINEAR).coefficients,
    )


def test_a_large_catalogue_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression, "MOST_ITEMS", 5)
    catalogue = make_catalogue(6)
    with pytest.raises(UserError, match=r"7 rows, more than 5: leave linear out of ranker\.channels"):
        fit_regression(write_log([1, 2]), catalogue, attribute_matrix(catalogue), PLAIN_LINEAR)
