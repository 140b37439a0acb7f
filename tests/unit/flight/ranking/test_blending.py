"""From scores to ranks: every model has its say, and every list is a permutation."""

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from common.learning.blending import Blend, blend_scores
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import measure
from competitions.flight.ranking.blending import find_blend, measure_all, measure_test, rank_test
from competitions.flight.ranking.submitted_order import order_test_by_rule
from competitions.flight.ranking.training_data import TrainingData
from tests.unit.flight.flight_world import NO_HISTORY, join_folds, make_fold, make_searches, option, search

ONE = Blend((1.0,), (1.0,))
ALONE = np.arange(1_000)  # no session has a twin
Floats = NDArray[np.float64]


def shop(*sizes: int, rows: list[int] | None = None) -> Searches:
    """Sessions of these sizes."""
    return make_searches(*(search(*[option()] * size) for size in sizes), rows=rows)


# --- ranks ---


@pytest.mark.parametrize(
    ("sizes", "rows", "scores", "ranks"),
    [
        ((3, 2), None, [0.1, 0.9, 0.5, -1.0, -2.0], [3, 1, 2, 1, 2]),
        ((3, 2), [4, 0, 2, 3, 1], [0.1, 0.9, 0.5, -1.0, -2.0], [1, 2, 2, 1, 3]),  # in the order of the file's rows
        ((1, 1, 2), None, [-5.0, 5.0, 0.0, 1.0], [1, 1, 2, 1]),
        ((3,), [2, 1, 0], [1.0, 1.0, 1.0], [3, 2, 1]),  # ties by the position on the page
    ],
)
def test_the_best_score_of_a_session_gets_rank_one(
    sizes: tuple[int, ...], rows: list[int] | None, scores: list[float], ranks: list[int]
) -> None:
    ranked = rank_test(shop(*sizes, rows=rows), blend_scores(ONE, np.array(scores)[:, None], np.array(sizes, np.int32)))
    assert (ranked.dtype, ranked.to_list()) == (pl.Int64, ranks)


def test_a_rule_that_is_handed_in_ranks_the_test_by_its_feature() -> None:
    test = make_searches(search(option(price=200.0), option(price=None), option(price=100.0)), search(option()))
    for rule, ranks in (("cheapest", [2, 3, 1, 1]), ("shown", [1, 2, 3, 1])):
        assert rank_test(test, order_test_by_rule(test, NO_HISTORY, rule)).to_list() == ranks


# --- the blend ---


def test_the_temperatures_are_of_the_models_and_of_the_sessions_of_more_than_ten_options() -> None:
    """The scores say three times too little in the large sessions, and too much in those of ten."""
    rng = np.random.default_rng(3)
    sizes = [12, 10] * 400
    utility = rng.normal(size=sum(sizes))
    noisy = np.split(utility + rng.gumbel(size=sum(sizes)), np.cumsum(sizes)[:-1])
    scores = np.where(np.repeat(np.array(sizes) > 10, sizes), utility / 3, 50 * utility)
    data = join_folds(make_fold(sizes, [int(own.argmax()) for own in noisy]))
    blend = find_blend(data, np.column_stack([scores, 2 * scores]), np.arange(800))
    assert blend.temperatures == pytest.approx((3.0, 1.5), rel=0.15)
    assert blend.weights == (0.5, 0.5)


def draw(count: int, strength: tuple[float, float]) -> tuple[TrainingData, Floats]:
    """Sessions of twelve whose bookings follow two models by so much each, and the models' scores."""
    rng = np.random.default_rng(count)
    utility = rng.normal(size=(12 * count, 2))
    noisy = (utility @ strength + rng.gumbel(size=12 * count)).reshape(count, 12)
    return join_folds(make_fold([12] * count, noisy.argmax(axis=1).tolist())), utility


def test_weights_are_fitted_where_they_are_clearly_likelier_where_they_were_not_fitted() -> None:
    one_sided = find_blend(*draw(301, (2.0, 0.0)), ALONE)  # one half is larger than the other
    assert one_sided.weights[0] > 0.9
    assert sum(one_sided.weights) == pytest.approx(1)
    assert find_blend(*draw(300, (1.0, 1.0)), ALONE).weights == (0.5, 0.5)
    assert find_blend(*draw(4, (2.0, 0.0)), ALONE).weights == (0.5, 0.5)  # too few to tell
    # Each model tells the bookings of one half: weights of either are worse than equal ones on the other.
    rng, numbers = np.random.default_rng(0), np.arange(300)
    scores = rng.normal(size=(300, 12, 2))
    booked = (2 * scores[numbers, :, numbers % 2] + rng.gumbel(size=(300, 12))).argmax(axis=1)
    data = join_folds(make_fold([12] * 300, booked.tolist()))
    assert find_blend(data, scores.reshape(-1, 2), ALONE).weights == (0.5, 0.5)


# --- what is measured ---


def test_all_is_measured_in_order_the_models_the_blend() -> None:
    scores, data = np.arange(12.0, 0, -1)[:, None], join_folds(make_fold([12], [1]))
    measured = measure_all(data, scores, ONE, ALONE)
    assert measured == [measure(scores[:, 0], data.valid.labels, data.valid.group_sizes)] * 2
    assert [rung["hit_rate@3"] for rung in measured] == [1, 1]
    twice = join_folds(make_fold([12, 12], [1, 1], [4, 4]))
    assert measure_all(twice, np.vstack([scores, scores]), ONE, ALONE) == measured


def test_the_test_is_measured_by_the_rows_that_were_booked() -> None:
    test = shop(11, 2, rows=[*range(12, 1, -1), 0, 1])
    scores = np.array([*np.arange(11.0, 0, -1), 0.0, 0.0], np.float32)[:, None]
    measured = measure_test(test, scores, pl.Series([11, 1]), ONE)  # the second option of the first session
    assert [(rung["hit_rate@3"], rung["searches"]) for rung in measured] == [(1, 1)] * 2
