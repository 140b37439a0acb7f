"""What the report of an MGTV run shows beyond scores: which features carry the choice, calibration, what drifts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from common.diagnostics.adversarial_validation import Drift, find_drift
from common.diagnostics.model_diagnostics import calibrate, curves, importance, sample_queries
from common.pipeline.run import Run
from common.ranking.conditional_logit import Logit
from common.ranking.dataset import Matrix, RankingDataset
from common.ranking.gbdt import Ranker, score_rows
from common.ranking.listwise_softmax import log_likelihoods
from competitions.mgtv.labels import Floats, score_rates
from competitions.mgtv.models.dataset import Served
from competitions.mgtv.models.decision import Values
from competitions.mgtv.reporting.summary import Outcome

QUERIES, ROWS, TOP = 1_000, 12_000, 15  # a few seconds
DRIFT_ROWS = 10_000


def diagnose(outcome: Outcome, run: Run) -> dict[str, Any]:
    """The insight of a run's record; what takes long is kept like any step."""
    last = outcome.ready.plan.valid[-1]
    day, fits = outcome.ready.labelled[last], list(outcome.early[last])
    found = run.step(weigh_features, day, fits, outcome.blend, name="insight.importance").value
    days = [outcome.ready.labelled[other] for other in outcome.ready.plan.train]
    drift = run.step(compare_rows, days, outcome.ready.test, name="insight.drift").value
    names = [f"{fit.value.kind}, day {number}" for number, ranked in outcome.early.items() for fit in ranked]
    course = curves([fit.value for ranked in outcome.early.values() for fit in ranked], names)
    return {"importance": found, "drift": drift, "curves": course, "calibration": calibrate_days(outcome)}


def weigh_features(day: Served, rankers: Sequence[Ranker], blend: Logit) -> list[dict[str, Any]]:
    """Gain, and what the choice loses when a feature is shuffled: log likelihood of the answer, last validation day.

    The score itself moves too little with a single feature to be read.
    """
    drawn = sample_queries(day.rows, QUERIES, ROWS, 0)

    def score(features: Matrix) -> Floats:
        return blend.predict(score_rows(drawn.names, features, rankers).astype(np.float32))

    def likelihood(scores: Floats, rows: RankingDataset) -> Floats:
        return log_likelihoods(scores, rows.labels, rows.group_sizes)

    found = importance(rankers, score, drawn, likelihood, top=TOP, queries=QUERIES, most=ROWS)
    return [dict(row) for row in found]


def compare_rows(days: Sequence[Served], test: Served) -> Drift | None:
    """Rows of the last training day against those of the test day."""
    last = days[-1].rows
    rows = test.rows
    return find_drift(last.names, last.features, rows.features, last.group_sizes, rows.group_sizes, most=DRIFT_ROWS)


def calibrate_days(outcome: Outcome) -> list[Any]:
    """P(watch) beside the share that was watched, and what a right answer was to earn beside what it earned."""
    days = [outcome.ready.labelled[number].value for number in outcome.ready.plan.valid]
    values: list[Values] = [value.value for value in outcome.values]
    watched = np.concatenate([day.rows.labels for day in days]).astype(np.float64)
    right = [day.rows.labels > 0 for day in days]
    expected = np.concatenate([value.expected[mask] for value, mask in zip(values, right, strict=True)])
    earned = np.concatenate(
        [score_rates(day.rates[mask], value.answer[mask]) for day, value, mask in zip(days, values, right, strict=True)]
    )
    return [
        calibrate("P(watch)", np.concatenate(outcome.mixed.value), watched),
        calibrate("E[s] of the right video", expected, earned),
    ]
