"""Reading a CSV: what is understood, and what is refused with its line."""

from pathlib import Path

import pytest

from common.engine.errors import UserError
from common.io import csv_blocks
from competitions.mgtv.io import nulls
from competitions.mgtv.io.csv_reader import Kind, read_table
from tests.unit.mgtv.mgtv_raw_files import MIDNIGHT_MS, write_text

HOUR_MS = 3_600_000
PAIR = {"did": Kind.KEY, "vid": Kind.WHOLE}


def read(folder: Path, text: str | bytes, columns: dict[str, Kind] = PAIR) -> dict[str, list[object]]:
    table = read_table(write_text(folder / "x.csv", text), columns)
    assert table.notes == ()
    return table.frame.to_dict(as_series=False)


def refusal(folder: Path, text: str | bytes, columns: dict[str, Kind] = PAIR) -> str:
    path = write_text(folder / "x.csv", text)
    with pytest.raises(UserError) as caught:
        read_table(path, columns)
    sentence = str(caught.value)
    assert sentence.startswith(str(path))
    assert "\n" not in sentence
    return sentence.removeprefix(str(path))


def column(folder: Path, kind: Kind, *cells: str) -> list[object]:
    text = "did,x\n" + "".join(f"a,{cell}\n" for cell in cells)
    return read(folder, text, {"x": kind})["x"]


def refused_cell(folder: Path, kind: Kind, cell: str) -> str:
    sentence = refusal(folder, f"did,x\na,\na,{cell}\na,\n", {"x": kind})
    prefix = ", line 3: x is "
    assert sentence.startswith(prefix)
    return sentence.removeprefix(prefix)


# --- the file ---


@pytest.mark.parametrize(
    "text",
    [
        b"did,vid\na,1\nb,2\n",
        b"did,vid\na,1\nb,2",
        b"\xef\xbb\xbfdid,vid\r\na,1\r\nb,2\r\n",
        b'\xef\xbb\xbf"did","vid"\n"a","1"\n"b","2"\n',
        b"vid,other,did\n1,,a\n2,x,b\n",
        b'vid,other,other, did \n1,"x, y",,a\n2,,,b\n',
        b"did,vid\na, 1\nb,2 \n",
        b"did,vid\na,+1\nb,02\n",
    ],
)
def test_one_table_in_many_forms(tmp_path: Path, text: bytes) -> None:
    assert read(tmp_path, text) == {"did": ["a", "b"], "vid": [1, 2]}


def test_a_header_that_lacks_a_name(tmp_path: Path) -> None:
    sentence = refusal(tmp_path, "did,video,vids\na,1,1\n")
    assert sentence.startswith(", line 1: the header has no 'vid' (the nearest other name is 'vids')")
    assert "has no 'did'" in refusal(tmp_path, "a,1\nb,2\n")


def test_blank_lines_are_counted_and_do_not_shift_the_lines_told(tmp_path: Path) -> None:
    text = "did,vid\n\na,1\n\r\n\nb,2\n\n"
    table = read_table(write_text(tmp_path / "x.csv", text), PAIR)
    assert table.frame.to_dict(as_series=False) == {"did": ["a", "b"], "vid": [1, 2]}
    assert [(note.file, note.what, note.rows) for note in table.notes] == [(f"{tmp_path.name}/x.csv", "blank line", 4)]
    assert refusal(tmp_path, text + "c,x\n").startswith(", line 8: vid is 'x'")
    assert refusal(tmp_path, text + "c,1,2\n").startswith(", line 8: 3 fields")


def test_blocks_are_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"d{i},{i}\n" for i in range(50)]
    for size in (1, 7, 16, 1000):
        monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", size)
        table = read(tmp_path, "did,vid\n" + "".join(lines))
        assert table == {"did": [f"d{i}" for i in range(50)], "vid": list(range(50))}
        sentence = refusal(tmp_path, "did,vid\n" + "".join(lines[:40]) + "\nx,y\n")
        assert sentence.startswith(", line 43: vid is 'y', not a whole number")


# --- the values ---


@pytest.mark.parametrize("cell", ["abc", "1.5", "1.", "1e3", "0x10", "99999999999999999999", "1 2"])
def test_a_text_that_is_no_whole_number(tmp_path: Path, cell: str) -> None:
    sentence = refusal(tmp_path, f"x,y\n1,\n{cell},\n", {"x": Kind.WHOLE})
    assert sentence.startswith(f", line 3: x is {cell!r}, not a whole number")


@pytest.mark.parametrize("cell", ["", '""', " ", "NULL"])
@pytest.mark.parametrize("kind", [Kind.KEY, Kind.WHOLE])
def test_a_row_without_its_key_is_left_out_and_counted(tmp_path: Path, kind: Kind, cell: str) -> None:
    table = read_table(write_text(tmp_path / "x.csv", f"x,y\n1,\n{cell},a\n2,\n"), {"x": kind, "y": Kind.TEXT})
    assert table.frame["y"].to_list() == [None, None]
    notes = {note.what: (note.rows, note.done) for note in table.notes}
    assert notes.pop("row whose x is blank") == (1, "left out")
    assert list(notes.values()) == ([(1, "read as blank")] if cell == "NULL" else [])
    assert "x is blank in every row" in refusal(tmp_path, f"x,y\n{cell},a\n", {"x": kind})


@pytest.mark.parametrize("word", nulls.NULLS[1:])
@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.NUMBER, Kind.TIME])
def test_a_word_for_nothing_is_null_and_counted(tmp_path: Path, kind: Kind, word: str) -> None:
    table = read_table(write_text(tmp_path / "x.csv", f"x,y\n{word},1\n {word} ,2\n,3\n"), {"x": kind})
    assert table.frame["x"].to_list() == [None] * 3
    assert [(note.what, note.rows, note.done) for note in table.notes] == [(nulls.WHAT, 2, "read as blank")]


def test_a_text_is_freed_of_blanks_and_of_a_useless_point(tmp_path: Path) -> None:
    cells = ["", " ", '""', " a ", "7.0", "-1.00", "7.10", "v1.0", "0", "7.", '"x, y"']
    texts = [None, None, None, "a", "7", "-1", "7.10", "v1.0", "0", "7.", "x, y"]
    assert column(tmp_path, Kind.TEXT, *cells) == texts


def test_a_number(tmp_path: Path) -> None:
    cells = ["", " ", "0", "-1.5", "1e3", " 2 ", ".5"]
    assert column(tmp_path, Kind.NUMBER, *cells) == [None, None, 0.0, -1.5, 1000.0, 2.0, 0.5]
    for cell in ("abc", "inf", "-inf", "1e39", "--"):
        assert refused_cell(tmp_path, Kind.NUMBER, cell).startswith(f"{cell!r}, not a finite number")


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2025-04-20 00:00:00", MIDNIGHT_MS),
        ("2025-04-20 00:00:00.123456", MIDNIGHT_MS + 123),
        ("2025/4/20 0:00:01", MIDNIGHT_MS + 1000),
        ("2025-04-20", MIDNIGHT_MS),
        ("2025-04-19 12:30:00-03:30", MIDNIGHT_MS),
        ("20250420", MIDNIGHT_MS),
        ("20250420 00:01", MIDNIGHT_MS + 60_000),
        ("1745107200.5", MIDNIGHT_MS + 8 * HOUR_MS + 500),
        ("1745107200123", MIDNIGHT_MS + 8 * HOUR_MS + 123),
        (" ", None),
    ],
)
def test_a_moment(tmp_path: Path, cell: str, moment: int | None) -> None:
    assert column(tmp_path, Kind.TIME, "2025-04-20 00:00:00", cell) == [MIDNIGHT_MS, moment]


@pytest.mark.parametrize(
    "cell",
    [
        "yesterday",
        "17451072001",
        "1745107200123456",
        "20250431000000",
        "45767.5",
        "1980-01-01 00:00:00",
        "9745107200",
    ],
)
def test_a_text_that_is_no_moment(tmp_path: Path, cell: str) -> None:
    assert refused_cell(tmp_path, Kind.TIME, cell).startswith(f"{cell!r}, not a date, nor")
