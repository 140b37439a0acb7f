"""The record of a finished Tencent run: scores by user, ways to answer, training, and what the report needs."""

from pathlib import Path

import numpy as np
import polars as pl

from common.day.hosts.simulated import read_oracle
from common.day.run_record import RunRecord, SimulatedTruth, list_notes
from common.engine.run import Run
from competitions.tencent import metrics, submission
from competitions.tencent.config import TencentConfig
from competitions.tencent.day.diagnostics import diagnose
from competitions.tencent.day.summary import summarise
from competitions.tencent.io.schema import TRUTH
from competitions.tencent.pipeline import Outcome, Validated

METRIC = "score"
LENGTHS, LENGTH_NAMES = (5, 20, 100), ("1-5", "6-20", "21-100", "over 100")  # classes of history lengths


def build_record(outcome: Validated, config: TencentConfig, truth: SimulatedTruth | None, run: Run) -> RunRecord:
    """The record of a run, or of one that stopped after validation."""
    summary = summarise(outcome)
    ways = summary["ways"]
    insight = diagnose(outcome, run) if isinstance(outcome, Outcome) else {}
    training = {name: {**row, "losses": format_losses(row["losses"])} for name, row in summary["training"].items()}
    return RunRecord(
        metric=METRIC,
        queries=list_queries(outcome),
        ranking=[{"model": name, "score": row["score"], "error": row["score_error"]} for name, row in ways.items()],
        tables=[
            ("Decided from the files", summary["plan"]),
            ("Ways to answer, on the hold-out", [{"way": name, **row} for name, row in ways.items()]),
            ("Training events, queries, candidates", summary["folds"]),
            ("Training", [{"training": name, **row} for name, row in training.items()]),
            ("Targets that the first search finds", [summary["recall"]] if summary["recall"] else []),
        ],
        notes=list_notes(summary["notes"]),
        features=list_inputs(outcome),
        truth=truth,
        submissions=outcome.checked if isinstance(outcome, Outcome) else [],
        summary=summary,
        insight=insight,
    )


def list_queries(outcome: Validated) -> pl.DataFrame:
    """One row per held-out user: its share of the Score, weighted as the host weighs it (round 2)."""
    fold, corpus = outcome.ready.valid.value, outcome.ready.corpus.value
    assert fold.unseen is not None
    scores = metrics.score_queries(fold, outcome.early.answers.value.best, outcome.config.host)
    histories = fold.queries(corpus.train)
    frame = pl.DataFrame({"query": pl.Series(corpus.users.names[fold.users]).cast(pl.String), "score": scores})
    return frame.select(
        "query",
        fold=pl.lit("hold-out"),
        score="score",
        target=pl.when(pl.Series(fold.unseen)).then(pl.lit("an unseen ad")).otherwise(pl.lit("a seen ad")),
        history=pl.Series(np.array(LENGTH_NAMES)[np.searchsorted(LENGTHS, histories.lengths)]),
    )


def list_inputs(outcome: Validated) -> list[str]:
    """The ranker's columns; of the network none is measured alone."""
    ranked = outcome.early.ranked
    return list(ranked.ranker.value.names) if ranked else []


def format_losses(losses: list[float]) -> str:
    """Losses by epoch as one text."""
    return " ".join(f"{loss:.3f}" for loss in losses)


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's scores on the truth of simulated raw files."""
    path, truth, weights = outcome.checked[0].path, raw / TRUTH, outcome.config.host.weights
    scores = submission.score_submission(path, truth, weights=weights)
    queries = submission.score_queries(path, truth, weights)
    return SimulatedTruth(scores["score"], scores["score_error"], read_oracle(raw)["score"], scores, queries)
