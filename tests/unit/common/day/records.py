"""Records and runs as they lie in a build folder, written by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from common.day.record_schema import RECORD, RunRecord


def make_record(**changed: Any) -> RunRecord:
    """A whole record; of its parts cv and data the values that are named replace those here."""
    record: dict[str, Any] = {
        "name": "news",
        "run": "r",
        "config": {"seed": 0, "rank": {"rounds": 5}},
        "metric": "MRR@5",
        "cv": {"score": 0.5, "error": 0.01, "queries": 4},
        "data": {"folder": "", "simulated": True, "digest": "abcdef"},
        "code": {"revision": "1234"},
        "ranking": [{"name": "m", "score": 0.1, "error": 0.01}],
        "features": ["f"],
        "wall_seconds": 12.0,
        "peak_mib": 2048.0,
    }
    parts = {part: record[part] | changed.get(part, {}) for part in ("cv", "data")}
    return msgspec.convert(record | changed | parts, RunRecord)


def write_run(folder: Path, scores: Sequence[float] = (0.5,), **changed: Any) -> Path:
    """A run's folder: its record, and the scores of its queries, half of which are of the slice even."""
    folder.mkdir(parents=True)
    cv = {"score": float(np.mean(scores)), "queries": len(scores)} | changed.pop("cv", {})
    record = make_record(**{"name": folder.parent.name, "run": folder.name, "cv": cv} | changed)
    (folder / RECORD).write_bytes(msgspec.json.encode(record))
    queries = pl.DataFrame({"query": [str(n) for n in range(len(scores))], "fold": "all", "score": scores})
    parity = pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("even")).otherwise(pl.lit("odd"))
    queries.with_columns(parity=parity).write_parquet(folder / "queries.parquet")
    return folder
