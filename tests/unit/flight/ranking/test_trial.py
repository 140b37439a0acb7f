"""A trial before the full fits: a model that earns beside the first is fitted, one that does not is left."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest

from common.learning import gbdt
from common.learning.dataset import RankingDataset
from common.learning.fitters import Recipe
from common.learning.gbdt import Ranker
from competitions.flight.ranking import trial
from competitions.flight.ranking.training_data import FoldData
from competitions.flight.ranking.trial import take_latest, try_models

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
    ("names", "models"), [((0,), ("lightgbm_softmax", "catboost_softmax")), ((1,), ("lightgbm_softmax",))]
)
def test_a_model_is_fitted_in_full_where_the_mixture_with_it_is_clearly_likelier(
    names: Sequence[int], models: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second model scores by the signal itself, or by noise; LightGBM has a single round to find it."""
    own = {"catboost_softmax": names[0]}
    real_fit, real_predict = gbdt.fit, gbdt.predict

    def fit(recipe: Recipe, train: RankingDataset, valid: RankingDataset) -> Ranker:
        return Ranker(recipe.kind, None, 1, {}) if recipe.kind in own else real_fit(recipe, train, valid)

    def predict(ranker: Ranker, names: Sequence[str], features: Any) -> Any:
        if ranker.kind in own:
            return 2 * features[:, own[ranker.kind]].astype(np.float64)
        return real_predict(ranker, names, features)

    monkeypatch.setattr(trial, "fit", fit)
    monkeypatch.setattr(trial, "predict", predict)
    found = try_models(list_recipes(), [FOLD], SESSIONS, ALONE, 5)
    assert (found.models, found.decision.value) == (models, ", ".join(models))
    assert found.decision.setting == "rank.models"
    assert "with catboost_softmax the mixture is likelier by" in found.decision.reason
    assert "than with lightgbm_softmax twice" in found.decision.reason


def test_trees_that_say_what_the_first_model_says_are_not_fitted_in_full() -> None:
    """Both libraries themselves, on a log where one feature tells all."""
    assert try_models(list_recipes(), [FOLD], SESSIONS, ALONE, 5).models == ("lightgbm_softmax",)
