"""Read a CSV of the host's in blocks of bounded memory; a bad value stops the reading with its line and its text.

polars splits each block into texts and casts them. Only when the block is malformed are its lines walked in Python, to
find the first bad one.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple, NoReturn

import polars as pl

from common.errors import UserError
from competitions.mgtv.io.schema import WHERE
from competitions.mgtv.io.timestamps import parse_moments

BLOCK_BYTES = 1 << 25
HEADER_BYTES = 1 << 16
COMPRESSED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DIGITS_BEFORE_POINT = r"^([+-]?[0-9]+)\.0+$"


class Note(NamedTuple):
    """A finding that did not stop the reading: the file, what was found, how often (``rows``), and what was done."""

    file: str
    what: str
    rows: int
    done: str


class Kind(Enum):
    """What a column may hold."""

    KEY = auto()  # String, kept as it stands, never blank
    WHOLE = auto()  # Int64, never blank
    TEXT = auto()  # String without blanks around it, 7.0 read as 7, or null
    NUMBER = auto()  # Float32 or null
    MEASURE = auto()  # the same, where NaN means null
    TIME = auto()  # Int64, milliseconds, or null


EXPECTED = {
    Kind.KEY: "a text",
    Kind.WHOLE: "a whole number",
    Kind.NUMBER: "a finite number",
    Kind.MEASURE: "a finite number",
    Kind.TIME: "a date with a time, nor seconds or milliseconds since 1970",
}


@dataclass(frozen=True)
class Table:
    """``frame``: the columns asked for, in their types, in file order; ``notes``: what a rule settled."""

    frame: pl.DataFrame
    notes: tuple[Note, ...]


class Block(NamedTuple):
    """Some rows of a file, and how many blank lines stood between them."""

    frame: pl.DataFrame
    blank: int


def short_name(path: Path) -> str:
    """The path as the host's layout has it: clicks and plays of a day have one file name, their folders tell them."""
    return "/".join(path.parts[-3 if path.parent.name.startswith("day") else -2 :])


def require_file(path: Path) -> None:
    """Refuse a path at which there is no file, saying where the file belongs and where it comes from."""
    if path.is_dir():
        raise UserError(f"{path} is a directory, not a file; {WHERE}")
    if not path.exists():
        raise UserError(f"{path.name} is missing from {path.parent}; {WHERE}")


def read_table(path: Path, columns: Mapping[str, Kind]) -> Table:
    """Read columns of a whole file by name; a file with a header only has no rows."""
    blocks = list(read_blocks(path, columns))
    blank = sum(block.blank for block in blocks)
    notes = (Note(short_name(path), "blank line", blank, "skipped"),) if blank else ()
    return Table(pl.concat([block.frame for block in blocks]), notes)


def read_header(path: Path, columns: Mapping[str, Kind]) -> list[str]:
    """The names on the first line; refuses a file without one, or without one of ``columns``."""
    require_file(path)
    try:
        with path.open("rb") as file:
            line = file.readline(HEADER_BYTES)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    if not line:
        raise UserError(f"{path} is empty (0 bytes); download it again")
    if line.startswith(COMPRESSED):
        raise UserError(f"{path} is a compressed archive, not a CSV; unpack it first")
    try:
        text = line.removeprefix(BYTE_ORDER_MARK).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}, line 1: the header is not UTF-8; save the file as UTF-8 CSV") from error
    names = [name.strip() for name in next(csv.reader([text]), [])]
    _refuse_other_names(path, names, columns)
    return names


def _refuse_other_names(path: Path, names: list[str], columns: Mapping[str, Kind]) -> None:
    for name in columns:
        if name not in names:
            nearest = get_close_matches(name, [other for other in names if other not in columns], 1)
            hint = f" (the nearest other name is {nearest[0]!r})" if nearest else ""
            raise UserError(f"{path}, line 1: the header lacks {name!r}{hint}; rename it, or download the file again")
        if names.count(name) > 1:
            raise UserError(f"{path}, line 1: the header has {name!r} twice; remove one of the two columns")


def read_blocks(path: Path, columns: Mapping[str, Kind]) -> Iterator[Block]:
    """Yield the rows below the header, checked and cast, about ``BLOCK_BYTES`` of text a frame; at least one frame."""
    names = read_header(path, columns)
    with path.open("rb") as file:
        file.readline()
        line, rest = 2, b""
        while True:
            read = file.read(BLOCK_BYTES)
            whole, newline, rest = (rest + read).rpartition(b"\n") if read else (rest, b"", b"")
            text = whole + newline
            yield _Lines(path, text, line, names).parse(columns)
            line += text.count(b"\n")
            if not read:
                return


class _Lines:
    """A block of whole lines of a file, the first of them being line ``first``."""

    def __init__(self, path: Path, text: bytes, first: int, names: Sequence[str]) -> None:
        self.path = path
        self.names = names
        self.first = first
        self.skipped: list[int] = []  # the blank lines, as places in the block
        if b"\n\n" in text or b"\n\r\n" in text or text.startswith((b"\n", b"\r\n")):
            lines = text.split(b"\n")
            if not lines[-1]:
                lines.pop()
            self.skipped = [place for place, line in enumerate(lines) if line in (b"", b"\r")]
            text = b"\n".join(line for line in lines if line not in (b"", b"\r"))
        self.text = text
        self.rows = text.count(b"\n") + (text != b"" and not text.endswith(b"\n"))

    def parse(self, columns: Mapping[str, Kind]) -> Block:
        """The columns asked for, cast."""
        texts = self._split(columns)
        cast = [self._cast(texts[name].rename(name), kind) for name, kind in columns.items()]
        return Block(pl.DataFrame(cast), len(self.skipped))

    def _split(self, columns: Mapping[str, Kind]) -> dict[str, pl.Series]:
        if not self.rows:
            return {name: pl.Series(name, [], pl.String) for name in columns}
        if not self.text.isascii():
            self._refuse_other_encodings()
        own = [f"c{place}" for place in range(len(self.names))]  # names in the file may repeat or be missing
        try:
            # All columns are read: of a selection, polars would not see that a row has too many fields.
            frame = pl.read_csv(",".join(own).encode() + b"\n" + self.text, infer_schema=False)
        except pl.exceptions.PolarsError as error:
            self._refuse_malformed(str(error).splitlines()[0])
        # A row with too few fields would be filled up in silence.
        if frame.height != self.rows or self.text.count(b",") < (len(self.names) - 1) * self.rows:
            self._refuse_malformed("rows and lines differ in number: check the quotes")
        return {name: frame[own[self.names.index(name)]] for name in columns}

    def _refuse_other_encodings(self) -> None:
        try:
            self.text.decode()
        except UnicodeDecodeError as error:
            found = self.text[error.start : error.start + 20].split(b"\n")[0]
            line = self._line(self.text.count(b"\n", 0, error.start))
            raise UserError(
                f"{self.path}, line {line}: bytes that are not UTF-8 ({found!r}); save the file as UTF-8 CSV"
            ) from error

    def _refuse_malformed(self, reason: str) -> NoReturn:
        for row, text in enumerate(self.text.decode().split("\n")[: self.rows]):
            if fault := self._find_fault(text.removesuffix("\r")):
                raise UserError(
                    f"{self.path}, line {self._line(row)}: {fault}; correct the row or download the file again"
                )
        raise UserError(f"{self.path}, from line {self._line(0)}: {reason}; download the file again")

    def _find_fault(self, text: str) -> str | None:
        try:
            cells = next(csv.reader([text], strict=True))
        except csv.Error:
            return f"a quote that does not close: {text[:60]!r}"
        if len(cells) != len(self.names):
            return f"{len(cells)} fields where {len(self.names)} are expected: {text[:60]!r}"
        return None

    def _cast(self, text: pl.Series, kind: Kind) -> pl.Series:
        """Cast a column; refuses the first value that does not fit."""
        if kind is Kind.KEY:
            bad = text.is_null() | (text == "")
            return text if not bad.any() else self._refuse_value(text, bad, kind)
        if kind is Kind.TEXT:
            text = text.str.strip_chars().str.replace(DIGITS_BEFORE_POINT, "$1")
            return text.set(text == "", None)
        value, missed = _try(text, kind)
        if missed:  # the slow way: blanks around the value, or a value that does not fit
            text = text.str.strip_chars()
            text = text.set(text == "", None)
            value, _ = _try(text, kind)
            bad = value.is_null() & text.is_not_null()
            if kind is Kind.MEASURE:
                bad &= ~(text.str.to_lowercase() == "nan")
            if bad.any():
                self._refuse_value(text, bad, kind)
        if kind is Kind.WHOLE and value.null_count():
            self._refuse_value(text, value.is_null(), kind)
        return value

    def _refuse_value(self, text: pl.Series, bad: pl.Series, kind: Kind) -> NoReturn:
        row = int(bad.arg_max() or 0)
        found = text[row]
        told = "blank" if not found else f"{found[:40]!r}, not {EXPECTED[kind]}"
        raise UserError(
            f"{self.path}, line {self._line(row)}: {text.name} is {told}; correct the row or download the file again"
        )

    def _line(self, row: int) -> int:
        """The line in the file of a row of the block, counting the blank ones before it."""
        for place in self.skipped:
            row += place <= row
        return self.first + row


def _try(text: pl.Series, kind: Kind) -> tuple[pl.Series, bool]:
    """The values, null where the text has none; and whether some text was left without a value."""
    value = CASTS[kind](text)
    return value, value.null_count() > text.null_count()


def _to_number(text: pl.Series) -> pl.Series:
    value = text.cast(pl.Float32, strict=False)
    return value if value.is_finite().all() else value.set(~value.is_finite(), None)


def _to_whole(text: pl.Series) -> pl.Series:
    return text.cast(pl.Int64, strict=False)


CASTS: dict[Kind, Callable[[pl.Series], pl.Series]] = {
    Kind.WHOLE: _to_whole,
    Kind.NUMBER: _to_number,
    Kind.MEASURE: _to_number,
    Kind.TIME: parse_moments,
}
