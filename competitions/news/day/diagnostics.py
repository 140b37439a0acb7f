"""Diagnostics of a news run: which features carry the blend, how the fits went, where validation and test differ."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from common.engine.run import Run, collect
from common.learning.adversarial_validation import Drift, compare_halves, find_drift, refer
from common.learning.blending import Blend, standardise
from common.learning.dataset import Matrix
from common.learning.gbdt import Ranker, predict
from common.learning.metrics import reciprocal_ranks
from common.learning.model_diagnostics import Importance, curves, importance, number_names, sample_queries
from common.learning.split import Fold
from competitions.news.day.answers import describe_lists
from competitions.news.features import assemble, feature_names
from competitions.news.pipeline import Outcome
from competitions.news.ranking import CUTOFF, Labelled, count_rows

QUERIES, ROWS, TOP = 150, 12_000, 15  # a few seconds
DRIFT_ROWS = 10_000


def diagnose(outcome: Outcome, run: Run) -> dict[str, Any]:
    """The insight of a run's record; what takes long is kept like any step."""
    rows, early, test = outcome.ready.rows, outcome.early, outcome.test
    gains = run.step(weigh_features, rows, collect(early), outcome.blend, name="insight.importance")
    fold, listed = outcome.ready.labelled.inputs.fold, outcome.ready.labelled.candidates
    drift = run.step(compare_rows, rows, fold, listed, test.candidates, test.blocks, name="insight.drift")
    fitted = [ranker.value for ranker in early]
    return {
        "importance": gains.value,
        "drift": drift.value,
        "curves": curves(fitted),
        "answers": describe_lists(outcome, number_names([ranker.kind for ranker in fitted])),
    }


def weigh_features(labelled: Labelled, rankers: Sequence[Ranker], blend: Blend) -> list[Importance]:
    """Gain, and what the blend's MRR@5 on validation loses when a feature is shuffled."""
    drawn = sample_queries(labelled.valid, QUERIES, ROWS, 0)
    used = [(ranker, weight) for ranker, weight in zip(rankers, blend.weights, strict=True) if weight > 0.01]

    def score(features: Matrix) -> Any:
        scores = np.column_stack([predict(ranker, features) for ranker, _ in used])
        return standardise(scores, drawn.group_sizes) @ np.array([weight for _, weight in used])

    return importance(
        rankers,
        score,
        drawn,
        lambda scores, rows: reciprocal_ranks(scores, rows.labels, rows.group_sizes, CUTOFF),
        top=TOP,
        queries=QUERIES,
        most=ROWS,
    )


def compare_rows(
    labelled: Labelled, fold: Fold, listed: pl.DataFrame, candidates: pl.DataFrame, blocks: Mapping[str, pl.DataFrame]
) -> Drift | None:
    """Validation candidates against the test's, as many rows of each: the same functions made both.

    Beside it the earlier validation users against the later ones, ``listed`` being the labelled candidates.
    """
    queries = fold.queries.filter(role="valid").select("query", "time")
    order = listed.select("query").unique(maintain_order=True)
    times = order.join(queries, on="query", maintain_order="left")["time"].to_numpy()
    valid, sizes = labelled.valid, count_rows(candidates)
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), 4 * DRIFT_ROWS)) + 1]
    part = slice(0, int(sizes.sum()))
    test = assemble(candidates["query"][part], blocks, part)
    drift = find_drift(feature_names(blocks), valid.features, test, valid.group_sizes, sizes, most=DRIFT_ROWS)
    return refer(drift, compare_halves(valid, times, most=DRIFT_ROWS), "earlier and later validation users")
