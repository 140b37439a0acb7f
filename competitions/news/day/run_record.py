"""The record of a finished news run: scores by user, models side by side, recall, and what the report needs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from common.day.hosts.simulated import read_oracle
from common.day.run_record import RunRecord, SimulatedTruth, list_notes
from common.engine.run import Run
from common.learning.blending import Blend
from common.learning.split import Fold
from competitions.news import submission
from competitions.news.config import NewsConfig
from competitions.news.day.diagnostics import diagnose
from competitions.news.day.summary import class_of_length, last_day, summarise
from competitions.news.features import feature_names
from competitions.news.pipeline import Outcome, Validated
from competitions.news.simulator.simulate import TRUTH

METRIC = "MRR@5"


def build_record(outcome: Validated, config: NewsConfig, truth: SimulatedTruth | None, run: Run) -> RunRecord:
    """The record of a run, or of one that stopped after validation."""
    summary = summarise(outcome, config.rank.models)
    labelled = outcome.ready.labelled
    return RunRecord(
        metric=METRIC,
        queries=list_queries(labelled.inputs.fold.value, labelled.candidates.value, outcome.blend.value),
        ranking=rank_models(summary),
        tables=[
            ("Decided from the log", summary["plan"]),
            ("Recall of the validation answers, before any ranking", summary["recall"]),
            ("Models on validation", [{"model": name, **row} for name, row in summary["models"].items()]),
            ("Validation beside test (shares of users)", summary["folds"]),
        ],
        notes=list_notes(summary["notes"]),
        features=feature_names(labelled.blocks.value),
        truth=truth,
        submissions=[outcome.checked] if isinstance(outcome, Outcome) else [],
        summary=summary,
        insight=diagnose(outcome, run) if isinstance(outcome, Outcome) else {},
    )


def list_queries(fold: Fold, candidates: pl.DataFrame, blend: Blend) -> pl.DataFrame:
    """One row per validation user: the reciprocal rank of the blend, 0 where nothing was retrieved."""
    valid = fold.queries.filter(role="valid")
    ranked = candidates.select("query").unique(maintain_order=True)
    ranked = ranked.join(valid, on="query", how="semi", maintain_order="left")
    ranked = ranked.with_columns(score=pl.Series(blend.reciprocal, dtype=pl.Float64))
    scored = valid.join(ranked, on="query", how="left", maintain_order="left")
    return scored.select(
        query=pl.col("user").cast(pl.String),
        fold=pl.lit("validation users"),
        score=pl.col("score").fill_null(0.0),
        weight="weight",
        **{"visible clicks": class_of_length(), "last visible day": last_day()},
    )


def rank_models(summary: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """The models, then the blend."""
    rows = [{"model": name, "score": row["mrr@5"], "error": row["error"]} for name, row in summary["models"].items()]
    return [*rows, {"model": "blend", "score": summary["cv"]["mrr@5"], "error": summary["cv"]["error"]}]


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's scores on the truth of simulated raw files."""
    path, truth = outcome.checked.path, raw / TRUTH
    scores = submission.score_submission(path, truth)
    queries = submission.score_queries(path, truth)
    return SimulatedTruth(scores["mrr@5"], scores["mrr@5_error"], read_oracle(raw)["mrr5"], scores, queries)
