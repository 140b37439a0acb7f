"""What a finished run reports: the score, and why it is so."""

from dataclasses import replace
from pathlib import Path

from common.day.hosts import TRUTH
from common.day.judged import Judged, measure_drift, measure_importance
from common.day.record_schema import Scored
from common.day.run_record import SimulatedTruth, average_queries
from common.engine.run import collect, derive
from common.learning.model_diagnostics import curves
from common.simulation.oracle import read_oracle
from competitions.template import submission
from competitions.template.config import MODEL, TemplateConfig
from competitions.template.day.validation import collect_evidence, list_queries
from competitions.template.pipeline import Outcome, Validated, make_rows

METRIC = "MRR@5"


def judge(outcome: Validated, config: TemplateConfig) -> Judged:
    """What a run reports, or one that stopped after validation."""
    queries = list_queries(outcome)
    judged = Judged(
        metric=METRIC,
        meaning="1 / the rank of the next item, 0 if it is not in the first five; the mean over users",
        queries=queries,
        evidence=lambda: collect_evidence(outcome),
        ranking=[Scored(MODEL, **average_queries(queries))],
        features=lambda: outcome.features.value.columns,
    )
    return explain(judged, outcome) if isinstance(outcome, Outcome) else judged


def explain(judged: Judged, outcome: Outcome) -> Judged:
    """With its submission, what the ranker goes by, and how validation and test differ."""
    valid, early = outcome.rows.field("valid"), outcome.early
    test = derive(make_rows, outcome.test_candidates, outcome.test_features)
    return replace(
        judged,
        submissions=[outcome.checked],
        importance=(measure_importance, valid, collect([early])),
        drift=(measure_drift, valid, test),
        curves=lambda: curves({MODEL: early.value}),
    )


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's scores on the truth of simulated raw files."""
    path, truth = outcome.checked.path, raw / TRUTH
    scores, queries = submission.score_submission(path, truth), submission.score_queries(path, truth)
    return SimulatedTruth(scores["mrr@5"], scores["mrr@5_error"], read_oracle(raw).score, scores, queries)
