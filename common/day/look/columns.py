"""What the columns of raw tables hold, train beside test: missing values, how many different ones, their range."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import polars.selectors as cs

from common.day.look.distributions import LEAST_DISTANCE, draw_column, measure_distance
from common.day.record_schema import Row
from common.engine.errors import UserError
from common.io.files import UNREADABLE, describe_failure
from common.io.tables import scan_csv, scan_parquet

SAMPLE_ROWS = 200_000  # of which different values, ranges and drift are made; missing values are counted in all
ROW = "__row__"


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
    """One row per column, in the order of the first side: by side missing share, different values, range.

    ``drift``: how far the first two sides differ in it, None where that is little, or chance.
    """
    missing, samples = zip(*(_sample_rows(paths) for paths in table.sides.values()), strict=True)
    rows = []
    for name in dict.fromkeys(name for sample in samples for name in sample.columns):
        sides = {
            side: _as_numbers(sample[name].drop_nulls())
            for side, sample in zip(table.sides, samples, strict=True)
            if name in sample.columns
        }
        row: Row = {"column": name}
        shares = {side: of[name] for side, of in zip(table.sides, missing, strict=True) if name in of}
        figures = {side: {"missing": shares[side], **_list_figures(values)} for side, values in sides.items()}
        for key in ("missing", "different", "from", "median", "to"):
            for side in table.sides:
                row[f"{key}, {side}" if len(table.sides) > 1 else key] = figures.get(side, {}).get(key)
        picture, known = draw_column(name, sides), [share or 0.0 for share in shares.values()]
        gap = abs(known[1] - known[0]) if len(known) > 1 else 0.0
        drift = max(measure_distance(picture) if picture else 0.0, gap if gap >= LEAST_DISTANCE else 0.0)
        rows.append(row | {"drift": drift or None})
    filled = {key for row in rows for key, value in row.items() if value is not None}
    return [{key: value for key, value in row.items() if key in filled} for row in rows]


def count_by(frame: pl.DataFrame, keys: Sequence[str], name: str) -> pl.DataFrame:
    """A row each value of the keys that occurs: under ``name`` the number of its rows.

    >>> count_by(pl.DataFrame({"user": [7, 7, 9]}), ["user"], "clicks of a user").to_series().sort().to_list()
    [1, 2]
    """
    return frame.group_by(keys).agg(pl.len().alias(name)).select(name)


def _sample_rows(paths: Sequence[Path]) -> tuple[dict[str, float | None], pl.DataFrame]:
    """By column the share of all rows where it is missing, null or blank; and rows that are taken evenly: files are
    sorted by users or times.
    """
    frame = scan(paths).with_columns(cs.string().str.strip_chars().replace("", None))
    missing = collect(frame.select(pl.all().null_count(), pl.len().alias(ROW))).row(0, named=True)
    rows = missing.pop(ROW)
    every = -(-rows // SAMPLE_ROWS)
    sample = frame.with_row_index(ROW).filter(pl.col(ROW) % every == 0).drop(ROW) if every > 1 else frame
    return {name: count / rows if rows else None for name, count in missing.items()}, collect(sample)


def _as_numbers(known: pl.Series) -> pl.Series:
    """Texts as the numbers that they all are, else as they are: a CSV is read as text."""
    numbers = known.cast(pl.Float64, strict=False) if known.dtype == pl.String and len(known) else known
    return known if numbers.null_count() else numbers


def _list_figures(known: pl.Series) -> Row:
    """How many different values there are, and of numbers their range."""
    row: Row = {} if known.dtype.is_nested() else {"different": known.n_unique()}
    if known.dtype.is_numeric():
        finite = known.cast(pl.Float64)
        finite = finite.filter(finite.is_finite())
        row |= {"from": finite.min(), "median": finite.median(), "to": finite.max()}
    return row


def is_table(paths: Sequence[Path]) -> bool:
    """Whether these are files of rows and columns: CSV or parquet."""
    return all(path.suffix in (".csv", ".parquet") for path in paths)


def scan(paths: Sequence[Path]) -> pl.LazyFrame:
    """The rows of all files; a CSV as text."""
    if all(path.suffix == ".parquet" for path in paths):
        return scan_parquet(list(paths))
    return scan_csv(list(paths), infer_schema=False, raise_if_empty=False)


def collect(frame: pl.LazyFrame) -> pl.DataFrame:
    """The result of a query. ``UserError`` where a file is no table."""
    try:
        return frame.collect(engine="streaming")
    except UNREADABLE as error:
        raise UserError(
            f"A raw file cannot be read as a table ({describe_failure(error)}): check it with make data-NAME."
        ) from error
