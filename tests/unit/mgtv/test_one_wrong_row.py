"""One wrong time, length or date moves what is known of its own device and video, and hardly what others see."""

import datetime
from pathlib import Path

import polars as pl
import pytest

from competitions.mgtv.features.build import Sources
from competitions.mgtv.io import reader
from tests.unit.mgtv.mgtv_raw_files import HOST, MIDNIGHT, clicks, counted, locate, plays, read_day, shows, videos
from tests.unit.mgtv.mgtv_world import build, draw_comments, draw_log, draw_videos, make_slates, make_sources

DAY, DEVICE, VIDEO = 5, 6, 3
SLATES = make_slates(DAY, {device: [device, 3, 12, 7, 0][: 2 + device % 4] for device in range(11)})
LOG = draw_log(0, devices=40)
WRONG = LOG.with_row_index("row").filter(
    (pl.col("device") == DEVICE) & (pl.col("t") > 0) & (pl.col("video") != VIDEO), pl.col("day") < DAY
)["row"][0]


def sources(log: pl.DataFrame = LOG, comments: pl.DataFrame | None = None) -> Sources:
    return make_sources(log, draw_videos(0), None, draw_comments(0) if comments is None else comments)


def edit(column: str, value: object) -> pl.DataFrame:
    """The log with another value in one row of ``DEVICE``."""
    here = pl.int_range(pl.len()) == WRONG
    return LOG.with_columns(pl.when(here).then(pl.lit(value)).otherwise(column).cast(LOG.schema[column]).alias(column))


@pytest.fixture(scope="module")
def sound() -> pl.DataFrame:
    return build(sources(), SLATES)


OTHERS = SLATES.rows["device"] != DEVICE


@pytest.mark.parametrize("click_ms", [0, 4_102_444_800_000])
def test_a_click_at_a_wrong_time_is_seen_by_its_device_alone(click_ms: int, sound: pl.DataFrame) -> None:
    odd = build(sources(edit("click_ms", click_ms)), SLATES)
    assert odd.filter(OTHERS).equals(sound.filter(OTHERS))


@pytest.mark.parametrize("t", [1e-6, 1e6])
def test_a_wrong_rate_counts_as_one_play_that_was_left_or_finished(t: float, sound: pl.DataFrame) -> None:
    odd = build(sources(edit("t", t)), SLATES).filter(OTHERS)
    before = sound.filter(OTHERS)
    own = LOG["t"][WRONG]
    for name in before.columns:
        moved = (odd[name].cast(pl.Float64) - before[name].cast(pl.Float64)).abs().max()
        ranked = name.endswith("_rank")
        assert ranked or moved is None or float(moved) < 1.0, (name, moved, own)  # type: ignore[arg-type]


@pytest.mark.parametrize("date", [datetime.date(1970, 1, 1), datetime.date(2100, 1, 1)])
def test_a_comment_of_a_wrong_date_is_seen_by_its_programme_alone(date: datetime.date, sound: pl.DataFrame) -> None:
    comments = draw_comments(0)
    row = comments.with_row_index("row").filter(video=4)["row"][1]
    wrong = comments.with_columns(
        pl.when(pl.int_range(pl.len()) == row).then(pl.lit(date)).otherwise("date").alias("date")
    )
    table = draw_videos(0)
    programme = table.filter(pl.col("collection").eq_missing(table["collection"][4]) | (pl.col("video") == 4))
    others = ~SLATES.rows["video"].is_in(programme["video"].implode())
    odd = build(sources(comments=wrong), SLATES)
    assert odd.filter(others).equals(sound.filter(others))
    assert others.sum() > 5


# --- the reader ---


def test_a_duration_that_cannot_be_is_unknown(tmp_path: Path) -> None:
    lines = [f"{10 + i},1,2,{text},,,,,," for i, text in enumerate(("0.001", "1", "86400", "1e9", "86401"))]
    files = locate(tmp_path, videos=videos(*lines), show=shows("a,10"), shown=shows("a,10"))
    table = reader.read_videos(files, reader.learn_codes(files), HOST)
    assert table.frame["duration"].to_list() == [None, 1.0, 86_400.0, None, None]
    assert counted(table.notes) == {"item_duration below a second or above a day": 3}


def test_a_play_longer_than_a_day_has_an_unknown_length(tmp_path: Path) -> None:
    day = read_day(
        tmp_path,
        show=shows("a,10", "a,11"),
        click=clicks(f"a,10,{MIDNIGHT}", f"a,11,{MIDNIGHT}"),
        play=plays("a,10,86400", "a,11,1e9"),
    )
    assert day.frame["play"].to_list() == [86_400.0, None]
    assert counted(day.notes) == {"play_time longer than a day": 1}


def test_clicks_dated_apart_from_their_file_are_counted_and_kept(tmp_path: Path) -> None:
    day = read_day(
        tmp_path,
        show=shows("a,10", "a,11", "a,12"),
        click=clicks(f"a,10,{MIDNIGHT}", f"a,11,{MIDNIGHT}", "a,12,1999-01-01 00:00:00"),
        play=plays(),
    )
    assert day.date == datetime.date(2025, 4, 20)
    assert day.frame["clicked"].to_list() == [True] * 3
    assert counted(day.notes) == {"click_time more than a day from most of the file": 1, "no play": 1}
