"""Open workbooks (.xlsx) that nobody vouches for, and read columns of one sheet of each as texts.

Cells are read as they are stored: no formula is evaluated, no link followed. An archive is judged before it is opened;
then another process reads it, which may take so much memory and time and no more. For what a sheet says of itself
decides how much memory its rectangle of cells takes, a few bytes being enough to ask for all there is, and a library
that is denied memory ends its process.
"""

import contextlib
import copy
import io
import os
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import fastexcel
import msgspec
import polars as pl
import psutil

from common.errors import UserError
from common.pipeline.code_fingerprint import PROJECT_ROOT

MIB = 1 << 20
MEMBERS_MAX = 1000
MEMBERS = ("[Content_Types].xml", "_rels/", "docProps/", "docMetadata/", "customXml/", "xl/")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
SHEETS = "xl/worksheets/"
# A sheet is laid out as a full rectangle: one cell far to the right of a million rows would take all memory. This
# names the usual case; whatever else asks for as much meets the limit of the process.
FAR_CELL = re.compile(rb"""\sr\s{0,2}=\s{0,2}["'][A-Za-z]{2}""")
CELL_BYTES = 16  # more than the start of such a cell
ENCRYPTED = 1  # the bit in a member's flags
BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError)
# A sheet of 600,000 comments takes 3 bytes of memory for each that it unpacks to.
READING_MIB, READING_FACTOR = 1024, 8
READING_S = 120  # of one workbook; 256 MiB of plain cells take a tenth


class Request(msgspec.Struct, frozen=True):
    """What the reading process is to do; ``most_mib``: of memory, above what it has at its start; ``most_s``: of work
    on one workbook.
    """

    paths: list[bytes]
    sheet: str
    columns: list[str]
    most_mib: float
    most_s: int


class Answer(msgspec.Struct, frozen=True):
    """What it says of one workbook: ``fault``, or how many ``size`` bytes of Arrow data follow."""

    size: int = 0
    fault: str | None = None


def read_sheets(paths: Sequence[Path], sheet: str, columns: Sequence[str], most_mib: float) -> Iterator[pl.DataFrame]:
    """Read ``columns`` of ``sheet`` (or of the only sheet) of each workbook as texts, null where a cell is empty.

    Refused: what is no workbook, or holds more than ``most_mib`` MiB unpacked; no such sheet, no such column.
    """
    for path in paths:
        refuse_other_archives(path, most_mib)
    if not paths:
        return
    memory = READING_MIB + READING_FACTOR * most_mib
    request = Request([os.fsencode(path.absolute()) for path in paths], sheet, list(columns), memory, READING_S)
    with _reading_process(request) as answers:
        for path in paths:
            line = answers.readline()
            answer = msgspec.json.decode(line, type=Answer) if line else Answer()
            if answer.fault:
                raise UserError(f"{path} {answer.fault}")
            data = answers.read(answer.size)
            if not data or len(data) < answer.size:
                raise UserError(
                    f"{path} cannot be read as a workbook (it ends the process that reads it, or asks for more than"
                    f" {memory / 1024:.1f} GiB of memory or {READING_S} s); save it again as .xlsx, or take it"
                    " out of the folder"
                )
            yield pl.read_ipc(io.BytesIO(data))


@contextlib.contextmanager
def _reading_process(request: Request) -> Iterator[IO[bytes]]:
    """What ``answer_request`` writes in a process of its own, which is ended with the block."""
    code = f"from {__name__} import {answer_request.__name__} as answer; answer()"
    environment = os.environ | {"POLARS_MAX_THREADS": "1"}  # every thread would take its share of the memory
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=PROJECT_ROOT,
        env=environment,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            with contextlib.suppress(BrokenPipeError), process.stdin:
                process.stdin.write(msgspec.json.encode(request))
            yield process.stdout
        finally:
            process.kill()


def answer_request() -> None:
    """The reading process: a ``Request`` on stdin; on stdout an ``Answer``, a line, and its data for each workbook."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    _limit_memory(request.most_mib)
    for path in request.paths:
        _limit_time(request.most_s)
        frame, data = _read_sheet(Path(os.fsdecode(path)), request.sheet, request.columns), io.BytesIO()
        if isinstance(frame, pl.DataFrame):
            frame.write_ipc(data)
            answer = Answer(size=data.tell())
        else:
            answer = Answer(fault=frame)
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.write(data.getbuffer())
        sys.stdout.buffer.flush()


def _limit_memory(most_mib: float) -> None:
    """Let this process have ``most_mib`` MiB more address space; where the system cannot, the other checks remain."""
    import resource

    most = psutil.Process().memory_info().vms + int(most_mib * MIB)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time(most_s: int) -> None:
    """Let this process work for ``most_s`` more: thousands of columns of nothing fit the memory and take hours."""
    import resource

    used = psutil.Process().cpu_times()
    with contextlib.suppress(OSError, ValueError):
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.user + used.system) + most_s, hard))


def _read_sheet(path: Path, sheet: str, columns: Sequence[str]) -> pl.DataFrame | str:
    """The columns, or what is wrong with the workbook."""
    try:
        reader = fastexcel.read_excel(path.read_bytes())
        sheets = reader.sheet_names
        if sheet not in sheets and len(sheets) != 1:
            return f"has no sheet {sheet!r} but {len(sheets)} others; name the sheet {sheet!r}"
        loaded = reader.load_sheet(
            sheet if sheet in sheets else 0, dtypes="string", use_columns=lambda column: column.name.strip() in columns
        )
        frame = loaded.to_polars().rename(str.strip)
    except (OSError, fastexcel.FastExcelError, pl.exceptions.PolarsError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        return f"cannot be read as a workbook ({reason}); save it again as .xlsx"
    for name in columns:
        if name not in frame.columns:
            return f"lacks the column {name!r} on its first row; rename it, or download the file again"
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
