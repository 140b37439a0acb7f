"""A day: impressions, clicks and plays brought together, each rule on a hand-made table."""

import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
import polars as pl
import pytest

from competitions.mgtv.io import reader, schema
from competitions.mgtv.io.logs import DAY_SCHEMA
from tests.unit.mgtv.mgtv_raw_files import (
    ASKED,
    CLICK,
    HOST,
    MIDNIGHT,
    MIDNIGHT_MS,
    PLAY,
    SHOW,
    SHOWN,
    clicks,
    counted,
    locate,
    plays,
    read_day,
    rows,
    shows,
    videos,
    write_folder,
    write_text,
)


def at(second: int) -> str:
    return f"2025-04-20 00:00:{second:02d}"


def only(day: reader.Day) -> dict[str, Any]:
    """The one row of a day."""
    assert day.frame.height == 1, day.frame
    return day.frame.row(0, named=True)


def test_a_day(tmp_path: Path) -> None:
    day = read_day(
        tmp_path,
        show=shows("b,12", "a,12", "b,10", "a,11", "b,11"),
        click=clicks(f"b,10,{at(7)}", f"a,12,{at(5)}"),
        play=plays("b,10,0", "a,12,2.5"),
        videos=videos("10" + "," * 9, "11" + "," * 9, "12" + "," * 9),
    )
    none = None
    expected = [
        # day, device, video, position, shown, clicked, click_ms, play
        (1, 0, 2, 0, True, True, MIDNIGHT_MS + 5000, 2.5),
        (1, 0, 1, 1, True, False, none, none),
        (1, 1, 2, 0, True, False, none, none),
        (1, 1, 0, 1, True, True, MIDNIGHT_MS + 7000, 0.0),
        (1, 1, 1, 2, True, False, none, none),
    ]
    assert day.frame.rows() == expected
    assert day.frame.schema == pl.Schema(DAY_SCHEMA)
    assert day.date == datetime.date(2025, 4, 20)
    assert day.notes == ()


def test_an_impression_repeated_is_counted_once(tmp_path: Path) -> None:
    day = read_day(tmp_path, show=shows("a,11", "a,10", "a,11", "a,12"), click=clicks(f"a,10,{MIDNIGHT}"))
    assert day.frame.select("video", "position").rows() == [(1, 0), (0, 1), (2, 2)]
    assert counted(day.notes)["impression repeated"] == 1


def test_a_header_only_is_a_day_without_impressions(tmp_path: Path) -> None:
    day = read_day(tmp_path, show=shows())
    assert day.frame.schema == pl.Schema(DAY_SCHEMA)
    assert (day.frame.height, day.date) == (0, None)
    assert [(note.file, note.what, note.rows) for note in day.notes] == [
        (SHOW, "no impression", 1),
        (CLICK, "no click", 1),
        (PLAY, "no play", 1),
    ]


def test_a_click_without_an_impression_is_kept(tmp_path: Path) -> None:
    day = read_day(
        tmp_path,
        show=shows("a,11", "b,10"),
        click=clicks(f"a,12,{at(3)}", f"a,10,{at(2)}", f"a,11,{at(1)}"),
        play=plays("a,12,5"),
    )
    assert day.frame.select("device", "video", "position", "shown", "clicked", "play").rows() == [
        (0, 1, 0, True, True, None),
        (0, 0, None, False, True, None),
        (0, 2, None, False, True, 5.0),
        (1, 0, 0, True, False, None),
    ]
    assert counted(day.notes) == {"click without an impression": 2, "play without an impression": 1}


def test_a_play_without_a_click_is_kept(tmp_path: Path) -> None:
    day = read_day(
        tmp_path, show=shows("a,10", "a,11"), click=clicks(f"a,11,{MIDNIGHT}"), play=plays("a,10,5", "a,11,6")
    )
    assert day.frame.select("video", "clicked", "click_ms", "play").rows() == [
        (0, False, None, 5.0),
        (1, True, MIDNIGHT_MS, 6.0),
    ]
    assert counted(day.notes) == {"play without a click": 1}


def test_of_several_clicks_of_a_pair_the_earliest_is_taken(tmp_path: Path) -> None:
    lines = (f"a,10,{at(5)}", f"a,10,{at(3)}", "a,10,", f"a,10,{at(4)}")
    day = read_day(tmp_path, click=clicks(*lines), play=plays("a,10,5"))
    assert only(day)["click_ms"] == MIDNIGHT_MS + 3000
    assert counted(day.notes) == {"click_time blank": 1, "further click of a pair": 3}


def test_a_play_repeated_is_counted_once(tmp_path: Path) -> None:
    day = read_day(tmp_path, click=clicks(f"a,10,{MIDNIGHT}"), play=plays("a,10,5", "a,10,5.0"))
    assert only(day)["play"] == 5.0
    assert counted(day.notes) == {"play repeated": 1}


@pytest.mark.parametrize(("rule", "seconds"), [("first", 5.0), ("sum", 19.0), ("max", 8.0)])
def test_several_plays_of_a_pair(tmp_path: Path, rule: Literal["first", "sum", "max"], seconds: float) -> None:
    host = msgspec.structs.replace(HOST, several_plays=rule)
    lines = plays("a,10,-1", "a,10,5", "a,10,8", "a,10,6", "a,10,8")
    day = read_day(tmp_path, host, click=clicks(f"a,10,{MIDNIGHT}"), play=lines)
    assert only(day)["play"] == seconds
    assert counted(day.notes) == {"play_time negative": 1, "play repeated": 1, "further play of a pair": 3}


def test_the_date_is_that_of_most_clicks(tmp_path: Path) -> None:
    lines = [f"a,1{i},{when}" for i, when in enumerate(("2025-04-21 00:00:01", MIDNIGHT, "2025-04-21 23:59:59", ""))]
    show = shows("a,10", "a,11", "a,12", "a,13")
    assert read_day(tmp_path, show=show, click=clicks(*lines)).date == datetime.date(2025, 4, 21)
    assert read_day(tmp_path, show=show, click=clicks(*lines[:2])).date == datetime.date(2025, 4, 20)


def test_a_later_day_has_its_number_and_its_files(tmp_path: Path) -> None:
    write_folder(tmp_path)
    for path, text in (
        (schema.show_path(12), shows("a,10", "a,10")),
        (schema.click_path(12), clicks(f"a,10,{MIDNIGHT}")),
        (schema.play_path(12), plays("a,10,1", "a,10,1")),
    ):
        write_text(tmp_path / path, text)
    files = reader.locate(tmp_path, HOST)
    day = reader.read_day(files.days[1], reader.learn_codes(files), HOST)
    assert only(day)["day"] == 12
    assert [note.file for note in day.notes] == [schema.show_path(12), schema.play_path(12)]


def test_plays_longer_than_the_video_are_counted_and_kept(tmp_path: Path) -> None:
    files = locate(
        tmp_path,
        show=shows("a,10", "a,11", "a,12", "a,13"),
        click=clicks(*(f"a,{vid},{MIDNIGHT}" for vid in (10, 11, 12, 13))),
        play=plays("a,10,61", "a,11,60", "a,12,1000", "a,13,99.5"),
        videos=videos("10,,,60,,,,,,", "11,,,60,,,,,,", "12,,,,,,,,,", "13,,,99,,,,,,"),
    )
    codes = reader.learn_codes(files)
    day = reader.read_day(files.days[0], codes, HOST)
    notes = reader.note_long_plays(day, reader.read_videos(files, codes, HOST))
    assert [(note.file, note.rows) for note in notes] == [(PLAY, 2)]
    assert day.frame["play"].to_list() == [61.0, 60.0, 1000.0, 99.5]


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


# --- the test ---


def read_test(folder: Path, queries: str, shown: str) -> reader.Test:
    files = locate(folder, queries=queries, shown=shown)
    return reader.read_test(files, reader.learn_codes(files))


def test_a_test(tmp_path: Path) -> None:
    test = read_test(tmp_path, rows("did", "c", "a", "b"), shows("b,12", "a,11", "c,10", "b,10", "a,12"))
    assert test.queries.schema == pl.Schema({"query": pl.Int32, "device": pl.Int32})
    assert test.queries.rows() == [(0, 2), (1, 0), (2, 1)]
    assert test.shown.schema == pl.Schema({"device": pl.Int32, "video": pl.Int32, "position": pl.Int16})
    assert test.shown.rows() == [(0, 1, 0), (0, 2, 1), (1, 2, 0), (1, 0, 1), (2, 0, 0)]
    assert test.notes == ()


@pytest.mark.parametrize(
    ("asked", "lines", "queries", "shown", "note"),
    [
        ("babb", ("a,10", "b,10"), [1, 0], [(0, 0, 0), (1, 0, 0)], (ASKED, "device asked for again", 2)),
        ("ba", ("a,10",), [1, 0], [(0, 0, 0)], (ASKED, "device asked for and shown nothing", 1)),
        (
            "b",
            ("a,10", "b,10", "c,11", "c,10"),
            [1],
            [(1, 0, 0)],
            (SHOWN, "row of a device that is not asked for", 3),
        ),
        (
            "a",
            ("a,11", "a,10", "a,11", "a,12"),
            [0],
            [(0, 1, 0), (0, 0, 1), (0, 2, 2)],
            (SHOWN, "impression repeated", 1),
        ),
    ],
)
def test_what_a_rule_settles_in_the_test(
    tmp_path: Path,
    asked: str,
    lines: tuple[str, ...],
    queries: list[int],
    shown: list[tuple[int, int, int]],
    note: tuple[str, str, int],
) -> None:
    """``asked``: a device a letter."""
    test = read_test(tmp_path, rows("did", *asked), shows(*lines))
    assert test.queries.rows() == list(enumerate(queries))
    assert test.shown.rows() == shown
    assert [(each.file, each.what, each.rows) for each in test.notes] == [note]
