"""Read columns of one sheet of each workbook (.xlsx) as texts; no formula is evaluated, no link followed."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import fastexcel
import polars as pl

from common.engine.errors import UserError
from common.io.files import UNREADABLE, describe_failure

BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError)


def read_sheets(paths: Sequence[Path], sheet: str, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Read ``columns`` of ``sheet`` (or of the only sheet) of each workbook as texts, null where a cell is empty.

    Refused, before the first is read: what is no whole archive. Then: no such sheet, no such column.
    """
    for path in paths:
        if fault := _find_damage(path):
            raise UserError(f"{path} {fault}; save it again as .xlsx, or take it out of the folder")
    return (_read_sheet(path, sheet, columns) for path in paths)


def _find_damage(path: Path) -> str | None:
    """What is wrong with the archive: most often a download that broke off."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except BROKEN as error:
        return f"is not a workbook ({error})"
    return f"is damaged ({damaged!r} in it does not match its checksum)" if damaged else None


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
