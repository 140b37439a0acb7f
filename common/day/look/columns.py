"""What the columns of raw tables hold, train beside test: missing values, how many different ones, their range."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from common.engine.errors import UserError
from common.io.files import UNREADABLE, describe_failure
from common.io.tables import scan_csv, scan_parquet

Row = dict[str, Any]
SAMPLE_ROWS = 200_000  # of which different values and ranges are given; missing values are counted in all rows


@dataclass(frozen=True)
class RawTable:
    """A table of the host's: its title, and by side ("train", "test") the files that it is made of."""

    title: str
    sides: Mapping[str, Sequence[Path]]


def count_files(tables: Sequence[RawTable]) -> list[Row]:
    """One row per table and side: files, rows, columns, MiB. Of what is no table the files and their size alone."""
    rows = []
    for table in tables:
        for side, paths in table.sides.items():
            frame = scan(paths) if is_table(paths) else None
            rows.append(
                {
                    "table": table.title,
                    "of": side,
                    "files": len(paths),
                    "rows": None if frame is None else collect(frame.select(pl.len())).item(),
                    "columns": None if frame is None else len(frame.collect_schema()),
                    "MiB": sum(path.stat().st_size for path in paths) / 2**20,
                }
            )
    return rows


def describe_columns(table: RawTable) -> list[Row]:
    """One row per column, in the order of the first side: kind, and by side missing share, different values, range."""
    described = {side: _describe_side(paths) for side, paths in table.sides.items()}
    names = dict.fromkeys(name for columns in described.values() for name in columns)
    rows = []
    for name in names:
        row: Row = {"column": name}
        for key in ("kind", "missing", "different", "from", "median", "to"):
            for side, columns in described.items():
                value = columns.get(name, {}).get(key)
                if key == "kind":
                    row.setdefault("kind", value)
                else:
                    row[f"{key}, {side}" if len(described) > 1 else key] = value
        rows.append(row)
    filled = {key for row in rows for key, value in row.items() if value is not None}
    return [{key: value for key, value in row.items() if key in filled} for row in rows]


def _describe_side(paths: Sequence[Path]) -> dict[str, Row]:
    """By column: its kind, the share of missing values, different values and range in the first rows."""
    frame = scan(paths)
    schema = frame.collect_schema()
    missing = collect(frame.select(_is_missing(name, dtype).mean().alias(name) for name, dtype in schema.items()))
    sample = collect(frame.head(SAMPLE_ROWS))
    return {
        name: {"kind": "", "missing": missing[name][0] if sample.height else None} | _describe_values(sample[name])
        for name in schema
    }


def _is_missing(name: str, dtype: pl.DataType) -> pl.Expr:
    null = pl.col(name).is_null()
    return null | (pl.col(name).str.strip_chars() == "") if dtype == pl.String else null


def _describe_values(values: pl.Series) -> Row:
    known = values.drop_nulls()
    if known.dtype == pl.String:
        known = known.filter(known.str.strip_chars() != "")
        numbers = known.cast(pl.Float64, strict=False)
        known = numbers if len(known) and not numbers.null_count() else known
    if not len(known):
        return {"kind": "nothing", "different": 0}
    if isinstance(known.dtype, pl.List | pl.Array | pl.Struct):
        return {"kind": str(known.dtype).partition("(")[0].lower()}
    row: Row = {"kind": "text", "different": known.n_unique()}
    if known.dtype.is_numeric():
        finite = known.cast(pl.Float64).filter(known.cast(pl.Float64).is_finite())
        row |= {"kind": "number", "from": finite.min(), "median": finite.median(), "to": finite.max()}
    elif known.dtype.is_temporal():
        row["kind"] = "time"
    elif known.dtype == pl.Boolean:
        row["kind"] = "yes or no"
    return row


def is_table(paths: Sequence[Path]) -> bool:
    """Whether these are files of rows and columns: CSV or parquet."""
    return all(path.suffix in (".csv", ".parquet") for path in paths)


def scan(paths: Sequence[Path]) -> pl.LazyFrame:
    """The rows of all files; a CSV as text."""
    if all(path.suffix == ".parquet" for path in paths):
        return scan_parquet(list(paths))
    return scan_csv(list(paths), infer_schema=False)


def collect(frame: pl.LazyFrame) -> pl.DataFrame:
    """The result of a query. ``UserError`` where a file is no table."""
    try:
        return frame.collect(engine="streaming")
    except UNREADABLE as error:
        raise UserError(
            f"A raw file cannot be read as a table ({describe_failure(error)}): check it with the verb data."
        ) from error
