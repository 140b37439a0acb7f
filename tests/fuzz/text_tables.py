"""Damage to CSV files. The tiny files quote nothing, so that a split at commas finds the cells."""

import random
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.odd_values import TEXTS

Table = list[list[str]]


def read_table(path: Path) -> Table:
    return [line.split(",") for line in path.read_text("utf-8-sig").splitlines()]


def write_table(path: Path, table: Table) -> None:
    path.write_text("".join(",".join(row) + "\n" for row in table), "utf-8")


def on_table(edit: Callable[[random.Random, Table, int], Table | None]) -> Callable[[random.Random, Path], None]:
    """A mutation of the cells, given the number of a column; the header is row 0."""

    def mutate(chance: random.Random, path: Path) -> None:
        table = read_table(path)
        write_table(path, edit(chance, table, chance.randrange(len(table[0]))) or table)

    mutate.__name__ = edit.__name__
    return mutate


def odd_cells(chance: random.Random, table: Table, column: int) -> None:
    for _ in range(chance.choice([1, 1, 1, 9])):
        row = chance.choice(table[1:] or table)
        row[column % len(row)] = chance.choice(TEXTS)


def blank_cells(chance: random.Random, table: Table, column: int) -> None:
    share = chance.choice([0.05, 0.5, 1.0])
    for row in table[1:]:
        row[column] = "" if chance.random() < share else row[column]


def scale_column(chance: random.Random, table: Table, column: int) -> None:
    """As where seconds stand for milliseconds."""
    factor = chance.choice([0, -1, 1000, 1000**2, 0.001])
    for row in table[1:]:
        if row[column].lstrip("-").isdigit():
            row[column] = str(int(int(row[column]) * factor))


def swap_columns(chance: random.Random, table: Table, column: int) -> None:
    """The cells, not the names."""
    other = chance.randrange(len(table[0]))
    for row in table[1:]:
        row[column], row[other] = row[other], row[column]


def drop_column(chance: random.Random, table: Table, column: int) -> Table:
    return [row[:column] + row[column + 1 :] for row in table]


def repeat_column(chance: random.Random, table: Table, column: int) -> Table:
    return [[*row, row[column]] for row in table]


def add_column(chance: random.Random, table: Table, column: int) -> Table:
    return [
        [*row[:column], "7" if at else chance.choice(["more", "", '"']), *row[column:]] for at, row in enumerate(table)
    ]


def rename_column(chance: random.Random, table: Table, column: int) -> None:
    name = table[0][column]
    table[0][column] = chance.choice([name.upper(), f" {name}", f"{name} ", f'"{name}', ""])


def drop_rows(chance: random.Random, table: Table, column: int) -> Table:
    keep = chance.choice([0.0, 0.02, 0.5, 0.97])
    return [row for at, row in enumerate(table) if at == 0 or chance.random() < keep]


def repeat_rows(chance: random.Random, table: Table, column: int) -> Table:
    return table + chance.choices(table[1:] or table, k=chance.choice([1, 50]))


def lose_header(chance: random.Random, table: Table, column: int) -> Table:
    return table[1:] or table


def repeat_header(chance: random.Random, table: Table, column: int) -> Table:
    at = chance.randrange(1, len(table) + 1)
    return [*table[:at], table[0], *table[at:]]


def ragged_row(chance: random.Random, table: Table, column: int) -> None:
    row = chance.choice(table)
    row[column:] = chance.choice([[], [row[column], *row[column:]], [row[column] + ","]])


def unclosed_quote(chance: random.Random, table: Table, column: int) -> None:
    row = chance.choice(table)
    row[column] = '"' + row[column]


def other_separator(chance: random.Random, table: Table, column: int) -> Table:
    separator = chance.choice([";", "\t", "|", " "])
    return [[separator.join(row)] for row in table]


def encode_again(chance: random.Random, path: Path) -> None:
    text = path.read_text("utf-8-sig")
    path.write_bytes(text.encode(chance.choice(["utf-16", "utf-16-le", "utf-32", "utf-7"])))


CELLS = (odd_cells, odd_cells, odd_cells, blank_cells, scale_column, swap_columns)
COLUMNS = (drop_column, repeat_column, add_column, rename_column)
ROWS = (drop_rows, repeat_rows, lose_header, repeat_header, ragged_row, unclosed_quote, other_separator)
CSV = (
    *map(on_table, (*CELLS, *CELLS, *COLUMNS, *ROWS)),
    encode_again,
)
