"""Read columns of the organiser's CSV files by name; a bad value stops the reading with its line and its text.

polars splits each block of lines into texts, which are cast column by column.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum, auto
from pathlib import Path

import polars as pl

from common.engine.errors import UserError
from common.io import csv_blocks, files
from common.io.csv_blocks import LineBlock
from common.io.notes import Note
from competitions.mgtv.io import nulls
from competitions.mgtv.io.schema import WHERE
from competitions.mgtv.io.timestamps import parse_moments

BLANK, KEYLESS = "blank line", "row whose {keys} is blank"
DIGITS_BEFORE_POINT = r"^([+-]?[0-9]+)[.]0+$"  # a whole number that pandas made a double


class Kind(Enum):
    """What a column may hold. A row without its key or whole number has no meaning; the others may be null."""

    KEY = auto()  # String, kept as it stands
    WHOLE = auto()  # Int64, 7.0 read as 7
    TEXT = auto()  # String without blanks around it, 7.0 read as 7, or null
    NUMBER = auto()  # Float32 or null
    TIME = auto()  # Int64, milliseconds, or null


EXPECTED = {
    Kind.WHOLE: "a whole number",
    Kind.NUMBER: "a finite number",
    Kind.TIME: "a date, nor seconds or milliseconds since 1970",
}


@dataclass(frozen=True)
class Table:
    """``frame``: the columns asked for, in their types, in file order; ``notes``: what a rule settled."""

    frame: pl.DataFrame
    notes: tuple[Note, ...]


def short_name(path: Path) -> str:
    """The path as the host's layout has it: clicks and plays of a day have one file name, their folders tell them."""
    return "/".join(path.parts[-3 if path.parent.name.startswith("day") else -2 :])


def require_file(path: Path) -> None:
    """Refuse a path at which there is no file, saying where the file belongs and where it comes from."""
    files.require_file(path, WHERE)


def read_table(path: Path, columns: Mapping[str, Kind]) -> Table:
    """Read columns of a whole file by name; a file with a header only has no rows."""
    frames: list[pl.DataFrame] = []
    counts: Counter[str] = Counter()
    for block, settled in read_blocks(path, columns):
        frames.append(block)
        counts.update(settled)
    frame, keys = pl.concat(frames), " or ".join(list_keys(columns))
    if counts[KEYLESS] and frame.is_empty():
        raise UserError(f"{path}: {keys} is blank in every row; download the file again")
    done = {BLANK: "skipped", KEYLESS: "left out", nulls.WHAT: nulls.DONE}
    notes = (Note(short_name(path), what.format(keys=keys), counts[what], text) for what, text in done.items())
    return Table(frame, tuple(note for note in notes if note.rows))


def list_keys(columns: Mapping[str, Kind]) -> list[str]:
    """The columns without which a row has no meaning."""
    return [name for name, kind in columns.items() if kind in (Kind.KEY, Kind.WHOLE)]


def read_header(path: Path, columns: Mapping[str, Kind]) -> list[str]:
    """The names on the first line; refuses a file without one, or without one of ``columns``."""
    require_file(path)
    names, _ = csv_blocks.read_header(path)
    for name in columns:
        if name not in names:
            nearest = get_close_matches(name, [other for other in names if other not in columns], 1)
            hint = f" (the nearest other name is {nearest[0]!r})" if nearest else ""
            raise UserError(f"{path}, line 1: the header has no {name!r}{hint}; rename it, or download the file again")
        if names.count(name) > 1:
            raise UserError(f"{path}, line 1: the header has {name!r} twice; remove one of the two columns")
    return names


def read_blocks(path: Path, columns: Mapping[str, Kind]) -> Iterator[tuple[pl.DataFrame, dict[str, int]]]:
    """Yield the rows below the header, checked and cast, a block of lines a frame, at least one; and how many blank
    lines, rows without a key or whole number, and words for nothing stood among them.
    """
    names = read_header(path, columns)
    numbered = [f"c{index}" for index in range(len(names))]  # names in the file may repeat or be missing
    for block in csv_blocks.read_blocks(path):
        texts = block.parse(dict.fromkeys(numbered, pl.String))
        cast = [_cast(block, texts[numbered[names.index(name)]].rename(name), kind) for name, kind in columns.items()]
        frame = pl.DataFrame([value for value, _ in cast])
        kept = frame.drop_nulls(list_keys(columns))
        words = sum(count for _, count in cast)
        yield kept, {BLANK: block.blank, KEYLESS: frame.height - kept.height, nulls.WHAT: words}


def _cast(block: LineBlock, text: pl.Series, kind: Kind) -> tuple[pl.Series, int]:
    """Cast a column, and count the words for nothing in it; refuses the first value that does not fit."""
    if kind in EXPECTED:  # a column of ids or numbers holds hardly a word for nothing: cast first, look for them after
        value = CASTS[kind](text)
        if value.null_count() == text.null_count():
            return value, 0
    text, words = nulls.blank_nulls(text if kind is Kind.KEY else text.str.strip_chars())
    value = CASTS[kind](text)
    bad = value.is_null() & text.is_not_null()
    if bad.any():
        row = int(bad.arg_max() or 0)
        block.refuse_line(int(block.lines[row]), f"{text.name} is {text[row][:40]!r}, not {EXPECTED[kind]}")
    return value, words


def _to_number(text: pl.Series) -> pl.Series:
    value = text.cast(pl.Float32, strict=False)
    return value if value.is_finite().all() else value.set(~value.is_finite(), None)


def _to_whole(text: pl.Series) -> pl.Series:
    value = text.cast(pl.Int64, strict=False)
    if value.null_count() == text.null_count():
        return value
    return text.str.replace(DIGITS_BEFORE_POINT, "$1").cast(pl.Int64, strict=False)


CASTS: dict[Kind, Callable[[pl.Series], pl.Series]] = {
    Kind.KEY: lambda text: text,
    Kind.WHOLE: _to_whole,
    Kind.TEXT: lambda text: text.str.replace(DIGITS_BEFORE_POINT, "$1"),
    Kind.NUMBER: _to_number,
    Kind.TIME: parse_moments,
}
