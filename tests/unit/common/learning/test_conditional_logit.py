"""The conditional logit: planted weights, a closed form, an independent optimiser, and what it must leave out."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from common.learning.conditional_logit import CLIP, fit_choices, fit_logit
from common.learning.dataset import RankingDataset

Array = NDArray[np.float64]


def choose(features: Array, utilities: Array, sizes: NDArray[np.int32], seed: int) -> RankingDataset:
    """One row of each query chosen as a softmax of the utilities would."""
    noisy = utilities + np.random.default_rng(seed).gumbel(size=len(utilities))
    starts = np.cumsum(sizes) - sizes
    labels = (noisy == np.repeat(np.maximum.reduceat(noisy, starts), sizes)).astype(np.float32)
    names = tuple(f"x{column}" for column in range(features.shape[1]))
    return RankingDataset(names, features.astype(np.float32), labels, sizes)


def plant(queries: int, weights: list[float], seed: int) -> RankingDataset:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 15, queries).astype(np.int32)
    features = rng.normal(size=(sizes.sum(), len(weights))) * [10.0**power for power in range(len(weights))] + 3
    scaled = weights / 10.0 ** np.arange(len(weights))
    return choose(features, features @ scaled, sizes, seed + 1)


@pytest.mark.parametrize("l2", [0.0, 0.05, 2.0])
def test_weights_and_loss_agree_with_another_optimiser(l2: float) -> None:
    rows = plant(80, [1.0, -0.5], 5)  # the second column is ten times as wide
    model = fit_logit(rows, l2)
    columns = np.clip((rows.features.astype(float) - rows.features.mean(axis=0)) / rows.features.std(axis=0), -5, 5)

    def loss(weights: Array) -> float:
        total, start = 0.0, 0
        for size in rows.group_sizes:
            query = slice(start, start + size)
            utility = columns[query] @ weights
            total += np.log(np.exp(utility).sum()) - utility[rows.labels[query] > 0][0]
            start += size
        return float(total / len(rows.group_sizes) + l2 / 2 * weights @ weights)

    best = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10, "maxiter": 999})
    np.testing.assert_allclose(model.weights, best.x, atol=1e-3)


def test_bounds_hold_and_without_an_answer_no_column_weighs_anything() -> None:
    rows, sizes = np.array([[1, 0], [0, 1], [0.5, 0]] * 40, np.float32), np.full(40, 3, np.int32)
    labels = np.tile(np.array([1, 0, 0], np.float32), 40)
    assert fit_choices(-rows, sizes, labels, 0.01, "it")[0] < 0
    assert fit_choices(-rows, sizes, labels, 0.01, "it", [(0.0, None)] * 2)[0] == 0
    assert fit_choices(rows, sizes, 0 * labels, 0.1, "it").tolist() == [0, 0]
    assert fit_choices(rows[:0], sizes[:0], labels[:0], 0.1, "it").tolist() == [0, 0]
    near = np.array([3.0, -2.0])
    assert fit_choices(rows, sizes, 0 * labels, 0.0, "it", start=near).tolist() == [3, -2]  # nothing moves them


def test_a_row_that_stands_for_many_counts_as_they_do() -> None:
    """A drawn row whose offset is log(3), in place of three equal ones; one query has no answer."""
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(400, 2, 2)).astype(np.float32), np.zeros((400, 2), np.float32)
    labels[np.arange(400), (rng.random(400) < 0.7).astype(int)] = 1
    labels[7] = 0
    every = [np.concatenate([each[:, :1], np.repeat(each[:, 1:], 3, 1)], 1) for each in (rows, labels)]
    every[1][:, 2:] = 0  # one of the three was chosen
    plain = fit_choices(every[0].reshape(-1, 2), np.full(400, 4, np.int32), every[1].reshape(-1), 0.01, "it")
    offset = np.tile(np.log(np.float32([1, 3])), 400)
    drawn = fit_choices(rows.reshape(-1, 2), np.full(400, 2, np.int32), labels.reshape(-1), 0.01, "it", None, offset)
    np.testing.assert_allclose(drawn, plain, atol=1e-4)
    sizes, far = np.full(400, 2, np.int32), np.array([3.0, -2.0])
    again = fit_choices(rows.reshape(-1, 2), sizes, labels.reshape(-1), 0.01, "it", None, offset, far)
    np.testing.assert_allclose(again, drawn, atol=1e-4)  # wherever it starts


def test_a_constant_of_all_rows_or_per_query_is_dropped_and_changes_nothing() -> None:
    rows = plant(100, [1.0, -1.0], 13)
    level = np.repeat(np.random.default_rng(0).normal(size=100), rows.group_sizes)[:, None].astype(np.float32)
    level[: rows.group_sizes[0]] = np.nan  # missing for a whole query: its indicator is constant too
    flat, none = np.full_like(level, 7), np.full_like(level, np.nan)
    more = RankingDataset(
        ("level", *rows.names, "flat", "none"),
        np.hstack([level, rows.features, flat, none]),
        rows.labels,
        rows.group_sizes,
    )
    model, plain = fit_logit(more, 1e-3), fit_logit(rows, 1e-3)
    assert (model.valued.tolist(), model.flagged.tolist()) == ([1, 2], [])
    np.testing.assert_array_equal(model.weights, plain.weights)
    np.testing.assert_array_equal(model.predict(more.names, more.features), plain.predict(rows.names, rows.features))


def test_a_missing_value_is_the_mean_and_a_mark_of_its_own() -> None:
    """Where x is missing the row is chosen far more often than an average x would be; y is never missing."""
    rng = np.random.default_rng(20)
    sizes = np.full(1500, 6, np.int32)
    features = rng.normal(size=(9000, 2))
    missing = rng.random(9000) < 0.3
    utilities = np.where(missing, 1.5, features[:, 0] * 0.8)
    rows = choose(features, utilities, sizes, 21)
    rows.features[missing, 0] = np.nan
    model = fit_logit(rows, 0.0)
    assert model.valued.tolist() == [0, 1]
    assert model.flagged.tolist() == [0]
    known, mean, missing = model.predict(
        rows.names, np.array([[1 + model.centre[0], 0], [model.centre[0], 0], [np.nan, 0]], np.float32)
    )
    assert known - mean == pytest.approx(0.8, abs=0.1)
    assert missing - mean == pytest.approx(1.5, abs=0.15)
    assert model.weights[2] == pytest.approx(missing - mean)
    np.testing.assert_allclose(model.centre[0], np.nanmean(rows.features[:, 0]), atol=1e-6)
    np.testing.assert_allclose(model.scale[0], np.nanstd(rows.features[:, 0]), rtol=1e-5)


def test_a_value_missing_in_test_only_counts_as_the_mean_and_outliers_are_clipped() -> None:
    model = fit_logit(plant(50, [1.0], 23), 0.1)
    utilities = model.predict(["x0"], np.array([[np.nan], [model.centre[0]], [1e38], [-1e38]], np.float32))
    assert utilities[:2].tolist() == [0, 0]
    np.testing.assert_allclose(utilities[2:], model.weights[0] * np.array([CLIP, -CLIP]), rtol=1e-6)
