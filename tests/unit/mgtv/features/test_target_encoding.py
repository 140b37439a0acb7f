"""Decayed counts against a plain loop, rates by hand, and the past of the devices that are asked."""

import math
from typing import Any

import polars as pl
import pytest

from competitions.mgtv.features.device_history import build_history
from competitions.mgtv.features.target_encoding import (
    before_day,
    count_events,
    decay,
    decay_weight,
    tally_videos,
)
from tests.unit.mgtv.mgtv_world import draw_log, make_log, make_slates, make_videos, row


def count(*rows: dict[str, Any], weight: float = 1.0) -> dict[str, float]:
    """The counts of log rows together."""
    log = make_log(*rows).with_columns(residual=pl.lit(0.25))
    return log.select(count_events(pl.lit(weight))).row(0, named=True)


# --- counts ---


@pytest.mark.parametrize(
    ("t", "expected"),
    [
        (None, (0, 0, 0)),
        (0.0, (0, 0, 0)),
        (0.149, (1, 0, 1)),
        (0.15, (1, 0, 0)),
        (0.949, (1, 0, 0)),
        (0.95, (1, 1, 0)),
    ],
)
def test_finished_and_abandoned_end_at_their_bounds(t: float | None, expected: tuple[int, int, int]) -> None:
    counts_by_hand = count(row(1, 0, 0, t))
    assert (counts_by_hand["plays"], counts_by_hand["finished"], counts_by_hand["abandoned"]) == expected


@pytest.mark.parametrize(("t", "logged"), [(None, 0), (0.0, 0), (1e-4, math.log(0.01)), (50.0, math.log(2))])
def test_the_logarithm_is_bounded_and_of_plays_only(t: float | None, logged: float) -> None:
    assert count(row(1, 0, 0, t))["log_t"] == pytest.approx(logged, abs=1e-6)


def test_the_day_itself_and_later_ones_do_not_count() -> None:
    log = make_log(row(4, 0, 0, 0.5), row(5, 1, 0, 0.5), row(6, 2, 0, 0.5), row(5, 0, 1, 0.5))
    tally = tally_videos(log)
    assert tally.select("video", "day", "clicks").rows() == [(0, 4, 1), (0, 5, 1), (0, 6, 1), (1, 5, 1)]
    assert decay(tally, 5, 1.0).select("video", "clicks").rows() == [(0, 1)]
    assert before_day(log, make_slates(5, {0: [0]})).collect()["day"].to_list() == [4]


def test_the_order_of_the_rows_does_not_change_a_bit() -> None:
    log = draw_log(3, devices=60)
    tally = tally_videos(log)
    shuffled = tally_videos(log.sample(fraction=1, shuffle=True, seed=1))
    assert shuffled.equals(tally)
    one, other = (decay(frame, 7, 1.7) for frame in (tally, tally.reverse()))
    assert one.equals(other)
    faded = count_events(decay_weight(9, 1.7))
    counted = log.with_columns(residual=pl.lit(0.1)).sort("video")
    assert counted.select(faded).equals(counted.reverse().select(faded))


# --- the past of the asked devices ---

LENGTHS = make_videos(duration=[15.0, 16.0, 30.0, None, 6000.0], collection=[7, None, 7, 8, 8])


def test_the_history_is_of_the_slates_devices_before_the_day() -> None:
    log = make_log(row(3, 1, 0, 0.5), row(4, 1, 2), row(3, 2, 1, 0.5), row(3, 5, 0, 0.5), row(5, 1, 1, 0.5))
    history = build_history(log, make_slates(5, {5: [0], 1: [0], 9: [0]}), LENGTHS)
    assert history.day == 5
    record = history.log.select("device", "day", "video", "collection", "duration").rows()
    assert record == [(1, 3, 0, 7, 15), (1, 4, 2, 7, 30), (5, 3, 0, 7, 15)]


def test_a_residual_is_measured_against_plays_of_such_videos_by_all_devices() -> None:
    """The videos 1 and 2 are of one length (15 to 30 s); 3 has none, and 0 is shorter."""
    log = make_log(
        row(3, 1, 1, 0.5),
        row(3, 2, 2, 0.25),
        row(3, 3, 2, 1.0),
        row(3, 2, 1, 0.0),
        row(3, 2, 0, 0.125),
        row(5, 3, 1, 0.03),
        row(4, 1, 2),
        row(3, 2, 3, 0.75),
    )
    history = build_history(log, make_slates(5, {1: [0], 2: [0]}), LENGTHS).log
    usual = (math.log(0.5) + math.log(0.25) + math.log(1.0)) / 3
    record = {
        (device, video): value for device, video, value in history.select("device", "video", "residual").iter_rows()
    }
    assert record == {
        (1, 1): pytest.approx(math.log(0.5) - usual, abs=1e-5),
        (1, 2): None,
        (2, 0): pytest.approx(0, abs=1e-5),
        (2, 1): None,
        (2, 2): pytest.approx(math.log(0.25) - usual, abs=1e-5),
        (2, 3): pytest.approx(0, abs=1e-5),
    }
