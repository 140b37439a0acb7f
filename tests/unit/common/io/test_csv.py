"""Columns of a CSV: what is read, what is settled and counted, and what is refused with its line."""

from pathlib import Path

import polars as pl
import pytest

from common.engine.errors import UserError
from common.io import csv
from common.io.column import TIME_MAX_MS, TIME_MIN_MS, Column

ADVICE = "fetch it again"
A, B = Column("a", pl.Int64), Column("b", pl.Int64)
MIXED = (A, Column("b", pl.Float64, blank="null"), Column("c", pl.String, blank="null"))
KEYED = (Column("a", pl.String, blank="left out"), Column("b", pl.Int64, blank="left out"))


def write(folder: Path, text: bytes | str) -> Path:
    path = folder / "x.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(folder: Path, text: bytes | str, *columns: Column, separator: str = ",", key: str = "") -> csv.CsvTable:
    return csv.CsvFile(write(folder, text), columns or (A, B), ADVICE, separator=separator).read(key, may_be_empty=True)


def refusal(folder: Path, text: bytes | str, *columns: Column, separator: str = ",", key: str = "") -> str:
    with pytest.raises(UserError) as caught:
        read(folder, text, *columns, separator=separator, key=key)
    sentence = str(caught.value)
    assert sentence.startswith(str(folder / "x.csv"))
    assert "\n" not in sentence
    return sentence.removeprefix(str(folder / "x.csv"))


# --- the file ---


@pytest.mark.parametrize(
    "text",
    [
        b'\xef\xbb\xbf"a", b\n"1","1"\n"2","2"\n',
        b'b,other,other, a \n1,"x, y",,1\n2,,,2\n',
        b"a,b\n1, 1\n2,2 \n",
        b"a,b\n1,+1\n2.0,02\n",
    ],
)
def test_one_table_in_many_forms(tmp_path: Path, text: bytes) -> None:
    frame, notes, header_notes = read(tmp_path, text)
    assert frame.rows() == [(2, 1, 1), (3, 2, 2)]
    assert frame.columns == ["line", "a", "b"]
    assert notes == ()
    assert [note.what[:14] for note in header_notes] == ["byte-order mar"] * (b"\xef" in text) + ["further column"] * (
        b"other" in text
    )


@pytest.mark.parametrize("block_bytes", [1, 7, 1 << 24])
@pytest.mark.parametrize("blank", ["", "\r", " \t", ","])
def test_lines_without_a_value_are_counted_and_the_others_keep_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank: str, block_bytes: int
) -> None:
    monkeypatch.setattr(csv, "BLOCK_BYTES", block_bytes)
    for columns in ((A, B), (Column("a", pl.String), B)):
        text = f"a,b\n{blank}\n1,2\n{blank}\n3,4\n{blank}"
        frame, notes, _ = read(tmp_path, text, *columns)
        assert frame["line"].to_list() == [3, 5]
        assert [(note.file, note.what, note.rows, note.done) for note in notes] == [
            ("x.csv", "blank line", 2 + (blank != ""), "skipped")
        ]
        assert refusal(tmp_path, f"{text}\n5,x\n", *columns).startswith(", line 7: b is 'x'")
        assert refusal(tmp_path, f"{text}\n5\n", *columns).startswith(", line 7: 1 fields")


@pytest.mark.parametrize(
    ("last", "fault"),
    [
        (b"3,4,", "3 fields where 2 are expected: '3,4,'"),
        (b"3", "1 fields where 2 are expected: '3'"),
        (b'"3,4\n', "a quote that does not close"),
        (b'"', "a quote that does not close"),
        (b"3,4\r5,6\n", "a carriage return inside the line: '3,4"),
        (b"3,\r4\n", "a carriage return inside the line: '3,"),
        (b"3,\xff\n", r"bytes that are not UTF-8 (b'\xff')"),
    ],
)
def test_a_malformed_line_is_refused_with_its_number(tmp_path: Path, last: bytes, fault: str) -> None:
    for before in (b"a,b\n1,2\n\n", b"a,b\n1,2\n1,2\n"):
        assert refusal(tmp_path, before + last).startswith(f", line 4: {fault}")
    # All commas of this file together are as many as two whole rows have.
    assert refusal(tmp_path, 'a,c,b\n1,"x, y",5\n2,z\n', *MIXED).startswith(", line 3: 2 fields where 3 are expected")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", " is empty (0 bytes); " + ADVICE),
        (b"PK\x03\x04\x00\x00", " is a compressed archive, not a CSV; unpack it first"),
        (b"a\r,b\n", ", line 1: the header has a quote or a carriage return out of place"),
        (b"\xef\xbb\xbfa,b\r" + b"1,2\r" * 50_000, ": its lines end in carriage returns only; save it as CSV"),
        ("a,b\n".encode("utf-16"), ", line 1: the header is not UTF-8"),
        (
            b"a,bb,c\n1,1,1\n",
            ", line 1: the header lacks 'b' (the nearest other name is 'bb'); there is 'a', 'bb', 'c'",
        ),
        (b"a,a,c\n", ", line 1: the header lacks 'b' and repeats 'a'"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(tmp_path: Path, text: bytes, fault: str) -> None:
    assert refusal(tmp_path, text).startswith(fault)


def test_a_table_between_tabs_has_no_quotes_and_may_lack_its_header(tmp_path: Path) -> None:
    columns = (A, Column("c", pl.String, blank="null"))
    rows = '1\t5" x, "y"\n2\tz\n'
    for head, first in (("a\tc\n", 2), ("c\tother\ta\n", 2), ("", 1), ("\ufeff", 1)):
        body = '5" x, "y"\t?\t1\nz\t?\t2\n' if "other" in head else rows
        frame = read(tmp_path, head + body, *columns, separator="\t").frame
        assert frame.rows() == [(first, 1, '5" x, "y"'), (first + 1, 2, "z")]
    assert "line 2: 3 fields" in refusal(tmp_path, "1\tx\n2\ty\tz\n", *columns, separator="\t")


# --- the values ---


def test_columns_are_read_by_name_and_cast_where_nothing_is_lost(tmp_path: Path) -> None:
    frame = read(tmp_path, 'c,a,extra,b\nx,1,?,0.5\n,2.0,?,\n"y,z", 3 ,?,-1\n', *MIXED).frame
    assert frame.rows() == [(2, 1, 0.5, "x"), (3, 2, None, None), (4, 3, -1.0, "y,z")]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("1.5,2,x", "a is '1.5', not a whole number"),
        (",2,x", "a is blank"),
        ("1,nan,x", "b is 'nan', not a finite number"),
        ("1,1e400,x", "b is '1e400', not a finite number"),
        ("x,y,z", "a is 'x', not a whole number"),
    ],
)
def test_the_first_value_that_does_not_fit_is_refused(tmp_path: Path, row: str, fault: str) -> None:
    text = f"a,b,c\n1, 2 ,x\n{row}\n,z,\n"
    assert refusal(tmp_path, text, *MIXED) == f", line 3: {fault}; {ADVICE}"


@pytest.mark.parametrize(
    ("column", "cell", "fault"),
    [
        *((A, cell, f"{cell!r}, not a whole number") for cell in ("1.", "1e3", "0x10", "9" * 20, "1 2")),
        (Column("a", pl.Int16), "32768", "32768, outside -32768 to 32767"),
        (Column("a", pl.Int32, low=0), "-1", "-1, outside 0 to 2147483647"),
        (
            Column("a", pl.Int64, low=TIME_MIN_MS, high=TIME_MAX_MS),
            "1507000000",
            "1507000000, which looks like seconds",
        ),
    ],
)
def test_a_text_that_is_no_whole_number_in_range(tmp_path: Path, column: Column, cell: str, fault: str) -> None:
    assert refusal(tmp_path, f"a,y\n{TIME_MIN_MS if column.low else 1},\n{cell},\n", column).startswith(
        f", line 3: a is {fault}"
    )


@pytest.mark.parametrize("row", [",1", '"",1', " ,1", "c,"])
def test_a_row_without_its_key_is_left_out_and_counted(tmp_path: Path, row: str) -> None:
    frame, notes, _ = read(tmp_path, f"a,b\nx,1\n{row}\ny,2\n", *KEYED)
    assert frame.rows() == [(2, "x", 1), (4, "y", 2)]
    assert [(note.what, note.rows, note.done) for note in notes] == [("row whose a or b is blank", 1, "left out")]
    assert refusal(tmp_path, f"a,b\n{row}\n", *KEYED) == f": a or b is blank in every row; {ADVICE}"
    file = csv.CsvFile(write(tmp_path, "a,b\n"), (A, B), ADVICE)
    assert file.read(may_be_empty=True).frame.is_empty()
    with pytest.raises(UserError, match=r"x\.csv has a header but no rows; fetch it again"):
        file.read()


def test_a_value_that_stands_twice_is_refused(tmp_path: Path) -> None:
    sentence = refusal(tmp_path, "a,b\n5,1\n\n3,1\n4,1\n3,2\n5,1\n", key="a")
    assert sentence == f", line 6: a 3 is already on line 4; {ADVICE}"
