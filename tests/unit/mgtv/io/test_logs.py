"""A day: impressions, clicks and plays brought together, each rule on a hand-made table."""

import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
import polars as pl
import pytest

from competitions.mgtv.io import reader
from competitions.mgtv.io.logs import DAY_SCHEMA
from tests.unit.mgtv.mgtv_raw_files import (
    ASKED,
    HOST,
    MIDNIGHT,
    MIDNIGHT_MS,
    SHOWN,
    clicks,
    counted,
    locate,
    plays,
    read_day,
    rows,
    shows,
    videos,
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


CLICKED = [f"a,10,{MIDNIGHT}"]


@pytest.mark.parametrize(
    ("show", "click", "play", "columns", "expected", "notes"),
    [
        (
            ["a,11", "a,10", "a,11", "a,12"],
            CLICKED,
            ["a,10,1"],
            ("video", "position"),
            [(1, 0), (0, 1), (2, 2)],
            {"impression repeated": 1},
        ),
        (
            ["a,11", "b,10"],
            [f"a,12,{at(3)}", f"a,10,{at(2)}", f"a,11,{at(1)}"],
            ["a,12,5"],
            ("device", "video", "position", "shown", "clicked", "play"),
            [
                (0, 1, 0, True, True, None),
                (0, 0, None, False, True, None),
                (0, 2, None, False, True, 5.0),
                (1, 0, 0, True, False, None),
            ],
            {"click without an impression": 2, "play without an impression": 1},
        ),
        (
            ["a,10", "a,11"],
            [f"a,11,{MIDNIGHT}"],
            ["a,10,5", "a,11,6"],
            ("clicked", "click_ms", "play"),
            [(False, None, 5.0), (True, MIDNIGHT_MS, 6.0)],
            {"play without a click": 1},
        ),
        (
            ["a,10"],
            [f"a,10,{at(5)}", f"a,10,{at(3)}", "a,10,", f"a,10,{at(4)}"],
            ["a,10,5"],
            ("click_ms",),
            [(MIDNIGHT_MS + 3000,)],
            {"click_time blank": 1, "further click of a pair": 3},
        ),
        (["a,10"], CLICKED, ["a,10,5", "a,10,5.0"], ("play",), [(5.0,)], {"play repeated": 1}),
        (
            ["a,10", "a,11"],
            [*CLICKED, f"a,11,{MIDNIGHT}"],
            ["a,10,86400", "a,11,1e9"],
            ("play",),
            [(86_400.0,), (None,)],
            {"play_time longer than a day": 1},
        ),
        (
            ["a,10", "a,11", "a,12"],
            [*CLICKED, f"a,11,{MIDNIGHT}", "a,12,1999-01-01 00:00:00"],
            [],
            ("clicked",),
            [(True,)] * 3,
            {"click_time more than a day from most of the file": 1, "no play": 1},
        ),
    ],
)
def test_what_a_rule_settles_is_counted_and_kept(
    tmp_path: Path,
    show: list[str],
    click: list[str],
    play: list[str],
    columns: tuple[str, ...],
    expected: list[tuple[object, ...]],
    notes: dict[str, int],
) -> None:
    day = read_day(tmp_path, show=shows(*show), click=clicks(*click), play=plays(*play))
    assert day.frame.select(columns).rows() == expected
    assert day.date == datetime.date(2025, 4, 20)
    assert counted(day.notes) == notes


@pytest.mark.parametrize(("rule", "seconds"), [("first", 5.0), ("sum", 19.0), ("max", 8.0)])
def test_several_plays_of_a_pair(tmp_path: Path, rule: Literal["first", "sum", "max"], seconds: float) -> None:
    host = msgspec.structs.replace(HOST, several_plays=rule)
    lines = plays("a,10,-1", "a,10,5", "a,10,8", "a,10,6", "a,10,8")
    day = read_day(tmp_path, host, click=clicks(f"a,10,{MIDNIGHT}"), play=lines)
    assert only(day)["play"] == seconds
    assert counted(day.notes) == {"play_time negative": 1, "play repeated": 1, "further play of a pair": 3}


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
        ("babb", ("a,10", "b,10"), [1, 0], [(0, 0, 0), (1, 0, 0)], (ASKED, "repeated test device", 2)),
        ("ba", ("a,10",), [1, 0], [(0, 0, 0)], (ASKED, "test device without shown videos", 1)),
        (
            "b",
            ("a,10", "b,10", "c,11", "c,10"),
            [1],
            [(1, 0, 0)],
            (SHOWN, "row of a device outside the test", 3),
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
