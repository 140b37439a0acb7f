"""Days that belong together say nothing; a copied, swapped or moved day, other units and blank columns are named."""

import datetime

import numpy as np
import polars as pl
import pytest

from common.engine.errors import UserError
from common.time_units import DAY_MS, MINUTE_MS
from competitions.mgtv.io.agreement import compare_days, compare_order
from competitions.mgtv.io.logs import DAY_SCHEMA
from competitions.mgtv.io.schema import COMMENTS as COMMENTS_FOLDER
from competitions.mgtv.io.schema import play_path
from competitions.mgtv.io.videos import ORDER

ROWS, DAYS, LAST = 100, 5, 4  # of a day; the index of the last
START = 1_745_078_400_000  # 2025-04-19 16:00 UTC, day 1
VIDEOS = pl.DataFrame({name: [1] * ROWS for name in ORDER}).with_columns(
    video=pl.int_range(ROWS, dtype=pl.Int32), duration=pl.lit(600.0), known=pl.lit(True)
)
DATES = [datetime.date(2025, 3, 1) + datetime.timedelta(days=day) for day in range(60)]
NO_TEST = pl.DataFrame(schema={name: DAY_SCHEMA[name] for name in ("device", "video", "position")})
COMMENTS = pl.DataFrame({"video": [0] * 60, "date": DATES})


def make_day(number: int) -> pl.DataFrame:
    """A video each for a hundred devices, all clicked and played for some minutes."""
    row = pl.int_range(ROWS)
    columns = {
        "day": pl.lit(number),
        "device": (row + number) % ROWS,
        "video": row,
        "position": pl.lit(0),
        "shown": pl.lit(True),
        "clicked": pl.lit(True),
        "click_ms": START + (number - 1) * DAY_MS + row * 10 * MINUTE_MS,
        "play": 100.0 + row + number,
    }
    return pl.select(**columns).cast(dict(DAY_SCHEMA))


def make_days() -> list[pl.DataFrame]:
    return [make_day(number) for number in range(1, DAYS + 1)]


def make_lists(seed: int, devices: int = 400, size: int = 10) -> pl.DataFrame:
    """Lists of different videos, popular ones ahead as a recommender has them: device, video, position, shown."""
    rng, frames, liking = np.random.default_rng(seed), [], -1.5 * np.log(np.arange(1, 31))
    for device in range(devices):
        drawn = np.argsort(-(liking + rng.gumbel(size=30)))[:size]
        frames.append(pl.DataFrame({"device": device, "video": drawn * 7 % 30}))
    listed = pl.concat(frames).cast({"device": pl.Int32, "video": pl.Int32})
    return listed.with_columns(position=pl.int_range(pl.len()).over("device").cast(pl.Int16), shown=pl.lit(True))


def say(days: list[pl.DataFrame], videos: pl.DataFrame = VIDEOS, test: pl.DataFrame = NO_TEST) -> list[tuple[str, str]]:
    return [(note.file, note.what) for note in compare_days(days, test, videos, COMMENTS)]


@pytest.mark.parametrize(
    ("columns", "log"),
    [
        (("device", "video", "position", "clicked", "click_ms", "play"), "did_show_data05.csv"),
        (("device", "video", "click_ms"), "did_show_data05.csv"),
        (("device", "video", "play"), "did_show_data05.csv"),
    ],
)
def test_a_copy_of_another_day_is_refused(columns: tuple[str, ...], log: str) -> None:
    days = make_days()
    days[LAST] = days[LAST].with_columns(days[1].select(columns))
    with pytest.raises(UserError, match=f"{log} has the rows of .*02.csv, all 100 of them: day 5 or day 2 is a copy"):
        compare_days(days, NO_TEST, VIDEOS, COMMENTS)


def test_clicks_years_behind_the_comments_are_named() -> None:
    late = [day.with_columns(pl.col("click_ms") + 1_826 * DAY_MS) for day in make_days()]
    ((_, what),) = say(late)
    assert what.startswith("click_time: 1,8")
    assert what.endswith(f"days later than in {COMMENTS_FOLDER}")


def test_play_in_another_unit_is_named() -> None:
    minutes = [day.with_columns(pl.col("play") / 60) for day in make_days()]
    assert ["times as much as in item_duration" in what for _, what in say(minutes)] == [True]
    one = [*make_days()[:LAST], minutes[LAST]]
    assert [file for file, _ in say(one)] == [play_path(DAYS)]


@pytest.mark.parametrize(("ours", "name"), [("collection", "item_cid"), ("duration", "item_duration")])
def test_a_blank_column_of_the_videos_is_named(ours: str, name: str) -> None:
    blank = VIDEOS.with_columns(pl.lit(None, VIDEOS.schema[ours]).alias(ours))
    assert any(what == f"{name}: blank in every row" for _, what in say(make_days(), blank))


def test_a_test_whose_lists_were_sorted_or_shuffled_is_named() -> None:
    """The days' lists have popular videos ahead; their vids are in no order."""
    days, test = [make_lists(seed) for seed in range(3)], make_lists(9)
    shuffled = test.sample(fraction=1, shuffle=True, seed=1).sort("device", maintain_order=True)
    usual, by_vid, by_chance = (
        [note.what for note in compare_order(days, rows)] for rows in (test, test.sort("device", "video"), shuffled)
    )
    assert usual == []
    assert "vid is larger than the first in 100%" in by_vid[0]
    assert any("video is rarer" in what for what in by_chance)
