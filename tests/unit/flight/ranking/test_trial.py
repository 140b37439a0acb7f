"""A trial before the full fits: a model that earns beside the first is fitted, one that does not is left."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from common.arrays import Floats
from common.learning import gbdt
from common.learning.dataset import Matrix, RankingDataset
from common.learning.fitters import Recipe
from common.learning.gbdt import Ranker
from competitions.flight.competition import COMPETITION
from competitions.flight.plan import make_plan
from competitions.flight.ranking import trial
from competitions.flight.ranking.training_data import FoldData
from competitions.flight.ranking.trial import take_latest, try_models
from tests.unit.flight.flight_world import draw_searches

SIZE = 12
LIGHTGBM = {"num_leaves": 2, "learning_rate": 0.3, "num_threads": 1, "min_data_in_leaf": 5}
CATBOOST = {"loss_function": "QuerySoftMax", "depth": 2, "learning_rate": 0.3, "thread_count": 1}


def plant(queries: int, seed: int) -> RankingDataset:
    """Queries of twelve rows, the positive by the first feature and chance."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(queries * SIZE, 2)).astype(np.float32)
    worth = (2 * features[:, 0] + rng.gumbel(size=len(features))).reshape(queries, SIZE)
    labels = (worth == worth.max(axis=1, keepdims=True)).astype(np.float32).ravel()
    return RankingDataset(("core_signal", "core_noise"), features, labels, np.full(queries, SIZE, np.int32))


LEARNED, JUDGED = 400, 300
FOLD = FoldData(plant(LEARNED, 1), plant(JUDGED, 2), np.arange(LEARNED, LEARNED + JUDGED), np.arange(LEARNED))
SESSIONS = pl.DataFrame({"time": np.random.default_rng(0).permutation(LEARNED + JUDGED)})
ALONE = np.arange(LEARNED + JUDGED)
FEW = draw_searches(1, count=12).sessions
PLAN = replace(make_plan(FEW, FEW, COMPETITION.load_config()), trial=True, seeds=1)


def list_recipes(**catboost: Any) -> dict[str, Recipe]:
    kinds = {"lightgbm_softmax": LIGHTGBM, "catboost_softmax": CATBOOST | catboost}
    return {kind: Recipe(kind, parameters, 30, 5, 0) for kind, parameters in kinds.items()}


def test_the_trial_learns_from_the_latest_tenth_by_time() -> None:
    times = SESSIONS["time"].to_numpy()
    taken = take_latest(FOLD, times)
    assert len(taken.group_sizes) == LEARNED // 10
    latest = np.sort(np.argsort(times[:LEARNED])[-LEARNED // 10 :])
    first_rows = FOLD.train.features.reshape(LEARNED, SIZE, 2)[latest]
    np.testing.assert_array_equal(taken.features, first_rows.reshape(-1, 2))


@pytest.mark.parametrize(
    ("feature", "models", "seeds"),
    [(0, ("lightgbm_softmax", "catboost_softmax"), 1), (1, ("lightgbm_softmax",), 2)],
)
def test_a_model_is_fitted_in_full_where_the_mixture_with_it_is_clearly_likelier(
    feature: int, models: tuple[str, ...], seeds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CatBoost scores by the signal itself, or by noise. Where it is left, LightGBM is fitted twice."""

    def fit(recipe: Recipe, train: RankingDataset, valid: RankingDataset) -> Ranker:
        known = recipe.kind == "catboost_softmax"
        return Ranker(recipe.kind, None, 1, {}) if known else gbdt.fit(recipe, train, valid)

    def predict(ranker: Ranker, names: Sequence[str], features: Matrix) -> Floats:
        known = ranker.kind == "catboost_softmax"
        return 2 * features[:, feature].astype(np.float64) if known else gbdt.predict(ranker, names, features)

    monkeypatch.setattr(trial, "fit", fit)
    monkeypatch.setattr(trial, "predict", predict)
    plan = try_models(PLAN, list_recipes(), [FOLD], SESSIONS, ALONE, 5)
    assert (tuple(plan.parameters), plan.seeds) == (models, seeds)
    *others, decision = plan.decisions
    assert tuple(others) == PLAN.decisions
    assert (decision.setting, decision.value) == ("rank.models", f"{', '.join(models)}, fits of each: {seeds}")
    assert "with catboost_softmax in place of a second fit of lightgbm_softmax" in decision.reason


def test_trees_that_say_what_the_first_model_says_are_not_fitted_in_full() -> None:
    """Both libraries themselves, on a log where one feature tells all."""
    assert list(try_models(PLAN, list_recipes(), [FOLD], SESSIONS, ALONE, 5).parameters) == ["lightgbm_softmax"]
