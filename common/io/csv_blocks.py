"""Read a CSV in blocks of whole lines, in bounded memory; a malformed line stops the reading with its number and text.

polars parses each block. Only when it fails, or when a check on its result does, are the block's lines walked in Python
to find the first bad one.
"""

import csv
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import numpy as np
import polars as pl

from common.engine.errors import UserError
from common.io.files import UNREADABLE, describe_failure
from common.io.tables import read_csv

BLOCK_BYTES = 1 << 24
HEADER_BYTES = 1 << 16
COMPRESSED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BLANK_LINE = re.compile(rb"\n\r?\n")  # one regular expression takes a fifth of the time of two searches with "in"
FaultFinder = Callable[[list[str]], str | None]  # the cells of a row -> what is wrong with them


def read_header(path: Path) -> tuple[list[str], bool]:
    """The names on the first line, and whether a byte-order mark stands before them; refuses what is no CSV."""
    try:
        with path.open("rb") as file:
            line = file.readline(HEADER_BYTES)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    if not line:
        raise UserError(f"{path} is empty (0 bytes); download it again")
    if line.startswith(COMPRESSED):
        raise UserError(f"{path} is a compressed archive, not a CSV; unpack it first")
    if b"\r" in line.rstrip(b"\r\n") and b"\n" not in line:
        raise UserError(f"{path}: its lines end in carriage returns only; save the file as CSV with line feeds")
    try:
        names = next(csv.reader([line.removeprefix(BYTE_ORDER_MARK).decode()], strict=True), [])
    except UnicodeDecodeError as error:
        raise UserError(f"{path}, line 1: the header is not UTF-8; save the file as UTF-8 CSV") from error
    except csv.Error as error:
        raise UserError(
            f"{path}, line 1: the header has a quote or a carriage return out of place; save the file as plain CSV"
        ) from error
    return [name.strip() for name in names], line.startswith(BYTE_ORDER_MARK)


def read_blocks(path: Path) -> Iterator["LineBlock"]:
    """Yield the lines below the header, about ``BLOCK_BYTES`` of text a block; at least one block."""
    with path.open("rb") as file:
        file.readline()
        line, rest = 2, b""
        while True:
            chunk = file.read(BLOCK_BYTES)
            whole, newline, rest = (rest + chunk).rpartition(b"\n") if chunk else (rest, b"", b"")
            block = LineBlock(path, whole + newline, line)
            line += len(block.lines) + block.blank
            yield block
            if not chunk:
                return


def find_invalid_utf8(text: bytes) -> tuple[int, bytes] | None:
    """The line (from 0) of the first byte that is not UTF-8, and the bytes there up to the end of the line."""
    if text.isascii():
        return None
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return text.count(b"\n", 0, error.start), text[error.start : error.start + 20].split(b"\n")[0]
    return None


class LineBlock:
    """Consecutive whole lines of a file: ``text`` without its blank lines, the number in the file of each line kept."""

    def __init__(self, path: Path, text: bytes, first: int) -> None:
        """``first``: the number in the file of the first line of ``text``."""
        self.path = path
        self.text = text
        self.lines = np.arange(first, first + text.count(b"\n") + (text != b"" and not text.endswith(b"\n")))
        self.blank = 0
        if text.startswith((b"\n", b"\r\n")) or BLANK_LINE.search(text):
            self._drop(lambda line: line in (b"", b"\r"))

    def _drop(self, is_blank: Callable[[bytes], bool]) -> bool:
        """Leave out blank lines; whether there were any."""
        rows = self.text.split(b"\n")[: len(self.lines)]
        kept = [not is_blank(row) for row in rows]
        self.text, self.lines = b"\n".join(itertools.compress(rows, kept)), self.lines[kept]
        self.blank += len(rows) - len(self.lines)
        return len(self.lines) < len(rows)

    def parse(self, schema: Mapping[str, type[pl.DataType]], find_fault: FaultFinder = lambda _: None) -> pl.DataFrame:
        """All columns of the block, in the file's order, under the names and types of ``schema``.

        Refused: other bytes than UTF-8, a quote that does not close, too few or too many fields, a value that is not of
        its type. ``find_fault`` says of a row of the right width what is wrong with its values.
        """
        if not len(self.lines):
            return pl.DataFrame(schema=schema)
        if invalid := find_invalid_utf8(self.text):
            raise UserError(
                f"{self.path}, line {self.lines[invalid[0]]}: bytes that are not UTF-8 ({invalid[1]!r}); save the file"
                " as UTF-8 CSV"
            )
        try:
            # The header goes before every block: polars counts the columns on the first line. All columns are read: of
            # a selection, polars would not see that a row has too many fields. Nor does it see a comma at the very end,
            # and a quote there may make it panic.
            end = b"\n" if self.text.endswith((b",", b",\r", b'"')) else b""
            frame = read_csv(b"".join([",".join(schema).encode(), b"\n", self.text, end]), schema=schema)
        except UNREADABLE as error:
            self.refuse(len(schema), describe_failure(error), find_fault)
        # polars fills up a row with too few fields in silence.
        is_short = frame[:, -1].null_count() and self.text.count(b",") < (len(schema) - 1) * len(self.lines)
        if frame.height == len(self.lines) and not is_short:
            return frame
        if len(schema) > 1 and self._drop(lambda line: not line.strip()):
            return self.parse(schema, find_fault)
        self.refuse(len(schema), "rows and lines differ in number: check the quotes", find_fault)

    def refuse(self, width: int, reason: str, find_fault: FaultFinder) -> NoReturn:
        """Raise for the first bad line of the block; ``reason`` serves where the lines look sound one by one."""
        for line, row in zip(self.lines, self.text.decode().split("\n"), strict=False):
            if row.strip() and (fault := _find_row_fault(row.rstrip("\r"), width, find_fault)):
                self.refuse_line(int(line), fault)
        raise UserError(f"{self.path}, from line {self.lines[0]}: {reason}; download the file again")

    def refuse_line(self, line: int, fault: str) -> NoReturn:
        """Raise for a line of the file."""
        raise UserError(f"{self.path}, line {line}: {fault}; correct the row or download the file again")


def _find_row_fault(row: str, width: int, find_fault: FaultFinder) -> str | None:
    try:
        cells = next(csv.reader([row], strict=True))
    except csv.Error:
        fault = "a carriage return inside the line" if "\r" in row else "a quote that does not close"
        return f"{fault}: {row[:60]!r}"
    if len(cells) != width:
        return f"{len(cells)} fields where {width} are expected: {row[:60]!r}"
    return find_fault(cells)
