"""Fits, out-of-time scores, and the scores of the test."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.metrics import reciprocal_ranks
from common.pipeline.progress import track
from common.ranking import gbdt
from common.ranking.dataset import to_matrix
from common.ranking.gbdt import Ranker, Recipe, fit, score_rows
from competitions.flight.features.booking_history import History
from competitions.flight.features.build import build
from competitions.flight.features.option_attributes import slice_sessions
from competitions.flight.io.reader import Searches
from competitions.flight.ranking.training_data import SLICE_ROWS, Labelled
from competitions.flight.split import LARGE, Views

CUTOFF = 3
CUTOFFS = (1, 3, 5, 10)
SIZES = {"11-27": (11, 27), "28-160": (28, 160), "161+": (161, 1 << 30)}
Floats = NDArray[np.float64]


def fit_early(
    labelled: Labelled,
    kind: str,
    parameters: Mapping[str, Any],
    blocks: Sequence[str],
    rounds: int,
    patience: int,
    seed: int,
) -> Ranker:
    """Fit on the training sessions, stop by the validation sessions; the features are those of ``blocks``.

    With a ``patience`` of 0 all ``rounds`` are taken: few validation sessions stop a fit by chance.
    """
    recipe = Recipe(kind, parameters, rounds, patience, seed, CUTOFF, blocks=tuple(blocks))
    return fit(recipe, labelled.train, labelled.stop)


def refit(labelled: Labelled, early: Ranker, parameters: Mapping[str, Any], blocks: Sequence[str], seed: int) -> Ranker:
    """Fit on training and validation sessions together, for the rounds that the early stop found."""
    recipe = Recipe(early.kind, parameters, early.rounds, 0, seed, CUTOFF, blocks=tuple(blocks))
    return gbdt.refit(recipe, early, [labelled.train, labelled.stop])


def score_valid(labelled: Labelled, rankers: Sequence[Ranker]) -> Floats:
    """Out-of-time scores of the validation rows, which none of the rankers was fitted on: (rows, rankers)."""
    valid = labelled.valid
    parts = [
        score_rows(valid.names, np.asarray(valid.features[start : start + SLICE_ROWS]), rankers)
        for start in range(0, len(valid.features), SLICE_ROWS)
    ]
    return np.vstack(parts)


def score_test(
    searches: Searches, views: Views, history: History, rankers: Sequence[Ranker], blocks: Sequence[str]
) -> NDArray[np.float32]:
    """Each ranker's scores of the test's options, in the order of ``options``; features live for one slice only."""
    scores = np.empty((searches.options.height, len(rankers)), np.float32)
    start = 0
    for first, last in track(list(slice_sessions(searches.sessions, SLICE_ROWS)), "test"):
        frame = build(searches, first, last, views.served, history, blocks)
        scores[start : start + frame.height] = score_rows(frame.columns, to_matrix(frame), rankers)
        start += frame.height
    return scores


def measure(scores: Floats, labels: NDArray[np.float32], sizes: NDArray[np.int32]) -> dict[str, float]:
    """HitRate@k of one column of scores over the sessions with more than ten options, @3 also by group size.

    ``error`` is the standard error of ``hit_rate@3``; a tie counts against the booked option.
    """
    reciprocal = reciprocal_ranks(scores, labels, sizes, max(CUTOFFS))
    scored = sizes > LARGE
    found: dict[str, float] = {}
    for k in CUTOFFS:
        found[f"hit_rate@{k}"] = _mean(reciprocal[scored] * k >= 1 - 1e-9)
    hit = reciprocal * CUTOFF >= 1 - 1e-9
    for name, (low, high) in SIZES.items():
        found[f"hit_rate@3[{name}]"] = _mean(hit[(sizes >= low) & (sizes <= high)])
    share = found["hit_rate@3"]
    return found | {
        "error": float((share * (1 - share) / max(int(scored.sum()), 1)) ** 0.5),
        "sessions": int(scored.sum()),
    }


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else 0.0


def measure_valid(labelled: Labelled, scores: Floats) -> list[dict[str, float]]:
    """``measure`` of every column of validation scores."""
    valid = labelled.valid
    return [measure(scores[:, column], valid.labels, valid.group_sizes) for column in range(scores.shape[1])]
