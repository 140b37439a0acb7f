"""The profile block and the comment block by hand."""

import math

import polars as pl
import pytest

from competitions.mgtv.features import profile
from competitions.mgtv.features.comment import describe_comments
from competitions.mgtv.features.profile import describe_profiles, tally_categories
from tests.unit.mgtv.mgtv_world import COMMENTS, date_of, make_log, make_slates, make_videos, row

VIDEOS = make_videos(channel=[0, 1, None])
# Devices 1 and 2 are of one name, 3 of another, 4 of none; 5 is not in the table.
PROFILES = pl.DataFrame(
    {"device": [1, 2, 3, 4], "f0": [7.0, 7.0, 8.0, None], "f1": [0.5, None, 2.0, 3.0]},
    schema={"device": pl.Int32, "f0": pl.Float32, "f1": pl.Float32},
)
# Yesterday: name 7 has 4 shows and 2 clicks, both in channel 0; name 8 has 2 shows and 2 clicks, one in channel 1.
LOG = make_log(
    row(9, 1, 0, 1.0),
    row(9, 2, 0, 0.25),
    row(9, 2, 1, position=1),
    row(9, 1, 2, position=1),
    row(9, 3, 1, 0.5),
    row(9, 3, 2, 0.5, answer=False),
    row(9, 4, 0, 0.5),
    row(10, 1, 1, 0.5),
    row(11, 3, 0),
)


@pytest.fixture(autouse=True)
def prior_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Easier by hand."""
    monkeypatch.setattr(profile, "PRIOR", 2.0)


def describe(
    profiles: pl.DataFrame, lists: dict[int, list[int]], log: pl.DataFrame = LOG, day: int = 10, *categories: str
) -> pl.DataFrame:
    tallies = tally_categories(log, profiles, VIDEOS, categories or ("f0",))
    return describe_profiles(profiles, tallies, make_slates(day, lists), VIDEOS, 14.0)


# --- profiles ---


def test_amounts_are_taken_as_they_are() -> None:
    described = describe(PROFILES, {3: [0, 1], 5: [0], 2: [0]})
    assert described["profile_f1"].to_list() == [2, 2, None, None]
    assert "profile_f0" not in described.columns
    assert describe(PROFILES, {3: [0]}, LOG, 10, "f68")["profile_f0"].to_list() == [8]


def test_a_name_is_told_by_what_devices_of_the_name_did() -> None:
    """Of devices with a name: 6 shows, 4 clicks. A name that is unknown has the rate of all."""
    described = describe(PROFILES, {2: [0], 3: [0], 4: [0], 5: [0]})
    base = 4 / 6
    expected = [(2 + 2 * base) / 6, (2 + 2 * base) / 4, base, base]
    assert described["profile_f0_click"].to_list() == pytest.approx(expected)
    finished = 1 / 4
    expected = [(1 + 2 * finished) / 4, 2 * finished / 4, finished, finished]
    assert described["profile_f0_finish"].to_list() == pytest.approx(expected)
    logs = 3 * math.log(0.5) + math.log(0.5)
    expected = [(math.log(0.25) + 2 * logs / 4) / 4, (2 * math.log(0.5) + 2 * logs / 4) / 4, logs / 4, logs / 4]
    assert described["profile_f0_log_t"].to_list() == pytest.approx(expected, rel=1e-5)


def test_a_names_lift_in_a_channel_is_against_the_channel() -> None:
    """Prior 2. Channel 0: 2 of 2 shows clicked, by name 7; channel 1: 1 of 2, by name 8; no channel: 1 of 2, by 8."""
    described = describe(PROFILES, {2: [0, 1, 2], 3: [0], 4: [1]})
    base = 4 / 6
    channels = {0: (2 + 2 * base) / 4, 1: (1 + 2 * base) / 4, None: (1 + 2 * base) / 4}
    expected = [
        (2 + 2 * channels[0]) / 4 - channels[0],
        2 * channels[1] / 3 - channels[1],
        2 * channels[None] / 3 - channels[None],
        0.0,
        0.0,
    ]
    assert described["profile_f0_channel_click"].to_list() == pytest.approx(expected, abs=1e-6)


def test_counts_of_names_fade_by_the_longest_half_life() -> None:
    log = make_log(row(7, 1, 0, 1.0), row(9, 2, 1))
    tallies = tally_categories(log, PROFILES, VIDEOS, ("f0",))
    described = describe_profiles(PROFILES, tallies, make_slates(10, {1: [0]}), VIDEOS, 2.0)
    base = 0.5 / 1.5
    assert described["profile_f0_click"].to_list() == pytest.approx([(0.5 + 2 * base) / 3.5])


def test_many_names_are_not_crossed_with_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    names = set(describe(PROFILES, {2: [0]}).columns)
    crossed = {f"profile_f0_channel_{rate}" for rate in ("click", "finish", "log_t")}
    assert crossed < names
    plain = describe(PROFILES, {2: [0]})
    monkeypatch.setattr(profile, "MANY", 1)
    described = describe(PROFILES, {2: [0]})
    assert set(described.columns) == names - crossed
    assert described.equals(plain.select(described.columns))
    monkeypatch.setattr(profile, "MANY", 2)
    assert set(describe(PROFILES, {2: [0]}).columns) == names


# --- comments ---

DATES = {5: date_of(5)}


def comment(
    video: int, day: int, comments: int = 1, sentiment: float = 0, offset: float = 0, length: int = 0
) -> tuple[object, ...]:
    return video, date_of(day), comments, sentiment, offset, length


def describe_said(*said: tuple[object, ...], day: int = 5, videos: pl.DataFrame | None = None) -> pl.DataFrame:
    frame = pl.DataFrame(list(said), schema=COMMENTS, orient="row")
    known = make_videos(collection=[0, 0, None, 1], duration=[60.0, 600.0, 120.0, None])
    return describe_comments(frame, DATES, known if videos is None else videos, day)


def test_comments_by_hand() -> None:
    described = describe_said(
        comment(0, 1, 3, sentiment=2, offset=90, length=30),
        comment(0, 4, 1, sentiment=-1, offset=10, length=2),
        comment(1, 2, 2, sentiment=-2, offset=600, length=10),
        comment(2, 2, 4, sentiment=4, offset=240, length=4),
    )
    assert described["video"].to_list() == [0, 1, 2, 3]
    logs = [math.log1p(number) for number in (4, 2, 4, 0)]
    assert described["comment_log_number"].to_list() == pytest.approx(logs)
    assert described["comment_per_minute"].to_list() == [4, pytest.approx(0.2), 2, None]
    assert described["comment_sentiment"].to_list() == pytest.approx([1 / 9, -2 / 7, 4 / 9, 0])
    assert described["comment_place"].to_list() == [pytest.approx(100 / 4 / 60), 0.5, 0.5, None]
    assert described["comment_length"].to_list() == [8, 5, 1, None]
    logs = [math.log1p(number) for number in (6, 6, 4, 0)]
    assert described["comment_collection_log_number"].to_list() == pytest.approx(logs)
    tones = described["comment_collection_sentiment"].to_list()
    assert tones == [pytest.approx(-1 / 11), pytest.approx(-1 / 11), None, 0]


def test_only_comments_dated_before_the_day_count() -> None:
    said = [comment(0, 4, 1), comment(0, 5, 10), comment(0, 6, 100)]
    described = describe_said(*said)["comment_log_number"]
    assert described[0] == pytest.approx(math.log1p(1))
    assert describe_said(*said, day=6)["comment_log_number"][0] == pytest.approx(math.log1p(11))
