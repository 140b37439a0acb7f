"""The record of a finished Tencent run: scores by user, ways to answer, training, and what the report needs."""

from pathlib import Path

import numpy as np
import polars as pl

from common.datasets.simulated import read_oracle
from common.experiments.run_record import RunRecord, SimulatedTruth, list_notes
from common.pipeline.run import Run
from competitions.tencent import metrics, submission
from competitions.tencent.config import TencentConfig
from competitions.tencent.inference.stages import rank_targets
from competitions.tencent.io.schema import TRUTH
from competitions.tencent.outcome import Outcome
from competitions.tencent.reporting.diagnostics import diagnose
from competitions.tencent.reporting.summary import summarise

METRIC = "score"
LENGTHS, LENGTH_NAMES = (5, 20, 100), ("1-5", "6-20", "21-100", "over 100")  # classes of history lengths


def build_record(outcome: Outcome, config: TencentConfig, truth: SimulatedTruth | None, run: Run) -> RunRecord:
    """The record of a run."""
    summary = summarise(outcome)
    ways = summary["ways"]
    training = {name: {**row, "losses": format_losses(row["losses"])} for name, row in summary["training"].items()}
    return RunRecord(
        metric=METRIC,
        queries=list_queries(outcome),
        ranking=[{"model": name, "score": row["score"], "error": row["score_error"]} for name, row in ways.items()],
        tables=[
            ("Ways to answer, on the hold-out", [{"way": name, **row} for name, row in ways.items()]),
            ("Training events, queries, candidates", summary["folds"]),
            ("Training", [{"training": name, **row} for name, row in training.items()]),
            ("The open mode's weights", [summary["mix"]] if summary["mix"] else []),
        ],
        notes=list_notes(summary["notes"]),
        features=list_inputs(config),
        truth=truth,
        submissions=outcome.checked,
        summary=summary,
        insight=diagnose(outcome, run),
    )


def list_queries(outcome: Outcome) -> pl.DataFrame:
    """One row per held-out user: its share of the Score, weighted as the host weighs it (round 2)."""
    fold, corpus = outcome.ready.valid.value, outcome.ready.corpus.value
    answer, mixed = outcome.early.answer.value, outcome.early.mixed
    ranks = rank_targets(fold, answer.vectors if mixed is None else mixed.value.top)
    assert fold.target_action is not None
    assert fold.unseen is not None
    weights = np.array(outcome.config.host.weights)[np.maximum(fold.target_action, 0)]
    scores = metrics.score_answers(ranks) * weights / max(float(weights.mean()), 1e-12)
    histories = fold.queries(corpus.train)
    frame = pl.DataFrame({"query": pl.Series(corpus.users.names[fold.users]).cast(pl.String), "score": scores})
    return frame.select(
        "query",
        fold=pl.lit("hold-out"),
        score="score",
        target=pl.when(pl.Series(fold.unseen)).then(pl.lit("an unseen ad")).otherwise(pl.lit("a seen ad")),
        history=pl.Series(np.array(LENGTH_NAMES)[np.searchsorted(LENGTHS, histories.lengths)]),
    )


def list_inputs(config: TencentConfig) -> list[str]:
    """The model's inputs, by the names of its settings."""
    switches = ("ids", "features", "embeddings", "actions", "condition", "times", "memory")
    return [name for name in switches if getattr(config.model, name)]


def format_losses(losses: list[float]) -> str:
    """Losses by epoch as one text."""
    return " ".join(f"{loss:.3f}" for loss in losses)


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's scores on the truth of simulated raw files."""
    scores = submission.score_submission(outcome.checked[0].path, raw / TRUTH)
    return SimulatedTruth(scores["score"], scores["score_error"], read_oracle(raw)["score"], scores)
