"""The table of videos: codes of its texts, what is unknown, what is counted."""

from pathlib import Path

import polars as pl
import pytest

from competitions.mgtv.io import reader
from competitions.mgtv.io.videos import encode_words
from tests.unit.mgtv.mgtv_raw_files import counted, locate, shows, videos
from tests.unit.mgtv.mgtv_world import VIDEOS


def read(folder: Path, *lines: str, shown: str = "a,10") -> reader.Videos:
    files = locate(folder, videos=videos(*lines), show=shows(shown), shown=shows(shown))
    return reader.read_videos(files, reader.learn_codes(files))


def test_a_table(tmp_path: Path) -> None:
    # vid, cid, type, duration, source, classify, intact, serial, sid, stype
    table = read(
        tmp_path,
        "12,90,tv,60.5,x,7,3,20250101,s,8",
        "10,9,film,1,y,30,1,2,s,10",
        "11,100,tv,,x,7,,3,r,9",
    )
    assert table.frame.schema == pl.Schema({"video": pl.Int32, "vid": pl.Int64} | VIDEOS)
    assert table.frame.rows() == [
        (0, 10, 0, 0, 1.0, 1, 1, 0, 2, 2, 1, True),
        (1, 11, 2, 1, None, 0, 0, None, 1, 3, 0, True),
        (2, 12, 1, 1, 60.5, 0, 0, 1, 0, 20250101, 1, True),
    ]
    assert counted(table.notes) == {"item_duration blank": 1}


@pytest.mark.parametrize(
    ("column", "lines", "expected", "notes"),
    [
        (
            "duration",
            [f"{10 + i},1,2,{text},,,,,," for i, text in enumerate(("0", "-1", "", "0.0", " ", "", "3"))],
            [None] * 6 + [3.0],
            {"item_duration blank": 3, "item_duration zero": 2, "item_duration negative": 1},
        ),
        (
            "duration",
            [f"{10 + i},1,2,{text},,,,,," for i, text in enumerate(("0.001", "1", "86400", "1e9", "86401"))],
            [None, 1.0, 86_400.0, None, None],
            {"item_duration below a second or above a day": 3},
        ),
        (
            "serial",
            [f"{10 + i},,,1,,,,{s},," for i, s in enumerate(("1", "2.0", "02", "third", "1.5", "", "99999999999"))],
            [1, 2, 2, None, None, None, None],
            {"item_serialno not a whole number": 3},
        ),
        # Of rows that contradict each other the first is kept.
        (
            "duration",
            ["10,,,60,,,,,,", "10,,,70,,,,,,", "10,,,60,,,,,,", "11,,,0,,,,,,", "11,,,5,,,,,,"],
            [60.0, None],
            {"row repeated": 1, "further row of a video, with other values": 2, "item_duration zero": 1},
        ),
    ],
)
def test_what_a_rule_settles_is_counted(
    tmp_path: Path, column: str, lines: list[str], expected: list[float | None], notes: dict[str, int]
) -> None:
    table = read(tmp_path, *lines)
    assert table.frame[column].to_list() == expected
    assert counted(table.notes) == notes


def test_values_that_mean_none(tmp_path: Path) -> None:
    lines = ("10,0,0,1,0,0,0,0,-1,0", "11,-1,-1,1,-1,-1,-1,-1,0,-1", "12,-1.0,1,1,,,,,0.0,", "13,5,1,1,,,,,6,")
    table = read(tmp_path, *lines).frame
    assert table["collection"].to_list() == [None, None, None, 0]
    assert table["series"].to_list() == [None, None, None, 0]
    assert table["type"].to_list() == [1, 0, 2, 2]
    assert table["serial"].to_list() == [0, -1, None, None]
    assert table["stype"].to_list() == [1, 0, None, None]


@pytest.mark.parametrize(
    ("texts", "codes"),
    [
        (["10", "9", None, "-1", "10"], [2, 1, None, 0, 2]),
        (["10", "9", "x"], [0, 1, 2]),
        (["b", None, "a"], [1, None, 0]),
        (["007", "7"], [0, 0]),
        ([None, None], [None, None]),
        ([], []),
    ],
)
def test_codes_of_words(texts: list[str | None], codes: list[int | None]) -> None:
    frame = pl.DataFrame({"x": pl.Series(texts, dtype=pl.String)}).select(encode_words(pl.col("x")))
    assert frame["x"].to_list() == codes
    assert frame["x"].dtype == pl.Int32
