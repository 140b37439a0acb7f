"""What a ranker is fitted with, on which rows; which features are chosen; and scores in slices."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from common.learning import gbdt
from common.learning.dataset import RankingDataset, to_matrix
from common.learning.fit_task import Recipe
from common.learning.gbdt import Ranker, score_rows
from competitions.flight.competition import COMPETITION
from competitions.flight.config import FlightConfig
from competitions.flight.features.build import build_features
from competitions.flight.io.reader import Searches
from competitions.flight.plan import Features, Plan, make_plan
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

Floats = NDArray[np.float64]
CHOSEN = Features("chosen", ("core", "taste"), "taste_total")


def plan_for(*overrides: str) -> tuple[FlightConfig, Plan]:
    """The settings and the plan of a log of some sessions."""
    config = COMPETITION.load_config(list(overrides))
    sessions = draw_searches(1, count=12).sessions
    return config, make_plan(sessions, sessions, config)


# --- recipes ---


def test_a_recipe_has_the_plans_settings_and_the_chosen_features() -> None:
    config, plan = plan_for("rank.rounds=9", "seed=4", "rank.models=['lightgbm_softmax']")
    plan = replace(plan, parameters={"lightgbm_softmax": {"num_leaves": 5}}, patience=3, seeds=7)
    expected = Recipe(
        "lightgbm_softmax",
        {"num_leaves": 5},
        9,
        3,
        4,
        cutoff=3,
        blocks=("core", "taste"),
        base_margin="taste_total",
        seeds=7,
    )
    assert make_recipe(config, plan, "lightgbm_softmax", CHOSEN) == expected
    given = make_recipe(config, plan, "lightgbm_softmax", Features("other", ("pair",)), {"num_leaves": 2})
    assert given == replace(expected, parameters={"num_leaves": 2}, blocks=("pair",), base_margin=None)


def test_a_run_builds_each_block_once_and_fits_every_model_on_the_chosen_features() -> None:
    config, plan = plan_for("rank.rounds=9", "rank.seeds=3", "rank.patience=4", "seed=2")
    recipes = list_recipes(config, plan, Choice(CHOSEN, {}))
    assert recipes == {kind: make_recipe(config, plan, kind, CHOSEN) for kind in config.rank.models}
    sets = (Features("a", ("core", "pair")), Features("b", ("pair", "lift")))
    assert list_blocks(replace(plan, features=sets)) == ["core", "pair", "lift"]


# --- features are chosen on validation ---


NAMES = ("core_noise", "pair_told")
PLAIN, MORE = Features("plain", ("core",)), Features("more", ("core", "pair"))


def plant(queries: int, seed: int, sign: float = 1.0) -> RankingDataset:
    """One positive of four rows a query, by ``pair_told`` (or its opposite) and chance."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(queries * 4, 2)).astype(np.float32)
    worth = (2 * sign * features[:, 1] + rng.gumbel(size=queries * 4)).reshape(queries, 4)
    labels = (worth == worth.max(axis=1, keepdims=True)).astype(np.float32).ravel()
    return RankingDataset(NAMES, features, labels, np.full(queries, 4, np.int32))


def fold(train: RankingDataset, valid: RankingDataset) -> FoldData:
    return FoldData(train, valid, np.arange(len(valid.group_sizes)))


SMALL = {"num_leaves": 3, "learning_rate": 0.05, "min_data_in_leaf": 20, "num_threads": 1}
RECIPE = Recipe("lightgbm_softmax", SMALL, 30, 0, 0, cutoff=3)
RECIPES = [replace(RECIPE, blocks=each.blocks) for each in (PLAIN, MORE)]
TOLD = fold(plant(80, 1), plant(30, 2))
MISLED = fold(plant(80, 3), plant(30, 4, sign=-1.0))  # what was learned is the opposite of what is judged


def choose(folds: list[FoldData], count: int) -> Choice:
    return choose_features([PLAIN, MORE], [cross_fit(recipe, folds) for recipe in RECIPES], folds, count)


@pytest.mark.parametrize(("judged", "best"), [(TOLD, MORE), (MISLED, PLAIN)])
def test_the_likelier_set_of_features_is_chosen(judged: FoldData, best: Features) -> None:
    choice = choose([judged, judged], 2)
    assert choice.features == best
    assert list(choice.likelihoods) == ["plain", "more"]
    assert choice.likelihoods["plain"] == pytest.approx(np.log(1 / 4), abs=0.1)  # noise is worth nothing
    for features, recipe in zip((PLAIN, MORE), RECIPES, strict=True):
        expected = measure_likelihood(cross_fit(recipe, [judged]).scores, [judged])
        assert choice.likelihoods[features.name] == pytest.approx(expected)


def test_the_folds_of_the_first_repeat_judge_alone() -> None:
    assert choose([TOLD, MISLED], 1).features == MORE
    assert choose([TOLD, MISLED], 2).features == PLAIN


# --- scores ---


@pytest.fixture
def adding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ranker's score weighs its features by their position: with other columns it would be another."""

    def predict(ranker: Ranker, features: NDArray[np.float32]) -> Floats:
        weights = np.arange(len(ranker.gain), 0, -1) ** 2
        return np.asarray(np.nan_to_num(features).astype(np.float64) @ weights)

    monkeypatch.setattr(gbdt, "_predict_one", predict)


def ranker_on(names: Sequence[str], *blocks: str) -> Ranker:
    own = [name for name in names if name.partition("_")[0] in blocks]
    return Ranker("x", None, 1, dict.fromkeys(own, 0.0), blocks=blocks)


@pytest.mark.usefixtures("adding")
def test_test_scores_are_those_of_all_options_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    searches: Searches = draw_searches(3, count=20)
    frame = build_features(searches, 0, 20, NO_HISTORY, ["core", "pair"])
    fitted = [ranker_on(frame.columns, "core", "pair"), ranker_on(frame.columns, "pair")]
    expected = score_rows(frame.columns, to_matrix(frame), fitted)
    for rows in (12, 100_000):
        monkeypatch.setattr(rankers, "SLICE_ROWS", rows)
        scores = rankers.score_test(searches, NO_HISTORY, fitted, ["core", "pair"])
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores, expected, rtol=1e-5)
