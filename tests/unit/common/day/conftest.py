"""Runs as they lie in a build folder, written by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A run with a record and the scores of its queries."""

    def write(run: str, scores: list[float], name: str = "news", **changed: Any) -> Path:
        folder = tmp_path / "build" / name / run
        folder.mkdir(parents=True)
        record = {
            "name": name,
            "run": run,
            "config": {"seed": 0, "rank": {"rounds": 5}},
            "overrides": [],
            "metric": "MRR@5",
            "cv": {"score": float(np.mean(scores)), "error": 0.01, "queries": len(scores)},
            "data": {"digest": "abcdef", "simulated": True},
            "code": {"revision": "1234", "changed": False},
            "ranking": [{"model": "m", "score": 0.1, "error": 0.01}],
            "features": ["f"],
            "steps": [],
            "wall_seconds": 12.0,
            "peak_mib": 2048.0,
        } | changed
        (folder / "run.json").write_text(json.dumps(record))
        queries = {"query": [str(n) for n in range(len(scores))], "fold": "all", "score": scores}
        half = pl.when(pl.col("query").cast(pl.Int32) % 2 == 0).then(pl.lit("even")).otherwise(pl.lit("odd"))
        pl.DataFrame(queries).with_columns(parity=half).write_parquet(folder / "queries.parquet")
        return folder

    return write
