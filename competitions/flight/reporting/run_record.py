"""The record of a finished flight run: hits by session, models side by side, and what the report needs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from common.experiments.run_record import RunRecord, list_notes
from common.pipeline.run import Run
from common.ranking.size_bucket_blending import apply_buckets, hits
from competitions.flight.config import FlightConfig
from competitions.flight.metrics import CUTOFF, LARGE, classify_size
from competitions.flight.ranking.rerank import rerank
from competitions.flight.reporting.console_tables import list_models, list_readings
from competitions.flight.reporting.diagnostics import diagnose
from competitions.flight.reporting.summary import Outcome, summarise

METRIC = f"HitRate@{CUTOFF}"


def build_record(outcome: Outcome, config: FlightConfig, truth: dict[str, Any] | None, run: Run) -> RunRecord:
    """The record of a run."""
    summary = summarise(outcome)
    models = summary["models"]
    return RunRecord(
        metric=METRIC,
        queries=list_queries(outcome),
        ranking=[{"model": name, "score": row["hit_rate@3"], "error": row["error"]} for name, row in models.items()],
        tables=[
            ("HitRate@3 on the last sessions, by group size", list_models(models)),
            ("One model on other splits (nothing is chosen on it)", list_readings(summary, config.readings.model)),
            ("Training, validation and test sessions", summary["folds"]),
        ],
        notes=list_notes(summary["notes"]),
        features=outcome.data.value.valid.names,
        truth=summarise_truth(truth),
        submissions=outcome.checked,
        summary=summary,
        insight=diagnose(outcome, config.rank.blocks, run),
    )


def list_queries(outcome: Outcome) -> pl.DataFrame:
    """One row per validation session with more than ten options: whether the booked one is among the first three."""
    data, scores = outcome.data.value, outcome.scores.value
    valid = data.valid
    blended = apply_buckets(outcome.blend.value, scores[:, 1:], valid.group_sizes)
    final = rerank(blended, data.flights, valid.group_sizes, outcome.penalty.value)
    train = outcome.train.value.sessions
    roles = outcome.split.value.roles
    sessions = train.join(roles.filter(role="valid"), on="session", how="semi", maintain_order="left")
    known = train.join(roles.filter(role="train"), on="session", how="semi")["profile"].unique()
    rows = sessions.select(
        query=pl.col("ranker_id").cast(pl.String),
        fold=pl.lit("last sessions"),
        score=pl.Series(hits(np.ascontiguousarray(final), valid.labels, valid.group_sizes, CUTOFF)),
        options=classify_size(pl.col("size")),
        trip=pl.when("round_trip").then(pl.lit("return")).otherwise(pl.lit("one way")),
        traveller=pl.when(pl.col("profile").is_in(known.implode()))
        .then(pl.lit("has booked"))
        .otherwise(pl.lit("is new")),
        size=pl.col("size"),
    )
    return rows.filter(pl.col("size") > LARGE).drop("size")


def summarise_truth(truth: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Score, error and oracle on simulated data."""
    if truth is None:
        return None
    scores: Mapping[str, float] = truth["scores"]
    return {
        "score": scores["hit_rate@3"],
        "error": scores["hit_rate@3_error"],
        "oracle": truth["oracle"]["hit_rate"]["3"],
        "scores": dict(scores),
    }
