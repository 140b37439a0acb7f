"""Damage to a raw folder by a seed: what a download, a disk or a spreadsheet does to a file.

A mutation takes a source of chance and a path, and edits the file in its place. ``damage`` picks the file and one
that fits its kind; the same seed damages the same folder in the same way.
"""

import gzip
import random
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.fuzz.nested import alter_json, alter_lines, alter_pickle, move_lines
from tests.fuzz.tables import TABLES

Mutation = Callable[[random.Random, Path], None]
ANY_SHARE = 0.25  # of the seeds, whose damage does not care what kind of file it is


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


def list_files(folder: Path) -> list[Path]:
    """The plain files of a folder and the folders in it, in one order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def damage(raw: Path, seed: str) -> str:
    """Damage one file of ``raw``; says what was done to which. Files of a folder of their own count as one kind."""
    chance = random.Random(seed)
    kinds: dict[tuple[str, str], list[Path]] = {}
    for path in list_files(raw):
        days = path.parent.name.startswith("day")
        kinds.setdefault((path.parent.parent.name, "day") if days else (path.parent.name, path.name), []).append(path)
    path = chance.choice(kinds[chance.choice(sorted(kinds))])
    choices = ANY if chance.random() < ANY_SHARE else BY_SUFFIX.get(path.suffix, ANY)
    mutation = chance.choice(choices)
    mutation(chance, path)
    return f"{mutation.__name__} {path.relative_to(raw)}"
