"""Damage to a raw folder by a seed: what a download, a disk or a spreadsheet does to a file.

A mutation takes a source of chance and a path, and edits the file in its place. ``damage`` picks the file and one
that fits its kind; the same seed damages the same folder in the same way.
"""

import gzip
import json
import pickle
import random
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

Mutation = Callable[[random.Random, Path], None]
ANY_SHARE = 0.25  # of the seeds, whose damage does not care what kind of file it is
# What somebody's export, spreadsheet or hand puts where a number belongs.
TEXTS = (
    *("", " ", "0", "-1", "+5", " 7", "1.0", "1.5", "1e5", "1_000", "0x10", "\uff11", "NaN", "inf", "1e999", "null"),
    *("2147483648", "-2147483649", "99999999999", "1970-01-01 00:00:00", "2025-02-30 10:00:00", "9999999999999"),
    *("a", "'", '"', "=1+1", "<b>", "\ufeff", "\U0001f600", "a;b"),
)
NUMBERS = (0, -1, 1, 7, 2**15, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63), 10**12)
FLOATS = (0.0, -0.0, 0.5, -1.0, 1e-320, 1e300, float("nan"), float("inf"), -float("inf"))
CONTAINERS = ([], {}, [1], [[]], {"1": 1}, {"1": []}, [None], None, True, "1,2")
TYPES = (pl.Int8, pl.UInt64, pl.Float32, pl.String, pl.Binary, pl.Boolean, pl.Datetime("ms"), pl.Null)
Edit = Callable[[random.Random, pl.DataFrame, str], pl.DataFrame]


# --- JSON and pickles: one place in a nested value changed, added, doubled or taken away ---


def alter(chance: random.Random, value: Any) -> Any:
    """Most often far inside."""
    if not isinstance(value, list | dict) or not value or chance.random() < 0.15:
        return chance.choice(chance.choice((TEXTS, NUMBERS, FLOATS, CONTAINERS)))
    key, inner = chance.choice(list(enumerate(value) if isinstance(value, list) else value.items()))
    deed = chance.random()
    if deed < 0.7:
        value[key] = alter(chance, inner)
    elif deed < 0.8:
        del value[key]
    elif isinstance(value, list):
        value.insert(chance.randrange(len(value) + 1), inner)
    else:
        value[chance.choice(("", "zz", "-1", " 1", "99999999999999999999"))] = inner
    return value


def alter_json(chance: random.Random, path: Path) -> None:
    path.write_text(json.dumps(alter(chance, json.loads(path.read_bytes()))))


def alter_pickle(chance: random.Random, path: Path) -> None:
    path.write_bytes(pickle.dumps(alter(chance, pickle.loads(path.read_bytes())), chance.randrange(6)))


def alter_lines(chance: random.Random, path: Path) -> None:
    """One line, or twelve; most often the host's file beside it still says where each begins."""
    lines = path.read_bytes().splitlines()
    for at in chance.sample(range(len(lines)), min(chance.choice([1, 12]), len(lines))):
        lines[at] = json.dumps(alter(chance, json.loads(lines[at]))).encode()
    write_lines(chance, path, lines)


def move_lines(chance: random.Random, path: Path) -> None:
    """A line twice, one cut or blank, or most of them lost."""
    lines = path.read_bytes().splitlines()
    at = chance.randrange(len(lines))
    cut, blank = lines[at][: chance.randrange(len(lines[at]))], chance.choice([b"", b"null", b"[]", b"{}"])
    few = [line for line in lines if chance.random() < 0.03] or lines[:1]
    changed = ([*lines, lines[at]], [*lines[:at], cut, *lines[at + 1 :]], [*lines[:at], blank, *lines[at:]], few)
    write_lines(chance, path, chance.choice(changed))


def write_lines(chance: random.Random, path: Path, lines: list[bytes]) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    beside = path.with_name(f"{path.stem}_offsets.pkl")
    if beside.exists() and chance.random() < 0.9:
        begins = [0]
        for line in lines[:-1]:
            begins.append(begins[-1] + len(line) + 1)
        beside.write_bytes(pickle.dumps(begins))


# --- tables: odd cells, another type, columns and rows lost; the file itself stays sound ---


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


# --- any file ---


def cut_short(chance: random.Random, path: Path) -> None:
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size + 1)])


def flip_bits(chance: random.Random, path: Path) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 1, 1, 5, 100])):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def empty(chance: random.Random, path: Path) -> None:
    path.write_bytes(b"")


def compress(chance: random.Random, path: Path) -> None:
    content = path.read_bytes()
    if chance.random() < 0.5:
        path.write_bytes(gzip.compress(content))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(path.name, content)


def remove(chance: random.Random, path: Path) -> None:
    path.unlink()


def make_folder(chance: random.Random, path: Path) -> None:
    path.unlink()
    path.mkdir()


ANY: Sequence[Mutation] = (cut_short, flip_bits, flip_bits, empty, compress, remove, make_folder)
BY_SUFFIX: dict[str, Sequence[Mutation]] = {
    ".csv": TABLES,
    ".json": (alter_json,),
    ".jsonl": (alter_lines, alter_lines, move_lines),
    ".parquet": TABLES,
    ".pkl": (alter_pickle,),
}


def damage(raw: Path, seed: str) -> str:
    """Damage one file of ``raw``; says what was done to which. Files of a folder of their own count as one kind."""
    chance = random.Random(seed)
    kinds: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(path for path in raw.rglob("*") if path.is_file()):
        days = path.parent.name.startswith("day")
        kinds.setdefault((path.parent.parent.name, "day") if days else (path.parent.name, path.name), []).append(path)
    path = chance.choice(kinds[chance.choice(sorted(kinds))])
    choices = ANY if chance.random() < ANY_SHARE else BY_SUFFIX.get(path.suffix, ANY)
    mutation = chance.choice(choices)
    mutation(chance, path)
    return f"{mutation.__name__} {path.relative_to(raw)}"
