"""The raw files: train.csv (row_id, user_id, item_id, item_kind, timestamp in seconds, label), and test.csv, the rows
to answer for, without a label.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from common.io.column import Column
from common.io.csv import CsvFile
from common.io.files import require_file
from common.learning.kinds import check_labels

TRAIN, TEST = "train.csv", "test.csv"
IDS = tuple(Column(name, pl.Int32) for name in ("row_id", "user_id", "item_id", "item_kind"))
FIELDS = (*IDS, Column("timestamp", pl.Int64))
LABEL = Column("label", pl.Int32)
WHERE = "put the host's files into data/template/raw or name their folder with RAW=DIR"


@dataclass(frozen=True)
class RawFiles:
    """The files that a run reads."""

    train: Path
    test: Path


def locate(raw: Path) -> RawFiles:
    """The files in a folder. ``UserError`` names the one that is missing."""
    for name in (TRAIN, TEST):
        require_file(raw / name, WHERE)
    return RawFiles(raw / TRAIN, raw / TEST)


def read_labelled(path: Path) -> pl.DataFrame:
    """The labelled rows by time: query (the row's id), user, item, kind, time (in ms), label (0 or 1)."""
    table = CsvFile(path, (*FIELDS, LABEL), WHERE).read("row_id").frame
    return (
        name_columns(table).with_columns(label=pl.Series(check_labels(table["label"], str(path)))).sort("time", "query")
    )


def read_asked(path: Path) -> pl.DataFrame:
    """The rows to answer for, likewise; label is null."""
    table = CsvFile(path, FIELDS, WHERE).read("row_id").frame
    return name_columns(table).with_columns(label=pl.lit(None, pl.Float32)).sort("time", "query")


def name_columns(table: pl.DataFrame) -> pl.DataFrame:
    """The columns as the pipeline calls them."""
    return table.select(
        query="row_id", user="user_id", item="item_id", kind="item_kind", time=pl.col("timestamp") * 1000
    )
