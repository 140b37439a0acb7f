"""The columns of the host's CSV files: what is understood, and what is refused with its line."""

from pathlib import Path

import pytest

from common.engine.errors import UserError
from common.io.column import NULL_WORD, Column
from competitions.mgtv.io.schema import NULLS
from competitions.mgtv.io.tables import CLICK_TIME, DEVICE, PAIR, VIDEO, hold_number, hold_text, read_table
from tests.unit.mgtv.mgtv_raw_files import MIDNIGHT_MS, write_text

HOUR_MS = 3_600_000
TEXT, NUMBER, TIME = hold_text("x"), hold_number("x"), CLICK_TIME._replace(header="x")


def column(folder: Path, kind: Column, *cells: str) -> list[object]:
    text = "did,x\n" + "".join(f"a,{cell}\n" for cell in cells)
    table = read_table(write_text(folder / "x.csv", text), [kind])
    assert table.notes == ()
    return table.frame["x"].to_list()


def refused_cell(folder: Path, kind: Column, cell: str) -> str:
    path = write_text(folder / "x.csv", f"did,x\na,\na,{cell}\na,\n")
    with pytest.raises(UserError) as caught:
        read_table(path, [kind])
    prefix = f"{path}, line 3: x is "
    assert str(caught.value).startswith(prefix)
    return str(caught.value).removeprefix(prefix)


def test_a_device_is_kept_as_it_stands_and_a_file_is_named_with_its_folder(tmp_path: Path) -> None:
    table = read_table(write_text(tmp_path / "x.csv", "vid,did,more\n7.0, a ,\n\n8,b,\n"), PAIR)
    assert table.frame.to_dict(as_series=False) == {"did": [" a ", "b"], "vid": [7, 8]}
    assert [(note.file, note.what, note.rows) for note in table.notes] == [(f"{tmp_path.name}/x.csv", "blank line", 1)]


@pytest.mark.parametrize("key", [DEVICE, VIDEO])
def test_a_row_whose_key_is_a_word_for_nothing_is_left_out(tmp_path: Path, key: tuple[Column]) -> None:
    name = key[0].header
    table = read_table(write_text(tmp_path / "x.csv", f"{name},x\n1,\nNULL,a\n2,\n"), [*key, TEXT])
    assert table.frame["x"].to_list() == [None, None]
    notes = [(note.what, note.rows, note.done) for note in table.notes]
    assert notes == [(f"row whose {name} is blank", 1, "left out"), (NULL_WORD, 1, "read as blank")]


@pytest.mark.parametrize("word", NULLS[1:])
@pytest.mark.parametrize("kind", [TEXT, NUMBER, TIME])
def test_a_word_for_nothing_is_null_and_counted(tmp_path: Path, kind: Column, word: str) -> None:
    table = read_table(write_text(tmp_path / "x.csv", f"x,y\n{word},1\n {word} ,2\n,3\n"), [kind])
    assert table.frame["x"].to_list() == [None] * 3
    assert [(note.what, note.rows, note.done) for note in table.notes] == [(NULL_WORD, 2, "read as blank")]


def test_a_text_is_freed_of_blanks_and_of_a_useless_point(tmp_path: Path) -> None:
    cells = ["", " ", '""', " a ", "7.0", "-1.00", "7.10", "v1.0", "0", "7.", '"x, y"']
    texts = [None, None, None, "a", "7", "-1", "7.10", "v1.0", "0", "7.", "x, y"]
    assert column(tmp_path, TEXT, *cells) == texts


def test_a_number(tmp_path: Path) -> None:
    cells = ["", " ", "0", "-1.5", "1e3", " 2 ", ".5"]
    assert column(tmp_path, NUMBER, *cells) == [None, None, 0.0, -1.5, 1000.0, 2.0, 0.5]
    for cell in ("abc", "-inf", "1e39"):
        assert refused_cell(tmp_path, NUMBER, cell).startswith(f"{cell!r}, not a finite number")


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2025-04-20 00:00:00.123456", MIDNIGHT_MS + 123),
        ("2025/4/20 0:00:01", MIDNIGHT_MS + 1000),
        ("2025-04-19 12:30:00-03:30", MIDNIGHT_MS),
        ("20250420 00:01", MIDNIGHT_MS + 60_000),
        ("1745107200.5", MIDNIGHT_MS + 8 * HOUR_MS + 500),
        ("1745107200123", MIDNIGHT_MS + 8 * HOUR_MS + 123),
    ],
)
def test_a_moment(tmp_path: Path, cell: str, moment: int | None) -> None:
    assert column(tmp_path, TIME, "2025-04-20 00:00:00", cell) == [MIDNIGHT_MS, moment]


NO_MOMENTS = "yesterday,17451072001,1745107200123456,20250431000000,45767.5,1980-01-01 00:00:00,9745107200"


@pytest.mark.parametrize("cell", NO_MOMENTS.split(","))
def test_a_text_that_is_no_moment(tmp_path: Path, cell: str) -> None:
    assert refused_cell(tmp_path, TIME, cell).startswith(f"{cell!r}, not a date, nor")
