"""The test: the devices that are asked for, and what they were shown."""

from pathlib import Path

import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.mgtv.io import reader
from tests.unit.mgtv.mgtv_raw_files import ASKED, SHOWN, counted, locate, rows, shows


def read(folder: Path, queries: str, shown: str) -> reader.Test:
    files = locate(folder, queries=queries, shown=shown)
    return reader.read_test(files, reader.learn_codes(files))


def queries(*dids: str) -> str:
    return rows("did", *dids)


def refusal(folder: Path, queries: str, shown: str) -> str:
    with pytest.raises(UserError) as caught:
        read(folder, queries, shown)
    return str(caught.value)


def test_a_test(tmp_path: Path) -> None:
    test = read(tmp_path, queries("c", "a", "b"), shows("b,12", "a,11", "c,10", "b,10", "a,12"))
    assert test.queries.schema == pl.Schema({"query": pl.Int32, "device": pl.Int32})
    assert test.queries.rows() == [(0, 2), (1, 0), (2, 1)]
    assert test.shown.schema == pl.Schema({"device": pl.Int32, "video": pl.Int32, "position": pl.Int16})
    assert test.shown.rows() == [(0, 1, 0), (0, 2, 1), (1, 2, 0), (1, 0, 1), (2, 0, 0)]
    assert test.notes == ()


def test_a_device_asked_for_twice(tmp_path: Path) -> None:
    test = read(tmp_path, queries("b", "a", "b", "b"), shows("a,10", "b,10"))
    assert test.queries.rows() == [(0, 1), (1, 0)]
    assert [(note.file, note.what, note.rows) for note in test.notes] == [(ASKED, "device asked for again", 2)]


def test_a_device_shown_nothing(tmp_path: Path) -> None:
    test = read(tmp_path, queries("b", "a"), shows("a,10"))
    assert test.queries.rows() == [(0, 1), (1, 0)]
    assert [(note.file, note.what, note.rows) for note in test.notes] == [
        (ASKED, "device asked for and shown nothing", 1)
    ]


def test_impressions_of_devices_that_are_not_asked_for(tmp_path: Path) -> None:
    test = read(tmp_path, queries("b"), shows("a,10", "b,10", "c,11", "c,10"))
    assert test.shown.rows() == [(1, 0, 0)]
    assert [(note.file, note.what, note.rows) for note in test.notes] == [
        (SHOWN, "row of a device that is not asked for", 3)
    ]


def test_an_impression_repeated(tmp_path: Path) -> None:
    test = read(tmp_path, queries("a"), shows("a,11", "a,10", "a,11", "a,12"))
    assert test.shown.rows() == [(0, 1, 0), (0, 0, 1), (0, 2, 2)]
    assert counted(test.notes) == {"impression repeated": 1}


def test_no_device_asked_for(tmp_path: Path) -> None:
    assert refusal(tmp_path, queries(), shows("a,10")) == f"{tmp_path / ASKED} asks for no device; download it again"
    assert "is empty (0 bytes)" in refusal(tmp_path, "", shows("a,10"))


def test_nothing_shown_to_anybody(tmp_path: Path) -> None:
    assert "shows nothing to any device of" in refusal(tmp_path, queries("a"), shows("b,10"))
    assert "shows nothing to any device of" in refusal(tmp_path, queries("a"), shows())


def test_bad_values(tmp_path: Path) -> None:
    assert f"{ASKED}: did is blank in every row" in refusal(tmp_path, queries("NULL", '""'), shows("a,10"))
    assert f"{SHOWN}, line 2: vid is 'x'" in refusal(tmp_path, queries("a"), shows("a,x"))


def test_blank_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    test = read(tmp_path, "\ufeff" + queries("b", "", "a", ""), "\ufeff" + shows("a,10", "", "b,11"))
    assert test.queries.rows() == [(0, 1), (1, 0)]
    assert [(note.file, note.what, note.rows) for note in test.notes] == [
        (ASKED, "blank line", 2),
        (SHOWN, "blank line", 1),
    ]
