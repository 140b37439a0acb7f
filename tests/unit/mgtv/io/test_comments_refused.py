"""Workbooks that are none, were cut or damaged on their way, or are larger than may be."""

import re
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from common.engine.errors import UserError
from competitions.mgtv.io import reader, schema, xlsx
from tests.unit.mgtv.io.test_comments import read, write_book
from tests.unit.mgtv.mgtv_raw_files import HOST, MIDNIGHT, locate, write_text

BOOK = Path(schema.COMMENTS) / "1.xlsx"


def refusal(folder: Path, book: Path = BOOK) -> str:
    files = locate(folder)
    with pytest.raises(UserError) as caught:
        reader.read_comments(files, reader.learn_codes(files), HOST)
    sentence = str(caught.value)
    assert sentence.startswith(str(folder / book))
    assert "\n" not in sentence
    return sentence.removeprefix(str(folder / book)).strip()


def plain(folder: Path) -> Path:
    return write_book(folder / BOOK, (10, "a", MIDNIGHT, 0))


def unpack(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


@pytest.mark.parametrize("data", [b"", b"videoid,content\n10,a\n", b"PK\x03\x04", b"\xd0\xcf\x11\xe0" + bytes(600)])
def test_a_file_that_is_no_archive(tmp_path: Path, data: bytes) -> None:
    write_text(tmp_path / BOOK, data)
    assert refusal(tmp_path).startswith("is not a workbook (File is not a zip file)")


def test_one_flipped_bit_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    path = plain(tmp_path)
    whole, sound = path.read_bytes(), read(tmp_path).frame
    refused = 0
    for at in range(0, len(whole), 97):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        try:
            assert read(tmp_path).frame.equals(sound)
        except UserError as error:
            refused += str(error).startswith(f"{path} ")
    assert refused > len(whole) // 97 // 2


def test_what_is_larger_than_may_be_is_refused_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx, "MOST_MIB", 2)
    members = unpack(plain(tmp_path)) | {"xl/media/a": bytes(3 << 20)}
    pack(tmp_path / BOOK, members)
    assert (tmp_path / BOOK).stat().st_size < 1 << 14
    assert refusal(tmp_path).startswith("is 3.0 MiB unpacked, more than the 2 that is read")
    write_text(tmp_path / BOOK, bytes(4 << 20))
    assert refusal(tmp_path).startswith("is 4.0 MiB unpacked, more than the 2 that is read")


def test_the_workbook_at_fault_is_named(tmp_path: Path) -> None:
    plain(tmp_path)
    second = Path(schema.COMMENTS) / "2.xlsx"
    write_text(tmp_path / second, b"PK")
    assert refusal(tmp_path, book=second).startswith("is not a workbook")


def test_several_sheets_of_other_names(tmp_path: Path) -> None:
    (tmp_path / BOOK).parent.mkdir()
    book = xlsxwriter.Workbook(tmp_path / BOOK)
    for name in ("A", "B"):
        book.add_worksheet(name).write_row(0, 0, schema.COMMENT_COLUMNS)
    book.close()
    assert refusal(tmp_path).startswith("has no sheet 'Sheet1' but 2 others")


@pytest.mark.parametrize("lacks", schema.COMMENT_COLUMNS)
def test_a_column_that_is_missing(tmp_path: Path, lacks: str) -> None:
    header = tuple("other" if name == lacks else name for name in schema.COMMENT_COLUMNS)
    write_book(tmp_path / BOOK, (10, "a", MIDNIGHT, 0), header=header)
    assert refusal(tmp_path).startswith(f"lacks the column {lacks!r} on its first row")


def test_an_empty_sheet(tmp_path: Path) -> None:
    write_book(tmp_path / BOOK, header=())
    assert re.match(r"lacks the column|cannot be read as a workbook", refusal(tmp_path))


def test_a_formula_is_not_evaluated(tmp_path: Path) -> None:
    (tmp_path / BOOK).parent.mkdir()
    book = xlsxwriter.Workbook(tmp_path / BOOK)
    page = book.add_worksheet("Sheet1")
    page.write_row(0, 0, schema.COMMENT_COLUMNS)
    page.write_row(1, 0, (10, "stored", MIDNIGHT))
    page.write_formula(1, 3, "=1000+1000", None, 7000)
    book.close()
    assert read(tmp_path).frame.select("comments", "offset_s").rows() == [(1, 7.0)]
