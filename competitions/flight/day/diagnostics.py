"""What the report of a flight run shows beyond scores: which features carry the blend, calibration, what drifts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from common.engine.run import Run, collect
from common.learning.adversarial_validation import Drift, compare_halves, find_drift, refer
from common.learning.dataset import Matrix, to_matrix
from common.learning.gbdt import score_rows
from common.learning.model_diagnostics import calibrate, importance, sample_queries
from competitions.flight.day.answers import describe_lists
from competitions.flight.features.booking_history import History
from competitions.flight.features.build import build_features
from competitions.flight.io.reader import Searches
from competitions.flight.pipeline import Outcome
from competitions.flight.ranking.blending import Blend, blend_scores, find_hits, mix_scores
from competitions.flight.ranking.cross_validation import CrossFit
from competitions.flight.ranking.rankers import Floats
from competitions.flight.ranking.training_data import FoldData
from competitions.flight.split import Snapshots

QUERIES, ROWS, TOP = 200, 12_000, 15  # a few seconds
DRIFT_ROWS = 10_000


def diagnose(outcome: Outcome, blocks: list[str], run: Run) -> dict[str, Any]:
    """The diagnostics of a run's record, on the last fold; what takes long is kept like any step."""
    crosses, models = outcome.crosses, len(outcome.plan.models)
    weights = run.step(
        measure_importance, outcome.data.folds, collect(crosses[:models]), outcome.blend, name="insight.importance"
    )
    drift = run.step(
        measure_drift,
        outcome.data.folds,
        outcome.train,
        outcome.test,
        outcome.snapshots,
        outcome.history,
        blocks,
        name="insight.drift",
    )
    valid = outcome.data.value.valid
    logs = blend_scores(outcome.blend.value, outcome.scores.value, valid.group_sizes)
    fitted = zip(outcome.names, (cross.value for cross in crosses), strict=True)
    curves = [
        {"name": name, "metric": cross.metric, "values": list(cross.curve), "best": cross.rounds}
        for name, cross in fitted
        if cross.curve
    ]
    return {
        "importance": weights.value,
        "drift": drift.value,
        "curves": curves,
        "answers": describe_lists(outcome),
        "calibration": [calibrate("P(booked)", np.exp(logs), valid.labels.astype(np.float64))],
    }


def measure_importance(folds: Sequence[FoldData], crosses: Sequence[CrossFit], blend: Blend) -> list[dict[str, Any]]:
    """Gain, and what the blend's HitRate@3 on the last fold's validation sessions loses when a feature is shuffled."""
    sample = sample_queries(folds[-1].valid, QUERIES, ROWS, 0)
    rankers = [cross.rankers[-1] for cross in crosses]

    def score(features: Matrix) -> Floats:
        return mix_scores(blend, score_rows(sample.names, features, rankers), sample.group_sizes)

    rows = importance(
        rankers,
        score,
        sample,
        lambda scores, rows: find_hits(scores, rows.labels, rows.group_sizes),
        top=TOP,
        queries=QUERIES,
        most=ROWS,
    )
    return [dict(row) for row in rows]


def measure_drift(
    folds: Sequence[FoldData],
    train: Searches,
    test: Searches,
    snapshots: Snapshots,
    history: History,
    blocks: Sequence[str],
) -> Drift | None:
    """Validation options of the last fold against those of the first test sessions, about as many rows of each.

    Beside it the earlier validation sessions against the later ones: statistics of a period tell any two apart.
    """
    times = train.sessions["time"].to_numpy()[folds[-1].sessions]
    valid = folds[-1].valid
    sizes = test.sessions["size"].to_numpy()
    count = min(int(np.searchsorted(np.cumsum(sizes), 4 * DRIFT_ROWS)) + 1, len(sizes))
    frame = build_features(test, 0, count, snapshots.assigned, history, blocks)
    drift = find_drift(
        tuple(frame.columns),
        valid.features,
        to_matrix(frame),
        valid.group_sizes,
        sizes[:count].astype(np.int32),
        most=DRIFT_ROWS,
    )
    return refer(drift, compare_halves(valid, times, most=DRIFT_ROWS), "earlier and later validation sessions")
