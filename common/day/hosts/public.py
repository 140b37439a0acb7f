"""What public data sets in a host's layout ("stand-ins") share: real behaviour, with its truth, that anyone can get.

Such a folder never bears a simulation's report: no run takes its truth for one that may be read.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import polars as pl

from common.day.hosts import MARKER as MARKER
from common.day.hosts import TRUTH as TRUTH
from common.engine.errors import UserError
from common.io.files import UNREADABLE, describe_failure
from common.io.tables import read_csv
from common.simulation.writer import written_at_once


@dataclass(frozen=True)
class PublicDataset:
    """A converted data set: what it was made of, the rows of each part, and the file of a run that is scored."""

    source: str
    rows: Mapping[str, int]
    submission: str = "submission.csv"


class Field(NamedTuple):
    """A column of a public file: its name, what it holds, whether it may be blank, the least and largest value."""

    name: str
    dtype: type[pl.DataType]
    blank: bool = False
    low: float = 0
    high: float = 2**53


@contextmanager
def dataset_folder(out: Path, dataset: PublicDataset, names: Collection[str]) -> Iterator[Path]:
    """A folder to write the truth and ``names`` in, see ``written_at_once``; the marker is written when the block ends.

    The host's own files are never replaced.
    """
    with written_at_once(out, {*names, TRUTH}, MARKER, "stand-in") as folder:
        yield folder
        (folder / MARKER).write_text(json.dumps(asdict(dataset), indent=2) + "\n", encoding="utf-8")


def hash_ids(prefix: str, ids: Iterable[object]) -> list[str]:
    """Ids of 32 hexadecimal digits, as hosts have them, that say nothing of the order."""
    return [hashlib.md5(f"{prefix}{one}".encode(), usedforsecurity=False).hexdigest() for one in ids]


def find_file(folder: Path, names: Sequence[str], hint: str) -> Path:
    """The first of ``names`` below ``folder`` that is a file; ``hint`` says where to get the data set."""
    if not folder.exists():
        raise UserError(f"There is no {folder}; {hint}")
    path = next((folder / name for name in names if (folder / name).is_file()), None)
    if path is None:
        raise UserError(f"{names[0]} is missing from {folder}; {hint}")
    return path


def read_bytes(path: Path, hint: str) -> bytes:
    """A whole file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; {hint}") from error


def read_fields(path: Path, fields: Sequence[Field], hint: str, content: bytes | None = None) -> pl.DataFrame:
    """Read columns of a CSV by name and cast them; other columns are not read. ``line`` (1-based) goes with each row.

    ``content`` stands for the file's bytes where they are not on disk as such. A value that does not fit its field is a
    ``UserError`` with its line.
    """
    source = read_bytes(path, hint) if content is None else content
    if b"\x00" in source[:4096]:
        raise UserError(f"{path} is no text but a binary or compressed file; unpack it first")
    try:
        names = read_csv(source.split(b"\n", 1)[0], has_header=False, infer_schema=False).row(0) if source else ()
        missing = [field.name for field in fields if field.name not in names]
        if missing:
            raise UserError(f"{path}, line 1: the header lacks {', '.join(missing)}; {hint}")
        text = read_csv(source, columns=[field.name for field in fields], infer_schema=False)
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read as CSV ({describe_failure(error)}); {hint}") from error
    text = text.with_row_index("line", offset=2)
    return text.select(pl.col("line").cast(pl.Int64), *(_cast(path, text, field, hint) for field in fields))


def _cast(path: Path, text: pl.DataFrame, field: Field, hint: str) -> pl.Series:
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
        fault = "blank" if not cells[row] else f"{cells[row][:40]!r}, not {_describe_range(field)}"
        raise UserError(f"{path}, line {text['line'][row]}: {field.name} is {fault}; {hint}")
    return value.rename(field.name)


def _to_whole(cells: pl.Series, number: pl.Series) -> pl.Series:
    """Whole numbers, those written as 17200.0 too; null for others."""
    whole = pl.Series(number.set(number.fill_nan(None) != number.floor(), None)).cast(pl.Int64, strict=False)
    return cells.cast(pl.Int64, strict=False).zip_with(cells.str.contains(r"^[+-]?[0-9]+$").fill_null(False), whole)


def _describe_range(field: Field) -> str:
    kind = "a whole number" if field.dtype == pl.Int64 else "a number"
    return f"{kind} from {field.low:g} to {field.high:g}"
