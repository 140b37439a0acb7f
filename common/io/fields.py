"""Read named columns of a CSV whole, typed; what does not fit is one sentence with its line."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from common.engine.errors import UserError
from common.io.files import UNREADABLE, describe_failure
from common.io.tables import read_csv

ZIP, GZIP = b"PK\x03\x04", b"\x1f\x8b"
KINDS: dict[type[pl.DataType], str] = {
    pl.Int32: "a whole number of 32 bits",
    pl.Int64: "a whole number",
    pl.Float64: "a number",
}
UNREADABLE_ARCHIVE = (OSError, EOFError, zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error)


class Field(NamedTuple):
    """A column of a file: its name, what it holds, whether it may be blank."""

    name: str
    dtype: type[pl.DataType]
    blank: bool = False


def read_bytes(path: Path, hint: str, member: str = "") -> bytes:
    """A whole file; of a zip archive the ``member``, where one is named; unpacked where it is gzipped."""
    try:
        content = path.read_bytes()
        if member and content.startswith(ZIP):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                content = archive.read(member)
        return gzip.decompress(content) if content.startswith(GZIP) else content
    except KeyError as error:
        raise UserError(f"{path} does not contain {member}; {hint}") from error
    except UNREADABLE_ARCHIVE as error:
        raise UserError(f"{path} cannot be read ({describe_failure(error)}); {hint}") from error


def read_fields(
    path: Path, fields: Sequence[Field], hint: str, member: str = "", key: str = "", separator: str = ","
) -> pl.DataFrame:
    """Read columns of a table by name and cast them; other columns are not read. ``line`` (1-based) goes with each row.

    ``member`` is that of ``read_bytes``; a value of the column ``key`` stands once. Cells between tabs have no quotes.
    Where the first row has none of the names it is no header: the table has these columns, in their order. What does
    not fit is a ``UserError`` with its line.
    """
    source = read_bytes(path, hint, member)
    if b"\x00" in source[:4096]:
        raise UserError(f"{path} is a binary or compressed file, not text; unpack it first")
    read = partial(read_csv, infer_schema=False, separator=separator, quote_char='"' if separator == "," else None)
    names = [field.name for field in fields]
    try:
        first = read(source.split(b"\n", 1)[0].strip(), has_header=False).row(0) if source else ()
        missing = [name for name in names if name not in first]
        headed = separator == "," or missing != names or len(first) != len(names)
        if missing and headed:
            raise UserError(f"{path}, line 1: the header has no {', '.join(missing)}; {hint}")
        text = read(source, columns=names) if headed else read(source, has_header=False, new_columns=names)
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read as CSV ({describe_failure(error)}); {hint}") from error
    text = text.with_row_index("line", offset=1 + headed).filter(~pl.all_horizontal(pl.col(names).is_null()))
    frame = text.select(pl.col("line").cast(pl.Int64), *(_cast(path, text, field, hint) for field in fields))
    repeated = frame.filter(pl.col(key).is_duplicated()).sort(key, "line") if key else frame.clear()
    if repeated.height:
        raise UserError(f"{path}, line {repeated['line'][1]}: {key} {repeated[key][0]} is there twice; {hint}")
    return frame


def _cast(path: Path, text: pl.DataFrame, field: Field, hint: str) -> pl.Series:
    cells = text[field.name].str.strip_chars()
    whole = cells.str.replace(r"\.0+$", "") if field.dtype.is_integer() else cells  # 17200.0 is a whole number
    values = whole.cast(field.dtype, strict=False)
    values = values.fill_nan(None) if field.dtype == pl.Float64 else values
    blank = cells.fill_null("") == ""
    bad = (values.is_null() & ~blank) | (blank & (not field.blank))
    if bad.any():
        row = int(bad.arg_max() or 0)
        fault = "blank" if blank[row] else f"{cells[row][:40]!r}, not {KINDS[field.dtype]}"
        raise UserError(f"{path}, line {text['line'][row]}: {field.name} is {fault}; {hint}")
    return values.rename(field.name)
