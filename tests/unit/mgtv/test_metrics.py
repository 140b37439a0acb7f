"""Scores summed up by hand, and a ladder of all days pooled."""

import numpy as np
import pytest

from competitions.mgtv.metrics import judge, pool_ladder, sum_up
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.models.decision import ANSWERS, PICKS, ExpectedReward, Predictions
from tests.unit.mgtv.mgtv_world import Floats, make_day


def predict(day: DayFeatures, chances: list[float], rate: list[float], expected: list[float]) -> Predictions:
    rates = np.array(rate)
    return Predictions(day, np.array(chances), ExpectedReward(rates, np.array(expected), rates + 1, rates + 2))


# --- scores ---


def test_scores_are_summed_up_by_hand() -> None:
    hits, own = np.array([1.0, 0, 1, 1]), np.array([0.5, 0, 1.0, 0.1])
    scores = sum_up(hits, own, np.arange(4))
    assert scores["score"] == pytest.approx(0.4)
    assert scores["error"] == pytest.approx(((0.1**2 + 0.4**2 + 0.6**2 + 0.3**2) / 4 / 4) ** 0.5)
    assert scores["hit_rate"] == 0.75
    assert scores["score_of_hits"] == pytest.approx(1.6 / 3)
    assert sum_up(hits, own, np.array([7, 7, 8, 8]))["error"] == pytest.approx((0.3**2 + 0.3**2) ** 0.5 / 4)
    assert sum_up(np.zeros(2), np.zeros(2), np.arange(2))["score_of_hits"] == 0


def ladder_of(*scores: float) -> dict[tuple[str, str], tuple[Floats, Floats]]:
    """Devices that earn this in the last cell, half of it in the cell before, and so on; a hit earns anything."""
    cells = [(picked, answered) for picked in PICKS for answered in ANSWERS]
    earned = [np.array(scores) / 2**back for back in range(len(cells))][::-1]
    return {cell: ((values > 0).astype(float), values) for cell, values in zip(cells, earned, strict=True)}


def test_the_ladder_pools_devices_not_days() -> None:
    rows = pool_ladder([ladder_of(1.0), ladder_of(0.0, 0.0, 0.5)])
    assert [row["pick"] for row in rows] == list(PICKS)
    assert [list(row) for row in rows] == [["pick", "hit_rate", *ANSWERS]] * 2
    assert [row["hit_rate"] for row in rows] == [0.5] * 2
    mean = 1.5 / 4
    cells = [row[answered] for row in rows for answered in ANSWERS]
    assert cells == pytest.approx([mean / 2**back for back in range(len(cells))][::-1])


def test_the_decision_weighs_what_is_expected_and_days_by_their_devices() -> None:
    day = make_day([2, 2], [0, 1], completions=[0.5, np.nan, np.nan, 0.2])
    scores = judge([predict(day, [0.4, 0.6, 0.5, 0.5], [0.5, 0.1, 0.3, 0.0], [0.9, 0.5, 0.5, 0.6])])
    assert scores["hit_rate"] == 1
    assert scores["score"] == pytest.approx(0.75)
    assert scores["log_likelihood"] == pytest.approx(np.log([0.4, 0.5]).mean())
    # Days count by their devices.
    few, many = make_day([2], [0]), make_day([2, 2, 2], [0, 0, 1])
    ones = [1.0] * 6
    scores = judge([predict(few, [0.9, 0.1], ones[:2], ones[:2]), predict(many, [0.2, 0.8] * 3, ones, ones)])
    assert scores["hit_rate"] == scores["score"] == 0.5
    assert scores["log_likelihood"] == pytest.approx(np.log([0.9, 0.2, 0.2, 0.8]).mean())
