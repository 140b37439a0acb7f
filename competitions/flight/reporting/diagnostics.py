"""What the report of a flight run shows beyond scores: which features carry the blend, calibration, what drifts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from common.diagnostics.adversarial_validation import Drift, find_drift
from common.diagnostics.model_diagnostics import calibrate, curves, importance, sample_queries
from common.pipeline.run import Run, collect
from common.ranking.dataset import Matrix, RankingDataset, to_matrix
from common.ranking.gbdt import Ranker, score_rows
from common.ranking.size_bucket_blending import BucketBlend, apply_buckets, hits
from competitions.flight.features.booking_history import History
from competitions.flight.features.build import build_features
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import CUTOFF
from competitions.flight.ranking.rankers import BASELINE, Floats
from competitions.flight.reporting.summary import Outcome
from competitions.flight.split import Snapshots

QUERIES, ROWS, TOP = 200, 12_000, 15  # a few seconds
DRIFT_ROWS = 10_000


def diagnose(outcome: Outcome, blocks: tuple[str, ...], run: Run) -> dict[str, Any]:
    """The diagnostics of a run's record; what takes long is kept like any step."""
    valid, (_, *models) = outcome.data.valid, outcome.rankers
    weights = run.step(measure_importance, valid, collect(models), outcome.blend, name="insight.importance")
    drift = run.step(
        measure_drift, valid, outcome.test, outcome.snapshots, outcome.history, blocks, name="insight.drift"
    )
    names = [f"{kind} ({BASELINE})" if kind == BASELINE else kind for kind in outcome.names]
    probabilities = apply_buckets(outcome.blend.value, outcome.scores.value[:, 1:], valid.value.group_sizes)
    return {
        "importance": weights.value,
        "drift": drift.value,
        "curves": curves([ranker.value for ranker in outcome.rankers], names),
        "calibration": [calibrate("P(booked)", probabilities, valid.value.labels.astype(np.float64))],
    }


def measure_importance(valid: RankingDataset, rankers: Sequence[Ranker], blend: BucketBlend) -> list[dict[str, Any]]:
    """Gain, and what the blend's HitRate@3 on validation loses when a feature is shuffled."""
    sample = sample_queries(valid, QUERIES, ROWS, 0)

    def score(features: Matrix) -> Floats:
        return apply_buckets(blend, score_rows(sample.names, features, rankers), sample.group_sizes)

    rows = importance(
        rankers,
        score,
        sample,
        lambda scores, rows: hits(scores, rows.labels, rows.group_sizes, CUTOFF),
        top=TOP,
        queries=QUERIES,
        most=ROWS,
    )
    return [dict(row) for row in rows]


def measure_drift(
    valid: RankingDataset, test: Searches, snapshots: Snapshots, history: History, blocks: Sequence[str]
) -> Drift | None:
    """Validation options against those of the first test sessions, about as many rows of each."""
    sizes = test.sessions["size"].to_numpy()
    count = min(int(np.searchsorted(np.cumsum(sizes), 4 * DRIFT_ROWS)) + 1, len(sizes))
    frame = build_features(test, 0, count, snapshots.assigned, history, blocks)
    return find_drift(
        tuple(frame.columns),
        valid.features,
        to_matrix(frame),
        valid.group_sizes,
        sizes[:count].astype(np.int32),
        most=DRIFT_ROWS,
    )
