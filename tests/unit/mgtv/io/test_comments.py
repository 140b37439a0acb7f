"""Time-synced comments: what is added up, left out or refused, each rule on a hand-made workbook."""

import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from common.io.column import NULL_WORD
from competitions.mgtv.io import reader, schema
from competitions.mgtv.io.comments import score_sentiment
from tests.unit.mgtv.mgtv_raw_files import MIDNIGHT, locate, shows, videos, write_book
from tests.unit.mgtv.mgtv_world import COMMENTS

FIRST = datetime.date(2025, 4, 20)


def read(folder: Path, *books: tuple[tuple[Any, ...], ...]) -> reader.Comments:
    """Read workbooks of comments on videos 10 (60 s), 11 (unknown length) and 12 (in a log only)."""
    for number, lines in enumerate(books, 1):
        write_book(folder / schema.COMMENTS / f"{number}.xlsx", *lines)
    files = locate(folder, videos=videos("10,,,60,,,,,,", "11,,,,,,,,,"), show=shows("a,12"), shown=shows("a,12"))
    return reader.read_comments(files, reader.learn_codes(files))


def counted(comments: reader.Comments) -> dict[str, int]:
    assert all(note.file == schema.COMMENTS and note.rows and note.done for note in comments.notes)
    return {note.what: note.rows for note in comments.notes}


def test_comments_of_two_workbooks(tmp_path: Path) -> None:
    first = (
        (10, "好看", f"{FIRST} 23:59:59", 1500),
        (11, "第一集", f"{FIRST} 00:00:00", 250),
        (10, "无聊", f"{FIRST} 12:00:00", 2000),
    )
    second = ((10, "哈哈哈哈", f"{FIRST} 01:00:00", 500), (10, "a", "2025-04-21 00:00:00", 0))
    table = read(tmp_path, first, second)
    assert table.frame.rows() == [
        (0, FIRST, 3, 1.0, 4.0, 8),
        (0, datetime.date(2025, 4, 21), 1, 0.0, 0.0, 1),
        (1, FIRST, 1, 0.0, 0.25, 3),
    ]
    assert table.frame.schema == pl.Schema(COMMENTS)
    assert table.notes == ()


ODD_TIMES = (None, "", "soon", "2025-13-01 00:00:00", 45000, True)
UNDATED = "comment with a ctime that is blank or not a date"
ODD_VIDEO = "comment with a videoid that is not a whole number"


def at(*etimes: object) -> list[tuple[object, ...]]:
    """Comments at these offsets."""
    return [(10, "a", MIDNIGHT, etime) for etime in etimes]


@pytest.mark.parametrize(
    ("lines", "columns", "expected", "notes"),
    [
        # Of dates and days since 1900, what more comments can be read as is taken.
        (
            [(10, "a", 45767.5, 0), (10, "a", 45768.25, 0), (10, "a", MIDNIGHT, 0)],
            ("date",),
            [(FIRST,), (datetime.date(2025, 4, 21),)],
            {UNDATED: 1},
        ),
        (
            [(10, "NULL", MIDNIGHT, "nan"), ("None", "a", MIDNIGHT, 0), (10, "ab", "NA", 5)],
            ("date", "comments", "offset_s", "length"),
            [(FIRST, 1, 0.0, 0)],
            {ODD_VIDEO: 1, UNDATED: 1, "comment without a text": 1, NULL_WORD: 4},
        ),
        (
            [(vid, "a", MIDNIGHT, 0) for vid in (99, 12, "12", "12.0", 98, "x", None, 1.5)],
            ("video", "comments"),
            [(2, 3)],
            {ODD_VIDEO: 3, "comment of an unknown video": 2},
        ),
        (
            at(None, "", " ", "1000", 500.6, "soon", "inf", -1, 61_000, 61_001),
            ("comments", "offset_s"),
            [(10, pytest.approx(62.501))],
            {
                "comment with an etime that is not a number": 2,
                "comment with an etime below 0": 1,
                "comment with an etime beyond the end of the video": 1,
            },
        ),
        (
            [(10, None, MIDNIGHT, 0), (10, "ab", MIDNIGHT, 0), (10, 12345, MIDNIGHT, 0)],
            ("comments", "length"),
            [(3, 7)],
            {"comment without a text": 1},
        ),
        ([*at(0), (), (), *at(0)], ("comments",), [(2,)], {}),  # blank rows are no comments
        # That nobody can date.
        ([(10, "a", ctime, 0) for ctime in ODD_TIMES] + at(0), ("comments",), [(1,)], {UNDATED: 6}),
    ],
)
def test_what_a_rule_settles_is_counted(
    tmp_path: Path,
    lines: list[tuple[object, ...]],
    columns: tuple[str, ...],
    expected: list[tuple[object, ...]],
    notes: dict[str, int],
) -> None:
    table = read(tmp_path, tuple(lines))
    assert table.frame.select(columns).rows() == expected
    assert counted(table) == notes


def test_the_sentiment_of_a_text() -> None:
    frame = pl.DataFrame({"text": ["好看", "好看喜欢但是无聊", "不好看", "今天星期三", None]})
    assert frame.select(score_sentiment(pl.col("text"))).to_series().to_list() == [1, 1, -1, 0, 0]
