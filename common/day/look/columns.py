"""What the columns of raw tables hold, train beside test: missing values, how many different ones, their range."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from common.day.look.differences import DIFFERS, measure_distance
from common.day.look.distributions import CLIPPED, Picture, histogram, is_constant, share_values, timeline
from common.engine.errors import UserError
from common.io.files import UNREADABLE, describe_failure
from common.io.tables import scan_csv, scan_parquet

Row = dict[str, Any]
SAMPLE_ROWS = 200_000  # of which different values, ranges and pictures are made; missing values are counted in all
MOST_LABELS = 1_000  # different texts of a column whose most frequent ones are drawn
SKEWED = 10.0  # times the median, beyond which the highest values ask for an axis of powers of ten
ROW = "__row__"
ID = re.compile(r"(^|_)[acdsuv]?id$|I[dD]$|^__index")  # user_id, did, profileId: their order says nothing


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
    """One row per column, in the order of the first side: kind, and by side missing share, different values, range.

    ``picture``: how its values are distributed, None of ids and of a constant; ``drift``: how far the first two sides
    differ in it, None where that is little, or chance.
    """
    described = {side: _describe_side(paths) for side, paths in table.sides.items()}
    names = dict.fromkeys(name for columns in described.values() for name in columns)
    rows = []
    for name in names:
        of = {side: columns[name] for side, columns in described.items() if name in columns}
        row: Row = {"column": name, "kind": next(iter(of.values()))["kind"]}
        for key in ("missing", "different", "from", "median", "to"):
            for side in described:
                row[f"{key}, {side}" if len(described) > 1 else key] = of.get(side, {}).get(key)
        picture = draw_column(name, {side: column["values"] for side, column in of.items()})
        shown = None if picture is None or is_constant(picture) or ID.search(name) else picture
        rows.append(row | {"picture": shown, "drift": _measure_drift(list(of.values()), picture)})
    filled = {key for row in rows for key, value in row.items() if value is not None}
    return [{key: value for key, value in row.items() if key in filled} for row in rows]


def draw_column(name: str, sides: Mapping[str, pl.Series]) -> Picture | None:
    """The known values of a column: times by day; numbers as a histogram, on an axis of powers of ten where a few are
    far above the rest; others by their most frequent values, unless nearly each is another.
    """
    known = {side: values for side, values in sides.items() if len(values)}
    if known and all(values.dtype == pl.Datetime("ms") for values in known.values()):
        return timeline(name, {side: values.to_physical() for side, values in known.items()})
    kinds = {values.dtype.is_numeric() or values.dtype.is_temporal() for values in known.values()}
    if kinds == {True}:
        numbers = {side: values.to_physical().cast(pl.Float64) for side, values in known.items()}
        middle, low, high = (
            max(float(of.quantile(share) or 0.0) for of in numbers.values()) for share in (0.5, CLIPPED, 1 - CLIPPED)
        )
        logarithmic = low > 0 and high > SKEWED * middle
        return histogram(name, "", numbers, logarithmic=logarithmic)
    if kinds != {False} or any(values.dtype.is_nested() for values in known.values()):
        return None
    texts = {side: values.cast(pl.String) for side, values in known.items()}
    return share_values(name, texts) if max(of.n_unique() for of in texts.values()) <= MOST_LABELS else None


def draw_frames(sides: Mapping[str, pl.DataFrame]) -> list[Picture]:
    """Every column of these frames that is worth a picture, in their order; nulls are left out."""
    names = dict.fromkeys(name for frame in sides.values() for name in frame.columns)
    columns = {
        name: {side: frame[name].drop_nulls() for side, frame in sides.items() if name in frame.columns}
        for name in names
    }
    drawn = (draw_column(name, of) for name, of in columns.items())
    return [picture for picture in drawn if picture is not None and not is_constant(picture)]


def count_rows(frame: pl.DataFrame, keys: Sequence[str], name: str) -> pl.DataFrame:
    """A row each value of the keys that occurs: under ``name`` the number of its rows.

    >>> count_rows(pl.DataFrame({"user": [7, 7, 9]}), ["user"], "clicks of a user").to_series().sort().to_list()
    [1, 2]
    """
    return frame.group_by(keys).agg(pl.len().alias(name)).select(name)


def _measure_drift(sides: Sequence[Row], picture: Picture | None) -> float | None:
    missing = [side["missing"] or 0.0 for side in sides]
    gap = abs(missing[1] - missing[0]) if len(missing) > 1 else 0.0
    return max(measure_distance(picture) if picture else 0.0, gap if gap >= DIFFERS else 0.0) or None


def _describe_side(paths: Sequence[Path]) -> dict[str, Row]:
    """By column: its kind, the share of missing values, different values and range, and the known ``values`` themselves
    of rows that are taken evenly: files are sorted by users or times.
    """
    frame = scan(paths)
    schema = frame.collect_schema()
    missing = [_is_missing(name, dtype).mean().alias(name) for name, dtype in schema.items()]
    whole = collect(frame.select(pl.len().alias(ROW), *missing))
    rows = whole[ROW][0]
    every = -(-rows // SAMPLE_ROWS)
    sample = collect(frame.with_row_index(ROW).filter(pl.col(ROW) % every == 0) if every > 1 else frame)
    return {name: {"missing": whole[name][0] if rows else None} | _describe_values(sample[name]) for name in schema}


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
        return {"kind": "nothing", "different": 0, "values": known}
    if isinstance(known.dtype, pl.List | pl.Array | pl.Struct):
        return {"kind": str(known.dtype).partition("(")[0].lower(), "values": known}
    row: Row = {"kind": "text", "different": known.n_unique(), "values": known}
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
            f"A raw file cannot be read as a table ({describe_failure(error)}): check it with make data-NAME."
        ) from error
