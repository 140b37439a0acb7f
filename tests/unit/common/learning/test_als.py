"""The factorisation against its own equations, and on a planted structure."""

import numpy as np
import pytest

from common.learning.als import count_matrix, factorise, find_users
from common.retrieval.settings import FactorSettings

SETTINGS = FactorSettings(size=4, ridge=0.5, alpha=3.0, rounds=10)


def draw_clicks(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Users 0..19 click items 0..9, users 20..39 items 10..19, each about half of them; item 20 nobody."""
    rng = np.random.default_rng(seed)
    user, item = np.nonzero(rng.random((40, 10)) < 0.5)
    return user, item + 10 * (user >= 20)


def test_items_of_one_taste_score_higher_for_those_who_share_it() -> None:
    settings = FactorSettings(size=2, ridge=0.5, alpha=3.0, rounds=10)
    matrix = count_matrix(*draw_clicks(), (40, 21))
    items, again, other = (factorise(matrix, settings, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(items, again)
    assert not np.array_equal(items, other)
    assert not items[20].any()
    items.flags.writeable = False  # as those of a large catalogue are, which come from a file
    scores, unclicked = find_users(matrix, items, settings) @ items.T, matrix.toarray()[:20] == 0
    assert scores[:20, :10][unclicked[:, :10]].min() > scores[:20, 10:20].max()


def test_a_users_vector_solves_the_weighted_ridge_regression() -> None:
    user, item = draw_clicks()
    times = np.random.default_rng(1).integers(1, 4, len(user))
    matrix = count_matrix(np.repeat(user, times), np.repeat(item, times), (40, 21))
    items = factorise(matrix, SETTINGS, 1).astype(np.float64)
    own = matrix.toarray()[7]
    trust = np.where(own > 0, 1 + SETTINGS.alpha * own, 1.0)
    left = items.T @ (trust[:, None] * items) + SETTINGS.ridge * np.eye(4)
    expected = np.linalg.solve(left, items.T @ (trust * (own > 0)))
    np.testing.assert_allclose(find_users(matrix, items.astype(np.float32), SETTINGS)[7], expected, atol=1e-4)


def test_too_few_rounds_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    matrix = count_matrix(*draw_clicks(), (40, 21))
    for rounds, said in ((1, 0), (2, 1), (3, 1), (100, 0)):
        factorise(matrix, FactorSettings(size=4, ridge=0.5, alpha=3.0, rounds=rounds), 1)
        assert capsys.readouterr().err.count(f"did not converge in {rounds} rounds") == said
