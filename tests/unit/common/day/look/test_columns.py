"""What is told of raw columns, beside counts made by hand."""

from pathlib import Path

import polars as pl
import pytest

from common.day.look.columns import RawTable, count_files, describe_columns
from common.engine.errors import UserError


@pytest.fixture
def table(tmp_path: Path) -> RawTable:
    (tmp_path / "a.csv").write_text("user,price,name\n1,2.5,x\n2,,y\n3,7.5,\n4,10,x\n")
    (tmp_path / "b.csv").write_text("user,price,name\n5,1,z\n")
    (tmp_path / "test.csv").write_text("user,price\n9,4\n9,\n")
    return RawTable("clicks", {"train": [tmp_path / "a.csv", tmp_path / "b.csv"], "test": [tmp_path / "test.csv"]})


def test_files_and_rows_are_counted_by_side(table: RawTable) -> None:
    rows = [(row["of"], row["files"], row["rows"], row["columns"]) for row in count_files([table])]
    assert rows == [("train", 2, 5, 3), ("test", 1, 2, 2)]


def test_blank_is_missing_and_a_column_of_numbers_has_a_range(table: RawTable) -> None:
    user, price, name = describe_columns(table)
    assert user["missing, train"] == 0
    assert (user["different, train"], user["different, test"]) == (5, 1)
    assert (price["missing, train"], price["missing, test"]) == (0.2, 0.5)
    assert (price["from, train"], price["median, train"], price["to, train"]) == (1.0, 5.0, 10.0)
    assert (name["missing, train"], name["different, train"]) == (0.2, 3)
    assert name["missing, test"] is None  # the test file has no such column


def test_parquet_may_hold_lists_and_nothing(tmp_path: Path) -> None:
    frame = pl.DataFrame({"flag": [True, None], "seq": [[1, 2], [3]], "x": [float("nan"), 2.0], "none": [None, None]})
    frame.write_parquet(tmp_path / "a.parquet")
    flag, seq, x, none = describe_columns(RawTable("t", {"all": [tmp_path / "a.parquet"]}))
    assert (flag["missing"], seq["missing"], none["missing"]) == (0.5, 0.0, 1.0)
    assert (x["from"], x["to"]) == (2.0, 2.0)


def test_what_is_no_table_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(UserError, match="cannot be read as a table"):
        count_files([RawTable("t", {"all": [tmp_path / "a.parquet"]})])


def test_rows_are_taken_evenly_where_a_table_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.day.look.columns.SAMPLE_ROWS", 100)
    pl.DataFrame({"x": range(1_000)}).write_csv(tmp_path / "a.csv")
    (row,) = describe_columns(RawTable("t", {"all": [tmp_path / "a.csv"]}))
    assert (row["different"], row["from"], row["to"]) == (100, 0.0, 990.0)
