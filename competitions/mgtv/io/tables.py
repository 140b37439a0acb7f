"""The host's CSV files: what their columns hold, in whatever way pandas and Excel write it."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from common.io.column import DIGITS_BEFORE_POINT, Column, as_it_stands
from common.io.csv import CsvFile, CsvTable
from common.io.files import require_file
from competitions.mgtv.io.schema import NULLS, WHERE, short_name
from competitions.mgtv.io.timestamps import parse_moments


def hold_number(header: str) -> Column:
    """A column of finite numbers, or null."""
    return Column(header, pl.Float32, blank="null")


def hold_text(header: str) -> Column:
    """A column of texts without blanks around them, 7.0 as 7, or null."""
    return Column(header, pl.String, blank="null", parse=_tidy)


def _tidy(text: pl.Series) -> pl.Series:
    return text.str.strip_chars().str.replace(DIGITS_BEFORE_POINT, "$1")


# A row without its device or video has no meaning.
DEVICE = (Column("did", pl.String, blank="left out", parse=as_it_stands),)
VIDEO = (Column("vid", pl.Int64, blank="left out"),)
PAIR = DEVICE + VIDEO
CLICK_TIME = Column(
    "click_time",
    pl.Int64,
    blank="null",
    parse=parse_moments,
    expected="a date, nor seconds or milliseconds since 1970",
)
PLAY_TIME = hold_number("play_time")


def open_csv(path: Path, columns: Sequence[Column]) -> CsvFile:
    """A file of the host, and what to read of it. ``UserError`` says where a missing one belongs."""
    require_file(path, WHERE)
    return CsvFile(path, columns, nulls=NULLS)


def read_table(path: Path, columns: Sequence[Column]) -> CsvTable:
    """Read a whole file; one with a header only has no rows."""
    frame, notes, header = open_csv(path, columns).read(may_be_empty=True)
    return CsvTable(frame.drop("line"), tuple(note._replace(file=short_name(path)) for note in notes), header)
