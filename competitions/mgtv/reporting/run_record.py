"""What a finished MGTV run tells of itself: scores by device and day, models, decisions, and what the report needs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from common.experiments.run_record import RunRecord, list_notes
from common.pipeline.run import Run
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.models import decision
from competitions.mgtv.reporting.diagnostics import diagnose
from competitions.mgtv.reporting.summary import Outcome, summarise

METRIC = "score"
SIZES, SIZE_CLASSES = (2, 5, 10, 20), ("1-2", "3-5", "6-10", "11-20", "over 20")  # videos shown at most; the classes


def build_record(outcome: Outcome, config: MgtvConfig, truth: dict[str, Any] | None, run: Run) -> RunRecord:
    """The record of a run."""
    summary = summarise(outcome)
    models = summary["models"]
    return RunRecord(
        metric=METRIC,
        queries=list_queries(outcome),
        ranking=[{"model": name, "score": row["score"], "error": row["error"]} for name, row in models.items()],
        tables=[
            ("Models on the validation days", [{"model": name, **row} for name, row in models.items()]),
            ("The decision ladder: rows pick the video, columns the rate", summary["ladder"]),
            ("Days side by side", summary["days"]),
        ],
        notes=list_notes(summary["notes"]),
        features=outcome.ready.test.value.rows.names,
        truth=summarise_truth(truth),
        submissions=[outcome.checked],
        summary=summary,
        insight=diagnose(outcome, run),
    )


def list_queries(outcome: Outcome) -> pl.DataFrame:
    """One row per device and validation day: the score of its answer."""
    devices = outcome.ready.tables.codes.value.devices["did"]
    parts = []
    for predicted, probabilities in zip(outcome.valid, outcome.mixed.value, strict=True):
        day, rewards = predicted.day.value, predicted.rewards.value
        rows = decision.decide(day, probabilities, rewards, outcome.config.decide.power)
        queries = outcome.ready.slates[day.day].value.rows.unique("query", keep="first", maintain_order=True)
        parts.append(
            queries.select(
                query=pl.lit(f"{day.day:02d}/") + devices.gather(queries["device"]).cast(pl.String),
                fold=pl.lit(f"day {day.day:02d}"),
                score=pl.Series(decision.score_answers(day, rows, rewards.rate)[1]),
                videos=pl.Series(np.array(SIZE_CLASSES)[np.searchsorted(SIZES, day.rows.group_sizes)]),
            )
        )
    return pl.concat(parts)


def summarise_truth(truth: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Score, error and oracle on simulated data."""
    if truth is None:
        return None
    scores, oracle = truth["scores"], truth["oracle"]["score"]
    return {"score": scores["score"], "error": scores["score_error"], "oracle": oracle, "scores": scores}
