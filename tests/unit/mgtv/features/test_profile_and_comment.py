"""The profile block and the comment block by hand."""

import math

import polars as pl
import pytest

from competitions.mgtv.features.comment import describe_comments
from competitions.mgtv.features.profile import describe_profiles
from tests.unit.mgtv.mgtv_world import COMMENTS, date_of, make_slates, make_videos

# --- profiles ---


def test_a_device_has_its_amounts_and_nothing_of_its_names() -> None:
    """Devices 2 and 3 in the order of the slates, and one that is not in the table."""
    columns = {"f0": [7.0, 8.0, None], "f1": [0.5, None, 2.0], "f68": [1.0, 1.0, 2.0], "f87": [0, 1, 1]}
    profiles = pl.DataFrame({"device": [1, 2, 3], **columns}, schema_overrides={"device": pl.Int32})
    described = describe_profiles(profiles, make_slates(10, {3: [0, 1], 5: [0], 2: [0]}))
    assert described.to_dict(as_series=False) == {"query": [0, 1, 2], "profile_f1": [2.0, None, None]}


# --- comments ---

DATES = {5: date_of(5)}


def comment(
    video: int, day: int, comments: int = 1, sentiment: float = 0, offset: float = 0, length: int = 0
) -> tuple[object, ...]:
    return video, date_of(day), comments, sentiment, offset, length


def describe_said(*said: tuple[object, ...], day: int = 5) -> pl.DataFrame:
    frame = pl.DataFrame(list(said), schema=COMMENTS, orient="row")
    videos = make_videos(collection=[0, 0, None, 1], duration=[60.0, 600.0, 120.0, None])
    return describe_comments(frame, DATES, videos, day)


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
    assert described["comment_offset"].to_list() == [pytest.approx(100 / 4 / 60), 0.5, 0.5, None]
    assert described["comment_length"].to_list() == [8, 5, 1, None]
    logs = [math.log1p(number) for number in (6, 6, 4, 0)]
    assert described["comment_collection_log_number"].to_list() == pytest.approx(logs)
    tones = described["comment_collection_sentiment"].to_list()
    assert tones == [pytest.approx(-1 / 11), pytest.approx(-1 / 11), None, 0]


def test_the_comments_of_a_hit_are_added_up_to_the_end() -> None:
    """Two million comments on each of three days, 450 s into a video of 600 s: 2.7 billion seconds."""
    described = describe_said(*(comment(1, day, 2 * 10**6, offset=9e8) for day in (1, 2, 3)))
    assert described["comment_offset"][1] == pytest.approx(0.75)


def test_only_comments_dated_before_the_day_count() -> None:
    said = [comment(0, 4, 1), comment(0, 5, 10), comment(0, 6, 100)]
    described = describe_said(*said)["comment_log_number"]
    assert described[0] == pytest.approx(math.log1p(1))
    assert describe_said(*said, day=6)["comment_log_number"][0] == pytest.approx(math.log1p(11))
