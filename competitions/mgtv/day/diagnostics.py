"""What the report of an MGTV run shows beyond scores: which features carry the choice, calibration, what drifts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from common.engine.run import Run, collect
from common.learning.adversarial_validation import Drift, find_drift, refer
from common.learning.conditional_logit import Logit
from common.learning.dataset import Matrix, RankingDataset
from common.learning.gbdt import Ranker, score_rows
from common.learning.listwise_softmax import log_likelihoods
from common.learning.model_diagnostics import calibrate, curves, importance, sample_queries
from competitions.mgtv.day.answers import describe_lists
from competitions.mgtv.labels import Floats, score_rates
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.pipeline import Outcome

QUERIES, ROWS, TOP = 1_000, 12_000, 15  # a few seconds
DRIFT_ROWS, DRIFT_FEATURES = 5_000, 30


def diagnose(outcome: Outcome, run: Run) -> dict[str, Any]:
    """The insight of a run's record; what takes long is kept like any step."""
    ready, early = outcome.ready, outcome.early
    last = ready.plan.valid[-1]
    rankers, day = collect(early.rankers), ready.labelled[last]
    importances = run.step(weigh_features, day, rankers, outcome.blend, name="insight.importance").value
    labelled = [ready.labelled[day] for day in (ready.plan.train[-1], last)]
    drift = run.step(compare_rows, collect(labelled), outcome.test.day, name="insight.drift").value
    course = curves([ranker.value for ranker in early.rankers])
    return {
        "importance": importances,
        "drift": drift,
        "curves": course,
        "calibration": calibrate_days(outcome),
        "answers": describe_lists(outcome, list(outcome.config.watch.models)),
    }


def weigh_features(day: DayFeatures, rankers: Sequence[Ranker], blend: Logit) -> list[dict[str, Any]]:
    """Gain, and what the choice loses when a feature is shuffled: log likelihood of the answer, last validation day.

    The score itself moves too little with a single feature to be read.
    """
    sample = sample_queries(day.rows, QUERIES, ROWS, 0)

    def score(features: Matrix) -> Floats:
        return blend.predict(score_rows(sample.names, features, rankers).astype(np.float32))

    def likelihood(scores: Floats, rows: RankingDataset) -> Floats:
        return log_likelihoods(scores, rows.labels, rows.group_sizes)

    rows = importance(rankers, score, sample, likelihood, top=TOP, queries=QUERIES, most=ROWS)
    return [dict(row) for row in rows]


def compare_rows(labelled: Sequence[DayFeatures], test: DayFeatures) -> Drift | None:
    """Rows of the last training day against those of the test day; beside it that day against the last labelled one.

    A statistic of a day has one value on it, and tells any two days apart.
    """
    train, valid = labelled
    between = f"the labelled days {train.day} and {valid.day}"
    return refer(compare_days(train, test), compare_days(train, valid, len(train.rows.names)), between)


def compare_days(one: DayFeatures, other: DayFeatures, top: int = DRIFT_FEATURES) -> Drift | None:
    """How far the rows of two days differ."""
    rows, others = one.rows, other.rows
    sizes = rows.group_sizes, others.group_sizes
    return find_drift(rows.names, rows.features, others.features, *sizes, most=DRIFT_ROWS, top=top)


def calibrate_days(outcome: Outcome) -> list[Any]:
    """P(watch) beside the share that was watched, and the expected score of a right answer beside its score."""
    watched, expected, scores = [], [], []
    for day, rewards in ((part.day.value, part.rewards.value) for part in outcome.valid):
        right = day.rows.labels > 0
        watched.append(right.astype(np.float64))
        expected.append(rewards.expected[right])
        scores.append(score_rates(day.rates[right], rewards.rate[right]))
    return [
        calibrate("P(watch)", np.concatenate(outcome.mixed.value), np.concatenate(watched)),
        calibrate("E[s] of the right video", np.concatenate(expected), np.concatenate(scores)),
    ]
