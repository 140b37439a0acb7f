"""A finished run as frames: row by row what it ranked, from its folder alone."""

import polars as pl
import pytest

import competitions
from common.day.run_record import QUERIES
from tests.contract.contract import Contract, Finished


def test_a_run_is_loaded_as_it_was_scored(contract: Contract, finished: Finished) -> None:
    run = competitions.load(f"{contract.name}/{finished.folder.name}", finished.build)
    assert run.features.height == run.candidates.height
    assert run.queries.equals(pl.read_parquet(finished.folder / QUERIES))
    assert tuple(run.features.columns) == tuple(run.record.features)
    assert set(run.candidates["label"]) == {0.0, 1.0}
    headline = [finished.record["cv"][name] for name in ("score", "error")]
    own = [[row["score"], row["error"]] for row in finished.record["ranking"]]  # the pipeline's
    assert any(row == pytest.approx(headline) for row in own)
    if contract.competition.kind == "rows":
        return
    # Who has a score has the right one among the first, by the last of the scores.
    ranked = run.candidates.with_columns(rank=pl.last().rank("min", descending=True).over("query"))
    right = ranked.filter(pl.col("label") == 1).group_by("query").agg(pl.col("rank").min())
    scored = run.queries.filter(pl.col("score") > 0).join(right, on="query", how="left")
    assert scored.height
    assert scored.filter(pl.col("rank") > contract.cutoff).height == 0
    assert not scored["rank"].null_count()
