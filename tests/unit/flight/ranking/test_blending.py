"""From scores to ranks: every model has its say, and every list is a permutation."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize

from common.learning.dataset import ColumnsError, RankingDataset
from common.learning.listwise_softmax import softmax_within
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import measure
from competitions.flight.ranking import blending
from competitions.flight.ranking.blending import Blend, mix_scores
from competitions.flight.ranking.training_data import FoldData, TrainingData
from tests.unit.flight.flight_world import make_searches, option, search

ONE, TWO = Blend((1.0,), (1.0,)), Blend((1.0, 1.0), (0.5, 0.5))
Floats = NDArray[np.float64]


def columns(*own: Sequence[float]) -> NDArray[np.float32]:
    """The scores of the models."""
    return np.array(own, np.float32).T


def shop(*sizes: int, rows: list[int] | None = None) -> Searches:
    """Sessions of these sizes."""
    return make_searches(*(search(*[option()] * size) for size in sizes), rows=rows)


def blend(test: Searches, scores: NDArray[np.float32], how: Blend) -> Floats:
    return blending.blend_scores(how, scores.astype(np.float64), test.sessions["size"].to_numpy())


def rank_options(test: Searches, *own: list[float]) -> list[int]:
    ranks = blending.rank_test(test, blend(test, columns(*own), ONE if len(own) == 1 else TWO))
    assert ranks.dtype == pl.Int64
    return ranks.to_list()


# --- ranks ---


def test_the_best_score_of_a_session_gets_rank_one_in_the_order_of_the_files_rows() -> None:
    assert rank_options(shop(3, 2), [0.1, 0.9, 0.5, -1.0, -2.0]) == [3, 1, 2, 1, 2]
    test = shop(3, 2, rows=[4, 0, 2, 3, 1])  # session 0 has the file rows 4, 0, 2 and session 1 the rows 3, 1
    assert rank_options(test, [0.1, 0.9, 0.5, -1.0, -2.0]) == [1, 2, 2, 1, 3]
    assert rank_options(shop(1, 1, 2), [-5.0, 5.0, 0.0, 1.0]) == [1, 1, 2, 1]
    assert rank_options(shop(3, rows=[2, 1, 0]), [1.0, 1.0, 1.0]) == [3, 2, 1]  # ties by the position on the page


def test_scores_of_another_number_of_models_are_refused() -> None:
    with pytest.raises(ColumnsError, match=r"^The blend is of 2 models, the scores are of 3\.$"):
        mix_scores(TWO, np.ones((2, 3)), np.array([2], np.int32))


@settings(max_examples=30)
@given(sizes=st.lists(st.integers(1, 12), min_size=1, max_size=8), seed=st.integers(0, 99))
def test_ranks_are_a_permutation_in_every_session(sizes: list[int], seed: int) -> None:
    rng, total = np.random.default_rng(seed), sum(sizes)
    rows = rng.permutation(total)
    scores = rng.integers(0, 4, (total, 2)).astype(np.float32)
    test = shop(*sizes, rows=rows.tolist())
    ranks = blending.rank_test(test, blend(test, scores, TWO)).to_numpy()[rows]
    final = np.log(mix_scores(TWO, scores.astype(float), np.array(sizes, np.int32)))
    start = 0
    for size in sizes:
        own, score = ranks[start : start + size], final[start : start + size]
        assert own[np.lexsort([np.arange(size), -score])].tolist() == list(range(1, size + 1))
        start += size


# --- the blend ---


ALONE = np.arange(1_000)  # no session has a twin


def label(sizes: Sequence[int], booked: Sequence[int], sessions: Sequence[int] | None = None) -> TrainingData:
    """A fold of sessions of these sizes with the option at ``booked`` booked."""
    labels, start = np.zeros(sum(sizes), np.float32), 0
    for size, position in zip(sizes, booked, strict=True):
        labels[start + position] = 1
        start += size
    rows = RankingDataset(("a",), np.zeros((len(labels), 1), np.float32), labels, np.array(sizes, np.int32))
    numbers = np.arange(len(sizes)) if sessions is None else np.array(sessions)
    return TrainingData(rows, numbers, (FoldData(rows, rows, numbers),))


def test_the_temperatures_are_of_the_models_and_of_the_sessions_of_more_than_ten_options() -> None:
    """The scores say three times too little in the large sessions, and too much in those of ten."""
    rng = np.random.default_rng(3)
    sizes = [12, 10] * 400
    utility = rng.normal(size=sum(sizes))
    noisy = utility + rng.gumbel(size=sum(sizes))
    starts = np.cumsum(sizes) - sizes
    booked = [int(noisy[start : start + size].argmax()) for start, size in zip(starts, sizes, strict=True)]
    scores = np.where(np.repeat(np.array(sizes) > 10, sizes), utility / 3, 50 * utility)
    blend = blending.find_blend(label(sizes, booked), np.column_stack([scores, 2 * scores]), np.arange(800))
    assert blend.temperatures == pytest.approx((3.0, 1.5), rel=0.15)
    assert blend.weights == (0.5, 0.5)


def draw(count: int, strength: tuple[float, float], repeats: int = 1) -> tuple[TrainingData, Floats]:
    """Sessions of twelve whose bookings follow two models by so much each, and the models' scores."""
    rng = np.random.default_rng(count)
    utility = rng.normal(size=(12 * count, 2))
    noisy = (utility @ strength + rng.gumbel(size=12 * count)).reshape(count, 12)
    booked, sessions = noisy.argmax(axis=1).tolist(), list(range(count))
    data = label([12] * count * repeats, booked * repeats, sessions * repeats)
    return data, np.vstack([utility] * repeats)


def test_weights_are_fitted_where_they_are_clearly_likelier_where_they_were_not_fitted() -> None:
    one_sided = blending.find_blend(*draw(301, (2.0, 0.0)), ALONE)  # one half is larger than the other
    assert one_sided.weights[0] > 0.9
    assert sum(one_sided.weights) == pytest.approx(1)
    assert one_sided.likelihoods["fitted"] > one_sided.likelihoods["equal"]
    assert blending.find_blend(*draw(300, (1.0, 1.0)), ALONE).weights == (0.5, 0.5)
    assert blending.find_blend(*draw(4, (2.0, 0.0)), ALONE).weights == (0.5, 0.5)  # too few to tell


def test_a_mixture_that_gives_nothing_is_the_likeliest_model_alone_where_there_are_enough_searches() -> None:
    data, scores = draw(600, (2.0, 0.0))
    twice = np.column_stack([scores[:, 0], scores[:, 0]])
    assert sorted(blending.find_blend(data, twice, ALONE).weights) == [0.0, 1.0]
    few, own = draw(400, (2.0, 0.0))
    assert blending.find_blend(few, np.column_stack([own[:, 0], own[:, 0]]), ALONE).weights == (0.5, 0.5)
    assert blending.find_blend(*draw(601, (1.0, 1.0)), ALONE).weights == (0.5, 0.5)  # each has its say


def test_weights_maximise_the_likelihood_of_the_booked_options() -> None:
    """Of three sessions of two options the first model is sure of two, the second of one."""
    sure = 40.0
    scores = np.array([[sure, 0], [0, sure], [sure, 0], [0, sure], [0, sure], [sure, 0]])
    labels = np.array([1, 0, 1, 0, 1, 0], np.float32)
    weights = blending.fit_weights(np.ones(2), scores, labels, np.array([2, 2, 2], np.int32))
    np.testing.assert_allclose(weights, [2 / 3, 1 / 3], atol=1e-4)


def test_weights_are_those_of_another_optimiser_and_a_model_that_adds_nothing_has_none() -> None:
    """Three models, of which two say nearly the same and one says the opposite: the likelihood has a long ridge, on
    which expectation maximisation would crawl.
    """
    rng = np.random.default_rng(7)
    first, second = rng.normal(size=(2, 12 * 400))
    booked = (first + 0.5 * second + rng.gumbel(size=first.shape)).reshape(-1, 12).argmax(axis=1)
    labels = np.eye(12, dtype=np.float32)[booked].ravel()
    scores = np.column_stack([1.5 * first, 1.5 * first + 0.05 * second, second, -first])
    sizes = np.full(400, 12, np.int32)
    known = np.column_stack([softmax_within(column, sizes)[labels > 0] for column in scores.T])
    weights = blending.fit_weights(np.ones(4), scores, labels, sizes)
    whole = {"type": "eq", "fun": lambda weights: weights.sum() - 1}
    best = minimize(
        lambda weights: -np.log(known @ weights).mean(),
        np.full(4, 0.25),
        method="SLSQP",
        bounds=[(1e-9, 1)] * 4,
        constraints=[whole],
        options={"ftol": 1e-13},
    )
    assert weights.sum() == pytest.approx(1)
    assert -np.log(known @ weights).mean() == pytest.approx(best.fun, abs=1e-7)
    assert weights[3] == pytest.approx(0, abs=1e-3)


# --- what is measured ---


def test_all_is_measured_in_order_the_models_the_blend() -> None:
    scores = columns(np.arange(12.0, 0, -1))
    data = label([12], [1])
    measured = blending.measure_all(data, scores.astype(float), ONE, ALONE)
    assert measured[0] == measured[1] == measure(scores[:, 0].astype(float), data.valid.labels, data.valid.group_sizes)
    assert [rung["hit_rate@3"] for rung in measured] == [1, 1]
    twice = label([12, 12], [1, 1], [4, 4])
    assert blending.measure_all(twice, np.vstack([scores, scores]).astype(float), ONE, ALONE) == measured


def test_the_test_is_measured_by_the_rows_that_were_booked() -> None:
    test = shop(11, 2, rows=[*range(12, 1, -1), 0, 1])
    scores = columns([*np.arange(11.0, 0, -1), 0.0, 0.0])
    measured = blending.measure_test(test, scores, pl.Series([11, 1]), ONE)  # the second option of the first session
    assert [rung["hit_rate@3"] for rung in measured] == [1, 1]
    assert [rung["searches"] for rung in measured] == [1] * 2
