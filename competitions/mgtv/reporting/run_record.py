"""What a finished MGTV run tells of itself: scores by device and day, models, decisions, and what the report needs."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from common.experiments.run_record import RunRecord, list_notes
from common.pipeline.run import Run
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.models import decision
from competitions.mgtv.reporting.diagnostics import diagnose
from competitions.mgtv.reporting.summary import Outcome, summarise

METRIC = "score"
LENGTHS = {2: "1-2", 5: "3-5", 10: "6-10", 20: "11-20"}  # of a list: at most -> its class


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
        truth=tell_truth(truth),
        submissions=[outcome.checked],
        summary=summary,
        insight=diagnose(outcome, run),
    )


def list_queries(outcome: Outcome) -> pl.DataFrame:
    """One row per device and validation day: what its answer earns."""
    devices = outcome.ready.tables.codes.value.devices["did"]
    parts = []
    for number, mixed, values in zip(outcome.ready.plan.valid, outcome.mixed.value, outcome.values, strict=True):
        day, sizes = outcome.ready.labelled[number].value, outcome.ready.labelled[number].value.rows.group_sizes
        chosen = decision.pick(decision.weigh(mixed, values.value, outcome.config.decide.power), sizes)
        scores = decision.earn(day, chosen, values.value.answer)[1]
        asked = outcome.ready.asks[number].value.rows.unique("query", keep="first", maintain_order=True)
        parts.append(
            asked.select(
                query=pl.lit(f"{number:02d}/") + devices.gather(asked["device"]).cast(pl.String),
                fold=pl.lit(f"day {number:02d}"),
                score=pl.Series(scores),
                videos=class_of_length(pl.Series(sizes)),
            )
        )
    return pl.concat(parts)


def class_of_length(sizes: pl.Series) -> pl.Series:
    """The class of a list by the number of videos shown."""
    named: pl.Expr = pl.lit("over 20")
    for most, name in reversed(LENGTHS.items()):
        named = pl.when(pl.col("size") <= most).then(pl.lit(name)).otherwise(named)
    return sizes.to_frame("size").select(named.alias("videos"))["videos"]


def tell_truth(truth: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Score, error and oracle on simulated data."""
    if truth is None:
        return None
    scores = truth["scores"]
    told = {"score": scores["score"], "error": scores["score_error"], "oracle": truth["oracle"]["score"]}
    return told | {"scores": scores}
