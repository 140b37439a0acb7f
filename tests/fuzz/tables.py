"""Damage to a table, CSV or Parquet: odd cells, another type, columns and rows lost. The file itself stays sound."""

import random
from collections.abc import Callable
from pathlib import Path

import polars as pl

from tests.fuzz.nested import FLOATS, NUMBERS, TEXTS

TYPES = (pl.Int8, pl.UInt64, pl.Float32, pl.String, pl.Binary, pl.Boolean, pl.Datetime("ms"), pl.Null)
Edit = Callable[[random.Random, pl.DataFrame, str], pl.DataFrame]


def on_table(edit: Edit) -> Callable[[random.Random, Path], None]:
    """A mutation of a table, given the name of a column; of a CSV all cells are texts."""

    def mutate(chance: random.Random, path: Path) -> None:
        as_text = path.suffix == ".csv"
        table = pl.read_csv(path, infer_schema=False) if as_text else pl.read_parquet(path)
        edited = edit(chance, table, chance.choice(table.columns))
        if as_text:
            edited.cast({pl.Binary: pl.String}, strict=False).write_csv(path)
        else:
            edited.write_parquet(path)

    mutate.__name__ = edit.__name__
    return mutate


def odd_cells(chance: random.Random, table: pl.DataFrame, column: str) -> pl.DataFrame:
    kind = table.schema[column]
    odd = FLOATS if kind.is_float() else NUMBERS if kind.is_integer() or kind.is_temporal() else TEXTS
    value = pl.lit(None, kind) if kind == pl.Boolean else pl.lit(chance.choice(odd)).cast(kind, strict=False)
    rows = [chance.randrange(table.height) for _ in range(chance.choice([1, 1, 9]))]
    return table.with_columns(pl.when(pl.int_range(pl.len()).is_in(rows)).then(value).otherwise(column).alias(column))


def missing_cells(chance: random.Random, table: pl.DataFrame, column: str) -> pl.DataFrame:
    share = chance.choice([0.05, 0.5, 1.0])
    kept = pl.Series([chance.random() >= share for _ in range(table.height)])
    return table.with_columns(pl.when(kept).then(column).alias(column))


def other_type(chance: random.Random, table: pl.DataFrame, column: str) -> pl.DataFrame:
    """What a cast cannot keep is missing."""
    kind = chance.choice(TYPES)
    try:
        return table.with_columns(pl.col(column).cast(kind, strict=False))
    except pl.exceptions.PolarsError:
        return table.with_columns(pl.lit(None, kind).alias(column))


def drop_column(chance: random.Random, table: pl.DataFrame, column: str) -> pl.DataFrame:
    return table.drop(column) if table.width > 1 else table.clear()


def rename_column(chance: random.Random, table: pl.DataFrame, column: str) -> pl.DataFrame:
    return table.rename({column: chance.choice([column.upper(), f" {column}", ""])})


def add_column(chance: random.Random, table: pl.DataFrame, column: str) -> pl.DataFrame:
    return table.insert_column(chance.randrange(table.width), pl.lit("7").alias("more"))


def drop_rows(chance: random.Random, table: pl.DataFrame, column: str) -> pl.DataFrame:
    keep = chance.choice([0.0, 0.02, 0.5, 0.97])
    return table.filter(pl.Series([chance.random() < keep for _ in range(table.height)], dtype=pl.Boolean))


def repeat_rows(chance: random.Random, table: pl.DataFrame, column: str) -> pl.DataFrame:
    return pl.concat([table, table.slice(chance.randrange(table.height), chance.choice([1, 9]))])


OFTEN = (odd_cells, missing_cells, other_type, drop_rows)
TABLES = tuple(map(on_table, (*OFTEN, *OFTEN, odd_cells, drop_column, rename_column, add_column, repeat_rows)))
