"""Damage to Parquet tables: columns of other types, odd cells, rows lost. Written by Arrow, so the files are sound."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.fuzz.odd_values import FLOATS, NUMBERS, TEXTS

TYPES = (
    *(pa.int8(), pa.int32(), pa.uint64(), pa.float32(), pa.float64(), pa.string(), pa.large_string(), pa.binary()),
    *(pa.bool_(), pa.date32(), pa.null(), pa.decimal128(30, 4), pa.timestamp("s"), pa.timestamp("ns", "Asia/Tokyo")),
    *(pa.duration("s"), pa.list_(pa.int64()), pa.struct([("a", pa.int64())]), pa.dictionary(pa.int8(), pa.string())),
)
Edit = Callable[[random.Random, Any, int], Any]


def on_table(edit: Edit) -> Callable[[random.Random, Path], None]:
    """A mutation of a table, given the number of a column."""

    def mutate(chance: random.Random, path: Path) -> None:
        table = pq.read_table(path)
        pq.write_table(edit(chance, table, chance.randrange(table.num_columns)), path)

    mutate.__name__ = edit.__name__
    return mutate


def set_column(table: Any, column: int, values: Any) -> Any:
    return table.set_column(column, table.column_names[column], values)


def other_type(chance: random.Random, table: Any, column: int) -> Any:
    kind = chance.choice(TYPES)
    try:
        return set_column(table, column, table.column(column).cast(kind, safe=False))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return set_column(table, column, pa.nulls(table.num_rows, kind))


def missing_cells(chance: random.Random, table: Any, column: int) -> Any:
    share, kind = chance.choice([0.05, 0.5, 1.0]), table.schema.types[column]
    values = [None if chance.random() < share else value for value in table.column(column).to_pylist()]
    return set_column(table, column, pa.array(values, kind))


def odd_cells(chance: random.Random, table: Any, column: int) -> Any:
    kind, values = table.schema.types[column], table.column(column)
    if pa.types.is_timestamp(kind):
        numbers = values.cast(pa.int64()).to_pylist()
        for _ in range(chance.choice([1, 1, 9])):
            numbers[chance.randrange(len(numbers))] = chance.choice(NUMBERS)
        return set_column(table, column, pa.array(numbers, pa.int64()).cast(kind))
    odd = FLOATS if pa.types.is_floating(kind) else NUMBERS if pa.types.is_integer(kind) else TEXTS
    cells = values.to_pylist()
    for _ in range(chance.choice([1, 1, 9])):
        value = not cells[0] if pa.types.is_boolean(kind) else chance.choice(odd)
        cells[chance.randrange(len(cells))] = value
    try:
        return set_column(table, column, pa.array(cells, pa.string() if odd is TEXTS else kind))
    except (OverflowError, pa.ArrowInvalid, pa.ArrowTypeError):
        return set_column(table, column, pa.array([str(cell) for cell in cells]))


def drop_column(chance: random.Random, table: Any, column: int) -> Any:
    return table.remove_column(column)


def add_column(chance: random.Random, table: Any, column: int) -> Any:
    return table.append_column(chance.choice(["more", ""]), pa.array([1] * table.num_rows))


def repeat_column(chance: random.Random, table: Any, column: int) -> Any:
    return table.append_column(table.column_names[column], table.column(column))


def rename_column(chance: random.Random, table: Any, column: int) -> Any:
    names = table.column_names
    names[column] = chance.choice([names[column].upper(), f"{names[column]} ", ""])
    return table.rename_columns(names)


def few_rows(chance: random.Random, table: Any, column: int) -> Any:
    return table.slice(0, chance.choice([0, 1, 2, 30]))


def repeat_rows(chance: random.Random, table: Any, column: int) -> Any:
    return pa.concat_tables([table, table.slice(chance.randrange(table.num_rows), chance.choice([1, 9]))])


PARQUET = tuple(
    map(
        on_table,
        (
            *(other_type, other_type, other_type, missing_cells, missing_cells),
            *(odd_cells, odd_cells, odd_cells, odd_cells, drop_column, drop_column, add_column, repeat_column),
            *(rename_column, few_rows, few_rows, repeat_rows),
        ),
    )
)
