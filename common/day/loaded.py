"""A finished run as frames, for a notebook: its queries and, row by row, candidates, labels, scores and features.

A run's folder holds all but the features, which lie in the store that runs share: they are found there by running the
pipeline again up to validation, whose steps are all kept.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from common.competition import Competition
from common.day.judged import CANDIDATES
from common.day.record_schema import RECORD, RunRecord, read_record
from common.day.run_record import QUERIES
from common.engine.errors import UserError
from common.engine.run import Run
from common.io.tables import read_parquet


@dataclass(frozen=True, repr=False)
class LoadedRun:
    """``queries``: one row per validation query: query, fold, score, slices. ``candidates``: one row per candidate of a
    query: query, item, label (1: the right one), a score a model; the list that is handed in is sorted by the last.
    """

    folder: Path
    competition: Competition
    record: RunRecord
    queries: pl.DataFrame
    candidates: pl.DataFrame

    @cached_property
    def features(self) -> pl.DataFrame:
        """The features (float32, NaN = missing), row by row those of the candidates.

        ``UserError`` where today's code or files give other candidates or scores.
        """
        config, run = self.competition.read_config(self.record), Run(self.folder, self.folder.parent / "cache")
        raw = _find_raw(Path(self.record.data.folder), self.folder)
        outcome = self.competition.validate(self.competition.locate(raw, config), config, run)
        make = self.competition.judge(outcome, config).evidence
        made = make() if make else None
        if made is None or not made.candidates.equals(self.candidates):
            raise UserError(
                f"{self.folder} ranked other candidates, or scored them otherwise, than the current code and files do:"
                f" run it again, or go back to revision {self.record.code.revision or 'unknown'}."
            )
        return pl.DataFrame(made.rows.features, schema=list(made.rows.names))

    def __repr__(self) -> str:
        """What it is, and the size of its frames."""
        record, queries, candidates = self.record, self.queries.height, self.candidates.height
        frames = f"{queries:,} queries, {candidates:,} candidates, {len(record.features)} features"
        return f"LoadedRun {record.name}/{record.run}: {record.metric} {record.cv.score:.4f}; {frames}"


def load_run(folder: Path, competition: Competition) -> LoadedRun:
    """The run in ``folder``. ``UserError`` where its files are gone, or of an earlier version."""
    record = read_record(folder / RECORD)
    if not (folder / CANDIDATES).exists():
        raise UserError(
            f"{folder} has no {CANDIDATES}: it validated on no query, or with an earlier version: run again."
        )
    return LoadedRun(folder, competition, record, read_parquet(folder / QUERIES), read_parquet(folder / CANDIDATES))


def _find_raw(raw: Path, folder: Path) -> Path:
    """The raw files: where the record says, seen from here or from beside the build folder."""
    beside = folder.resolve().parents[2] / raw
    return raw if raw.exists() or not beside.exists() else beside
