"""The table of devices."""

from pathlib import Path

import polars as pl

from common.io.column import NULL_WORD
from competitions.mgtv.io import reader, schema
from tests.unit.mgtv.mgtv_raw_files import counted, locate, profile, profiles, shows

ALL_BUT_TWO = f"column without a value ({'f1, f2, f3'}, …)"


def read(folder: Path, *lines: str) -> reader.Profiles:
    show = shows("a,10", "b,10", "c,10")
    files = locate(folder, show=show, profiles=profiles(*lines))
    return reader.read_profiles(files, reader.learn_codes(files))


def full(did: str, number: int, word: str) -> str:
    return profile(did, **{name: str(number + i) for i, name in enumerate(schema.NUMBERS)}, f87=word)


def test_a_table(tmp_path: Path) -> None:
    table = read(tmp_path, full("c", 100, "new"), full("a", 0, "old"), full("b", -50, "new"))
    types = {"device": pl.Int32} | dict.fromkeys(schema.NUMBERS, pl.Float32) | {"f87": pl.Int32}
    assert table.frame.schema == pl.Schema(types)
    assert table.frame["device"].to_list() == [0, 1, 2]
    assert table.frame["f0"].to_list() == [0.0, -50.0, 100.0]
    assert table.frame["f86"].to_list() == [86.0, 36.0, 186.0]
    assert table.frame["f87"].to_list() == [1, 0, 0]
    assert table.notes == ()


def test_values_that_are_missing(tmp_path: Path) -> None:
    table = read(tmp_path, profile("a", f0="1.5"), profile("b", f0="", f87="x"), profile("c", f0="NaN"))
    assert table.frame.to_dict(as_series=False) == {
        "device": [0, 1, 2],
        "f0": [1.5, None, None],
        "f87": [None, 0, None],
    }
    assert counted(table.notes) == {NULL_WORD: 1, ALL_BUT_TWO: 86}


def test_only_devices_of_the_logs_and_the_test_are_read(tmp_path: Path) -> None:
    table = read(tmp_path, full("x", 7, "other"), full("b", 1, "same"), full("y", 8, "same"))
    assert table.frame.select("device", "f0", "f87").rows() == [(1, 1.0, 0)]
    assert counted(table.notes) == {
        "device in neither a log nor the test": 2,
        "device of a log or the test that is not in the table": 2,
    }
