"""The public baseline's design: it picks what is clicked most, never what was clicked before, and answers a mean."""

from dataclasses import replace

import numpy as np
import pytest

from competitions.mgtv.models.dataset import DayFeatures
from tests.benches.mgtv_public_baseline import answer_plainly, choose_plainly, list_parts
from tests.unit.mgtv.mgtv_world import make_day

NAMES = (*list_parts("14d"), "pair_video_clicks", "device_clicks")
LISTS, SIZE = 60, 3


def plant(seed: int) -> DayFeatures:
    """Lists of three: the middle video has the highest click rate, is clicked, and a third of it is played."""
    features = dict.fromkeys(NAMES, np.zeros(LISTS * SIZE)) | {
        "video_own_click_14d": np.tile([0.1, 0.6, 0.2], LISTS),
        "device_clicks": np.random.default_rng(seed).random(LISTS * SIZE),
    }
    day = make_day([SIZE] * LISTS, [1] * LISTS, features, np.tile([np.nan, 0.3, np.nan], LISTS))
    return replace(day, clicked=day.rows.labels > 0)


def test_what_is_clicked_most_is_picked_and_the_mean_answered() -> None:
    hits, scores = answer_plainly([plant(0)], plant(1), "14d", 0)
    assert hits.tolist() == [1.0] * LISTS
    assert scores == pytest.approx(1.0, abs=1e-3)


def test_a_video_that_the_device_clicked_before_is_not_picked() -> None:
    day = plant(1)
    day.rows.features[1, NAMES.index("pair_video_clicks")] = 2.0
    picked, _ = choose_plainly([plant(0)], day, "14d", 0)
    assert picked[0] != 1
    assert (picked[1:] % SIZE == 1).all()
