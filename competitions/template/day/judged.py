"""What a finished run reports: scores by user, plain orders beside them, and why the score is so."""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.day.answers import Answers, Example, is_within, rank_answers, rows_of, score_rivals
from common.day.hosts import TRUTH
from common.day.judged import Diagnostic, Insight, Judged, Sample, measure_drift, measure_importance
from common.day.run_record import SimulatedTruth, describe_queries
from common.engine.run import collect, derive
from common.learning.dataset import RankingDataset
from common.learning.gbdt import predict
from common.learning.model_diagnostics import curves
from common.simulation.oracle import read_oracle
from competitions.template import submission
from competitions.template.config import MODEL, TemplateConfig
from competitions.template.day.rows import list_rows
from competitions.template.pipeline import CUTOFF, Outcome, Validated, make_rows

METRIC = "MRR@5"


def judge(outcome: Validated, config: TemplateConfig) -> Judged:
    """What a run reports, or one that stopped after validation."""
    valid = outcome.fold.value.queries.filter(role="valid")
    queries = valid.select(
        query=pl.col("user").cast(pl.String),
        fold=pl.lit("validation users"),
        score=pl.Series(outcome.scores.value),
        events=pl.when(pl.col("events") < 8).then(pl.lit("1-7")).otherwise(pl.lit("8 or more")),
    )
    cv = describe_queries(queries)
    return Judged(
        metric=METRIC,
        meaning="1 / the rank of the next item, 0 if it is not in the first five; the mean over users",
        rivals=score_rivals(
            outcome.rows.value.valid,
            {"Popularity: events of an item": ("item_count", 1.0), "In the order listed": None},
            lambda ranks: np.where(is_within(ranks, CUTOFF), 1 / np.maximum(ranks, 1), 0.0),
            CUTOFF,
        ),
        queries=queries,
        ranking=[{"model": MODEL, "score": cv.score, "error": cv.error}],
        features=tuple(outcome.features.value.columns),
        summary={"cv": {"mrr@5": cv.score, "error": cv.error}},
        submissions=[outcome.checked] if isinstance(outcome, Outcome) else [],
        insight=explain(outcome) if isinstance(outcome, Outcome) else None,
    )


def explain(outcome: Outcome) -> Insight:
    """What the ranker goes by, how validation and test differ, where right items are lost."""
    valid, early = outcome.rows.valid, outcome.early
    test = derive(label_nothing, candidates=outcome.test_candidates, features=outcome.test_features)
    return Insight(
        importance=Diagnostic(measure_importance, (valid, collect([early]), None, take_only, Sample())),
        drift=Diagnostic(measure_drift, (valid, test, None, "")),
        curves=curves({MODEL: early.value}),
        answers=list_answers(outcome),
        cutoff=CUTOFF,
        rows=lambda: list_rows(outcome),
    )


def take_only(_: None, scores: NDArray[np.float64], sizes: NDArray[np.int32]) -> NDArray[np.float64]:
    """The scores of the one model."""
    return scores[:, 0]


def label_nothing(candidates: pl.DataFrame, features: pl.DataFrame) -> RankingDataset:
    """Candidates whose answers nobody knows."""
    return make_rows(candidates, features, np.zeros(features.height, np.float32))


def list_answers(outcome: Outcome) -> Answers:
    """Where the right items of the validation users are lost, and some users' lists in words."""
    fold, valid = outcome.fold.value, outcome.rows.value.valid
    assert fold.answers is not None
    scores = predict(outcome.early.value, valid.features)
    queries = fold.queries.filter(role="valid").join(fold.answers, on="query", maintain_order="left")
    ranks = rank_answers(scores, valid.labels, valid.group_sizes)
    listed = outcome.candidates.value.join(queries, on="query", how="semi", maintain_order="left")["item"].to_numpy()

    def describe(number: int) -> Example:
        query, rows = queries.row(number, named=True), rows_of(valid.group_sizes, number)
        items = listed[rows][np.argsort(-scores[rows], kind="stable")[:CUTOFF]]
        context = f"{query['events']} earlier events"
        return Example(f"User {query['user']},", context, [f"item {item}" for item in items], f"item {query['item']}")

    before = [("all queries", queries.height), ("among the candidates", int((ranks > 0).sum()))]
    return Answers(ranks, before, describe)


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's scores on the truth of simulated raw files."""
    path, truth = outcome.checked.path, raw / TRUTH
    scores, queries = submission.score_submission(path, truth), submission.score_queries(path, truth)
    return SimulatedTruth(scores["mrr@5"], scores["mrr@5_error"], read_oracle(raw).score, scores, queries)
