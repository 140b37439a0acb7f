"""Every list metric of a million queries with ten items each: ``python -m tests.benches.metrics``.

Beside it trec_eval, by its Python binding, on one query in twenty.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytrec_eval

from common.learning.metrics import CUTOFFS, evaluate
from tests.benches.side_by_side import Ready, main

QUERIES, LENGTH, PART = 1_000_000, 10, 20
TREC = {f"{name}.{','.join(map(str, CUTOFFS))}" for name in ("P", "recall", "success", "ndcg_cut", "map_cut")}


def prepare(folder: Path, scale: float) -> str:
    """Random scores; every query has one answer, which the list holds for three queries in four."""
    queries, rng = max(round(QUERIES * scale), PART), np.random.default_rng(0)
    names = {
        "query": np.repeat(np.arange(queries, dtype=np.int32), LENGTH),
        "item": np.tile(np.arange(LENGTH), queries),
    }
    frame = pl.DataFrame({**names, "score": rng.random(queries * LENGTH)}).cast({"item": pl.Int32})
    frame.write_parquet(folder / "predictions.parquet")
    right = np.where(rng.random(queries) < 0.75, rng.integers(0, LENGTH, queries), LENGTH).astype(np.int32)
    pl.DataFrame({"query": np.arange(queries, dtype=np.int32), "item": right}).write_parquet(folder / "answers.parquet")
    return f"{queries:,} queries with {LENGTH} items each"


def ours(folder: Path) -> Ready:
    """``common.learning.metrics.evaluate`` on everything: metrics by rank, at four cutoffs."""
    predictions, answers = (pl.read_parquet(folder / f"{name}.parquet") for name in ("predictions", "answers"))

    def run() -> int:
        evaluate(predictions, answers)
        return answers.height

    return run


def trec(folder: Path) -> Ready:
    """trec_eval on a part, the building of its dictionaries included."""
    few = pl.col("query") % PART == 0
    predictions, answers = (
        pl.read_parquet(folder / f"{name}.parquet").filter(few) for name in ("predictions", "answers")
    )

    def run() -> int:
        wanted = {str(query): {str(item): 1} for query, item in answers.rows()}
        given: dict[str, dict[str, float]] = {}
        for query, item, score in predictions.rows():
            given.setdefault(str(query), {})[str(item)] = score
        pytrec_eval.RelevanceEvaluator(wanted, TREC).evaluate(given)
        return len(wanted)

    return run


def describe(queries: int, seconds: float) -> dict[str, Any]:
    """The rate; ``times`` compares the cost of a query."""
    return {"units": queries, "queries": queries, "queries/s": queries / seconds}


if __name__ == "__main__":
    main("tests.benches.metrics", "Metrics by list", {"trec_eval, a part": trec, "evaluate": ours}, prepare, describe)
