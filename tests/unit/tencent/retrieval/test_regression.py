"""The linear model against S and T written out row by row."""

import numpy as np
import pytest

from common.engine.errors import UserError
from competitions.tencent.corpus import Catalogue
from competitions.tencent.ids import CatalogueRows
from competitions.tencent.retrieval import regression
from competitions.tencent.retrieval.attributes import attribute_matrix
from competitions.tencent.retrieval.regression import (
    Regression,
    RegressionSettings,
    fit,
    fit_regression,
    invert,
    score_regression,
)
from competitions.tencent.retrieval.sparse_history import ActionWeights
from competitions.tencent.sequences import Histories
from tests.unit.tencent.tencent_log import PLAIN_LINEAR, change, draw_log, make_catalogue, write_log

UNEVEN = ActionWeights(exposure=0.2, click=1.0, conversion=2.5, null=0.0)


def solve_by_rows(
    histories: Histories, catalogue: Catalogue, settings: RegressionSettings, kept: set[int] | None = None
) -> np.ndarray:
    """B from S and T with one row for each position of each history, of the ``kept`` items alone where there are any.

    Events that weigh nothing are no events.
    """
    rows = len(catalogue.oid)
    table = {-1: settings.weights.null, 0: settings.weights.exposure, 1: settings.weights.click}
    table[2] = settings.weights.conversion
    past, future = [], []
    sequences = histories.sequences
    for user, end in zip(histories.users, histories.ends, strict=True):
        span = slice(sequences.offsets[user], end)
        pairs = zip(sequences.item[span], [table[int(action)] for action in sequences.action[span]], strict=True)
        events = [(item, weight) for item, weight in pairs if weight and (kept is None or item in kept)]
        for position in range(len(events) - 1):
            past.append(np.zeros(rows))
            future.append(np.zeros(rows))
            for event, (item, weight) in enumerate(events):
                if event <= position:
                    past[-1][item] += weight * settings.past_decay ** (position - event)
                else:
                    future[-1][item] += weight * settings.future_decay ** (event - position - 1)
    s, t = np.array(past), np.array(future)
    attributes = attribute_matrix(catalogue).toarray()
    alike = np.eye(rows) + settings.prior * attributes @ attributes.T
    return np.asarray(np.linalg.solve(s.T @ s + settings.ridge * np.linalg.inv(alike), s.T @ t))


def all_coefficients(model: Regression) -> np.ndarray:
    """B of the whole catalogue: what a click on each ad alone gives to each."""
    rows = np.arange(model.attributes.shape[0])
    return score_regression(model, write_log(*([row] for row in rows)), rows)


@pytest.mark.parametrize("prior", [0.0, 3.0])
@pytest.mark.parametrize("decays", [(0.8, 0.6), (0.5, 0.5)])
@pytest.mark.parametrize("tile", [2, 2048])
def test_coefficients_equal_the_regression_written_out(
    prior: float, decays: tuple[float, float], tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regression, "TILE", tile)
    monkeypatch.setattr(regression, "BLOCK", tile)
    histories = draw_log(40, 6, seed=1)
    catalogue = make_catalogue(6, {0: [1, 1, 2, 2, 3, 0], 3: [4, 0, 4, 1, 1, 1]})
    settings = change(PLAIN_LINEAR, prior=prior, past_decay=decays[0], future_decay=decays[1], weights=UNEVEN)
    model = fit_regression(histories, catalogue, attribute_matrix(catalogue), settings)
    expected = solve_by_rows(histories, catalogue, settings)
    np.testing.assert_allclose(all_coefficients(model), expected, rtol=1e-3, atol=1e-5)


def test_of_a_larger_catalogue_the_items_with_most_events_are_kept() -> None:
    catalogue = make_catalogue(9, {0: [1, 1, 2, 2, 3, 0, 1, 3, 4]})
    settings, histories = change(PLAIN_LINEAR, prior=3.0, weights=UNEVEN), draw_log(40, 6, seed=2)
    model = fit_regression(histories, catalogue, attribute_matrix(catalogue), settings, most_items=4)
    events = histories.events()
    table = np.array([0.2, 1.0, 2.5, 0.0])  # -1, no action, is the last
    weight = np.bincount(histories.sequences.item[events], table[histories.sequences.action[events]])
    assert set(model.kept) == set(np.argsort(-weight)[:4])
    expected = solve_by_rows(histories, catalogue, settings, set(model.kept))
    np.testing.assert_allclose(all_coefficients(model), expected, rtol=1e-3, atol=1e-5)
    others = np.setdiff1d(np.arange(10), model.kept)
    assert not all_coefficients(model)[:, others].any()


def test_of_a_log_with_exposures_clicks_alone_are_taken() -> None:
    shown, catalogue = write_log([1, 2, 3], [4, 5], action=[[1, 0, 2], [0, 1]]), make_catalogue(6)
    rows = CatalogueRows(np.arange(1, 7))
    assert fit(shown, catalogue, rows, exposures=False).kept.tolist() == [1, 2, 3, 4, 5]
    assert fit(shown, catalogue, rows, exposures=True).kept.tolist() == [1, 3, 5]
    assert not len(fit(write_log([]), catalogue, rows, exposures=True).kept)


def test_a_matrix_without_an_inverse_is_refused_with_a_way_out() -> None:
    with pytest.raises(UserError, match=r"no solution in float32: remove linear from ranker\.channels"):
        invert(np.asfortranarray([[1, 2], [2, 1]], np.float32))
