"""Open one of the host's parquet files: the schema is checked at once, columns are read lazily, in common types."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import polars as pl

from common.engine.errors import UserError
from common.io import files
from common.io.notes import Note
from common.io.tables import scan_parquet
from competitions.flight.io.schema import DTYPES, INDEX, LAYOUT, SELECTED, WHERE, Kind, required

# A float holds every whole number up to here and no more.
FLOAT_WHOLE_MAX = 1 << 53
NUMBERED = ("frequentFlyer",)  # texts that a file may hold as whole numbers


@dataclass(frozen=True)
class Source:
    """A checked file: ``frame`` has the columns of the layout in the types of ``schema.DTYPES``, in file order."""

    path: Path
    frame: pl.LazyFrame
    rows: int
    notes: tuple[Note, ...]

    def collect(self, *exprs: pl.Expr | str) -> pl.DataFrame:
        """Read the columns that ``exprs`` use, in file order."""
        return collect(self.path, self.frame.select(*exprs))

    def column(self, expr: pl.Expr | str) -> pl.Series:
        """Read one column."""
        return self.collect(expr).to_series()

    def note(self, what: str, rows: int, done: str) -> Note:
        """A finding in this file."""
        return Note(self.path.name, what, rows, done)


def filled(name: str) -> pl.Expr:
    """The text of a column; an empty text is a missing one."""
    return pl.when(pl.col(name) != "").then(pl.col(name)).alias(name)


def collect(path: Path, frame: pl.LazyFrame) -> pl.DataFrame:
    """Run a query over ``path`` in batches; a file that turns out to be damaged is a ``UserError``."""
    try:
        return frame.collect(engine="streaming")
    except files.UNREADABLE as error:
        raise UserError(_describe_damage(path, error)) from error


def _describe_damage(path: Path, error: BaseException) -> str:
    return f"{path} cannot be read as a parquet file ({files.describe_failure(error)}); download it again"


def open_source(path: Path, labelled: bool) -> Source:
    """Check that ``path`` is a parquet file with at least one row and the columns of the layout, in fitting types."""
    files.require_file(path, WHERE)
    scan = scan_parquet(path)
    try:
        schema = scan.collect_schema()
    except files.UNREADABLE as error:
        raise UserError(_describe_damage(path, error)) from error
    names = required(labelled)
    _refuse_missing(path, schema, names)
    _refuse_types(path, schema, [name for name in names if name not in _find_numbered(path, scan, schema, names)])
    rows = int(collect(path, scan.select(pl.len())).item())
    if not rows:
        raise UserError(f"{path} has columns but no rows; download it again")
    whole = [name for name in names if LAYOUT[name] is Kind.INTEGER or name in NUMBERED]
    _refuse_fractions(path, scan, [name for name in whole if schema[name].is_float()])
    frame = scan.select(_in_common_type(name, schema[name]) for name in names)
    notes = (
        Note(path.name, f"column {name!r} " + ("in a test file" if name == SELECTED else "unknown"), rows, "not read")
        for name in schema
        if name not in names and name != INDEX
    )
    return Source(path, frame, rows, tuple(notes))


def _refuse_missing(path: Path, schema: pl.Schema, names: Iterable[str]) -> None:
    missing = [name for name in names if name not in schema]
    if not missing:
        return
    nearest = get_close_matches(missing[0], [name for name in schema if name not in LAYOUT], 1)
    hint = f" (the nearest other name is {nearest[0]!r})" if nearest else ""
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    raise UserError(f"{path} has no column {missing[0]!r}{hint}{more}; rename it, or download the file again")


def _refuse_types(path: Path, schema: pl.Schema, names: Iterable[str]) -> None:
    for name in names:
        if not _fits(LAYOUT[name], schema[name]):
            raise UserError(
                f"{path}, column {name!r}: the type is {schema[name]} where {LAYOUT[name].value} is expected "
                f"({DTYPES[LAYOUT[name]]}); cast the column, or download the file again"
            )


def _find_numbered(path: Path, scan: pl.LazyFrame, schema: pl.Schema, names: Iterable[str]) -> set[str]:
    """Texts that stand there as numbers and may: those of ``NUMBERED``, and floats without a single value.

    That is how pandas writes a column in which nothing is known.
    """
    texts = [name for name in names if LAYOUT[name] is Kind.TEXT and schema[name].is_numeric()]
    floats = [name for name in texts if schema[name].is_float()]
    known = collect(path, scan.select(pl.col(floats).fill_nan(None).count())).row(0, named=True) if floats else {}
    return {name for name in texts if name in NUMBERED or known.get(name, 1) == 0}


def _fits(kind: Kind, dtype: pl.DataType) -> bool:
    if dtype == pl.Null:
        return True
    if kind in (Kind.INTEGER, Kind.REAL):
        return dtype.is_numeric()
    if kind is Kind.TEXT:
        return isinstance(dtype, pl.String | pl.Categorical | pl.Enum)
    if kind is Kind.TIME:
        return isinstance(dtype, pl.Datetime) and dtype.time_zone is None
    return dtype == pl.Boolean


def _refuse_fractions(path: Path, scan: pl.LazyFrame, names: list[str]) -> None:
    """Refuse whole numbers stored as floats where one of them is none."""
    if not names:
        return
    value = pl.col(names).fill_nan(None)
    broken = value.filter((value != value.round()) | (value.abs() > FLOAT_WHOLE_MAX)).first()
    for name, value in collect(path, scan.select(broken)).row(0, named=True).items():
        if value is not None:
            raise UserError(f"{path}, column {name!r}: {value} is not a whole number; download the file again")


def _in_common_type(name: str, dtype: pl.DataType) -> pl.Expr:
    value = pl.col(name).fill_nan(None) if dtype.is_float() else pl.col(name)
    if name in NUMBERED and dtype.is_float():
        value = value.cast(pl.Int64)
    return value.cast(DTYPES[LAYOUT[name]])
