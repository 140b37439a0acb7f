"""The video block and the device block by hand."""

import math

import polars as pl
import pytest

from competitions.mgtv.features import device, video
from competitions.mgtv.features.device import describe_devices
from competitions.mgtv.features.device_history import build_history
from competitions.mgtv.features.target_encoding import tally_videos
from competitions.mgtv.features.video import describe_videos
from tests.unit.mgtv.mgtv_world import make_log, make_slates, make_videos, row


@pytest.fixture(autouse=True)
def prior_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Easier by hand."""
    monkeypatch.setattr(video, "PRIOR", 2.0)
    monkeypatch.setattr(device, "DEVICE_PRIOR", 2.0)


def shows(day: int, video: int, times: int, clicks: int, first: int = 0) -> list[dict[str, object]]:
    """The video shown to so many devices, of which the first few click and watch half of it."""
    return [row(day, first + i, video, 0.5 if i < clicks else None) for i in range(times)]


# --- videos: rates ---

TREE = make_videos(collection=[0, 0, None, 1, None], channel=[0, 0, 0, 1, None], type=[0, 1, 1, None, 1])


def describe(log: pl.DataFrame, videos: pl.DataFrame, day: int, *half_lives: float) -> pl.DataFrame:
    return describe_videos(tally_videos(log), videos, day, half_lives or (1.0,))


def test_a_videos_rate_is_drawn_to_its_collections_to_its_channels_to_the_overall_rate() -> None:
    """Prior 2. Yesterday: video 0 had 4 shows and 2 clicks, 1 had 2 and 0, 2 had 2 and 2, 3 had 8 and 4."""
    log = make_log(*shows(3, 0, 4, 2), *shows(3, 1, 2, 0), *shows(3, 2, 2, 2), *shows(3, 3, 8, 4))
    described = describe(log, TREE, 4)
    base = 8 / 16
    channel = [(4 + 2 * base) / (8 + 2), (4 + 2 * base) / (8 + 2)]
    collection = [(2 + 2 * channel[0]) / (6 + 2), (4 + 2 * channel[1]) / (8 + 2)]
    assert described["video"].to_list() == [0, 1, 2, 3, 4]
    assert described["video_channel_click_1d"].to_list() == pytest.approx([channel[0]] * 3 + [channel[1], base])
    expected = [collection[0], collection[0], channel[0], collection[1], base]
    assert described["video_collection_click_1d"].to_list() == pytest.approx(expected)
    own = [(2 + 2 * collection[0]) / 6, 2 * collection[0] / 4, (2 + 2 * channel[0]) / 4, (4 + 2 * collection[1]) / 10]
    assert described["video_own_click_1d"].to_list() == pytest.approx([*own, base])
    kind = [(2 + 2 * base) / (4 + 2), (2 + 2 * base) / (4 + 2), base]  # a type that is unknown has the overall rate
    assert described["video_type_click_1d"].to_list() == pytest.approx([kind[0], kind[1], kind[1], base, kind[1]])


def test_counts_fade_and_trend_is_the_short_count_less_the_long() -> None:
    log = make_log(*shows(3, 0, 4, 1), *shows(1, 0, 8, 8), *shows(4, 0, 32, 32))
    described = describe(log, TREE, 4, 1.0, 2.0).row(0, named=True)
    assert described["video_own_log_shows_1d"] == pytest.approx(math.log1p(4 + 2))
    assert described["video_own_log_clicks_1d"] == pytest.approx(math.log1p(1 + 2))
    assert described["video_own_log_shows_2d"] == pytest.approx(math.log1p(4 + 4))
    assert described["video_collection_log_shows_1d"] == pytest.approx(math.log1p(6))
    assert described["video_trend"] == pytest.approx(math.log1p(6) - math.log1p(8))
    nothing = describe(log, TREE, 4, 1.0, 2.0).row(4, named=True)
    assert (nothing["video_own_log_shows_1d"], nothing["video_trend"]) == (0, 0)


def test_plays_make_rates_of_completion() -> None:
    log = make_log(row(3, 0, 0, 1.0), row(3, 1, 0, 0.1), row(3, 2, 0, 0.5, answer=False), row(3, 3, 0, clicked=True))
    described = describe(log, make_videos(collection=[None]), 4).row(0, named=True)
    assert described["video_own_finish_1d"] == pytest.approx(1 / 3)  # every level above has the same plays
    assert described["video_own_abandon_1d"] == pytest.approx(1 / 3)
    assert described["video_own_answer_1d"] == pytest.approx(3 / 4)
    assert described["video_own_log_t_1d"] == pytest.approx((math.log(0.1) + math.log(0.5)) / 3, rel=1e-5)


# --- videos: ages and facts ---


def test_ages_by_hand() -> None:
    log = make_log(
        *shows(2, 0, 3, 1),
        *shows(6, 0, 5, 0),
        *shows(9, 0, 7, 0),
        *shows(5, 1, 2, 0),
        *shows(9, 2, 1, 1),
        *shows(10, 3, 5, 5),
        *shows(11, 3, 5, 5),
    )
    described = describe(log, TREE.with_columns(collection=pl.Series([0, 0, 1, 0, 1])), 10)
    ages = described.select("video_age", "video_shown_ago", "video_clicked_ago", "video_newest_age").rows()
    assert ages == [(8, 1, 8, 5), (5, 5, None, 5), (1, 1, 1, 1), (None, None, None, 5), (None, None, None, 1)]
    logs = described.select("video_log_shows_yesterday", "video_log_clicks_yesterday").rows()
    expected = [(7, 0), (0, 0), (1, 1)]
    assert logs[:3] == [pytest.approx((math.log1p(shown), math.log1p(clicked))) for shown, clicked in expected]
    assert logs[3:] == [(None, None)] * 2


def test_facts_of_a_series_are_of_videos_of_one_kind() -> None:
    """Two episodes, the trailer of the fifth, and a video without a collection."""
    videos = make_videos(collection=[0, 0, 0, None], serial=[1, 4, 5, 2], intact=[1, 1, 3, 1])
    log = make_log(*shows(2, 0, 1, 0), *shows(3, 1, 1, 0), *shows(3, 2, 1, 0))
    described = describe(log, videos, 4)
    assert described["video_episodes"].to_list() == [2, 2, 1, None]
    assert described["video_serial_share"].to_list() == [0.25, 1, 1, None]
    assert described["video_newest_age"].to_list() == [1, 1, 1, None]


def test_a_later_release_changes_nothing() -> None:
    """Episode 3 is first shown on the day itself, episode 4 behind it; then neither is in the table."""
    log = make_log(*shows(2, 0, 1, 0), *shows(3, 1, 1, 0), *shows(4, 2, 1, 0), *shows(5, 3, 1, 0))
    described = describe(log, make_videos(collection=[0] * 4, serial=[1, 2, 3, 4]), 4)
    assert described["video_episodes"].to_list() == [2] * 4
    assert described["video_serial_share"].to_list() == [0.5, 1, 1.5, 2]
    earlier = describe(log.filter(pl.col("video") < 2), make_videos(collection=[0] * 2, serial=[1, 2]), 4)
    assert described.head(2).equals(earlier)


# --- devices ---

LENGTHS = make_videos(duration=[10.0, 20.0, 1000.0, 2000.0, None])


def describe_device(log: pl.DataFrame, devices: list[int], *half_lives: float, day: int = 5) -> pl.DataFrame:
    slates = make_slates(day, {device: [0] for device in devices})
    history = build_history(log, slates, LENGTHS)
    return describe_devices(history, slates, half_lives or (1.0,))


def test_a_devices_rates_are_shrunk_to_those_of_all_devices() -> None:
    """Device 1: 3 shows, 2 clicks, 1 answer; device 2: 1 show of two days ago, no click; device 7 is not asked."""
    log = make_log(
        row(4, 1, 0, 1.0),
        row(4, 1, 1, 0.1, answer=False),
        row(4, 1, 2),
        row(3, 2, 0),
        row(4, 7, 0, 0.5),
        row(5, 1, 3, 0.5),
    )
    described = describe_device(log, [9, 2, 1])
    shown, base = 3 + 0.5, 2 / 3.5
    assert described["query"].to_list() == [0, 1, 2]
    expected = [base, 2 * base / (0.5 + 2), (2 + 2 * base) / (3 + 2)]
    assert described["device_click_1d"].to_list() == pytest.approx(expected)
    expected = [1 / shown, 2 / shown / (0.5 + 2), (1 + 2 / shown) / (3 + 2)]
    assert described["device_answer_1d"].to_list() == pytest.approx(expected)
    assert described["device_finish_1d"].to_list() == pytest.approx([0.5, 0.5, 0.5])
    assert described["device_abandon_1d"].to_list() == pytest.approx([0.5, 0.5, 0.5])
    assert described["device_log_t_1d"].to_list() == pytest.approx([math.log(0.1) / 2] * 3, rel=1e-5)
    for name, counts in {"shows": (0, 0.5, 3), "clicks": (0, 0, 2), "answers": (0, 0, 1), "plays": (0, 0, 2)}.items():
        assert described[f"device_log_{name}_1d"].to_list() == pytest.approx([math.log1p(number) for number in counts])


def test_when_a_device_was_seen_and_what_it_last_watched() -> None:
    log = make_log(
        row(1, 1, 0, 0.5, click_ms=9),
        row(2, 1, 1, 0.25, click_ms=9),
        row(2, 1, 2, 0.125, click_ms=5),
        row(2, 1, 3, 1.0, click_ms=7),
        row(2, 1, 4, clicked=True, click_ms=11),
        row(3, 1, 0),
        row(3, 1, 1, shown=False, position=None, clicked=True),
        row(4, 2, 0),
        row(5, 2, 1, 0.5),
    )
    described = describe_device(log, [1, 2, 3])
    seen = described.select("device_seen_ago", "device_clicked_ago", "device_days", "device_list_size").rows()
    assert seen == [(2, 2, 3, 2), (1, None, 1, 1), (None,) * 4]
    last = described.select("device_last_log_t", "device_last_duration", "device_usual_duration").rows()
    assert last == [(pytest.approx(math.log(0.25)), 20, (20 + 1000) / 2), (None,) * 3, (None,) * 3]


def test_the_usual_duration_is_the_median_of_the_last_twenty_plays() -> None:
    log = make_log(
        *(row(1, 1, 0, 0.5, click_ms=i) for i in range(30)),
        *(row(2, 1, 3, 0.5, click_ms=i) for i in range(10)),
    )
    assert describe_device(log, [1])["device_usual_duration"].to_list() == [(10 + 2000) / 2]
