"""The record of a finished run: scores by user, the model, and what the report needs."""

from pathlib import Path
from typing import Any

import polars as pl

from common.day.hosts.simulated import read_oracle
from common.day.run_record import RunRecord, SimulatedTruth, describe_queries
from common.engine.run import Run
from common.learning.adversarial_validation import Drift, find_drift
from common.learning.dataset import to_matrix
from common.learning.gbdt import Ranker, predict
from common.learning.metrics import reciprocal_ranks
from common.learning.model_diagnostics import Importance, curves, importance
from competitions.template import submission
from competitions.template.config import MODEL, TemplateConfig
from competitions.template.day.answers import describe_lists
from competitions.template.pipeline import Outcome, Validated
from competitions.template.ranking import CUTOFF, Labelled, count_rows
from competitions.template.simulator.simulate import TRUTH

METRIC = "MRR@5"


def build_record(outcome: Validated, config: TemplateConfig, truth: SimulatedTruth | None, run: Run) -> RunRecord:
    """The record of a run, or of one that stopped after validation."""
    queries = list_queries(outcome)
    cv = describe_queries(queries)
    whole = outcome if isinstance(outcome, Outcome) else None
    return RunRecord(
        metric=METRIC,
        queries=queries,
        ranking=[{"model": MODEL, "score": cv["score"], "error": cv["error"]}],
        tables=[],
        notes=[],
        features=tuple(outcome.ready.labelled.features.value.columns),
        truth=truth,
        submissions=[whole.checked] if whole else [],
        summary={"cv": {"mrr@5": cv["score"], "error": cv["error"]}},
        insight=diagnose(whole, run) if whole else {},
    )


def diagnose(outcome: Outcome, run: Run) -> dict[str, Any]:
    """Why the score is what it is."""
    rows, test = outcome.ready.rows, outcome.test
    return {
        "importance": run.step(weigh_features, rows, outcome.early, name="insight.importance").value,
        "drift": run.step(compare_rows, rows, test.candidates, test.features, name="insight.drift").value,
        "curves": curves([outcome.early.value]),
        "answers": describe_lists(outcome),
    }


def list_queries(outcome: Validated) -> pl.DataFrame:
    """One row per validation user."""
    valid = outcome.ready.labelled.fold.value.queries.filter(role="valid")
    return valid.select(
        query=pl.col("user").cast(pl.String),
        fold=pl.lit("validation users"),
        score=pl.Series(outcome.scores.value),
        events=pl.when(pl.col("events") < 8).then(pl.lit("1-7")).otherwise(pl.lit("8 or more")),
    )


def weigh_features(rows: Labelled, ranker: Ranker) -> list[Importance]:
    """Gain, and what validation loses when a feature is shuffled."""
    return importance(
        [ranker],
        lambda features: predict(ranker, features),
        rows.valid,
        lambda scores, drawn: reciprocal_ranks(scores, drawn.labels, drawn.group_sizes, CUTOFF),
    )


def compare_rows(rows: Labelled, candidates: pl.DataFrame, features: pl.DataFrame) -> Drift | None:
    """Validation candidates against the test's."""
    names = tuple(features.columns)
    return find_drift(names, rows.valid.features, to_matrix(features), rows.valid.group_sizes, count_rows(candidates))


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's scores on the truth of simulated raw files."""
    scores = submission.score_submission(outcome.checked.path, raw / TRUTH)
    queries = submission.score_queries(outcome.checked.path, raw / TRUTH)
    return SimulatedTruth(scores["mrr@5"], scores["mrr@5_error"], read_oracle(raw)["mrr5"], scores, queries)
