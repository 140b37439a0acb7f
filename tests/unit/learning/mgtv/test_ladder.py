"""The rungs without a ranker: what they find in a planted log, and that they see nothing of the day or after it."""

import numpy as np
import polars as pl
import pytest

from competitions.learning.mgtv import baselines
from competitions.learning.mgtv.scoring import mix_across
from tests.unit.mgtv.mgtv_world import draw_log, make_day, make_log, make_slates, row

VIDEOS = 12


def draw_tastes(seed: int = 0) -> pl.DataFrame:
    """Five days: even devices click two of the videos 0..5 a day, odd ones two of 6..11."""
    rng = np.random.default_rng(seed)
    rows = [
        row(day, device, int(video), 0.5, click_ms=i, position=i)
        for day in range(1, 6)
        for device in range(30)
        for i, video in enumerate(rng.choice(6, 2, replace=False) + 6 * (device % 2))
    ]
    return make_log(*rows)


def test_videos_of_the_devices_taste_score_higher() -> None:
    log = draw_tastes()
    slates = make_slates(6, {0: list(range(VIDEOS)), 1: list(range(VIDEOS)), 999: [3, 4]})
    scores = baselines.score_neighbours(log, slates)
    assert scores.shape == (2 * VIDEOS + 2,)
    even, odd, unknown = scores[:VIDEOS], scores[VIDEOS : 2 * VIDEOS], scores[2 * VIDEOS :]
    assert even[:6].min() > even[6:].max()
    assert odd[6:].min() > odd[:6].max()
    assert unknown.tolist() == [0.0, 0.0]


def test_the_day_and_what_comes_later_change_nothing() -> None:
    log = draw_log(3, videos=VIDEOS)
    slates = make_slates(4, {device: [0, 3, 7, 11] for device in range(8)})
    later = pl.col("day") >= 4
    other = log.with_columns(
        clicked=pl.when(later).then(~pl.col("clicked")).otherwise("clicked"),
        video=pl.when(later).then((pl.col("video") + 5) % VIDEOS).otherwise("video"),
        t=pl.when(later).then(None).otherwise("t"),
    )
    before, after = (baselines.score_neighbours(frame, slates) for frame in (log, other))
    np.testing.assert_array_equal(before, after)
    earlier = log.with_columns(clicked=pl.when(pl.col("day") == 3).then(~pl.col("clicked")).otherwise("clicked"))
    assert not np.array_equal(before, baselines.score_neighbours(earlier, slates))


def test_a_position_scores_how_often_it_was_the_answer() -> None:
    before = [make_day([2, 2, 2], [0, 0, 1]), make_day([2], [0])]
    day = make_day([3], [2])
    scores = baselines.score_positions(before, day, prior=4.0)
    # Place 0: 3 of 4 shown; place 1: 1 of 4; place 2 was never shown; the mean share is a half.
    assert np.exp(scores) == pytest.approx([(3 + 2) / (4 + 4), (1 + 2) / (4 + 4), 0.5])


def test_a_day_is_calibrated_by_the_other_days() -> None:
    """Of two videos the one scored 1 above the other is watched three times in four, on the last day once in four."""
    days = [make_day([2] * 4, answers) for answers in ([0, 0, 0, 1], [0, 0, 0, 1], [1, 1, 1, 0])]
    scores = [np.tile([1.0, 0.0], 4)] * 3
    mixed = mix_across(days, scores)
    assert mixed[2][:2] == pytest.approx([0.75, 0.25], abs=0.01)
    assert mixed[0][:2] == pytest.approx([0.5, 0.5], abs=0.01)
    assert mix_across(days[:1], scores[:1])[0][:2] == pytest.approx([0.75, 0.25], abs=0.01)
