"""What the report of a news run shows beyond scores: which features carry the blend, how fits went, what drifts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from common.diagnostics.adversarial_validation import Drift, find_drift
from common.diagnostics.model_diagnostics import curves, importance, sample_queries
from common.metrics import reciprocal_ranks
from common.pipeline.run import Run
from common.ranking.blending import Blend, standardise
from common.ranking.dataset import Matrix
from common.ranking.gbdt import Ranker, predict
from competitions.news.ranking import Labelled, feature_names, stack
from competitions.news.reporting.summary import Outcome

QUERIES, ROWS, TOP = 150, 12_000, 15  # a few seconds
DRIFT_ROWS = 10_000


def diagnose(outcome: Outcome, run: Run) -> dict[str, Any]:
    """The insight of a run's record; what takes long is kept like any step."""
    ready = outcome.ready
    told = ready.rows, list(outcome.rankers), outcome.blend
    found = run.step(weigh_features, *told, name="insight.importance").value
    drift = run.step(compare_rows, ready.rows, ready.asked, ready.blocks, name="insight.drift").value
    return {"importance": found, "drift": drift, "curves": curves([ranker.value for ranker in outcome.rankers])}


def weigh_features(labelled: Labelled, rankers: Sequence[Ranker], blend: Blend) -> list[dict[str, Any]]:
    """Gain, and what the blend's MRR@5 on validation loses when a feature is shuffled."""
    drawn = sample_queries(labelled.valid, QUERIES, ROWS, 0)
    weights = np.array(blend.weights)
    used = [place for place, weight in enumerate(weights) if weight > 0.01]

    def score(features: Matrix) -> Any:
        scores = np.column_stack([predict(rankers[place], features) for place in used])
        return standardise(scores, drawn.group_sizes) @ weights[used]

    found = importance(
        rankers,
        score,
        drawn,
        lambda scores, rows: reciprocal_ranks(scores, rows.labels, rows.group_sizes, 5),
        top=TOP,
        queries=QUERIES,
        most=ROWS,
    )
    return [dict(row) for row in found]


def compare_rows(labelled: Labelled, asked: pl.DataFrame, blocks: Mapping[str, pl.DataFrame]) -> Drift | None:
    """Validation candidates against the test's, as many rows of each: the same functions made both."""
    valid = labelled.valid
    sizes = asked.group_by("query", maintain_order=True).len()["len"].to_numpy()
    held = int(np.searchsorted(np.cumsum(sizes), 4 * DRIFT_ROWS)) + 1
    part = slice(0, int(sizes[:held].sum()))
    test = stack(asked["query"][part], blocks, part)
    return find_drift(feature_names(blocks), valid.features, test, valid.group_sizes, sizes[:held], most=DRIFT_ROWS)
