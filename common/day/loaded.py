"""A finished run as frames, for a notebook: its queries and, row by row, candidates, features, scores and labels.

A run's folder holds its record and the scores of its queries; candidates and features lie in the store that runs share.
They are found there by running the pipeline again up to validation, whose steps are all kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from common.competition import Competition
from common.day.answers import ValidationRows
from common.day.record_schema import RECORD, RunRecord, read_record
from common.day.run_record import QUERIES, describe_queries
from common.engine.errors import UserError
from common.engine.run import Run
from common.io.tables import read_parquet

SHOWN = 8  # columns of a frame, in words


@dataclass(frozen=True, repr=False)
class LoadedRun:
    """``queries``: one row per validation query: query, fold, score, slices. ``candidates``, ``features`` (float32, NaN
    = missing), ``scores`` (a column a model, ``blend`` the last) and ``labels`` (column label, 1 the right one) stand
    row by row, one per candidate of a query: ``pl.concat([...], how="horizontal")`` joins them.
    """

    record: RunRecord
    queries: pl.DataFrame
    candidates: pl.DataFrame
    features: pl.DataFrame
    scores: pl.DataFrame
    labels: pl.DataFrame

    def __repr__(self) -> str:
        """A line a frame: its size and its first columns."""
        record = self.record
        lines = [f"LoadedRun {record.name}/{record.run}: {record.metric} {record.cv.score:.4f}"]
        for name in ("queries", "candidates", "features", "scores", "labels"):
            frame: pl.DataFrame = getattr(self, name)
            more = f" and {frame.width - SHOWN} more" if frame.width > SHOWN else ""
            lines.append(f"  {name}: {frame.height:,} rows; {', '.join(frame.columns[:SHOWN])}{more}")
        return "\n".join([*lines, "  record: everything else, as in run.json"])


def load_run(folder: Path, competition: Competition, list_rows: Callable[[Any], ValidationRows]) -> LoadedRun:
    """The run in ``folder``. ``UserError`` where its files are gone, or today's code scores them otherwise."""
    record = read_record(folder / RECORD)
    config = competition.read_config(record)
    run = Run(folder, folder.parent / "cache")
    raw = _find_raw(Path(record.data.folder), folder)
    outcome = competition.validate(competition.locate(raw, config), config, run)
    queries = read_parquet(folder / QUERIES)
    if not all(step.kept for step in run.timings):
        _check_same(competition.judge(outcome, config).queries, queries, folder, record)
    rows = list_rows(outcome)
    return LoadedRun(
        record=record,
        queries=queries,
        candidates=rows.candidates,
        features=pl.DataFrame(rows.rows.features, schema=list(rows.rows.names)),
        scores=rows.scores,
        labels=pl.DataFrame({"label": rows.rows.labels}),
    )


def _find_raw(raw: Path, folder: Path) -> Path:
    """The raw files: where the record says, seen from here or from beside the build folder."""
    beside = folder.resolve().parents[2] / raw
    return raw if raw.exists() or not beside.exists() else beside


def _check_same(now: pl.DataFrame, then: pl.DataFrame, folder: Path, record: RunRecord) -> None:
    """Steps had to be computed again: by the same code from the same files they give the scores that were recorded."""
    if not now.equals(then):
        scores = [describe_queries(queries).score for queries in (then, now)]
        raise UserError(
            f"{folder} scored {scores[0]:.4f}, and {scores[1]:.4f} with the current code and files: run it again, or go"
            f" back to revision {record.code.revision or 'unknown'}."
        )
