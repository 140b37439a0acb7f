"""Read columns of a CSV by name, in their types and in bounded memory; what does not fit is one sentence with its line.

A file is read in blocks of whole lines. The shape of the lines is checked first, since polars fills up a short one in
silence; then their cells are read as texts and cast, so that a row of the frame is a line of the file.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO, NamedTuple, NoReturn

import polars as pl

from common.engine.errors import UserError
from common.io.column import NULL_WORD, READ_AS_BLANK, Column, cast_cells, describe_fault
from common.io.files import UNREADABLE, describe_failure
from common.io.notes import Note
from common.io.tables import read_csv

BLOCK_BYTES = 1 << 24
HEADER_BYTES = 1 << 16
COMPRESSED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
IN_QUOTES = r'"[^"]*"'  # a doubled quote inside ends one such piece and begins the next
ADVICE = "correct it, or download the file again"


class Block(NamedTuple):
    """Rows of a file, cast, behind their ``line`` (1-based in the file); how many blank lines, rows that were left out
    and words for nothing stood among them.
    """

    frame: pl.DataFrame
    blank: int
    left_out: int
    null_words: int


class Header(NamedTuple):
    """The ``names`` of all columns, the offset and the number of the first line below, and what to note of it."""

    names: list[str]
    offset: int
    line: int
    notes: tuple[Note, ...]


class CsvTable(NamedTuple):
    """``frame``: ``line`` and the columns by their names, in file order; ``notes``: what a rule settled among the rows,
    ``header_notes``: above them.
    """

    frame: pl.DataFrame
    notes: tuple[Note, ...]
    header_notes: tuple[Note, ...]


@dataclass(frozen=True)
class CsvFile:
    """A CSV and the ``columns`` to read of it, found by name; ``UserError`` for whatever does not fit them.

    ``advice`` ends a refusal. ``nulls``: the words for nothing in columns that may be blank. ``content``: the file as
    unpacked, where that at ``path`` is packed. Cells between tabs have no quotes; where the first row of such a table
    has none of the names, it is no header, and the table has these columns in their order.
    """

    path: Path
    columns: Sequence[Column]
    advice: str = ADVICE
    nulls: Sequence[str] = ("",)
    separator: str = ","
    content: bytes | None = None

    def read(self, key: str = "", may_be_empty: bool = False) -> CsvTable:
        """Read all rows; a value of the column ``key`` stands once."""
        header, blocks = self.read_header(), list(self.read_blocks())
        frame = pl.concat([block.frame for block in blocks])
        keys = " or ".join(column.header for column in self.columns if column.blank == "left out")
        _, *counts = zip(*blocks, strict=True)
        blank, left_out, words = map(sum, counts)
        if left_out and frame.is_empty():
            raise UserError(f"{self.path}: {keys} is blank in every row; {self.advice}")
        if frame.is_empty() and not may_be_empty:
            raise UserError(f"{self.path} has a header but no rows; {self.advice}")
        if key:
            refuse_repeated(self.path, frame, key, self.advice)
        settled = (
            Note(self.path.name, "blank line", blank, "skipped"),
            Note(self.path.name, f"row whose {keys} is blank", left_out, "left out"),
            Note(self.path.name, NULL_WORD, words, READ_AS_BLANK),
        )
        return CsvTable(frame, tuple(note for note in settled if note.rows), header.notes)

    def read_header(self) -> Header:
        """Read the first line; refuses what is no CSV, and a header without one of the columns or with two of it."""
        try:
            with self._open() as file:
                line = file.readline(HEADER_BYTES)
        except OSError as error:
            raise UserError(f"{self.path} cannot be read: {error.strerror}; {self.advice}") from error
        if not line:
            raise UserError(f"{self.path} is empty (0 bytes); {self.advice}")
        if line.startswith(COMPRESSED):
            raise UserError(f"{self.path} is a compressed archive, not a CSV; unpack it first")
        if b"\r" in line.rstrip(b"\r\n") and b"\n" not in line:
            raise UserError(f"{self.path}: its lines end in carriage returns only; save it as CSV with line feeds")
        try:
            text = line.removeprefix(BYTE_ORDER_MARK).decode()
            cells = text.split("\t") if self.separator == "\t" else next(csv.reader([text], strict=True), [])
        except UnicodeDecodeError as error:
            raise UserError(f"{self.path}, line 1: the header is not UTF-8; save the file as UTF-8 CSV") from error
        except csv.Error:  # such as a quote that does not close
            self._refuse(1, "the header has a quote or a carriage return out of place")
        names, marked = [name.strip() for name in cells], line.startswith(BYTE_ORDER_MARK)
        headers = [column.header for column in self.columns]
        if self.separator == "\t" and len(names) == len(headers) and not set(names) & set(headers):
            return Header(headers, len(BYTE_ORDER_MARK) * marked, 1, ())
        self._check_names(names, headers)
        further = [name for name in names if name not in headers]
        notes = (
            Note(self.path.name, "byte-order mark before the header", int(marked), "skipped"),
            Note(self.path.name, f"further column ({_shorten(further)})", len(further), "not read"),
        )
        return Header(names, len(line), 2, tuple(note for note in notes if note.rows))

    def _check_names(self, names: list[str], headers: list[str]) -> None:
        lacking = [name for name in headers if name not in names]
        repeated = [name for name in headers if names.count(name) > 1]
        faults = [f"{verb} {_shorten(some)}" for verb, some in (("lacks", lacking), ("repeats", repeated)) if some]
        if faults:
            others = [name for name in names if name not in headers]
            near = get_close_matches(lacking[0], others, 1) if lacking else []
            hint = f" (the nearest other name is {near[0]!r})" if near else ""
            self._refuse(1, f"the header {' and '.join(faults)}{hint}; there is {_shorten(names, 9)}")

    def read_blocks(self) -> Iterator[Block]:
        """Yield the rows below the header, about ``BLOCK_BYTES`` of text a block; at least one block."""
        header = self.read_header()
        line, rest = header.line, b""
        with self._open() as file:
            file.seek(header.offset)
            while True:
                chunk = file.read(BLOCK_BYTES)
                whole, newline, rest = (rest + chunk).rpartition(b"\n") if chunk else (rest, b"", b"")
                text = whole + newline
                if text or line == header.line:
                    yield self._read_block(text, line, header.names)
                line += text.count(b"\n")
                if not chunk:
                    return

    def _read_block(self, text: bytes, first: int, names: list[str]) -> Block:
        """Cast whole lines; ``first``: the number of the first one in the file."""
        if invalid := find_invalid_utf8(text):
            self._refuse(first + invalid[0], f"bytes that are not UTF-8 ({invalid[1]!r}); save the file as UTF-8 CSV")
        lines = split_lines(text)
        is_filled = lines.str.contains(rf"[^\s{self.separator}]")
        numbers = pl.int_range(first, first + len(lines), dtype=pl.Int64, eager=True).alias("line").filter(is_filled)
        if misshapen := find_misshapen(lines.filter(is_filled), len(names), self.separator):
            self._refuse(numbers[misshapen[0]], misshapen[1])
        cells = self._parse(text, first, names)
        cells = cells if text else cells.clear()  # of a text without a line polars makes one
        if cells.height != len(lines):
            self._refuse(first, "from here on, rows and lines differ in number: check the quotes")
        cells = cells if is_filled.all() else cells.filter(is_filled)
        cast = [cast_cells(cells[column.header], column, self.nulls) for column in self.columns]
        if faults := [(unfit.arg_max() or 0, at) for at, (_, unfit, _) in enumerate(cast) if unfit is not None]:
            row, at = min(faults)
            self._refuse(numbers[row], describe_fault(self.columns[at], cells[self.columns[at].header][row]))
        # polars parses a block in pieces, each of which reserves more memory than it fills.
        frame = pl.DataFrame([numbers, *(values for values, _, _ in cast)]).rechunk()
        kept = frame.drop_nulls([column.label() for column in self.columns if column.blank == "left out"])
        blank = len(lines) - frame.height
        return Block(kept, blank, frame.height - kept.height, sum(words for _, _, words in cast))

    def _parse(self, text: bytes, first: int, names: list[str]) -> pl.DataFrame:
        """The cells of the columns, as texts under their headers."""
        read = sorted(names.index(column.header) for column in self.columns)
        texts = dict.fromkeys((str(at) for at in range(len(names))), pl.String)  # a name may stand twice
        try:
            cells = read_csv(
                text if text.endswith(b"\n") else text + b"\n",  # a quote at the very end may make polars panic
                has_header=False,
                schema=texts,
                columns=read,
                missing_columns="insert",  # where the first line is blank
                separator=self.separator,
                quote_char='"' if self.separator == "," else None,
            )
        except UNREADABLE as error:
            self._refuse(first, f"polars cannot read the lines from here ({describe_failure(error)})")
        return cells.rename({str(at): names[at] for at in read})

    def _refuse(self, line: int, fault: str) -> NoReturn:
        raise UserError(f"{self.path}, line {line}: {fault}; {self.advice}")

    def _open(self) -> BinaryIO:
        return self.path.open("rb") if self.content is None else io.BytesIO(self.content)


def split_lines(text: bytes) -> pl.Series:
    """The lines of a text in UTF-8, without their ends."""
    whole = pl.Series([text.decode().removesuffix("\n")] if text else [], dtype=pl.String)
    return whole.str.split("\n").explode().str.strip_chars_end("\r")


def find_misshapen(lines: pl.Series, width: int, separator: str = ",", quotes: bool = True) -> tuple[int, str] | None:
    """The first line of another form than ``width`` cells, its position and what is wrong with it; None where all fit.

    >>> find_misshapen(pl.Series(["1,2,3", '1,"2, 3"', "1,2"]), 2)
    (0, "3 fields where 2 are expected: '1,2,3'")
    """
    quoted = separator == "," and quotes
    bare = lines.str.replace_all(IN_QUOTES, "") if quoted else lines
    fields = bare.str.count_matches(separator, literal=True) + 1
    returns = lines.str.contains("\r", literal=True)
    opens = bare.str.contains('"', literal=True) & quoted
    misshapen = (returns | opens | (fields != width)).arg_true()
    if not len(misshapen):
        return None
    row = misshapen[0]
    fault = f"{fields[row]} fields where {width} are expected"
    if returns[row] or opens[row]:
        fault = "a carriage return inside the line" if returns[row] else "a quote that does not close"
    return row, f"{fault}: {lines[row][:60]!r}"


def find_invalid_utf8(text: bytes) -> tuple[int, bytes] | None:
    """The line (from 0) of the first byte that is not UTF-8, and the bytes there up to the end of the line."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return text.count(b"\n", 0, error.start), text[error.start : error.start + 20].split(b"\n")[0]
    return None


def refuse_repeated(path: Path, frame: pl.DataFrame, key: str, advice: str, what: str = "") -> None:
    """Refuse a value of ``key`` that stands on two lines; ``what``: the kind of it, where the name does not say so."""
    repeated = frame.filter(pl.col(key).is_duplicated()).sort(key, "line")
    if repeated.height:
        first, second = repeated["line"].head(2)
        raise UserError(f"{path}, line {second}: {what or key} {repeated[key][0]} is already on line {first}; {advice}")


def _shorten(names: Sequence[str], most: int = 5) -> str:
    tail = f", … ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(repr(name[:40]) if name else "(no name)" for name in names[:most]) + tail
