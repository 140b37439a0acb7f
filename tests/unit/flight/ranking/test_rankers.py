"""What a ranker is fitted with, on which rows, and scores in slices."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from common.ranking import gbdt
from common.ranking.dataset import RankingDataset, to_matrix
from common.ranking.gbdt import FitTask, Ranker, Recipe, fit, refit, score_rows
from competitions.flight.competition import COMPETITION
from competitions.flight.features.booking_history import History
from competitions.flight.features.build import build_features
from competitions.flight.io.reader import Searches
from competitions.flight.ranking import rankers
from competitions.flight.ranking.rankers import list_recipes, make_recipe
from competitions.flight.split import Snapshots
from tests.unit.flight.flight_world import draw_searches

NO_SNAPSHOTS = Snapshots(pl.DataFrame(schema={"session": pl.Int32, "snapshot": pl.Int32}), pl.DataFrame())
Floats = NDArray[np.float64]


# --- recipes ---


def rows_of(*names: str, height: int = 4) -> RankingDataset:
    matrix = np.arange(height * len(names), dtype=np.float32).reshape(height, len(names))
    return RankingDataset(names, matrix, np.zeros(height, np.float32), np.array([height], np.int32))


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[FitTask]:
    """What a fitter of the logit is given; its early stop chooses 17 rounds."""
    tasks: list[FitTask] = []

    def fit_logit(task: FitTask) -> gbdt.Fit:
        tasks.append(task)
        return None, 17, [0.0] * len(task.train.names), gbdt.UNWATCHED

    monkeypatch.setattr(gbdt, "_fit_logit", fit_logit)
    return tasks


def test_a_recipe_has_the_settings_of_its_kind_and_what_is_given_in_their_place() -> None:
    config = COMPETITION.load_config(["rank.logit.l2=0.5", "rank.rounds=9", "rank.patience=3", "seed=4"])
    expected = Recipe("logit", {"l2": 0.5}, 9, 3, 4, cutoff=3, blocks=config.rank.blocks)
    assert make_recipe(config, "logit") == expected
    other = make_recipe(config, "logit", ["pair"], {"l2": 2.0})
    assert other == Recipe("logit", {"l2": 2.0}, 9, 3, 4, cutoff=3, blocks=("pair",))


def test_the_baseline_comes_first_on_its_own_blocks_then_every_model_on_all() -> None:
    config = COMPETITION.load_config([])
    recipes = list_recipes(config)
    assert list(recipes) == ["baseline", *config.rank.models]
    assert (recipes["baseline"].kind, recipes["baseline"].blocks) == (config.baseline.model, config.baseline.blocks)
    assert {(recipes[kind].kind, recipes[kind].blocks) for kind in config.rank.models} == {
        (kind, config.rank.blocks) for kind in config.rank.models
    }


def test_a_fit_is_stopped_by_the_stop_rows_and_refitted_on_both_for_its_rounds(tasks: list[FitTask]) -> None:
    config = COMPETITION.load_config(["rank.rounds=400", "rank.patience=40", "seed=5"])
    recipe = make_recipe(config, "logit", ["pair"], {"l2": 1.0})
    names = ("option_a", "pair_a")
    train, stop = rows_of(*names), rows_of(*names, height=2)
    refit(recipe, fit(recipe, train, stop), [train, stop])
    first, second = tasks
    assert first.valid is not None
    assert first.train.names == first.valid.names == second.train.names == names[1:]
    assert (len(first.train.labels), len(first.valid.labels)) == (4, 2)
    assert (first.recipe.rounds, first.recipe.patience, first.recipe.seed) == (400, 40, 5)
    assert second.valid is None
    assert second.train.group_sizes.tolist() == [4, 2]
    assert (second.recipe.rounds, second.recipe.patience, second.recipe.parameters) == (17, 0, {"l2": 1.0})


def test_without_patience_nothing_stops_a_fit(tasks: list[FitTask]) -> None:
    rows: Any = rows_of("option_a")
    for patience in (0, 1):
        fit(make_recipe(COMPETITION.load_config([f"rank.patience={patience}"]), "logit", ["option"]), rows, rows)
    assert [task.valid is None for task in tasks] == [True, False]


# --- scores ---


@pytest.fixture
def adding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ranker's score weighs its own features by their column; nobody may get another's columns."""

    def predict(ranker: Ranker, features: NDArray[np.float32]) -> Floats:
        assert features.shape[1] == len(ranker.gain)
        weights = np.arange(len(ranker.gain), 0, -1) ** 2
        return np.asarray(np.nan_to_num(features).astype(np.float64) @ weights)

    monkeypatch.setattr(gbdt, "predict", predict)


def ranker(names: Sequence[str]) -> Ranker:
    return Ranker("logit", None, 1, dict.fromkeys(names, 0.0))


@pytest.mark.usefixtures("adding")
def test_validation_scores_are_the_same_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    valid = rows_of("option_a", "pair_a", height=7)
    fitted = [ranker(valid.names), ranker(["pair_a"])]
    expected = score_rows(valid.names, valid.features, fitted)
    for rows in (3, 7, 100):
        monkeypatch.setattr(rankers, "SLICE_ROWS", rows)
        assert rankers.score_valid(valid, fitted).tolist() == expected.tolist()


@pytest.mark.usefixtures("adding")
def test_test_scores_are_those_of_all_options_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    searches: Searches = draw_searches(3, count=20)
    frame = build_features(searches, 0, 20, NO_SNAPSHOTS.assigned, History({}, {}, {}), ["option", "within"])
    fitted = [ranker(frame.columns), ranker(["within_price_rank"])]
    expected = score_rows(frame.columns, to_matrix(frame), fitted)
    for rows in (12, 100_000):
        monkeypatch.setattr(rankers, "SLICE_ROWS", rows)
        scores = rankers.score_test(searches, NO_SNAPSHOTS, History({}, {}, {}), fitted, ["option", "within"])
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores, expected, rtol=1e-5)
