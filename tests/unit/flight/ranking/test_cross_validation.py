"""A ranker on every fold: one number of rounds for all, scores of what was not seen, and the last fit on everything."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.learning.dataset import RankingDataset, gather
from common.learning.fit_task import Recipe
from common.learning.gbdt import Ranker, fit, predict
from competitions.flight.ranking import cross_validation
from competitions.flight.ranking.cross_validation import CrossFit, average_curves, cross_fit, refit_all
from competitions.flight.ranking.training_data import FoldData

PER_QUERY = 8
SETTINGS: dict[str, dict[str, Any]] = {
    "lightgbm_softmax": {"num_leaves": 5, "learning_rate": 0.2, "num_threads": 1, "min_data_in_leaf": 5},
    "catboost_softmax": {
        **{"loss_function": "QuerySoftMax", "depth": 2, "learning_rate": 0.3, "thread_count": 1},
        "leaf_estimation_iterations": 2,
    },
}


def plant(queries: int, seed: int) -> RankingDataset:
    """One positive a query by the first of three features and much chance."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(queries * PER_QUERY, 3)).astype(np.float32)
    worth = (1.5 * features[:, 0] + rng.gumbel(size=len(features))).reshape(queries, PER_QUERY)
    labels = (worth == worth.max(axis=1, keepdims=True)).astype(np.float32).ravel()
    return RankingDataset(("signal", "noise_a", "noise_b"), features, labels, np.full(queries, PER_QUERY, np.int32))


def make_fold(train: RankingDataset, valid: RankingDataset) -> FoldData:
    return FoldData(train, valid, np.arange(len(valid.group_sizes)))


FOLDS = [make_fold(plant(50, 1), plant(40, 2)), make_fold(plant(60, 3), plant(10, 4))]
FRESH = plant(20, 7)


def recipe(kind: str = "lightgbm_softmax", **more: Any) -> Recipe:
    return Recipe(kind, SETTINGS[kind], 40, 10, 3, **more)


def rise_to(best: int, length: int = 8) -> tuple[float, ...]:
    return tuple(-float(abs(number - best)) for number in range(1, length + 1))


@pytest.mark.parametrize(("queries", "rounds"), [((1, 1), 2), ((1, 3), 6), ((3, 1), 2)])
def test_the_rounds_are_where_the_mean_of_the_curves_weighed_by_queries_is_highest(
    queries: tuple[int, int], rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One fold is best at round 2, the other at 6: with equal weights all between are alike, and the first is taken."""
    calls: list[tuple[int, bool, bool]] = []
    fits = iter(Ranker("x", None, 8, {"signal": 1.0}, rise_to(best), "likelihood") for best in (2, 6))

    def give(recipe: Recipe, train: Any, valid: RankingDataset | None = None, *, whole: bool = False) -> Ranker:
        calls.append((recipe.seeds, valid is not None, whole))
        return next(fits)

    monkeypatch.setattr(cross_validation, "fit", give)
    monkeypatch.setattr(cross_validation, "score_valid", lambda valid, ranker: np.zeros(len(valid.features)))
    cross = cross_fit(recipe(seeds=5), [make_fold(FRESH, plant(count, 1)) for count in queries])
    assert [cross.rounds, *(ranker.rounds for ranker in cross.rankers)] == [rounds] * 3
    assert cross.curve == pytest.approx(np.array(queries) / sum(queries) @ [rise_to(2), rise_to(6)])
    assert cross.metric == "likelihood"
    assert calls == [(1, True, True)] * 2


def test_a_fold_that_ends_early_does_not_end_the_others() -> None:
    """Its curve goes on as it fell since its best: -1 a round. Cut at its end, round 4 would be taken."""
    early, late = rise_to(2, 4), tuple(4.0 * value for value in rise_to(8, 10))
    mean = average_curves([early, late], [1, 1])
    assert mean.tolist() == ((np.array(rise_to(2, 10)) + late) / 2).tolist()
    assert int(np.argmax(mean)) + 1 == 8
    # One that has not fallen stays at its best.
    assert average_curves([(-3.0, -1.0), (-3.0, -2.0, -1.0)], [1, 1]).tolist() == [-3.0, -1.5, -1.0]
    assert len(average_curves([(), (1.0,)], [1, 1])) == 0


def test_a_fold_that_grew_fewer_rounds_scores_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def grow(recipe: Recipe, train: RankingDataset, valid: Any = None, *, whole: bool = False) -> Ranker:
        length = 4 if train is FOLDS[0].train else 12
        ranker = fit(replace(recipe, rounds=length, patience=0), train)
        return replace(ranker, curve=rise_to(length, length), metric="likelihood")

    monkeypatch.setattr(cross_validation, "fit", grow)
    cross = cross_fit(recipe(), FOLDS)
    assert (cross.rounds, [ranker.rounds for ranker in cross.rankers]) == (12, [4, 12])


@pytest.mark.parametrize("rows", [3, 10_000])
@pytest.mark.parametrize("kind", SETTINGS)
def test_a_folds_ranker_is_the_one_of_so_many_rounds_on_its_training_rows(
    kind: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it scores the fold's validation rows, slice by slice."""
    monkeypatch.setattr(cross_validation, "ROWS", rows)
    cross, fresh = cross_fit(recipe(kind), FOLDS), list[NDArray[np.float64]]()
    assert 1 < cross.rounds < 40
    assert int(np.argmax(cross.curve)) + 1 == cross.rounds
    for fold, ranker, scores in zip(FOLDS, cross.rankers, cross.scores, strict=True):
        alone = fit(replace(recipe(kind), rounds=cross.rounds, patience=0), fold.train)
        fresh.append(predict(ranker, FRESH.names, FRESH.features))
        for rows_of, own in ((FRESH, fresh[-1]), (fold.valid, scores)):
            np.testing.assert_allclose(own, predict(alone, rows_of.names, rows_of.features), rtol=1e-5, atol=1e-6)
    assert not np.allclose(fresh[0], fresh[1])
    assert refit_all(recipe(kind), cross, FRESH, needed=False) is cross.rankers[-1]  # no order needs another fit


def test_the_last_fit_takes_the_folds_rounds_and_every_seed_on_everything() -> None:
    everything = gather([fold.train for fold in FOLDS])
    given = replace(recipe(seeds=3), parameters=SETTINGS["lightgbm_softmax"] | {"feature_fraction": 0.5})
    last = refit_all(given, CrossFit((), 6, (), (), ""), everything)
    assert (last.rounds, len(last.others)) == (6, 2)
    alone = [fit(replace(given, rounds=6, patience=0, seed=seed, seeds=1), everything) for seed in (3, 4, 5)]
    scores = [predict(ranker, FRESH.names, FRESH.features) for ranker in alone]
    np.testing.assert_allclose(predict(last, FRESH.names, FRESH.features), np.mean(scores, axis=0))
    assert not np.allclose(scores[0], scores[1])
