"""What public data sets in a host's layout ("stand-ins") share: real behaviour, with its truth, that anyone can get.

Such a folder never bears a simulation's report: no run takes its truth for one that may be read.
"""

import gzip
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from common.day.hosts import MARKER as MARKER
from common.day.hosts import TRUTH as TRUTH
from common.day.hosts.simulated import written_at_once
from common.engine.errors import UserError
from common.io.files import UNREADABLE, describe_failure
from common.io.tables import read_csv

ZIP, GZIP = b"PK\x03\x04", b"\x1f\x8b"
KINDS: dict[type[pl.DataType], str] = {pl.Int64: "a whole number", pl.Float64: "a number"}
UNREADABLE_ARCHIVE = (OSError, EOFError, zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error)


@dataclass(frozen=True)
class PublicDataset:
    """A converted data set: what it was made of, the rows of each part, and the file of a run that is scored."""

    source: str
    rows: Mapping[str, int]
    submission: str = "submission.csv"


class Field(NamedTuple):
    """A column of a public file: its name, what it holds, whether it may be blank."""

    name: str
    dtype: type[pl.DataType]
    blank: bool = False


@contextmanager
def dataset_folder(out: Path, dataset: PublicDataset, names: Collection[str]) -> Iterator[Path]:
    """A folder to write the truth and ``names`` in, see ``written_at_once``; the marker is written when the block ends.

    The host's own files are never replaced.
    """
    with written_at_once(out, {*names, TRUTH}, MARKER, "stand-in") as folder:
        yield folder
        (folder / MARKER).write_text(json.dumps(asdict(dataset), indent=2) + "\n", encoding="utf-8")


def write_dataset(out: Path, dataset: PublicDataset, tables: Mapping[str, pl.DataFrame]) -> PublicDataset:
    """Write tables by path, each as the end of its name says, the truth among them, into a ``dataset_folder``."""
    with dataset_folder(out, dataset, {Path(name).parts[0] for name in tables}) as folder:
        for name, frame in tables.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write = frame.write_parquet if name.endswith(".parquet") else frame.write_csv
            write(folder / name)
    return dataset


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


def read_bytes(path: Path, hint: str, member: str = "") -> bytes:
    """A whole file; of a zip archive the ``member``, where one is named; unpacked where it is gzipped."""
    try:
        content = path.read_bytes()
        if member and content.startswith(ZIP):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                content = archive.read(member)
        return gzip.decompress(content) if content.startswith(GZIP) else content
    except KeyError as error:
        raise UserError(f"{path} does not hold {member}; {hint}") from error
    except UNREADABLE_ARCHIVE as error:
        raise UserError(f"{path} cannot be read ({describe_failure(error)}); {hint}") from error


def read_fields(
    path: Path, fields: Sequence[Field], hint: str, member: str = "", key: str = "", separator: str = ","
) -> pl.DataFrame:
    """Read columns of a table by name and cast them; other columns are not read. ``line`` (1-based) goes with each row.

    ``member`` is that of ``read_bytes``; a value of the column ``key`` stands once. Cells between tabs have no quotes.
    A first row with none of the names is no header: the table has these columns, in their order. What does not fit is a
    ``UserError`` with its line.
    """
    source = read_bytes(path, hint, member)
    if b"\x00" in source[:4096]:
        raise UserError(f"{path} is no text but a binary or compressed file; unpack it first")
    read = partial(read_csv, infer_schema=False, separator=separator, quote_char='"' if separator == "," else None)
    names = [field.name for field in fields]
    try:
        first = read(source.split(b"\n", 1)[0].strip(), has_header=False).row(0) if source else ()
        missing = [name for name in names if name not in first]
        headed = missing != names or len(first) != len(names)
        if missing and headed:
            raise UserError(f"{path}, line 1: the header lacks {', '.join(missing)}; {hint}")
        text = read(source, columns=names) if headed else read(source, has_header=False, new_columns=names)
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read as CSV ({describe_failure(error)}); {hint}") from error
    text = text.with_row_index("line", offset=1 + headed).filter(~pl.all_horizontal(pl.col(names).is_null()))
    frame = text.select(pl.col("line").cast(pl.Int64), *(_cast(path, text, field, hint) for field in fields))
    repeated = frame.filter(pl.col(key).is_duplicated()).sort(key, "line") if key else frame.clear()
    if repeated.height:
        raise UserError(f"{path}, line {repeated['line'][1]}: {key} {repeated[key][0]} stands there twice; {hint}")
    return frame


def _cast(path: Path, text: pl.DataFrame, field: Field, hint: str) -> pl.Series:
    cells = text[field.name].str.strip_chars()
    whole = cells.str.replace(r"\.0+$", "") if field.dtype == pl.Int64 else cells  # 17200.0 is a whole number
    values = whole.cast(field.dtype, strict=False)
    values = values.fill_nan(None) if field.dtype == pl.Float64 else values
    blank = cells.fill_null("") == ""
    bad = (values.is_null() & ~blank) | (blank & (not field.blank))
    if bad.any():
        row = int(bad.arg_max() or 0)
        fault = "blank" if blank[row] else f"{cells[row][:40]!r}, not {KINDS[field.dtype]}"
        raise UserError(f"{path}, line {text['line'][row]}: {field.name} is {fault}; {hint}")
    return values.rename(field.name)
