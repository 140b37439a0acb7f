"""Workbooks that nobody vouches for: what is refused before it is opened, and what is never done with the others."""

import re
import socket
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import xlsxwriter

from common.errors import UserError
from competitions.mgtv.io import reader, schema, xlsx
from tests.unit.mgtv.io.test_comments import read, write_book
from tests.unit.mgtv.mgtv_raw_files import HOST, MIDNIGHT, locate, write_text

BOOK = Path(schema.COMMENTS) / "1.xlsx"
Change = Callable[[dict[str, bytes]], object]


def refusal(folder: Path, most_mib: float = 256) -> str:
    files = locate(folder)
    with pytest.raises(UserError) as caught:
        reader.read_comments(files, reader.learn_codes(files), msgspec.structs.replace(HOST, comment_mib=most_mib))
    sentence = str(caught.value)
    assert sentence.startswith(str(folder / BOOK))
    assert "\n" not in sentence
    return sentence.removeprefix(str(folder / BOOK)).strip()


def plain(folder: Path) -> Path:
    return write_book(folder / BOOK, (10, "a", MIDNIGHT, 0))


def unpack(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def change(folder: Path, alter: Change) -> str:
    """Take a plain workbook apart, alter its parts, and return the sentence that refuses it."""
    members = unpack(plain(folder))
    alter(members)
    pack(folder / BOOK, members)
    return refusal(folder)


@pytest.mark.parametrize("data", [b"", b"videoid,content\n10,a\n", b"PK\x03\x04", b"\xd0\xcf\x11\xe0" + bytes(600)])
def test_a_file_that_is_no_archive(tmp_path: Path, data: bytes) -> None:
    write_text(tmp_path / BOOK, data)
    assert refusal(tmp_path).startswith("is not a workbook (File is not a zip file)")


def test_a_file_that_was_cut(tmp_path: Path) -> None:
    path = plain(tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    assert refusal(tmp_path).startswith("is not a workbook")


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    (tmp_path / BOOK).parent.mkdir()
    pack(tmp_path / BOOK, {"a.txt": b"a"})
    assert refusal(tmp_path).startswith("is not a workbook: it holds 'a.txt'")


@pytest.mark.parametrize("name", ["a.exe", "xl/../../a", "/xl/a", "word/document.xml"])
def test_a_part_that_no_workbook_has(tmp_path: Path, name: str) -> None:
    assert change(tmp_path, lambda members: members.update({name: b"a"})).startswith(
        f"is not a workbook: it holds {name!r}"
    )


def test_no_workbook_inside(tmp_path: Path) -> None:
    sentence = change(tmp_path, lambda members: members.pop("xl/workbook.xml"))
    assert sentence.startswith("is not a workbook: it lacks xl/workbook.xml")


def test_too_many_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain(tmp_path)
    parts = len(unpack(tmp_path / BOOK))
    monkeypatch.setattr(xlsx, "MEMBERS_MAX", parts)
    assert read(tmp_path).frame.height == 1
    monkeypatch.setattr(xlsx, "MEMBERS_MAX", parts - 1)
    assert refusal(tmp_path).startswith(f"holds {parts} parts")


def test_too_much_unpacked(tmp_path: Path) -> None:
    members = unpack(plain(tmp_path)) | {"xl/media/a": bytes(3 << 20)}
    pack(tmp_path / BOOK, members)
    assert (tmp_path / BOOK).stat().st_size < 1 << 14
    assert refusal(tmp_path, 2.5).startswith("unpacks to 3.0 MiB, more than the 2.5 of host.comment_mib")


def test_the_limit_is_a_setting(tmp_path: Path) -> None:
    plain(tmp_path)
    size = sum(len(data) for data in unpack(tmp_path / BOOK).values())
    assert refusal(tmp_path, (size - 1) / (1 << 20)).startswith("unpacks to 0.0 MiB")
    xlsx.refuse_other_archives(tmp_path / BOOK, size / (1 << 20))


def lie(folder: Path, name: str, size: int) -> None:
    """Write a size of ``size`` bytes into the list of parts, with the checksum of so many."""
    members = unpack(plain(folder))
    with zipfile.ZipFile(folder / BOOK, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
        info = archive.getinfo(name)
        info.file_size, info.CRC = size, zlib.crc32(members[name][:size])


@pytest.mark.parametrize("size", [0, 10, 100])
def test_a_part_that_is_longer_than_it_says(tmp_path: Path, size: int) -> None:
    lie(tmp_path, "xl/worksheets/sheet1.xml", size)
    assert refusal(tmp_path).startswith("is not a workbook (Bad CRC-32 for file 'xl/worksheets/sheet1.xml'")


def test_a_part_that_is_shorter_than_it_says(tmp_path: Path) -> None:
    lie(tmp_path, "xl/worksheets/sheet1.xml", 100_000)
    assert refusal(tmp_path).startswith("unpacks to another size than it says ('xl/worksheets/sheet1.xml')")


@pytest.mark.parametrize("piece", [16, 17, 1000, 1 << 20])
@pytest.mark.parametrize(("column", "far"), [(25, False), (26, True), (702, True), (16383, True)])
def test_a_cell_far_to_the_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: int, far: bool, piece: int
) -> None:
    monkeypatch.setattr(xlsx, "MIB", piece)
    row: list[object] = [None] * (column + 1)
    row[0], row[1], row[2], row[column] = 10, ' r="AB1"', MIDNIGHT, "x"
    write_book(tmp_path / BOOK, tuple(row))
    if far:
        assert refusal(tmp_path, 1e6).startswith("has a cell to the right of column Z ('xl/worksheets/sheet1.xml')")
    else:
        files = locate(tmp_path)
        host = msgspec.structs.replace(HOST, comment_mib=1e6)
        assert reader.read_comments(files, reader.learn_codes(files), host).frame.height == 1


SHEET, ELSEWHERE = "xl/worksheets/sheet1.xml", "xl/pages/sheet1.xml"
ENDS = b"</sheetData>"


def add_row(members: dict[str, bytes], row: str) -> None:
    members[SHEET] = members[SHEET].replace(ENDS, row.encode() + ENDS)


def move_sheet(members: dict[str, bytes]) -> None:
    members[ELSEWHERE] = members.pop(SHEET)
    for name in ("xl/_rels/workbook.xml.rels", "[Content_Types].xml"):
        members[name] = members[name].replace(b"worksheets/sheet1.xml", b"pages/sheet1.xml")


FAR: dict[str, Change] = {
    "in lower case": lambda members: add_row(members, '<row r="1048576"><c r="xfd1048576"><v>1</v></c></row>'),
    "blanks before it": lambda members: add_row(members, '<row r="1048576"><c r = "XFD1048576"><v>1</v></c></row>'),
    "a line end before it": lambda members: add_row(members, '<row r="1048576"><c r=\n"XFD1048576"><v>1</v></c></row>'),
    "more blanks": lambda members: add_row(members, f'<row><c r{" " * 99}= "XFD1048576"><v>1</v></c></row>'),
    "by an entity": lambda members: add_row(members, '<row><c r="&#88;FD1048576"><v>1</v></c></row>'),
    "a sheet elsewhere": lambda members: (
        add_row(members, '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
        move_sheet(members),
    ),
    "no references": lambda members: add_row(members, f'<row r="1048576">{"<c><v>1</v></c>" * 16384}</row>'),
    "a row beyond the format": lambda members: add_row(
        members, '<row r="4294967295"><c r="Z4294967295"><v>1</v></c></row>'
    ),
    "a row number alone": lambda members: add_row(members, '<row r="4294967294"><c><v>1</v></c><c><v>1</v></c></row>'),
    "many columns, which fit the memory": lambda members: add_row(
        members, '<row r="9"><c r="ZZZZ9"><v>1</v></c></row>'
    ),
    "a column beyond the format": lambda members: add_row(members, '<row r="9"><c r="ZZZZZZ9"><v>1</v></c></row>'),
}


@pytest.mark.parametrize("how", FAR)
def test_a_small_file_that_asks_for_all_memory_ends_in_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], how: str
) -> None:
    members = unpack(plain(tmp_path))
    FAR[how](members)
    pack(tmp_path / BOOK, members)
    assert (tmp_path / BOOK).stat().st_size < 10_000
    assert re.match("cannot be read as a workbook|has a cell to the right of column Z", refusal(tmp_path))
    assert capfd.readouterr() == ("", "")


def test_a_workbook_is_read_in_a_process_with_so_much_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain(tmp_path)
    assert read(tmp_path).frame.height == 1
    monkeypatch.setattr(xlsx, "READING_MIB", 0)
    monkeypatch.setattr(xlsx, "READING_FACTOR", 0)
    assert "asks for more than 0.0 GiB of memory" in refusal(tmp_path)


def test_a_workbook_is_read_in_a_process_with_so_much_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = unpack(plain(tmp_path))
    add_row(members, '<row r="9"><c r = "ZZZZ9"><v>1</v></c></row>')
    move_sheet(members)
    pack(tmp_path / BOOK, members)
    monkeypatch.setattr(xlsx, "FAR_CELL", re.compile(b"never"))
    monkeypatch.setattr(xlsx, "READING_S", 1)
    monkeypatch.setattr(xlsx, "READING_MIB", 8 * 1024)
    assert "or 1 s" in refusal(tmp_path)


def test_the_workbook_at_fault_is_named(tmp_path: Path) -> None:
    members = unpack(plain(tmp_path))
    add_row(members, '<row r="4294967295"><c r="Z4294967295"><v>1</v></c></row>')
    pack(tmp_path / schema.COMMENTS / "2.xlsx", members)
    files = locate(tmp_path)
    with pytest.raises(UserError, match=r"2\.xlsx cannot be read as a workbook"):
        reader.read_comments(files, reader.learn_codes(files), HOST)


def test_an_encrypted_part(tmp_path: Path) -> None:
    members = unpack(plain(tmp_path))
    with zipfile.ZipFile(tmp_path / BOOK, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.getinfo("xl/styles.xml").flag_bits |= 1
    assert refusal(tmp_path).startswith("is encrypted ('xl/styles.xml')")


def test_a_part_packed_in_another_way(tmp_path: Path) -> None:
    members = unpack(plain(tmp_path))
    pack(tmp_path / BOOK, members, zipfile.ZIP_BZIP2)
    assert refusal(tmp_path).startswith("is packed in a way that workbooks are not")


def test_parts_that_are_not_packed(tmp_path: Path) -> None:
    members = unpack(plain(tmp_path))
    pack(tmp_path / BOOK, members, zipfile.ZIP_STORED)
    assert read(tmp_path).frame.height == 1


def test_two_parts_of_one_name(tmp_path: Path) -> None:
    members = unpack(plain(tmp_path))
    with zipfile.ZipFile(tmp_path / BOOK, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("xl/workbook.xml", members["xl/workbook.xml"])
    assert refusal(tmp_path).startswith("is not a workbook: two of its parts have one name")


def test_a_damaged_part(tmp_path: Path) -> None:
    sentence = change(tmp_path, lambda members: members.update({"xl/workbook.xml": b"<workbook"}))
    assert sentence.startswith("cannot be read as a workbook (")


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


def test_a_formula_is_not_evaluated_and_nothing_is_fetched(tmp_path: Path) -> None:
    (tmp_path / BOOK).parent.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        book = xlsxwriter.Workbook(tmp_path / BOOK)
        page = book.add_worksheet("Sheet1")
        page.write_row(0, 0, schema.COMMENT_COLUMNS)
        page.write_row(1, 0, (10, "", MIDNIGHT))
        page.write_formula(1, 1, f'=WEBSERVICE("{address}")', None, "stored")
        page.write_formula(1, 3, "=1000+1000", None, 7000)
        page.write_row(2, 0, (10, "", MIDNIGHT, 0))
        page.write_url(2, 1, address, string="link")
        page.write_formula(3, 3, f"='{address}[a.xlsx]Sheet1'!A1", None, 5)
        book.close()
        members = unpack(tmp_path / BOOK)
        strings = members["xl/sharedStrings.xml"].decode()
        entity = f'<!DOCTYPE sst [<!ENTITY e SYSTEM "{address}">]>\n<sst'
        members["xl/sharedStrings.xml"] = strings.replace("<sst", entity, 1).encode()
        pack(tmp_path / BOOK, members)
        table = read(tmp_path).frame
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert table.select("comments", "length", "offset_s").rows() == [(2, len("stored") + len("link"), 7.0)]
