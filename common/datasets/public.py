"""What public stand-ins share: a folder in a host's layout, made of a data set that anyone can download.

It is real behaviour with its truth, and never bears a simulation's report: no run takes its truth for one that may be
read.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import polars as pl

from common.datasets.simulated import written_at_once
from common.errors import UserError

MARKER = "standin.json"  # written last: a folder that has it is a stand-in, ours to replace
TRUTH = "truth.csv"
MAX_BYTES = 1 << 31  # more than any file of the public sets has; a larger one is not theirs


@dataclass(frozen=True)
class StandIn:
    """A finished stand-in: what it was made of, the rows of each part, the settings that its figures were made with.

    ``settings`` are words of ``--set``; ``submission`` is the file of a run that is scored.
    """

    source: str
    rows: Mapping[str, int]
    settings: Sequence[str]
    submission: str = "submission.csv"


class Field(NamedTuple):
    """A column of a public file: its name, what it holds, whether it may be blank, the least and largest value."""

    name: str
    dtype: type[pl.DataType]
    blank: bool = False
    low: float = 0
    high: float = 2**53


def laid_at_once(out: Path, ours: Collection[str]) -> AbstractContextManager[Path]:
    """A folder to write ``ours`` in, see ``written_at_once``; the host's own files are never replaced."""
    return written_at_once(out, ours, MARKER, "stand-in")


def write_marker(folder: Path, made: StandIn) -> None:
    """Mark a folder as a stand-in; the last file to be written."""
    (folder / MARKER).write_text(json.dumps(asdict(made), indent=2) + "\n", encoding="utf-8")


def find_file(folder: Path, places: Sequence[str], where: str) -> Path:
    """The first of ``places`` below ``folder`` that is a file; ``where`` tells where to get the data set."""
    if not folder.exists():
        raise UserError(f"There is no {folder}; {where}")
    found = next((folder / place for place in places if (folder / place).is_file()), None)
    if found is None:
        raise UserError(f"{places[0]} is missing from {folder}; {where}")
    return found


def read_bytes(path: Path, where: str, limit: int = MAX_BYTES) -> bytes:
    """A whole file of at most ``limit`` bytes."""
    try:
        if path.stat().st_size > limit:
            raise UserError(f"{path} is larger than {limit / 2**20:,.0f} MiB, so it is not the file meant; {where}")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; {where}") from error


def read_fields(path: Path, fields: Sequence[Field], where: str, content: bytes | None = None) -> pl.DataFrame:
    """Read columns of a CSV by name and cast them; other columns are not read. ``line`` (1-based) goes with each row.

    ``content`` stands for the file's bytes where they are not on disk as such. A value that does not fit its field is a
    ``UserError`` with its line.
    """
    source = read_bytes(path, where) if content is None else content
    if b"\x00" in source[:4096]:
        raise UserError(f"{path} is no text but a binary or compressed file; unpack it first")
    try:
        names = pl.read_csv(source.split(b"\n", 1)[0], has_header=False, infer_schema=False).row(0) if source else ()
        missing = [field.name for field in fields if field.name not in names]
        if missing:
            raise UserError(f"{path}, line 1: the header lacks {', '.join(missing)}; {where}")
        text = pl.read_csv(source, columns=[field.name for field in fields], infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise UserError(f"{path} cannot be read as CSV ({str(error).splitlines()[0]}); {where}") from error
    text = text.with_row_index("line", offset=2)
    return text.select(pl.col("line").cast(pl.Int64), *(_cast(path, text, field, where) for field in fields))


def _cast(path: Path, text: pl.DataFrame, field: Field, where: str) -> pl.Series:
    cells = text[field.name].str.strip_chars()
    if field.dtype == pl.String:
        value, bad = cells, pl.Series([False]).new_from_index(0, len(cells))
    else:
        number = cells.cast(pl.Float64, strict=False)
        value = _to_whole(cells, number) if field.dtype == pl.Int64 else number
        bad = (cells != "").fill_null(False) & ~value.is_between(field.low, field.high).fill_null(False)
    bad = bad.fill_null(False)
    if not field.blank:
        bad |= value.is_null() | (cells == "").fill_null(True)
    if bad.any():
        row = int(bad.arg_max() or 0)
        told = "blank" if not cells[row] else f"{cells[row][:40]!r}, not {_expect(field)}"
        raise UserError(f"{path}, line {text['line'][row]}: {field.name} is {told}; {where}")
    return value.rename(field.name)


def _to_whole(cells: pl.Series, number: pl.Series) -> pl.Series:
    """Whole numbers, those written as 17200.0 too; null for others."""
    whole = pl.Series(number.set(number.fill_nan(None) != number.floor(), None)).cast(pl.Int64, strict=False)
    return cells.cast(pl.Int64, strict=False).zip_with(cells.str.contains(r"^[+-]?[0-9]+$").fill_null(False), whole)


def _expect(field: Field) -> str:
    kind = "a whole number" if field.dtype == pl.Int64 else "a number"
    return f"{kind} from {field.low:g} to {field.high:g}"
