"""A finished run as frames, for a notebook: its queries and, row by row, candidates, labels, scores and features."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from common.day.judged import CANDIDATES, FEATURES
from common.day.record_schema import RECORD, RunRecord, read_record
from common.day.run_record import QUERIES
from common.engine.errors import UserError
from common.io.tables import read_parquet


@dataclass(frozen=True)
class LoadedRun:
    """``queries``: one row per validation query: query, fold, score, slices. ``candidates``: one row per candidate of a
    query: query, item, label (1: the right one), a score a model; the list that is handed in is sorted by the last.
    """

    folder: Path
    record: RunRecord
    queries: pl.DataFrame
    candidates: pl.DataFrame

    @cached_property
    def features(self) -> pl.DataFrame:
        """The features (float32, NaN = missing) of the first candidates, row by row: of all, where they are few."""
        return read_parquet(self.folder / FEATURES)


def load_run(folder: Path) -> LoadedRun:
    """The run in ``folder``. ``UserError`` where its files are gone, or of an earlier version."""
    record = read_record(folder / RECORD)
    if not (folder / FEATURES).exists():
        raise UserError(f"{folder} has no {FEATURES}: it validated on no query, or with an earlier version: run again.")
    return LoadedRun(folder, record, read_parquet(folder / QUERIES), read_parquet(folder / CANDIDATES))
