"""From probabilities to one video and one rate a device: picks, values, the fallback, what is earned."""

import pickle
from typing import Any

import numpy as np
import polars as pl
import pytest

from competitions.mgtv.features.target_encoding import HALF_LIVES
from competitions.mgtv.labels import score_rates
from competitions.mgtv.models import completion
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.decision import (
    ANSWERS,
    PICKS,
    ExpectedReward,
    Predictions,
    climb,
    decide,
    expect_rewards,
    find_fallback,
    judge_picks,
    pick,
    score_answers,
)
from tests.unit.mgtv.mgtv_world import Floats, make_day, make_log, row

# --- picks ---


def test_a_plain_rule_picks_where_the_models_know_less() -> None:
    """Two hundred slates of five, whose answer has the highest click rate in nine of ten; the models draw lots."""
    rng = np.random.default_rng(0)
    answers = rng.integers(0, 5, 200)
    clicks = rng.random((200, 5))
    clicks[np.arange(180), answers[:180]] = 2.0
    day = make_day([5] * 200, answers.tolist(), {"video_own_click_14d": clicks.ravel()})
    even, lots = np.full(1_000, 0.5), rng.random(1_000)
    rewards = ExpectedReward(np.ones(1_000), even, even, even)
    part = Predictions(day, lots, rewards)
    chain = judge_picks([part], "auto")
    assert chain.answer == "popularity"
    assert decide(part, chain.answer).tolist() == (5 * np.arange(200) + clicks.argmax(1)).tolist()
    assert chain.earned.tolist() == (clicks.argmax(1) == answers).tolist()
    assert decide(part).tolist() == pick(lots, day.rows.group_sizes).tolist()
    sure = np.where(day.rows.labels > 0, 0.9, 0.1)
    assert judge_picks([Predictions(day, sure, rewards)], "auto").answer == "expected score"


# --- what a row would earn ---


def model() -> Completion:
    """Half of the plays end at 1/10, half at 1, whatever the features."""
    made = completion.make_bins(np.array([0.1] * 50 + [1.0] * 50), 4, 100)
    return Completion(made, pickle.dumps(ConstantBooster([0.25, 0.75])), ("video_b",), ("video",), 3)


class ConstantBooster:
    """A booster that says the same of every row, moved by its first feature."""

    def __init__(self, probabilities: list[float]) -> None:
        self.probabilities = np.array(probabilities)

    def predict(self, features: Floats, num_iteration: int) -> Floats:
        assert features.shape[1] == 1
        assert num_iteration == 3
        moved = features[:, :1].astype(float)
        return np.asarray(self.probabilities + np.hstack([-moved, moved]))


FEATURES = {"device_a": [9.0, 9.0, 9.0], "video_b": [0.0, -0.75, 0.25]}


def test_a_row_is_worth_the_best_answer_for_its_own_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    rewards = expect_rewards(make_day([3], [0], FEATURES), model(), "nothing")
    one = 1 / (1 + 9**0.5)
    assert rewards.answer.tolist() == [1.0, 0.1, 1.0]
    assert rewards.expected.tolist() == pytest.approx([0.75 + 0.25 * one, 1, 1])
    assert rewards.mean.tolist() == pytest.approx([0.775, 0.1, 1.0])
    assert rewards.median.tolist() == [1.0, pytest.approx(0.1), 1.0]
    monkeypatch.setattr(completion, "SLICE_ROWS", 2)
    again = expect_rewards(make_day([3], [0], FEATURES), model(), "nothing")
    assert [part.tolist() for part in vars(again).values()] == [part.tolist() for part in vars(rewards).values()]


def test_a_video_without_a_duration_is_worth_nothing_or_as_much_as_any() -> None:
    day = make_day([3], [0], FEATURES, scorable=np.array([False, True, False]))
    worth = expect_rewards(day, model(), "unknown")
    nothing = expect_rewards(day, model(), "nothing")
    assert nothing.expected.tolist() == [0, worth.expected[1], 0]
    assert worth.expected.min() > 0.5
    assert nothing.answer.tolist() == worth.answer.tolist()


# --- what is earned ---


def test_hits_and_scores_by_hand() -> None:
    day = make_day([2, 2, 1], [1, 0, 0], completions=[np.nan, 0.5, 1.0, 0.2, np.nan])
    hits, scores = score_answers(day, np.array([1, 3, 4]), np.array([9.0, 0.5, 9.0, 0.2, 0.4]))
    assert hits.tolist() == [1, 0, 1]
    assert scores.tolist() == [1, 0, 0]  # of the last the rate is unknown
    hits, scores = score_answers(day, np.array([1, 2, 4]), np.array([9.0, 0.0, 0.75, 0.2, 0.4]))
    assert hits.tolist() == [1, 1, 1]
    assert scores.tolist() == pytest.approx([0.5, 1 / 1.5, 0])


def test_the_ladder_has_every_pick_with_every_answer() -> None:
    day = make_day([2, 3], [1, 0], completions=[0.3, 0.5, 0.8, 0.1, np.nan])
    probabilities = np.array([0.4, 0.6, 0.3, 0.4, 0.3])
    values = ExpectedReward(
        answer=np.array([0.3, 0.4, 0.8, 0.1, 0.2]),
        expected=np.array([0.95, 0.7, 0.9, 0.5, 0.5]),  # of the first list the sum with P(watch) has another order
        mean=np.array([0.31, 0.41, 0.71, 0.11, 0.21]),
        median=np.array([0.32, 0.42, 0.72, 0.12, 0.22]),
    )
    rewards = climb(Predictions(day, probabilities, values))
    assert set(rewards) == {(picked, answered) for picked in PICKS for answered in ANSWERS}
    assert {key: rewards[key][0].tolist() for key in rewards} == {
        (picked, answered): hits
        for picked, hits in (("P(watch)", [1, 0]), ("P(watch) x E[s]", [1, 1]))
        for answered in ANSWERS
    }
    rates = {"p = 0": (0, 0), "p = 1": (1, 1), "mean": (0.41, 0.71), "median": (0.42, 0.72), "max E[s]": (0.4, 0.8)}
    for answered, (first, second) in rates.items():
        expected = score_rates(np.array([0.5, 0.8]), np.array([first, second]))
        assert rewards["P(watch) x E[s]", answered][1].tolist() == pytest.approx(expected.tolist())
        assert rewards["P(watch)", answered][1].tolist() == pytest.approx([expected[0], 0])


def test_a_device_of_both_days_is_one_cluster_of_the_judgement() -> None:
    features = {f"video_own_click_{HALF_LIVES[-1]:g}d": np.zeros(4)}
    days = [make_day([2, 2], [0, 1], features, devices=np.array(own)) for own in ([3, 7], [7, 9])]
    ones = np.ones(4)
    valid = [Predictions(day, ones, ExpectedReward(ones, ones, ones, ones)) for day in days]
    assert judge_picks(valid, "auto").clusters.tolist() == [3, 7, 7, 9]


# --- devices that were shown nothing ---

DURATIONS = pl.Series([10.0, 10.0, None, 10.0], dtype=pl.Float32)


def fall_back(*rows: dict[str, Any], durations: pl.Series = DURATIONS) -> tuple[int, float]:
    return find_fallback(make_log(*rows), durations.to_frame("duration"))


def test_the_fallback_is_the_most_clicked_video_of_the_last_day() -> None:
    earlier = [row(3, device, 0, 0.5) for device in range(5)]
    assert fall_back(*earlier, row(4, 0, 1, 0.5), row(4, 1, 1, 0.5), row(4, 2, 3, 0.5))[0] == 1
    shown = [row(4, device, 0) for device in range(5)]
    assert fall_back(*earlier, *shown, row(4, 5, 3, 0.5))[0] == 3
    assert fall_back(*earlier, row(4, 0, 3))[0] == 0  # nothing clicked on the last day: that before it


def test_a_video_without_a_duration_is_a_fallback_where_there_is_no_other() -> None:
    clicked = [row(4, device, 2, clicked=True) for device in range(3)]
    assert fall_back(*clicked, row(4, 5, 0, 0.5))[0] == 0
    assert fall_back(*clicked, row(3, 5, 0, 0.5))[0] == 0
    assert fall_back(*clicked) == (2, 1.0)


def test_its_rate_is_the_best_for_its_own_plays_of_all_days() -> None:
    own = [row(3, 0, 1, 0.2), row(3, 1, 1, 0.2), row(4, 2, 1, 0.2), row(4, 3, 1, 0.9), row(4, 4, 1, 0.0)]
    others = [row(3, device, 0, 0.7) for device in range(20)]
    video, rate = fall_back(*others, *own)
    assert video == 1
    assert rate == pytest.approx(0.2)
