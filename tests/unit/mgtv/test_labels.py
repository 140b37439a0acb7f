"""The score of an answer by hand, and which video of a device's day is the right one."""

import numpy as np
import polars as pl
import pytest

from competitions.mgtv.config import TruthSettings
from competitions.mgtv.labels import label_day, score_rates

DAY = {
    "day": pl.Int16,
    "device": pl.Int32,
    "video": pl.Int32,
    "position": pl.Int16,
    "clicked": pl.Boolean,
    "click_ms": pl.Int64,
    "play": pl.Float32,
}
DURATIONS = pl.Series([10.0, 100.0, None, 40.0, 50.0], dtype=pl.Float32)


def settings(rule: str = "first_click", clip: float = 0.0) -> TruthSettings:
    return TruthSettings(rule=rule, clip=clip, no_duration="nothing")  # type: ignore[arg-type]


def make_day(*rows: tuple[int, int, int | None, int | None, float | None], clicked: bool = True) -> pl.DataFrame:
    """Rows of (device, video, position, click_ms, play)."""
    table = [(1, device, video, position, clicked, at, play) for device, video, position, at, play in rows]
    return pl.DataFrame(table, schema=DAY, orient="row")


def find_answers(day: pl.DataFrame, rule: str) -> list[tuple[int, int]]:
    """The (device, video) that are answers."""
    marked = label_day(day, DURATIONS, settings(rule))
    assert marked.drop("t", "answer").equals(day)
    return marked.filter("answer").select("device", "video").rows()


# --- the score ---


def test_the_score_by_hand() -> None:
    truth, answer = np.array([0.5, 0.5, 0.2, 0.25, 0.0, np.nan]), np.array([0.5, 0.0, 1.0, 0.3125, 0.0, 0.5])
    assert score_rates(truth, answer) == pytest.approx([1, 0.5, 1 / 3, 1 / 1.5, 0, 0], abs=1e-12)


# --- the right video ---


FIRST, LAST, LONGEST = "first_click", "last_click", "longest_play"


@pytest.mark.parametrize(
    ("rules", "rows", "video"),
    [
        # Rows of (video, position, click_ms, play).
        ([FIRST], [(0, 0, 30, 8.0), (1, 1, 10, 5.0), (3, 2, 20, 9.0)], 1),
        ([LAST], [(0, 0, 30, 8.0), (1, 1, 10, 5.0), (3, 2, 20, 9.0)], 0),
        ([LONGEST], [(0, 0, 30, 8.0), (1, 1, 10, 5.0), (3, 2, 20, 9.0)], 3),
        # Of clicks at one time the first or last position counts, where they have none the code; one that was shown.
        ([FIRST], [(3, 0, 10, 1.0), (0, 1, 10, 1.0)], 3),
        ([LAST], [(3, 0, 10, 1.0), (0, 1, 10, 1.0)], 0),
        ([FIRST], [(3, None, None, 1.0), (0, None, None, 1.0)], 0),
        ([LAST], [(3, None, None, 1.0), (0, None, None, 1.0)], 3),
        ([FIRST, LAST], [(3, 5, 10, 1.0), (0, None, 10, 1.0)], 3),
        # A click at an unknown time counts where there is no other.
        ([FIRST, LAST], [(0, 0, None, 1.0), (1, 1, 99, 1.0)], 1),
        ([FIRST, LAST], [(0, 0, None, None)], 0),
        # Of equal plays the latest click counts, a play of nothing never.
        ([LONGEST], [(0, 0, 10, 9.0), (1, 1, 20, 9.0)], 1),
        ([LONGEST], [(0, 0, 10, 9.0), (1, 1, None, 9.0)], 0),
        ([LONGEST], [(0, 0, 10, 0.0), (1, 1, 20, None)], None),
    ],
)
def test_each_rule_finds_its_video(
    rules: list[str], rows: list[tuple[int, int | None, int | None, float | None]], video: int | None
) -> None:
    for rule in rules:
        expected = [] if video is None else [(7, video)]
        assert find_answers(make_day(*((7, *each) for each in rows)), rule) == expected


def test_the_longest_play_needs_no_click_and_the_others_do() -> None:
    """The longest play is counted in seconds: 30 s of 100 are more than 9 s of 10."""
    unclicked = make_day((7, 0, 0, None, 9.0), (7, 1, 1, None, 30.0), clicked=False)
    assert find_answers(unclicked, LONGEST) == [(7, 1)]
    assert find_answers(unclicked, FIRST) == []


# --- the completion rate ---


@pytest.mark.parametrize(("clip", "rates"), [(0.0, [2.5, 0.25]), (2.0, [2, 0.25]), (0.125, [0.125, 0.125])])
def test_a_rate_is_seconds_by_duration_up_to_the_clip_and_unknown_where_either_is(
    clip: float, rates: list[float]
) -> None:
    day = make_day((1, 0, 0, 1, 25.0), (1, 1, 1, 2, 25.0), (1, 2, 2, 3, 25.0), (1, 3, 3, 4, 0.0), (1, 4, 4, 5, None))
    assert label_day(day, DURATIONS, settings(clip=clip))["t"].to_list() == [*rates, None, 0, None]
