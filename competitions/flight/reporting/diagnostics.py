"""What the report of a flight run shows beyond scores: which features carry the blend, calibration, what drifts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from common.diagnostics.adversarial_validation import Drift, find_drift
from common.diagnostics.model_diagnostics import calibrate, curves, importance, sample_queries
from common.pipeline.run import Run
from common.ranking.dataset import Matrix, to_matrix
from common.ranking.gbdt import Ranker, score_rows
from common.ranking.size_bucket_blending import BucketBlend, apply_buckets, hits
from competitions.flight.features.booking_history import History
from competitions.flight.features.build import build
from competitions.flight.io.reader import Searches
from competitions.flight.ranking.rankers import CUTOFF, Floats
from competitions.flight.ranking.training_data import Labelled
from competitions.flight.reporting.summary import Outcome
from competitions.flight.split import Views

QUERIES, ROWS, TOP = 200, 12_000, 15  # a few seconds
DRIFT_ROWS = 10_000


def diagnose(outcome: Outcome, blocks: Sequence[str], run: Run) -> dict[str, Any]:
    """The insight of a run's record; what takes long is kept like any step."""
    models = list(outcome.rankers[1:])  # the first is the baseline
    found = run.step(weigh_features, outcome.labelled, models, outcome.blend, name="insight.importance").value
    told = outcome.labelled, outcome.test, outcome.views, outcome.known, tuple(blocks)
    drift = run.step(compare_rows, *told, name="insight.drift").value
    names = [f"{kind} ({outcome.names[0]})" if not place else kind for place, kind in enumerate(outcome.names)]
    course = curves([ranker.value for ranker in outcome.rankers], names)
    probabilities = calibrate_blend(outcome.labelled.value, outcome.scores.value, outcome.blend.value)
    return {"importance": found, "drift": drift, "curves": course, "calibration": [probabilities]}


def weigh_features(labelled: Labelled, rankers: Sequence[Ranker], blend: BucketBlend) -> list[dict[str, Any]]:
    """Gain, and what the blend's HitRate@3 on validation loses when a feature is shuffled."""
    drawn = sample_queries(labelled.valid, QUERIES, ROWS, 0)

    def score(features: Matrix) -> Floats:
        return apply_buckets(blend, score_rows(drawn.names, features, rankers), drawn.group_sizes)

    found = importance(
        rankers,
        score,
        drawn,
        lambda scores, rows: hits(scores, rows.labels, rows.group_sizes, CUTOFF),
        top=TOP,
        queries=QUERIES,
        most=ROWS,
    )
    return [dict(row) for row in found]


def compare_rows(
    labelled: Labelled, test: Searches, views: Views, known: History, blocks: Sequence[str]
) -> Drift | None:
    """Validation options against those of test sessions drawn evenly in order, as many rows of each."""
    valid, sizes = labelled.valid, test.sessions["size"].to_numpy()
    held = int(np.searchsorted(np.cumsum(sizes), 4 * DRIFT_ROWS)) + 1
    frame = build(test, 0, min(held, len(sizes)), views.served, known, blocks)
    return find_drift(
        tuple(frame.columns),
        valid.features,
        to_matrix(frame),
        valid.group_sizes,
        sizes[:held].astype(np.int32),
        most=DRIFT_ROWS,
    )


def calibrate_blend(labelled: Labelled, scores: Floats, blend: BucketBlend) -> Any:
    """The blend's probability of being booked beside the share that was."""
    valid = labelled.valid
    return calibrate(
        "P(booked)", apply_buckets(blend, scores[:, 1:], valid.group_sizes), valid.labels.astype(np.float64)
    )
