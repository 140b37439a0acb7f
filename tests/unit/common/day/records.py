"""Records and runs as they lie in a build folder, written by hand."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from common.day.evidence import Evidence
from common.day.judged import Judged
from common.day.record_schema import RECORD, Data, Example, RunRecord, RunStart, Scored
from common.day.run_record import average_fits, stack_fits
from common.io.submission import Checked
from common.learning.dataset import RankingDataset

START = RunStart(
    name="news", run="run-1", data=Data(folder="", simulated=True), config={"seed": 3}, overrides=["seed=3"]
)
QUERIES = pl.DataFrame(
    {
        "query": ["a", "b", "c", "d"],
        "fold": ["day 2", "day 1", "day 2", "day 2"],
        "score": [1.0, 0.0, 0.5, 0.0],
        "kind": ["x", "y", None, "x"],
    }
)
ONE_ROW = RankingDataset(("f",), np.ones((1, 1), np.float32), np.ones(1, np.float32), np.ones(1, np.int32))


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


def write_run(folder: Path, scores: Any = (0.5,), **changed: Any) -> Path:
    """A run's folder: its record, and the scores of its queries (of single fits: a column each), half of which are of
    the slice even.
    """
    folder.mkdir(parents=True)
    single = np.asarray(scores, np.float64).reshape(len(scores), -1)
    names = [str(number) for number in range(len(single))]
    fits = [pl.DataFrame({"query": names, "fold": "all", "score": each}) for each in single.T]
    queries = stack_fits(fits) if len(fits) > 1 else fits[0]
    own = {"score": float(single.mean()), "queries": len(single), "digest": str(len(single))}
    cv = own | changed.pop("cv", {})
    told = {"name": folder.parent.name, "run": folder.name, "cv": cv, "fits": average_fits(queries)}
    record = make_record(**told | changed)
    (folder / RECORD).write_bytes(msgspec.json.encode(record))
    parity = pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("even")).otherwise(pl.lit("odd"))
    queries.with_columns(parity=parity).write_parquet(folder / "queries.parquet")
    return folder


def make_evidence(**changed: Any) -> Evidence:
    """Of one list with one candidate, where the first five of a list count; four queries have rank 1."""
    values: dict[str, Any] = {
        "candidates": pl.DataFrame({"query": ["a"], "item": [7], "label": [1.0], "blend": [0.5]}),
        "rows": ONE_ROW,
        "ranks": np.ones(4, np.int64),
        "example": lambda _: Example("", "", [], ""),
        "stages": [("all queries", 4)],
        "cutoffs": (5,),
        "rivals": [Scored("Random order", 0.1)],
    }
    return Evidence(**values | changed)


def make_judged(**changed: Any) -> Judged:
    """What a run of four queries reports."""
    values: dict[str, Any] = {
        "metric": "MRR@5",
        "meaning": "1 / rank",
        "queries": QUERIES,
        "ranking": [Scored("m", 0.1, 0.01)],
        "error": 0.03,
        "why": "clicks are of one day",
        "submissions": [Checked(Path("s.csv"), 7, ())],
        "evidence": make_evidence,
        "features": lambda: ("f", "g"),
        "summary": lambda: {"own": 1},
        "tables": lambda: [("shown", [{"a": 1}]), ("empty", [])],
    }
    return Judged(**values | changed)
