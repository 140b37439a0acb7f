"""What a column of a CSV may hold: texts become its values, and what does not fit is described."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import polars as pl

# Milliseconds of 1973 and of 2286: seconds and microseconds of any plausible year fall outside.
TIME_MIN_MS, TIME_MAX_MS = 10**11, 10**13
BITS: dict[type[pl.DataType], int] = {pl.Int16: 15, pl.Int32: 31, pl.Int64: 63}
DIGITS_BEFORE_POINT = r"^([+-]?[0-9]+)[.]0+$"  # a whole number that pandas made a double
LONGEST_NULL = 8  # bytes of a word for nothing
NULL_WORD, READ_AS_BLANK = "cell with NULL, nan or another missing value of pandas", "read as blank"


class Column(NamedTuple):
    """A column to read: its ``header`` in the file, its type, and its ``name`` in the frame where that is another.

    A whole number (12.0 is one) lies in ``low`` .. ``high``, or in what the type holds; a number is finite; a text has
    no blanks around it. ``parse`` reads texts in another way, null where one is not what is ``expected``. ``blank``:
    what becomes of a cell without a value; "left out" is its whole row.
    """

    header: str
    dtype: type[pl.DataType]
    name: str = ""
    low: int | None = None
    high: int | None = None
    blank: Literal["refused", "null", "left out"] = "refused"
    parse: Callable[[pl.Series], pl.Series] | None = None
    expected: str = ""

    def label(self) -> str:
        """Its name in the frame."""
        return self.name or self.header

    def bounds(self) -> tuple[int, int]:
        """The least and the largest whole number allowed."""
        most = 1 << BITS[self.dtype]
        return -most if self.low is None else self.low, most - 1 if self.high is None else self.high


def cast_cells(cells: pl.Series, column: Column, nulls: Sequence[str]) -> tuple[pl.Series, pl.Series | None, int]:
    """The values of texts, which of them do not fit (None: all do), and how many held a word for nothing."""
    values, words = _to_values(cells, column), 0
    if column.dtype == pl.String or values.null_count() > cells.null_count():
        cells, words = blank_nulls(cells, nulls)
        values = _to_values(cells if column.dtype == pl.String else cells.str.strip_chars(), column)
    unfit = values.is_null() if column.blank == "refused" else values.is_null() & cells.is_not_null()
    if column.dtype.is_integer():
        unfit |= ~values.is_between(*column.bounds()).fill_null(True)
    return values.cast(column.dtype, strict=False).alias(column.label()), unfit if unfit.any() else None, words


def _to_values(cells: pl.Series, column: Column) -> pl.Series:
    if column.parse is not None:
        return column.parse(cells)
    if column.dtype == pl.String:
        return cells.str.strip_chars()
    if column.dtype.is_float():
        number = cells.cast(column.dtype, strict=False)
        return number if number.is_finite().all() else number.set(~number.is_finite(), None)
    whole = cells.cast(pl.Int64, strict=False)
    if whole.null_count() == cells.null_count():
        return whole
    return cells.str.replace(DIGITS_BEFORE_POINT, "$1").cast(pl.Int64, strict=False)


def describe_fault(column: Column, cell: str | None) -> str:
    """What is wrong with a cell."""
    text = (cell or "").strip()[:40]
    if not text:
        return f"{column.header} is blank"
    value = _to_values(pl.Series([text]), column)[0]
    if value is None:
        usual = "a finite number" if column.dtype.is_float() else "a whole number"
        return f"{column.header} is {text!r}, not {column.expected or usual}"
    if column.low == TIME_MIN_MS and TIME_MIN_MS <= value * 1000 <= TIME_MAX_MS:
        return f"{column.header} is {text}, which looks like seconds; milliseconds are expected (multiply by 1000)"
    low, high = column.bounds()
    return f"{column.header} is {text}, outside {low} to {high}"


def as_it_stands(text: pl.Series) -> pl.Series:
    """For ``Column.parse``: ids that an answer repeats keep every byte."""
    return text


def blank_nulls(text: pl.Series, words: Sequence[str]) -> tuple[pl.Series, int]:
    """The texts as they stand, null where they are blank or one of ``words``; and how many said such a word."""
    if (text.str.len_bytes() > LONGEST_NULL).all():  # ids are long, and logs are full of them
        return text, 0
    bare = text.str.strip_chars()
    nothing = bare.is_in(words)
    return text.set(nothing, None), int((nothing & (bare != "")).sum())
