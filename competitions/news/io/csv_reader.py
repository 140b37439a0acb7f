"""Read the organiser's CSV files of numbers: columns by name, every value an integer in its range or a finite float."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from common.engine.errors import UserError
from common.io import csv_blocks
from common.io.notes import Note

INT32_MAX = (1 << 31) - 1
# Milliseconds of 1973 and of 2286: seconds and microseconds of any plausible year fall outside.
TIME_MIN_MS, TIME_MAX_MS = 10**11, 10**13
INTEGER = re.compile(r"[+-]?[0-9]+([.][0-9]*)?(e[+-]?[0-9]+)?", re.IGNORECASE)


class Column(NamedTuple):
    """One column: its header in the file, its name and type in the project, the least and largest value allowed."""

    header: str
    name: str
    dtype: type[pl.DataType]
    low: int = 0
    high: int = INT32_MAX

    def is_whole(self) -> bool:
        """Whether its values are whole numbers."""
        return self.dtype not in (pl.Float32, pl.String)


def read_table(path: Path, columns: Sequence[Column]) -> tuple[pl.DataFrame, tuple[Note, ...]]:
    """Read a whole file: the frame (the project's names and types, and ``line``, 1-based) and what rules settled."""
    _, notes = read_header(path, columns)
    frame = pl.concat(list(read_blocks(path, columns)))
    blank = count_rows(path) - frame.height
    if not frame.height:
        raise UserError(f"{path} has a header but no rows; download it again")
    return frame, notes + ((Note(path.name, "blank line", blank, "skipped"),) if blank else ())


def count_rows(path: Path) -> int:
    """Count the lines below the header, blank ones included."""
    lines, last = 0, b"\n"
    with path.open("rb") as file:
        while block := file.read(csv_blocks.BLOCK_BYTES):
            lines, last = lines + block.count(b"\n"), block[-1:]
    return lines - 1 + (last != b"\n")


def read_header(path: Path, columns: Sequence[Column]) -> tuple[list[Column], tuple[Note, ...]]:
    """Check the header; return the file's columns in order, as texts those that are not read, and what to note."""
    names, marked = csv_blocks.read_header(path)
    known = {column.header: column for column in columns}
    _refuse_other_names(path, names, list(known))
    further = [name for name in names if name not in known]
    notes = (
        Note(path.name, "byte-order mark before the header", int(marked), "skipped"),
        Note(path.name, f"further column ({_shorten(further)})", len(further), "not read"),
    )
    in_file = [known.get(name, Column(name, f"column {at}", pl.String)) for at, name in enumerate(names)]
    return in_file, tuple(note for note in notes if note.rows)


def _refuse_other_names(path: Path, names: list[str], expected: list[str]) -> None:
    faults = {
        "lacks": [name for name in expected if name not in names],
        "repeats": [name for name in expected if names.count(name) > 1],
    }
    sentences = [f"{verb} {_shorten(faulty)}" for verb, faulty in faults.items() if faulty]
    if sentences:
        raise UserError(
            f"{path}, line 1: the header {' and '.join(sentences)}; expected {_shorten(expected, 9)}, "
            f"there is {_shorten(names, 9)}"
        )


def _shorten(names: list[str], most: int = 5) -> str:
    tail = f", … ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(repr(name[:40]) if name else "(no name)" for name in names[:most]) + tail


def read_blocks(path: Path, columns: Sequence[Column]) -> Iterator[pl.DataFrame]:
    """Yield the rows below the header, checked and cast, a block of lines a frame; at least one frame."""
    ordered, _ = read_header(path, columns)
    for block in csv_blocks.read_blocks(path):
        yield _parse_block(block, ordered).select("line", *(column.name for column in columns))


def _parse_block(block: csv_blocks.LineBlock, columns: Sequence[Column]) -> pl.DataFrame:
    def find_fault(cells: list[str]) -> str | None:
        faults = (_find_cell_fault(cell.strip(), column) for cell, column in zip(cells, columns, strict=True))
        return next(filter(None, faults), None)

    # Whole numbers are read as doubles, which hold every one in range: pandas may have written 12.0.
    parsed = {column.name: pl.Float64 if column.is_whole() else column.dtype for column in columns}
    frame = block.parse(parsed, find_fault)
    read = [column for column in columns if column.dtype != pl.String]
    if not frame.select(pl.all_horizontal(_is_sound(column) for column in read)).item():
        block.refuse(len(columns), "a value is missing or out of range", find_fault)
    cast = frame.select(pl.col(column.name).cast(column.dtype) for column in read)
    return cast.with_columns(pl.Series("line", block.lines, pl.Int64))


def _is_sound(column: Column) -> pl.Expr:
    value = pl.col(column.name)
    within = value.is_finite()
    if column.is_whole():
        within = value.is_between(column.low, column.high) & (value == value.floor())
    return within.fill_null(False).all()


def _find_cell_fault(cell: str, column: Column) -> str | None:
    if column.dtype == pl.String:
        return None
    if not column.is_whole():
        return None if _is_finite(cell) else f"{column.header} is {cell[:40]!r}, not a finite number"
    if not INTEGER.fullmatch(cell) or not (value := float(cell)).is_integer():
        return f"{column.header} is {cell[:40]!r}, not an integer"
    if column.low <= value <= column.high:
        return None
    if column.low == TIME_MIN_MS and TIME_MIN_MS <= value * 1000 <= TIME_MAX_MS:
        return f"{column.header} is {cell}, which looks like seconds; milliseconds are expected (multiply by 1000)"
    return f"{column.header} is {cell[:40]}, outside {column.low} to {column.high}"


def _is_finite(cell: str) -> bool:
    try:
        value = float(cell)
    except ValueError:
        return False
    return bool(abs(value) <= float(np.finfo(np.float32).max))
