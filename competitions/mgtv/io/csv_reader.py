"""Read columns of the organiser's CSV files by name; a bad value stops the reading with its line and its text.

polars splits each block of lines into texts, which are cast column by column.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple, NoReturn

import polars as pl

from common.errors import UserError
from common.io import csv_blocks, files
from common.io.csv_blocks import LineBlock
from common.io.notes import Note
from competitions.mgtv.io.schema import WHERE
from competitions.mgtv.io.timestamps import parse_moments

DIGITS_BEFORE_POINT = r"^([+-]?[0-9]+)\.0+$"


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
    files.require_file(path, WHERE)


def read_table(path: Path, columns: Mapping[str, Kind]) -> Table:
    """Read columns of a whole file by name; a file with a header only has no rows."""
    blocks = list(read_blocks(path, columns))
    blank = sum(block.blank for block in blocks)
    notes = (Note(short_name(path), "blank line", blank, "skipped"),) if blank else ()
    return Table(pl.concat([block.frame for block in blocks]), notes)


def read_header(path: Path, columns: Mapping[str, Kind]) -> list[str]:
    """The names on the first line; refuses a file without one, or without one of ``columns``."""
    require_file(path)
    names, _ = csv_blocks.read_header(path)
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
    """Yield the rows below the header, checked and cast, a block of lines a frame; at least one frame."""
    names = read_header(path, columns)
    numbered = [f"c{index}" for index in range(len(names))]  # names in the file may repeat or be missing
    for block in csv_blocks.read_blocks(path):
        texts = block.parse(dict.fromkeys(numbered, pl.String))
        cast = [_cast(block, texts[numbered[names.index(name)]].rename(name), kind) for name, kind in columns.items()]
        yield Block(pl.DataFrame(cast), block.blank)


def _cast(block: LineBlock, text: pl.Series, kind: Kind) -> pl.Series:
    """Cast a column; refuses the first value that does not fit."""
    if kind is Kind.KEY:
        bad = text.is_null() | (text == "")
        return text if not bad.any() else _refuse_value(block, text, bad, kind)
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
            _refuse_value(block, text, bad, kind)
    if kind is Kind.WHOLE and value.null_count():
        _refuse_value(block, text, value.is_null(), kind)
    return value


def _refuse_value(block: LineBlock, text: pl.Series, bad: pl.Series, kind: Kind) -> NoReturn:
    row = int(bad.arg_max() or 0)
    value = text[row]
    fault = "blank" if not value else f"{value[:40]!r}, not {EXPECTED[kind]}"
    block.refuse_line(int(block.lines[row]), f"{text.name} is {fault}")


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
