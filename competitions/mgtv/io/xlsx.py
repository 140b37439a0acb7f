"""Read columns of one sheet of each workbook (.xlsx) as texts; no formula is evaluated, no link followed."""

import functools
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import fastexcel
import polars as pl

from common.engine.errors import UserError
from common.io.files import UNREADABLE, describe_failure

MIB = 1 << 20
MOST_MIB = 256  # that a workbook may be, unpacked
MOST_CELLS = 1 << 25  # of a sheet, empty ones between others too: 32 bytes each
SHEETS = "xl/worksheets/"
COLUMN, ROW = re.compile(rb"""\br=["']([A-Z]{1,3})[0-9]"""), re.compile(rb"""\br=["'][A-Z]{1,3}([0-9]{1,7})["']""")
BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError)


def read_sheets(paths: Sequence[Path], sheet: str, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Read ``columns`` of ``sheet`` (or of the only sheet) of each workbook as texts, null where a cell is empty.

    Refused, before the first is read: what is no whole archive, or is larger than ``MOST_MIB`` unpacked. Then: no
    such sheet, no such column.
    """
    for path in paths:
        if fault := _find_damage(path):
            raise UserError(f"{path} {fault}; save it again as .xlsx, or take it out of the folder")
    return (_read_sheet(path, sheet, columns) for path in paths)


def count_cells(sheet: bytes) -> int:
    """The cells of the rectangle up to the last row and column of a sheet: the library takes memory for each of them.

    >>> count_cells(b'<c r="A1"/><c r="AB2"/>')
    56
    """
    columns, rows = (set(pattern.findall(sheet)) for pattern in (COLUMN, ROW))
    widths = [functools.reduce(lambda number, letter: 26 * number + letter - 64, name, 0) for name in columns]
    return max(widths, default=0) * max(map(int, rows), default=0)


def _find_damage(path: Path) -> str | None:
    """What is wrong with the archive, of which nothing is kept: a broken download, or more than fits the memory."""
    try:
        size = path.stat().st_size
        if size <= MOST_MIB * MIB:
            with zipfile.ZipFile(path) as archive:
                size = sum(member.file_size for member in archive.infolist())
                if size <= MOST_MIB * MIB:
                    if damaged := archive.testzip():
                        return f"is damaged ({damaged!r} in it does not match its checksum)"
                    sheets = (archive.read(name) for name in archive.namelist() if name.startswith(SHEETS))
                    if (cells := max(map(count_cells, sheets), default=0)) > MOST_CELLS:
                        return f"has a cell far from all others: {cells:,} up to it, the limit is {MOST_CELLS:,}"
    except BROKEN as error:
        return f"is not a workbook ({error})"
    if size > MOST_MIB * MIB:
        return f"is {size / MIB:.1f} MiB unpacked, more than the {MOST_MIB} that is read"
    return None


def _read_sheet(path: Path, sheet: str, columns: Sequence[str]) -> pl.DataFrame:
    try:
        reader = fastexcel.read_excel(path)
        sheets = reader.sheet_names
        if sheet not in sheets and len(sheets) != 1:
            raise UserError(f"{path} has no sheet {sheet!r} but {len(sheets)} others; name the sheet {sheet!r}")
        loaded = reader.load_sheet(
            sheet if sheet in sheets else 0, dtypes="string", use_columns=lambda column: column.name.strip() in columns
        )
        frame = loaded.to_polars().rename(str.strip)
    except (fastexcel.FastExcelError, *UNREADABLE) as error:
        reason = describe_failure(error)
        raise UserError(f"{path} cannot be read as a workbook ({reason}); save it again as .xlsx") from error
    for name in columns:
        if name not in frame.columns:
            raise UserError(f"{path} has no column {name!r} on its first row; rename it, or download the file again")
    return frame.select(pl.col(*columns).cast(pl.String))
