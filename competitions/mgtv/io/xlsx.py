"""Open a workbook (.xlsx) that nobody vouches for, and read columns of one sheet as texts.

Cells are read as they are stored: no formula is evaluated, no link followed. The archive is judged before it is opened.
"""

import copy
import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import fastexcel
import polars as pl

from common.errors import UserError

MIB = 1 << 20
MEMBERS_MAX = 1000
MEMBERS = ("[Content_Types].xml", "_rels/", "docProps/", "docMetadata/", "customXml/", "xl/")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
SHEETS = "xl/worksheets/"
# A sheet is laid out as a full rectangle: one cell far to the right of a million rows would take all memory.
FAR_CELL = re.compile(rb"""\sr=["'][A-Z]{2,3}[0-9]""")
CELL_BYTES = 8  # more than the start of such a cell
ENCRYPTED = 1  # the bit in a member's flags
BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError)


def read_sheet(path: Path, sheet: str, columns: Sequence[str], most_mib: float) -> pl.DataFrame:
    """Read ``columns`` of ``sheet`` (or of the only sheet) as texts, null where a cell is empty.

    Refused: what is no workbook, or holds more than ``most_mib`` MiB unpacked; no such sheet, no such column.
    """
    refuse_other_archives(path, most_mib)
    try:
        reader = fastexcel.read_excel(path)
        sheets = reader.sheet_names
        if sheet not in sheets and len(sheets) != 1:
            raise UserError(f"{path} has no sheet {sheet!r} but {len(sheets)} others; name the sheet {sheet!r}")
        loaded = reader.load_sheet(
            sheet if sheet in sheets else 0, dtypes="string", use_columns=lambda column: column.name.strip() in columns
        )
        frame = loaded.to_polars()
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise UserError(f"{path} cannot be read as a workbook ({reason}); save it again as .xlsx") from error
    frame = frame.rename(str.strip)
    for name in columns:
        if name not in frame.columns:
            raise UserError(f"{path} lacks the column {name!r} on its first row; rename it, or download the file again")
    return frame.select(pl.col(*columns).cast(pl.String))


def refuse_other_archives(path: Path, most_mib: float) -> None:
    """Refuse a file that is no plain workbook, or one that unpacks to more than it may or than it says."""
    try:
        with zipfile.ZipFile(path) as archive:
            fault = _find_fault(archive, most_mib)
    except BROKEN as error:
        fault = f"is not a workbook ({error})"
    if fault:
        raise UserError(f"{path} {fault}; save it again as .xlsx, or take it out of the folder")


def _find_fault(archive: zipfile.ZipFile, most_mib: float) -> str | None:
    members = archive.infolist()
    if len(members) > MEMBERS_MAX:
        return f"holds {len(members)} parts, more than the {MEMBERS_MAX} of any plain workbook"
    for member in members:
        if member.flag_bits & ENCRYPTED:
            return f"is encrypted ({member.filename!r})"
        if not member.filename.startswith(MEMBERS) or ".." in member.filename:
            return f"is not a workbook: it holds {member.filename[:60]!r}"
        if member.compress_type not in METHODS:
            return f"is packed in a way that workbooks are not ({member.filename!r})"
    names = [member.filename for member in members]
    if "xl/workbook.xml" not in names:
        return "is not a workbook: it lacks xl/workbook.xml"
    if len(set(names)) < len(names):
        return "is not a workbook: two of its parts have one name"
    unpacked = sum(member.file_size for member in members)
    if unpacked > most_mib * MIB:
        return f"unpacks to {unpacked / MIB:.1f} MiB, more than the {most_mib:g} of host.comment_mib"
    return next((fault for member in members if (fault := _find_fault_inside(archive, member))), None)


def _find_fault_inside(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str | None:
    """Unpack a member, keeping nothing: does it end where its size says, and do its cells keep to the left?"""
    longer = copy.copy(member)
    longer.file_size += 1  # so that one more byte would be read where there is one
    left, rest = member.file_size, b""
    with archive.open(longer) as part:
        while piece := part.read(MIB):
            left -= len(piece)
            if FAR_CELL.search(rest + piece) and member.filename.startswith(SHEETS):
                return f"has a cell to the right of column Z ({member.filename!r})"
            rest = (rest + piece)[-CELL_BYTES:]
    return f"unpacks to another size than it says ({member.filename!r})" if left else None
