"""The rungs without a ranker: what they find in a planted log, and that they see nothing of the day or after it."""

import numpy as np
import polars as pl
import pytest

from competitions.mgtv.day.ladder import rate_videos
from competitions.mgtv.lab import baselines
from competitions.mgtv.lab.clicks import list_clicks, list_recent
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
    assert scores.shape == (2 * VIDEOS + 2, 1)
    even, odd, unknown = scores[:VIDEOS, 0], scores[VIDEOS : 2 * VIDEOS, 0], scores[2 * VIDEOS :, 0]
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
    assert np.exp(scores[:, 0]) == pytest.approx([(3 + 2) / (4 + 4), (1 + 2) / (4 + 4), 0.5])


def test_the_last_clicks_stand_latest_first() -> None:
    log = make_log(
        row(1, 5, 0, 0.1, click_ms=50),
        row(2, 5, 1, 0.2, click_ms=30),
        row(2, 5, 2, None, clicked=True, click_ms=10),
        row(2, 5, 3, None),
        row(3, 5, 0, 0.9, click_ms=1),
        row(2, 6, 0, 0.4, click_ms=7),
    )
    recent = list_recent(log, make_slates(3, {5: [0], 7: [0]}), 2)
    assert recent.select("query", "video", "back").rows() == [(0, 1, 0), (0, 2, 1)]
    assert recent["t"].to_list() == pytest.approx([0.2, None])
    clicks = list_clicks(log, make_slates(3, {5: [0]}))
    assert clicks.select("user", "item").rows() == [(5, 0), (5, 2), (5, 1), (6, 0)]
    assert clicks.filter(user=5)["time"].is_sorted()


def test_plain_picks_are_probabilities() -> None:
    days = [
        make_day([2, 3], [0, 1], {"video_rate": np.array([0.1, 0.3, 0.2, 0.2, 0.4])}, day=number) for number in (1, 2)
    ]
    rated = rate_videos(days, "video_rate", 0)
    assert rated[0] == pytest.approx([0.25, 0.75, 0.25, 0.25, 0.5])
    drawn = rate_videos(days, None, 0)
    assert [part[:2].sum() for part in drawn] == pytest.approx([1, 1])
    assert not np.array_equal(drawn[0], drawn[1])
