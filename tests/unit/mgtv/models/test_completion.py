"""The answer that earns most: against brute force, against closed forms, and the model of the bins."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from common.engine.errors import UserError
from common.learning.dataset import ColumnsError
from competitions.mgtv.config import CompletionSettings
from competitions.mgtv.labels import score_rates
from competitions.mgtv.models import completion
from competitions.mgtv.models.completion import (
    Bins,
    Completion,
    Plays,
    best_answers,
    fit,
    join_plays,
    make_bins,
    predict,
    refit,
    take_plays,
)
from competitions.mgtv.models.dataset import DayFeatures
from tests.unit.mgtv.mgtv_world import Floats, make_day


def draw_rates(seed: int, plays: int = 400) -> Floats:
    """Short abandons, a mass at 1 and a few beyond: like watching."""
    rng = np.random.default_rng(seed)
    kinds = [rng.beta(1, 8, plays), np.ones(plays), rng.random(plays), 1 + rng.random(plays)]
    completions = np.choose(rng.choice(4, plays, p=[0.45, 0.2, 0.3, 0.05]), kinds)
    return np.asarray(np.maximum(np.round(completions, 4), 0.001))


def search(completions: Floats, weights: Floats) -> float:
    """The score of the best answer of a fine grid and of the completions themselves, where s has its peaks."""
    tried = np.concatenate([np.linspace(0, 2, 4001), completions])
    return float(np.average(score_rates(completions[None, :], tried[:, None]), axis=1, weights=weights).max())


# --- against brute force ---


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("bins", [1, 4, 12])
def test_the_best_answer_is_that_of_a_fine_search(seed: int, bins: int) -> None:
    """Bins with drawn probabilities: their plays, each weighed so that a bin has its probability."""
    completions = draw_rates(seed)
    made = make_bins(completions, bins, 400)
    rng = np.random.default_rng(seed)
    drawn = rng.dirichlet(np.full(len(made.table), 0.3), size=5)
    index = made.index(completions)
    answers, expected = best_answers(drawn, made)
    for probabilities, answer, earned in zip(drawn, answers, expected, strict=True):
        weights = (probabilities / np.bincount(index))[index]
        assert np.average(score_rates(completions, np.array(answer)), weights=weights) == pytest.approx(
            earned, abs=1e-9
        )
        best = search(completions, weights)
        assert best - 0.01 < earned <= best + 1e-12


# --- bins ---


def count_plays(made: Bins, completions: Floats) -> list[int]:
    return [int(count) for count in np.bincount(made.index(completions), minlength=len(made.table))]


def test_bins_hold_as_many_plays() -> None:
    completions = np.random.default_rng(0).random(1000)
    made = make_bins(completions, 8, 40)
    assert (len(made.edges), made.table.shape, len(made.means)) == (7, (8, len(made.answers)), 8)
    assert count_plays(made, completions) == [125] * 8
    assert made.means.tolist() == pytest.approx([group.mean() for group in np.split(np.sort(completions), 8)])


def test_a_frequent_value_has_a_bin_of_its_own() -> None:
    others = np.random.default_rng(1).random(900) * 2
    completions = np.concatenate([others, np.full(100, 1.0), np.full(50, 0.5), np.full(20, 0.25)])  # the last 1.9 %
    made = make_bins(completions, 6, 40)
    index = made.index(completions)
    for point in (1.0, 0.5):
        assert set(completions[index == made.index(np.array([point]))[0]]) == {point}
        assert point in made.answers
    assert len(set(completions[index == made.index(np.array([0.25]))[0]])) > 20
    neighbours = made.index(np.array([np.nextafter(1, 0), 1, np.nextafter(1, 2)]))
    assert neighbours.tolist() == [neighbours[0], neighbours[0] + 1, neighbours[0] + 2]


def test_no_bin_is_empty_where_quantiles_fall_together() -> None:
    completions = np.array([0.1] * 20 + [0.2, 1.0] * 3)
    counts = count_plays(make_bins(completions, 15, 30), completions)
    assert min(counts) > 0
    assert sum(counts) == len(completions)


# --- the model ---

KEYS = ("video_key", "video_noise")
PARAMETERS = {"learning_rate": 0.2, "num_leaves": 7, "min_data_in_leaf": 20, "num_threads": 1}
KEY = np.random.default_rng(5).integers(0, 3, 1500)
FEATURES = np.column_stack([KEY, np.random.default_rng(6).random(1500)]).astype(np.float32)
RATES = np.array([0.1, 0.5, 1.0])[KEY] + 0.02 * np.random.default_rng(7).random(1500)


def make_settings(rounds: int) -> CompletionSettings:
    return CompletionSettings(blocks=("video", "pair"), bins=6, rounds=rounds, patience=5, parameters=PARAMETERS)


def take(rows: slice) -> Plays:
    return Plays(KEYS, FEATURES[rows], RATES[rows])


def test_a_planted_distribution_is_learned_from_the_columns_of_its_blocks() -> None:
    model = fit([take(slice(1000))], [take(slice(1000, None))], make_settings(60), 1)
    rows = np.array([[0, 0.5], [1, 0.5], [2, 0.5]], np.float32)
    drawn = predict(model, KEYS, rows)
    np.testing.assert_allclose(drawn.sum(axis=1), 1)
    answers, expected = best_answers(drawn, model.bins)
    np.testing.assert_allclose(answers, [0.11, 0.51, 1.01], atol=0.02)
    assert expected.min() > 0.8
    assert model.names == KEYS
    beside = predict(model, ("list_size", *KEYS), np.hstack([rows[:, :1] + 7, rows]))
    np.testing.assert_array_equal(beside, drawn)
    with pytest.raises(ColumnsError, match=r"^What the completion model is to score has other columns"):
        predict(model, KEYS[::-1], rows)
    with pytest.raises(ColumnsError, match=r"^A day of plays"):
        join_plays([take(slice(9)), replace(take(slice(9)), names=KEYS[:1])])


# --- which plays it is fitted on, and for how many rounds ---

PLAY_SETTINGS = make_settings(30)
NAMES = ("video_a", "device_b", "pair_c")


def day(number: int, completions: list[float], clicked: list[bool] | None = None, answer: int = 0) -> DayFeatures:
    """One slate, whose rows differ by their features: 100 times the day plus the row."""
    features = {name: 100 * number + np.arange(len(completions)) + i / 10 for i, name in enumerate(NAMES)}
    known = np.array(completions)
    watched = known > 0 if clicked is None else np.array(clicked)
    return make_day([len(completions)], [answer], features, known, day=number, clicked=watched)


PLAYED = [
    day(1, [0.5, 0.0, np.nan, 0.25], [True] * 4),
    day(2, [0.1, 0.2, 0.3], [True, False, True]),
    day(3, [np.nan, 0.9, 0.8]),
]


def list_plays(*days: DayFeatures, answers: bool = False) -> list[Plays]:
    return [take_plays(one, PLAY_SETTINGS.blocks, answers) for one in days]


def test_plays_are_clicked_rows_with_a_known_rate_above_0(monkeypatch: pytest.MonkeyPatch) -> None:
    plays = join_plays(list_plays(*PLAYED))
    features = plays.features
    assert plays.names == ("video_a", "pair_c")
    assert plays.completions.tolist() == [0.5, 0.25, 0.1, 0.3, 0.9, 0.8]
    assert features[:, 0].tolist() == [100, 103, 200, 202, 301, 302]
    np.testing.assert_allclose(features[:, 1], features[:, 0] + 0.2, rtol=1e-6)
    assert features.shape == (6, 2)
    monkeypatch.setattr(completion, "MOST_PLAYS", 3)
    latest = join_plays(list_plays(*PLAYED))
    assert (latest.completions.tolist(), latest.features[:, 0].tolist()) == ([0.3, 0.9, 0.8], [202, 301, 302])


def test_the_fit_is_stopped_by_the_answers_and_the_refit_takes_its_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    held = join_plays(list_plays(day(4, [0.7, 0.6, 0.4], answer=1), day(5, [0.2, 0.5], answer=0), answers=True))
    assert (held.features[:, 0].tolist(), held.completions.tolist()) == ([401, 500], [0.6, 0.2])
    rounds: list[int] = []
    monkeypatch.setattr(completion, "fit", lambda days, valid, settings, seed: rounds.append(settings.rounds))
    for found in (7, 0):
        early = Completion(make_bins(np.array([0.5]), 2, 10), None, (), (), found)
        refit(list_plays(*PLAYED), early, PLAY_SETTINGS, 8)
    assert rounds == [7, 1]


def test_what_the_library_refuses_is_a_user_error() -> None:
    settings = msgspec.structs.replace(PLAY_SETTINGS, parameters={"boosting": "abc"})
    with pytest.raises(UserError, match="completion cannot be fitted: Unknown boosting type abc"):
        fit(list_plays(day(1, [0.5, 0.25, 0.1, 0.3])), list_plays(day(4, [0.7, 0.6, 0.4])), settings, 8)
