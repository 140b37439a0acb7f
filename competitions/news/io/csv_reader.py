"""Read a CSV of numbers in blocks of bounded memory; a bad value stops the reading with its line and its text.

polars parses each block. Only when it fails, or when a check on its result does, are the block's lines walked in Python
to find the first bad one.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import polars as pl

from common.errors import UserError

BLOCK_BYTES = 1 << 24
INT32_MAX = (1 << 31) - 1
# Milliseconds of 1973 and of 2286: seconds and microseconds of any plausible year fall outside.
TIME_MIN_MS, TIME_MAX_MS = 10**11, 10**13
INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
COMPRESSED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Column(NamedTuple):
    """One column: its header in the file, its name and type in the project, the least and largest value allowed."""

    header: str
    name: str
    dtype: type[pl.DataType]
    low: int = 0
    high: int = INT32_MAX


class Finding(NamedTuple):
    """What a rule settled without stopping: the file, the column ("" for whole rows), the rule, the rows it touched."""

    file: str
    column: str
    rule: str
    rows: int


def read_table(path: Path, columns: Sequence[Column]) -> tuple[pl.DataFrame, tuple[Finding, ...]]:
    """Read a whole file: the frame (the project's names and types, and ``line``, 1-based) and what rules settled."""
    _, notes = read_header(path, columns)
    frame = pl.concat(list(read_blocks(path, columns)))
    blank = count_rows(path) - frame.height
    if not frame.height:
        raise UserError(f"{path} holds a header and no rows; download it again")
    return frame, notes + ((Finding(path.name, "", "blank line: skipped", blank),) if blank else ())


def count_rows(path: Path) -> int:
    """Count the lines below the header, blank ones included."""
    lines, last = 0, b"\n"
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            lines, last = lines + block.count(b"\n"), block[-1:]
    return lines - 1 + (last != b"\n")


def read_header(path: Path, columns: Sequence[Column]) -> tuple[list[Column], tuple[Finding, ...]]:
    """Check the header; return the columns in the file's order, and a note where a byte-order mark was skipped."""
    try:
        with path.open("rb") as file:
            line = file.readline(1 << 16)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    if not line:
        raise UserError(f"{path} is empty (0 bytes); download it again")
    if line.startswith(COMPRESSED):
        raise UserError(f"{path} is a compressed archive, not a CSV; unpack it first")
    try:
        names = [name.strip() for name in line.removeprefix(BYTE_ORDER_MARK).decode().replace('"', "").split(",")]
    except UnicodeDecodeError as error:
        raise UserError(f"{path}, line 1: the header is not UTF-8; save the file as UTF-8 CSV") from error
    _refuse_other_names(path, names, [column.header for column in columns])
    marked = line.startswith(BYTE_ORDER_MARK)
    note = Finding(path.name, "", "byte-order mark before the header: skipped", 1)
    return sorted(columns, key=lambda column: names.index(column.header)), (note,) if marked else ()


def _refuse_other_names(path: Path, names: list[str], expected: list[str]) -> None:
    faults = {
        "lacks": [name for name in expected if name not in names],
        "has unknown": [name for name in names if name not in expected],
        "repeats": sorted({name for name in names if name in expected and names.count(name) > 1}),
    }
    told = [f"{verb} {_shorten(found)}" for verb, found in faults.items() if found]
    if told:
        raise UserError(f"{path}, line 1: the header {' and '.join(told)}; expected {_shorten(expected, 9)}")


def _shorten(names: list[str], most: int = 5) -> str:
    tail = f", … ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(name[:40] or "(no name)" for name in names[:most]) + tail


def read_blocks(path: Path, columns: Sequence[Column]) -> Iterator[pl.DataFrame]:
    """Yield the rows below the header, checked and cast, about ``BLOCK_BYTES`` of text a frame; at least one frame."""
    ordered, _ = read_header(path, columns)
    with path.open("rb") as file:
        file.readline()
        line, rest = 2, b""
        while True:
            read = file.read(BLOCK_BYTES)
            whole, newline, rest = (rest + read).rpartition(b"\n") if read else (rest, b"", b"")
            block = _parse_block(path, whole + newline, line, ordered)
            yield block.select("line", *(column.name for column in columns))
            line += whole.count(b"\n") + len(newline)
            if not read:
                return


def _parse_block(path: Path, text: bytes, line: int, columns: Sequence[Column]) -> pl.DataFrame:
    parsed = {column.name: column.dtype if column.dtype == pl.Float32 else pl.Int64 for column in columns}
    wanted = pl.Schema([("line", pl.Int64), *((column.name, column.dtype) for column in columns)])
    if not text.strip():
        return pl.DataFrame(schema=wanted)
    try:
        # The header goes before every block: polars counts the columns on the first line, which may be a blank one.
        frame = pl.read_csv(",".join(parsed).encode() + b"\n" + text, schema=parsed)
    except pl.exceptions.PolarsError as error:
        _refuse(path, text, line, columns, str(error).splitlines()[0])
    if frame.height != text.count(b"\n") + (not text.endswith(b"\n")):
        _refuse(path, text, line, columns, "rows and lines differ in number: check the quotes")
    frame = frame.with_row_index("line", offset=line)
    if frame.select(pl.any_horizontal(pl.exclude("line").null_count() > 0)).item():
        frame = frame.filter(~pl.all_horizontal(pl.exclude("line").is_null()))
        if frame.height != sum(bool(row.strip()) for row in text.split(b"\n")):
            _refuse(path, text, line, columns, "a row holds no value")
    if not frame.select(pl.all_horizontal(_is_sound(column) for column in columns)).item():
        _refuse(path, text, line, columns, "a value is missing or out of range")
    return frame.cast(wanted)


def _is_sound(column: Column) -> pl.Expr:
    value = pl.col(column.name)
    within = value.is_finite() if column.dtype == pl.Float32 else value.is_between(column.low, column.high)
    return within.fill_null(False).all()


def _refuse(path: Path, text: bytes, line: int, columns: Sequence[Column], reason: str) -> NoReturn:
    """Raise for the first bad line of the block; ``reason`` serves where the lines look sound one by one."""
    for number, row in enumerate(text.split(b"\n"), line):
        if fault := _find_fault(row, columns):
            raise UserError(f"{path}, line {number}: {fault}; correct the row or download the file again")
    raise UserError(f"{path}, from line {line}: {reason}; download the file again")


def _find_fault(row: bytes, columns: Sequence[Column]) -> str | None:
    if not row.strip():
        return None
    try:
        cells = next(csv.reader([row.decode().rstrip("\r")], strict=True))
    except UnicodeDecodeError:
        return f"bytes that are not UTF-8: {row[:60]!r}"
    except csv.Error:
        return f"a quote that does not close: {row[:60].decode(errors='replace')!r}"
    if len(cells) != len(columns):
        return f"{len(cells)} fields where {len(columns)} are expected: {row[:60].decode(errors='replace')!r}"
    faults = (_find_cell_fault(cell.strip(), column) for cell, column in zip(cells, columns, strict=True))
    return next((fault for fault in faults if fault), None)


def _find_cell_fault(cell: str, column: Column) -> str | None:
    if column.dtype == pl.Float32:
        return None if _is_finite(cell) else f"{column.header} is {cell[:40]!r}, not a finite number"
    if not INTEGER.fullmatch(cell):
        return f"{column.header} is {cell[:40]!r}, not an integer"
    value = int(cell)
    if column.low <= value <= column.high:
        return None
    if column.low == TIME_MIN_MS and TIME_MIN_MS <= value * 1000 <= TIME_MAX_MS:
        return f"{column.header} is {value}, which reads as seconds where milliseconds are expected (multiply by 1000)"
    return f"{column.header} is {value}, outside {column.low} to {column.high}"


def _is_finite(cell: str) -> bool:
    try:
        value = float(cell)
    except ValueError:
        return False
    return bool(abs(value) <= float(np.finfo(np.float32).max))
