"""The pair block and the list block by hand: counts of a device with a level, episodes, company and comparisons."""

import math
from typing import Any

import polars as pl
import pytest

from competitions.mgtv.features.device_history import build_history
from competitions.mgtv.features.list import compare, describe_positions
from competitions.mgtv.features.pair import LEVELS, describe_pairs
from competitions.mgtv.split import Slates
from tests.unit.mgtv.mgtv_world import make_log, make_slates, make_videos, row

# Two programmes of two and three episodes, and a video that belongs to nothing.
VIDEOS = make_videos(
    collection=[0, 0, 1, 1, 1, None],
    serial=[1, 2, 5, 6, 7, 3],
    channel=[0, 0, 0, 1, 1, 1],
    type=[0, 1, 0, 1, 0, 1],
)


def describe(log: pl.DataFrame, slates: Slates, videos: pl.DataFrame = VIDEOS) -> pl.DataFrame:
    """The block, where every video clicks at .4 and finishes at .8, every device clicks at .2 and finishes at .6."""
    rates = {"click": (0.4, 0.2), "finish": (0.8, 0.6)}
    names = [(f"video_{'own' if level == 'video' else level}_{rate}_14d", rate) for level in LEVELS for rate in rates]
    about = videos.select("video", **{name: pl.lit(rates[rate][0]) for name, rate in names})
    devices = slates.queries.select(
        "query", **{f"device_{rate}_14d": pl.lit(record[1]) for rate, record in rates.items()}
    )
    return describe_pairs(build_history(log, slates, videos), slates, videos, about, devices)


# --- counts and rates of a pair ---

WATCHED = make_log(
    row(9, 1, 0, 1.0),
    row(9, 1, 1, position=1),
    row(9, 1, 2, 0.25, answer=False),
    row(9, 2, 0, 0.1),
    row(10, 1, 3, 1.0),
)


def test_counts_and_rates_of_every_level() -> None:
    """Prior 4; the pair is worth the mean of device and level where the device has no past with it."""
    described = describe(WATCHED, make_slates(10, {1: [0, 1, 4, 5], 3: [0]}))
    click, finish = 0.3, 0.7
    assert described["pair_video_shows"].to_list() == [1, 1, 0, 0, 0]
    assert described["pair_video_clicks"].to_list() == [1, 0, 0, 0, 0]
    expected = [(1 + 4 * click) / 5, 4 * click / 5, click, click, click]
    assert described["pair_video_click"].to_list() == pytest.approx(expected)
    assert described["pair_video_finish"].to_list() == pytest.approx([(1 + 4 * finish) / 5] + [finish] * 4)
    assert described["pair_collection_shows"].to_list() == [2, 2, 1, 0, 0]
    expected = [(1 + 4 * click) / 6, (1 + 4 * click) / 6, (1 + 4 * click) / 5, click, click]
    assert described["pair_collection_click"].to_list() == pytest.approx(expected)
    assert described["pair_channel_clicks"].to_list() == [2, 2, 0, 0, 0]
    assert described["pair_type_clicks"].to_list() == [2, 0, 2, 0, 0]
    expected = [2 / 3, 2 / 3, 0, 0, 0]
    assert described["pair_channel_click_share"].to_list() == pytest.approx(expected)


def test_counts_fade_by_the_longest_half_life() -> None:
    log = make_log(row(9, 1, 0, 0.5), row(2, 1, 1, 0.5))
    slates = make_slates(16, {1: [0, 1, 2]})  # half a half life ago, and a whole one earlier
    described = describe(log, slates)
    weight = [0.5 ** (6 / 14), 0.5 ** (13 / 14)]
    assert described["pair_video_clicks"].to_list() == pytest.approx([*weight, 0])
    assert described["pair_collection_clicks"].to_list() == pytest.approx([sum(weight), sum(weight), 0])
    assert described["pair_video_click_share"].to_list() == pytest.approx(
        [each / (sum(weight) + 1) for each in (*weight, 0)]
    )
    assert described["pair_video_clicked_ago"].to_list() == [7, 14, None]


def test_residuals_say_whether_the_device_stays_longer_than_usual() -> None:
    log = make_log(row(9, 1, 0, 1.0), row(9, 2, 0, 0.25))
    described = describe(log, make_slates(10, {1: [0, 2, 5]}))
    usual = math.log(0.25) / 2
    expected = [-usual / (1 + 4), 0, 0]
    assert described["pair_collection_residual"].to_list() == pytest.approx(expected, abs=1e-5)
    assert [name for name in described.columns if name.endswith("residual")] == [
        f"pair_{level}_residual" for level in ("collection", "channel", "type")
    ]


# --- episodes ---

SERIES = make_videos(collection=[0] * 6, serial=[1, 2, 3, 4, 5, None])


def follow(*watched: tuple[int, int, float | None], slates: list[int], **changes: Any) -> list[dict[str, Any]]:
    """The episodes of the asked videos after plays of (day, video, t), clicked in this order."""
    log = make_log(*(row(day, 1, video, t, clicked=True, click_ms=at) for at, (day, video, t) in enumerate(watched)))
    described = describe(log, make_slates(10, {1: slates}), SERIES)
    return described.select(pl.col("^pair_episode.*$").name.replace("pair_", "")).to_dicts()


def test_the_next_episode_is_the_one_after_the_last_watched() -> None:
    described = follow((8, 3, 1.0), (9, 1, 0.5), slates=[0, 1, 2, 3, 4, 5])
    assert [record["episode_gap"] for record in described] == [-1, 0, 1, 2, 3, None]
    assert [record["episode_next"] for record in described] == [False, False, True, False, False, False]
    assert [record["episode_again"] for record in described] == [False, True, False, False, False, False]
    assert [record["episode_top_gap"] for record in described] == [-3, -2, -1, 0, 1, None]
    assert [record["episode_due"] for record in described] == [False, False, False, False, True, False]
    assert {record["episode_last_t"] for record in described} == {0.5}
    assert {record["episode_last_ago"] for record in described} == {1}
    assert {record["episodes"] for record in described} == {2}


@pytest.mark.parametrize(("t", "due"), [(0.6, 1), (0.59, None), (0.0, None), (None, None)])
def test_the_next_is_due_after_an_episode_that_was_finished(t: float | None, due: int | None) -> None:
    described = follow((9, 0, t), slates=[0, 1, 2])
    assert [row for row, record in enumerate(described) if record["episode_due"]] == ([] if due is None else [due])
    assert [record["episode_next"] for record in described] == [False, True, False]


def test_the_last_episode_is_the_last_clicked_of_the_last_day() -> None:
    described = follow((9, 3, 1.0), (9, 1, 0.25), (8, 4, 1.0), slates=[1])
    assert (described[0]["episode_gap"], described[0]["episode_last_t"]) == (0, 0.25)


def test_a_trailer_and_its_episode_are_of_two_series() -> None:
    """Three episodes (kind 1), then the trailers (kind 3) of the second and third, then one of an unknown kind."""
    videos = make_videos(collection=[0] * 6, serial=[1, 2, 3, 2, 3, 2], intact=[1, 1, 1, 3, 3, None])
    log = make_log(row(8, 1, 0, 1.0), row(9, 1, 3, 1.0), row(9, 2, 5, 1.0))
    described = describe(log, make_slates(10, {1: [0, 1, 2, 3, 4, 5], 2: [4, 5]}), videos)
    assert described["pair_episode_due"].to_list() == [False, True, False, False, True, False, False, False]
    assert described["pair_episode_gap"].to_list() == [0, 1, 2, 0, 1, None, None, 0]
    assert described["pair_episodes"].to_list() == [1, 1, 1, 1, 1, 0, 0, 1]


# --- slates: position and videos of the same kind ---


def test_position_and_videos_of_the_same_kind_by_hand() -> None:
    described = describe_positions(make_slates(9, {4: [0, 2, 3, 1, 5], 2: [0]}), VIDEOS)
    assert described["list_size"].to_list() == [5] * 5 + [1]
    assert described["list_position"].to_list() == [0, 1, 2, 3, 4, 0]
    assert described["list_position_share"].to_list() == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])
    assert described["list_same_collection"].to_list() == [1, 1, 1, 1, None, 0]
    assert described["list_same_channel"].to_list() == [2, 2, 1, 2, 1, 0]
    assert described["list_same_type"].to_list() == [1, 1, 2, 2, 2, 0]
    shares = [2 / 6, *[1 / 6] * 4, 2 / 6]  # of the day's rows
    assert described["list_share_today"].to_list() == pytest.approx([math.log1p(1000 * share) for share in shares])


# --- lists: comparisons ---


def test_a_rate_is_compared_within_its_list() -> None:
    nan = None
    record = pl.DataFrame(
        {"query": [0, 0, 0, 1, 1, 2], "video_own_click_2d": [0.1, 0.4, 0.1, nan, 0.5, nan]},
        schema={"query": pl.Int32, "video_own_click_2d": pl.Float32},
    )
    described = compare(record)
    assert described.columns == ["list_video_own_click_2d_off", "list_video_own_click_2d_rank"]
    expected = [-0.1, 0.2, -0.1, None, 0.0, None]
    assert described.to_series(0).to_list() == [
        None if value is None else pytest.approx(value, abs=1e-6) for value in expected
    ]
    assert described.to_series(1).to_list() == [2.5, 1, 2.5, None, 1, None]
