"""What a ranker is fitted with; one number of rounds for all folds; scores in slices."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.learning.dataset import RankingDataset, gather, to_matrix
from common.learning.fitters import Recipe
from common.learning.gbdt import Ranker, fit, predict, score_rows
from common.learning.listwise_softmax import log_likelihoods
from common.learning.metrics import average
from competitions.flight.competition import COMPETITION
from competitions.flight.features.build import build_features
from competitions.flight.plan import make_plan
from competitions.flight.ranking import rankers
from competitions.flight.ranking.rankers import (
    CrossFit,
    average_curves,
    cross_fit,
    list_recipes,
    make_recipe,
    refit_all,
    thin,
)
from competitions.flight.ranking.training_data import FoldData
from tests.unit.flight.flight_world import NO_HISTORY, draw_searches


def test_a_recipe_has_the_plans_settings_and_features() -> None:
    config, sessions = COMPETITION.load_config(["rank.rounds=9", "seed=4"]), draw_searches(1, count=12).sessions
    parameters = {model: {"depth": number} for number, model in enumerate(config.rank.known_models)}
    chosen: dict[str, Any] = {"blocks": ("core", "taste"), "base_margin": "taste_total"}
    plan = replace(make_plan(sessions, sessions, config), parameters=parameters, patience=3, seeds=7, **chosen)
    expected = {model: Recipe(model, own, 9, 3, 4, cutoff=3, seeds=7, **chosen) for model, own in parameters.items()}
    assert list_recipes(config, plan) == expected
    given = make_recipe(config, plan, "lightgbm_softmax", {"num_leaves": 2})
    assert given == replace(expected["lightgbm_softmax"], parameters={"num_leaves": 2})


def plant(queries: int, seed: int, size: int = 8) -> RankingDataset:
    """One positive of the ``size`` rows of a query, by ``pair_signal`` and chance."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(queries * size, 2)).astype(np.float32)
    worth = (2 * features[:, 1] + rng.gumbel(size=queries * size)).reshape(queries, size)
    labels = (worth == worth.max(axis=1, keepdims=True)).astype(np.float32).ravel()
    return RankingDataset(("core_noise", "pair_signal"), features, labels, np.full(queries, size, np.int32))


def make_fold(train: RankingDataset, valid: RankingDataset) -> FoldData:
    return FoldData(train, valid, np.arange(len(valid.group_sizes)), np.arange(len(train.group_sizes)))


# --- every fold, and everything ---

SETTINGS: dict[str, dict[str, Any]] = {
    "lightgbm_softmax": {"num_leaves": 5, "learning_rate": 0.2, "num_threads": 1, "min_data_in_leaf": 5},
    "catboost_softmax": {
        **{"loss_function": "QuerySoftMax", "depth": 4, "learning_rate": 0.5, "thread_count": 1},
        "leaf_estimation_iterations": 2,
    },
}


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
    single = [Ranker("x", None, 8, {"pair_signal": 1.0}, rise_to(best), "likelihood") for best in (2, 6)]
    fits = iter(replace(ranker, others=(ranker,)) for ranker in single)

    def give(recipe: Recipe, train: Any, valid: RankingDataset | None = None, *, whole: bool = False) -> Ranker:
        calls.append((recipe.seeds, valid is not None, whole))
        return next(fits)

    monkeypatch.setattr(rankers, "fit", give)
    monkeypatch.setattr(rankers, "score_valid", lambda valid, ranker: np.zeros(len(valid.features)))
    cross = cross_fit(recipe(seeds=2), [make_fold(FRESH, plant(count, 1)) for count in queries], 50)
    assert [cross.rounds, *(ranker.rounds for ranker in cross.rankers)] == [rounds] * 3
    assert cross.curve == pytest.approx(np.array(queries) / sum(queries) @ [rise_to(2), rise_to(6)])
    assert cross.metric == "likelihood"
    assert calls == [(2, True, True)] * 2


def test_the_curve_of_a_fold_that_has_not_fallen_stays_at_its_best() -> None:
    """One that has fallen goes on as it fell, by the function's own example."""
    assert average_curves([(-3.0, -1.0), (-3.0, -2.0, -1.0)], [1, 1]).tolist() == [-3.0, -1.5, -1.0]
    assert len(average_curves([(), (1.0,)], [1, 1])) == 0


@pytest.mark.parametrize("rows", [3, 10_000])
@pytest.mark.parametrize("kind", SETTINGS)
def test_a_folds_ranker_is_the_one_of_so_many_rounds_on_its_training_rows(
    kind: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it scores the fold's validation rows, slice by slice."""
    monkeypatch.setattr(rankers, "SLICE_ROWS", rows)
    cross, fresh = cross_fit(recipe(kind), FOLDS, 50), list[NDArray[np.float64]]()
    assert 1 < cross.rounds < 40
    assert int(np.argmax(cross.curve)) + 1 == cross.rounds
    for fold, ranker, scores in zip(FOLDS, cross.rankers, cross.scores, strict=True):
        alone = fit(replace(recipe(kind), rounds=cross.rounds, patience=0), fold.train)
        fresh.append(predict(ranker, FRESH.names, FRESH.features))
        for rows_of, own in ((FRESH, fresh[-1]), (fold.valid, scores)):
            np.testing.assert_allclose(own, predict(alone, rows_of.names, rows_of.features), rtol=1e-5, atol=1e-6)
    assert not np.allclose(fresh[0], fresh[1])
    assert refit_all(recipe(kind), cross, FRESH, needed=False) is cross.rankers[-1]  # no order needs another fit


def test_what_is_promised_is_the_mean_of_as_many_fits_as_are_handed_in() -> None:
    """Every validation row is scored by all seeds, each fit after the rounds that all of them chose together."""
    given = replace(recipe(seeds=3), parameters=SETTINGS["lightgbm_softmax"] | {"feature_fraction": 0.5})
    cross = cross_fit(given, FOLDS, 50)
    last = refit_all(given, cross, FRESH)
    for fold, ranker, scores in zip(FOLDS, cross.rankers, cross.scores, strict=True):
        assert len(ranker.others) == len(last.others) == 2
        alone = [
            fit(replace(given, rounds=cross.rounds, patience=0, seed=seed, seeds=1), fold.train) for seed in (3, 4, 5)
        ]
        each = [predict(single, fold.valid.names, fold.valid.features) for single in alone]
        np.testing.assert_allclose(scores, np.mean(each, axis=0), rtol=1e-5, atol=1e-6)
        assert not np.allclose(each[0], each[1])


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_fit_that_watches_thinned_lists_ends_near_where_it_would_and_scores_every_row(kind: str) -> None:
    long = [make_fold(plant(60, 1, size=10), plant(300, 2, size=80))]
    whole, thinned = (cross_fit(recipe(kind), long, negatives) for negatives in (79, 10))
    assert len(thinned.scores[0]) == len(long[0].valid.labels)
    assert abs(whole.rounds - thinned.rounds) <= 4
    judged = [
        log_likelihoods(cross.scores[0], long[0].valid.labels, long[0].valid.group_sizes) for cross in (whole, thinned)
    ]
    assert average(judged[0] - judged[1])[0] < 0.02
    watched = thin(long[0].valid, 10, 3)
    assert (watched.group_sizes.tolist(), watched.labels.sum()) == ([11] * 300, 300)


def test_the_last_fit_takes_the_folds_rounds_and_every_seed_on_everything() -> None:
    everything = gather([fold.train for fold in FOLDS])
    given = replace(recipe(seeds=3), parameters=SETTINGS["lightgbm_softmax"] | {"feature_fraction": 0.5})
    last = refit_all(given, CrossFit((), 6, (), (), ""), everything)
    assert (last.rounds, len(last.others)) == (6, 2)
    alone = [fit(replace(given, rounds=6, patience=0, seed=seed, seeds=1), everything) for seed in (3, 4, 5)]
    scores = [predict(ranker, FRESH.names, FRESH.features) for ranker in alone]
    np.testing.assert_allclose(predict(last, FRESH.names, FRESH.features), np.mean(scores, axis=0))
    assert not np.allclose(scores[0], scores[1])


# --- scores ---


def test_test_scores_are_those_of_all_options_in_their_order_slice_by_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    searches, blocks = draw_searches(3, count=20), ["core", "pair"]
    frame = build_features(searches, 0, 20, NO_HISTORY, blocks)
    features, booked = to_matrix(frame), np.zeros(frame.height, np.float32)
    sizes = searches.sessions["size"].to_numpy()
    booked[np.cumsum(sizes) - sizes] = 1
    rows = RankingDataset(tuple(frame.columns), features, booked, sizes)
    fitted = [fit(recipe(blocks=own), rows) for own in (("core", "pair"), ("pair",))]
    expected = score_rows(frame.columns, features, fitted)
    for count in (12, 100_000):
        monkeypatch.setattr(rankers, "SLICE_ROWS", count)
        scores = rankers.score_test(searches, NO_HISTORY, fitted, blocks)
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores, expected, rtol=1e-5)
