"""What public data sets in a host's layout ("stand-ins") share: real behaviour, with its truth, that anyone can get.

Such a folder never bears a simulation's report: no run takes its truth for one that may be read.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from common.day.hosts import MARKER, TRUTH
from common.engine.errors import UserError
from common.simulation.writer import written_at_once


@dataclass(frozen=True)
class PublicDataset:
    """A converted data set: what it was made of, the rows of each part, and the file of a run that is scored."""

    source: str
    rows: Mapping[str, int]
    submission: str = "submission.csv"


@contextmanager
def dataset_folder(out: Path, dataset: PublicDataset, names: Collection[str]) -> Iterator[Path]:
    """A folder to write the truth and ``names`` in, see ``written_at_once``; the marker is written when the block ends.

    The host's own files are never replaced.
    """
    with written_at_once(out, {*names, TRUTH}, MARKER, "stand-in") as folder:
        yield folder
        (folder / MARKER).write_text(json.dumps(asdict(dataset), indent=2) + "\n", encoding="utf-8")


def write_dataset(out: Path, dataset: PublicDataset, tables: Mapping[str, pl.DataFrame]) -> PublicDataset:
    """Write tables by path, each as the end of its name says, the truth among them, into a ``dataset_folder``."""
    with dataset_folder(out, dataset, {Path(name).parts[0] for name in tables}) as folder:
        for name, frame in tables.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write = frame.write_parquet if name.endswith(".parquet") else frame.write_csv
            write(folder / name)
    return dataset


def hash_ids(prefix: str, ids: Iterable[object]) -> list[str]:
    """Ids of 32 hexadecimal digits, as hosts have them, that say nothing of the order."""
    return [hashlib.md5(f"{prefix}{one}".encode(), usedforsecurity=False).hexdigest() for one in ids]


def find_file(folder: Path, names: Sequence[str], hint: str) -> Path:
    """The first of ``names`` below ``folder`` that is a file; ``hint`` says where to get the data set."""
    if not folder.exists():
        raise UserError(f"There is no {folder}; {hint}")
    path = next((folder / name for name in names if (folder / name).is_file()), None)
    if path is None:
        raise UserError(f"{names[0]} is missing from {folder}; {hint}")
    return path
