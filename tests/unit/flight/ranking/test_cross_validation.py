"""A ranker on every fold: one number of rounds for all, scores of what was not seen, and the last fit on everything."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.learning.dataset import RankingDataset
from common.learning.fit_task import Recipe
from common.learning.gbdt import Ranker, fit, predict
from competitions.flight.ranking import cross_validation
from competitions.flight.ranking.cross_validation import CrossFit, average_curves, cross_fit, refit_all, score_valid

PER_QUERY = 8
SETTINGS: dict[str, dict[str, Any]] = {
    "lightgbm_softmax": {"num_leaves": 5, "learning_rate": 0.2, "num_threads": 1, "min_data_in_leaf": 5},
    "xgboost_softmax": {"max_depth": 2, "learning_rate": 0.3, "subsample": 0.8, "nthread": 1},
    "catboost_softmax": {
        "loss_function": "QuerySoftMax",
        "depth": 2,
        "learning_rate": 0.3,
        "leaf_estimation_iterations": 2,
        "thread_count": 1,
    },
}


def plant(queries: int, seed: int) -> RankingDataset:
    """One positive a query by the first of three features and much chance."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(queries * PER_QUERY, 3)).astype(np.float32)
    worth = (1.5 * features[:, 0] + rng.gumbel(size=len(features))).reshape(queries, PER_QUERY)
    labels = (worth == worth.max(axis=1, keepdims=True)).astype(np.float32).ravel()
    return RankingDataset(("told", "noise_a", "noise_b"), features, labels, np.full(queries, PER_QUERY, np.int32))


FOLDS = [(plant(50, 1), plant(40, 2)), (plant(60, 3), plant(10, 4)), (plant(40, 5), plant(25, 6))]
FRESH = plant(20, 7)


def recipe(kind: str = "lightgbm_softmax", **more: Any) -> Recipe:
    return Recipe(kind, SETTINGS.get(kind, {}), 40, 10, 3, likelihood=True, **more)


# --- the mean curve ---


def test_curves_are_averaged_by_weight_up_to_the_shortest() -> None:
    curves = [[1.0, 2.0, 9.0], [4.0, 8.0], [0.0, 1.0, 1.0, 1.0]]
    assert average_curves(curves, [2, 1, 1]).tolist() == [6 / 4, 13 / 4]
    assert average_curves([[1.0, 2.0]], [7]).tolist() == [1, 2]


def test_without_a_curve_of_every_fold_there_is_no_mean() -> None:
    assert average_curves([[1.0], []], [1, 1]).tolist() == []
    assert average_curves([[], []], [3, 4]).tolist() == []


# --- the rounds ---


def rise_to(best: int, length: int = 8) -> tuple[float, ...]:
    return tuple(-float(abs(number - best)) for number in range(1, length + 1))


Asked = list[tuple[Recipe, RankingDataset | None, bool]]


def plant_fits(monkeypatch: pytest.MonkeyPatch, fits: Sequence[Ranker]) -> Asked:
    """``fit`` gives these rankers, one after the other; what it was asked for."""
    asked: Asked = []
    left = iter(fits)

    def give(recipe: Recipe, train: Any, valid: RankingDataset | None = None, *, whole: bool = False) -> Ranker:
        asked.append((recipe, valid, whole))
        return next(left)

    def score(valid: RankingDataset, rankers: Sequence[Ranker]) -> NDArray[np.float64]:
        return np.zeros((len(valid.features), len(rankers)))

    monkeypatch.setattr(cross_validation, "fit", give)
    monkeypatch.setattr(cross_validation, "score_valid", score)
    return asked


def grown(curve: tuple[float, ...], rounds: int) -> Ranker:
    return Ranker("logit", None, rounds, {"told": 1.0}, curve, "likelihood")


@pytest.mark.parametrize(
    ("queries", "rounds"),
    [((1, 1), 2), ((1, 3), 6), ((3, 1), 2)],
)
def test_the_rounds_are_where_the_mean_of_the_curves_weighed_by_queries_is_highest(
    queries: tuple[int, int], rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One fold is best at round 2, the other at 6: with equal weights all between are alike, and the first is taken."""
    asked = plant_fits(monkeypatch, [grown(rise_to(2), 8), grown(rise_to(6), 8)])
    cross = cross_fit(recipe(seeds=5), [(FRESH, plant(count, 1)) for count in queries])
    assert cross.rounds == rounds
    assert [ranker.rounds for ranker in cross.rankers] == [rounds] * 2
    weights = np.array(queries) / sum(queries)
    assert cross.curve == pytest.approx(weights @ [rise_to(2), rise_to(6)])
    assert cross.metric == "likelihood"
    assert [(each.seeds, valid is not None, whole) for each, valid, whole in asked] == [(1, True, True)] * 2


@pytest.mark.parametrize(("own", "rounds"), [((4, 9, 6), 6), ((0, 0, 1), 1), ((7, 8, 8), 8)])
def test_without_curves_the_rounds_are_the_mean_of_the_fits_own(
    own: tuple[int, ...], rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_fits(monkeypatch, [grown((), each) for each in own])
    cross = cross_fit(recipe("logit"), FOLDS)
    assert (cross.rounds, cross.curve) == (rounds, ())


# --- fits, scores ---


@pytest.fixture(scope="module")
def crosses() -> dict[str, CrossFit]:
    return {kind: cross_fit(recipe(kind), FOLDS) for kind in SETTINGS}


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_folds_ranker_is_the_one_of_so_many_rounds_on_its_training_rows(
    kind: str, crosses: dict[str, CrossFit]
) -> None:
    cross = crosses[kind]
    assert 1 < cross.rounds < 40
    assert int(np.argmax(cross.curve)) + 1 == cross.rounds
    for (train, valid), ranker, scores in zip(FOLDS, cross.rankers, cross.scores, strict=True):
        alone = fit(replace(recipe(kind), rounds=cross.rounds, patience=0), train)
        np.testing.assert_allclose(
            predict(ranker, FRESH.features), predict(alone, FRESH.features), rtol=1e-5, atol=1e-6
        )
        np.testing.assert_allclose(scores, predict(alone, valid.features), rtol=1e-5, atol=1e-6)
        assert scores.shape == (len(valid.labels),)


def test_a_fold_is_scored_by_its_own_ranker_and_by_no_other(crosses: dict[str, CrossFit]) -> None:
    cross = crosses["lightgbm_softmax"]
    for place, (_, valid) in enumerate(FOLDS):
        for other, ranker in enumerate(cross.rankers):
            same = np.allclose(cross.scores[place], predict(ranker, valid.features))
            assert same == (place == other)


def test_a_logit_has_no_curve_and_is_fitted_in_full() -> None:
    cross = cross_fit(replace(recipe("logit"), parameters={"l2": 0.01}, patience=0), FOLDS)
    assert cross.curve == ()
    for (train, valid), scores in zip(FOLDS, cross.scores, strict=True):
        alone = fit(replace(recipe("logit"), parameters={"l2": 0.01}, patience=0), train)
        np.testing.assert_allclose(scores, predict(alone, valid.features))


def test_without_patience_every_fold_takes_all_rounds() -> None:
    cross = cross_fit(replace(recipe(), rounds=7, patience=0), FOLDS[:2])
    assert (cross.rounds, cross.curve) == (7, ())


@pytest.mark.parametrize("rows", [3, 16, 10_000])
def test_scores_are_the_same_in_slices(
    rows: int, crosses: dict[str, CrossFit], monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = [crosses["xgboost_softmax"].rankers[0], crosses["lightgbm_softmax"].rankers[1]]
    monkeypatch.setattr(cross_validation, "ROWS", rows)
    scores = score_valid(FRESH, fitted)
    expected = np.column_stack([predict(ranker, FRESH.features) for ranker in fitted])
    np.testing.assert_array_equal(scores, expected)


# --- the last fit ---


def test_the_last_fit_takes_the_folds_rounds_and_every_seed_on_everything() -> None:
    everything = [train for train, _ in FOLDS]
    given = replace(recipe(seeds=3), parameters=SETTINGS["lightgbm_softmax"] | {"feature_fraction": 0.5})
    cross = CrossFit((), 6, (), (), "")
    last = refit_all(given, cross, everything)
    assert (last.rounds, len(last.others)) == (6, 2)
    alone = [fit(replace(given, rounds=6, patience=0, seed=seed, seeds=1), everything) for seed in (3, 4, 5)]
    scores = [predict(ranker, FRESH.features) for ranker in alone]
    np.testing.assert_allclose(predict(last, FRESH.features), np.mean(scores, axis=0))
    assert not np.allclose(scores[0], scores[1])
