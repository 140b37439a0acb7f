"""Write a submission so that no half of it is ever taken for the whole, read it back from disk, and check it by rules.

A rule is a sentence and an expression that marks the rows that break it; what a broken rule leaves is a ``Violation``.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import polars as pl

from common.engine.errors import UserError
from common.io.column import Column, as_it_stands
from common.io.csv import BYTE_ORDER_MARK, CsvFile, find_invalid_utf8, find_misshapen, split_lines
from common.io.lock import clear_drafts, name_draft
from common.io.tables import read_csv

ROWS_SHOWN = 3
# What every parser reads as the same number. Of +5, 05 and " 5" the host's may make a text, an octal number or nothing.
WHOLE = r"^(0|-?[1-9][0-9]*)$"
ENDS_A_FIELD = r'[",\r\n]'
NAME_IT = "name the submission file to check"


class Violation(NamedTuple):
    """A broken rule: its sentence, how many rows or ids break it (``broken``), and the first of them as text."""

    rule: str
    broken: int
    first: tuple[str, ...]


class Checked(NamedTuple):
    """A submission that passed: its file, its number of rows, and the rules that were verified."""

    path: Path
    rows: int
    rules: tuple[str, ...]


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> Path:
    """Have ``write``, such as a frame's ``write_csv``, fill a file: ``path`` holds the old one or the new, whole."""
    part = path.with_name(name_draft(path.name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_drafts(path.parent)
        try:
            with part.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{path} cannot be written: {reason}; free some space or name another folder") from error
    return path


def write_bytes(path: Path, content: bytes) -> Path:
    """Write bytes in the same way."""
    return write_whole(path, lambda file: file.write(content))


def read_back(path: Path, header: Sequence[str]) -> pl.DataFrame:
    """Read a submission from disk as text: the columns of ``header`` and ``line``, 1-based in the file.

    Refused: no file, no row, bytes that are not UTF-8, a byte-order mark, another header, a row of another width, a
    carriage return that ends no line, a last line without its end. A quote is a character like any other: a submission
    holds ids and numbers.
    """
    text = _read_utf8(path)
    first, _, body = text.partition(b"\n")
    if first.rstrip(b"\r") != ",".join(header).encode():
        start = first[:120].decode(errors="replace").rstrip("\r")
        raise UserError(f"{path}, line 1: the header is {start!r}; it must be exactly {','.join(header)!r}")
    if not body.strip():
        raise UserError(f"{path} has a header but no rows")
    if not body.endswith(b"\n"):
        raise UserError(f"{path}: the last line has no line end, so the file may be incomplete; write it again")
    # polars fills a short row with blanks in silence; pandas ends a line at a carriage return, polars drops it.
    if misshapen := find_misshapen(split_lines(body), len(header), quotes=False):
        raise UserError(f"{path}, line {misshapen[0] + 2}: {misshapen[1]}; save the file as plain CSV")
    frame = read_csv(text, infer_schema=False, empty_string_is_null=False, quote_char=None)
    return frame.with_row_index("line", offset=2)


def _read_utf8(path: Path) -> bytes:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; {NAME_IT}") from error
    if not text:
        raise UserError(f"{path} is empty (0 bytes)")
    if text.startswith(BYTE_ORDER_MARK):
        raise UserError(f"{path}, line 1: there is a byte-order mark before the header; save the file as plain UTF-8")
    if invalid := find_invalid_utf8(text):
        raise UserError(f"{path}, line {invalid[0] + 1}: bytes that are not UTF-8; save the file as plain UTF-8")
    return text


def refuse_unwritable(ids: pl.Series, where: str) -> None:
    """Stop at ids that a submission could not name: whoever reads it splits its lines at every comma."""
    odd = ids.filter(ids.str.contains(ENDS_A_FIELD))
    if len(odd):
        raise UserError(
            f"{where}: {odd[0]!r} has a comma, a quote or a line break, which no line of a submission can hold;"
            " download the file again"
        )


def find_rows(frame: pl.DataFrame, rule: str, broken: pl.Expr) -> list[Violation]:
    """List the rows that ``broken`` marks: at most one violation.

    The first column of ``frame`` identifies a row to a person (``line``, from ``read_back``); the others are the row.
    """
    label = frame.columns[0]
    rows = frame.filter(broken)
    texts = (f"{label} {row[0]}: {','.join(map(str, row[1:]))!r}" for row in rows.head(ROWS_SHOWN).iter_rows())
    return [Violation(rule, rows.height, tuple(texts))] if rows.height else []


def are_whole(*columns: str) -> pl.Expr:
    """Whether the texts of all these columns are whole numbers of 64 bits in their plain form.

    >>> frame = pl.DataFrame({"a": ["-5", "0", "+5", "05", " 5", "5.0", "", "9" * 19]})
    >>> frame.select(are_whole("a"))["a"].to_list()
    [True, True, False, False, False, False, False, False]
    """
    fits = pl.col(columns).cast(pl.Int64, strict=False).is_not_null()
    return pl.all_horizontal(pl.col(columns).str.contains(WHOLE) & fits)


def find_ids(ids: pl.Series, rule: str) -> list[Violation]:
    """List ids that break a rule about the whole file (a missing user): at most one violation."""
    first = tuple(str(value) for value in ids.unique().sort().head(ROWS_SHOWN))
    return [Violation(rule, ids.n_unique(), first)] if len(ids) else []


def find_moved(ids: pl.Series, expected: pl.Series, rule: str, label: str, numbers: pl.Series) -> list[Violation]:
    """Ids that are missing, unknown or out of order; repeated ones are another rule's. At most one violation.

    A row is named by ``label`` and its entry in ``numbers`` ("line 7").
    """
    missing, extra = expected.filter(~expected.is_in(ids.implode())), ids.filter(~ids.is_in(expected.implode()))
    if len(missing) or len(extra):
        first = [f"missing {name}" for name in missing.head(2)] + [f"unknown {name}" for name in extra.unique().head(2)]
        return [Violation(rule, len(missing) + len(extra), tuple(first))]
    if ids.n_unique() < len(ids) or not len(moved := (ids != expected).arg_true()):
        return []
    row = moved[0]
    first_moved = f"{label} {numbers[row]}: {ids[row]} where {expected[row]} is expected"
    return [Violation(rule, len(moved), (first_moved, "all are there, but in the wrong order"))]


def read_truth(truth: Path, columns: Mapping[str, type[pl.DataType]], key: str) -> pl.DataFrame:
    """The answers of a truth file: ``columns`` in their types, one row a ``key``. ``UserError`` for anything else."""
    read = [Column(name, dtype, parse=as_it_stands if dtype == pl.String else None) for name, dtype in columns.items()]
    return CsvFile(truth, read, "name the truth file").read(key).frame.drop("line")


def refuse(path: Path, violations: Sequence[Violation]) -> None:
    """Raise a ``UserError`` that names every broken rule and the first rows that break it; pass where there is none."""
    sentences = [
        f"'{rule}' is broken {broken} time(s), first: {'; '.join(first)}" for rule, broken, first in violations
    ]
    if sentences:
        raise UserError(f"{path} is not a valid submission: {'. '.join(sentences)}")
