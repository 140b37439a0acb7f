"""What a ranker is fitted with, on which rows; which features are chosen; and scores in slices."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from common.learning import gbdt
from common.learning.dataset import RankingDataset, to_matrix
from common.learning.fit_task import Recipe
from common.learning.gbdt import Ranker, score_rows
from competitions.flight.competition import COMPETITION
from competitions.flight.features.build import build_features
from competitions.flight.plan import Features, make_plan
from competitions.flight.ranking import rankers
from competitions.flight.ranking.cross_validation import cross_fit
from competitions.flight.ranking.rankers import (
    Choice,
    choose_features,
    list_blocks,
    list_recipes,
    make_recipe,
    measure_likelihood,
)
from competitions.flight.ranking.training_data import FoldData
from tests.unit.flight.flight_world import NO_HISTORY, draw_searches


def test_a_recipe_has_the_plans_settings_and_the_chosen_features_and_each_block_is_built_once() -> None:
    config, sessions = COMPETITION.load_config(["rank.rounds=9", "seed=4"]), draw_searches(1, count=12).sessions
    sets = (Features("a", ("core", "pair")), Features("b", ("pair", "lift")))
    parameters = {model: {"depth": number} for number, model in enumerate(config.rank.models)}
    plan = replace(make_plan(sessions, sessions, config), parameters=parameters, patience=3, seeds=7, features=sets)
    chosen = Features("chosen", ("core", "taste"), "taste_total")
    expected = {
        model: Recipe(
            *(model, own, 9, 3, 4),
            cutoff=3,
            blocks=("core", "taste"),
            base_margin="taste_total",
            seeds=7,
        )
        for model, own in parameters.items()
    }
    assert list_recipes(config, plan, Choice(chosen, {})) == expected
    given = make_recipe(config, plan, "lightgbm_softmax", Features("other", ("pair",)), {"num_leaves": 2})
    changed = {"parameters": {"num_leaves": 2}, "blocks": ("pair",), "base_margin": None}
    assert given == replace(expected["lightgbm_softmax"], **changed)
    assert list_blocks(plan) == ["core", "pair", "lift"]


# --- features are chosen on validation ---

PLAIN, MORE = Features("plain", ("core",)), Features("more", ("core", "pair"))


def plant(queries: int, seed: int, sign: float = 1.0) -> RankingDataset:
    """One positive of four rows a query, by ``pair_signal`` (or its opposite) and chance."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(queries * 4, 2)).astype(np.float32)
    worth = (2 * sign * features[:, 1] + rng.gumbel(size=queries * 4)).reshape(queries, 4)
    labels = (worth == worth.max(axis=1, keepdims=True)).astype(np.float32).ravel()
    return RankingDataset(("core_noise", "pair_signal"), features, labels, np.full(queries, 4, np.int32))


SMALL = {"num_leaves": 3, "learning_rate": 0.05, "min_data_in_leaf": 20, "num_threads": 1}
RECIPES = [Recipe("lightgbm_softmax", SMALL, 30, 0, 0, cutoff=3, blocks=each.blocks) for each in (PLAIN, MORE)]
HELPED = FoldData(plant(80, 1), plant(30, 2), np.arange(30))
MISLED = FoldData(plant(80, 3), plant(30, 4, sign=-1.0), np.arange(30))  # the opposite of what was learned is judged


@pytest.mark.parametrize(
    ("folds", "judging", "best"),
    [
        ([HELPED, HELPED], 2, MORE),
        ([MISLED, MISLED], 2, PLAIN),
        ([HELPED, MISLED], 1, MORE),  # the folds of the first repeat judge alone
        ([HELPED, MISLED], 2, PLAIN),
    ],
)
def test_the_likelier_set_of_features_is_chosen(folds: list[FoldData], judging: int, best: Features) -> None:
    crosses = [cross_fit(recipe, folds) for recipe in RECIPES]
    choice = choose_features([PLAIN, MORE], crosses, folds, judging)
    assert choice.features == best
    expected = [measure_likelihood(cross.scores[:judging], folds[:judging]) for cross in crosses]
    assert choice.likelihoods == {"plain": expected[0], "more": expected[1]}
    assert expected[0] == pytest.approx(np.log(1 / 4), abs=0.1)  # noise is worth nothing


# --- scores ---


def test_test_scores_are_those_of_all_options_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ranker's score weighs its features by their position: with other columns it would be another."""

    def predict(ranker: Ranker, features: NDArray[np.float32]) -> NDArray[np.float64]:
        weights = np.arange(len(ranker.gain), 0, -1) ** 2
        return np.asarray(np.nan_to_num(features).astype(np.float64) @ weights)

    monkeypatch.setattr(gbdt, "_predict_one", predict)
    searches, blocks = draw_searches(3, count=20), ["core", "pair"]
    frame = build_features(searches, 0, 20, NO_HISTORY, blocks)
    fitted = []
    for own in (("core", "pair"), ("pair",)):
        gains = {name: 0.0 for name in frame.columns if name.partition("_")[0] in own}
        fitted.append(Ranker("x", None, 1, gains, blocks=own))
    expected = score_rows(frame.columns, to_matrix(frame), fitted)
    for rows in (12, 100_000):
        monkeypatch.setattr(rankers, "SLICE_ROWS", rows)
        scores = rankers.score_test(searches, NO_HISTORY, fitted, blocks)
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores, expected, rtol=1e-5)
