"""What each ranker is fitted with and from, and its scores of the test."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from common.arrays import Floats
from common.engine.progress import track
from common.learning.dataset import Matrix, to_matrix
from common.learning.fit_task import Recipe
from common.learning.gbdt import Ranker, score_rows
from common.learning.listwise_softmax import log_likelihoods
from competitions.flight.config import FlightConfig
from competitions.flight.features.booking_history import History
from competitions.flight.features.build import build_features
from competitions.flight.features.option_attributes import slice_sessions
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import CUTOFF
from competitions.flight.plan import Features, Plan
from competitions.flight.ranking.cross_validation import CrossFit
from competitions.flight.ranking.training_data import SLICE_ROWS, FoldData


@dataclass(frozen=True)
class Choice:
    """The features that validation chose, and the mean log likelihood of a booking under each set, by its name."""

    features: Features
    likelihoods: dict[str, float]


def make_recipe(
    config: FlightConfig, plan: Plan, kind: str, features: Features, parameters: Mapping[str, Any] | None = None
) -> Recipe:
    """How a ranker of a kind is fitted: with the plan's parameters unless others are given."""
    return Recipe(
        kind,
        plan.parameters[kind] if parameters is None else parameters,
        config.rank.rounds,
        plan.patience,
        config.model_seed,
        CUTOFF,
        blocks=features.blocks,
        base_margin=features.base_margin,
        seeds=plan.seeds,
    )


def list_recipes(config: FlightConfig, plan: Plan, choice: Choice) -> dict[str, Recipe]:
    """The recipes of a run by name."""
    return {kind: make_recipe(config, plan, kind, choice.features) for kind in config.rank.models}


def list_blocks(plan: Plan) -> list[str]:
    """Every block that a run may need, each once."""
    return list(dict.fromkeys(block for features in plan.features for block in features.blocks))


def choose_features(
    sets: Sequence[Features], crosses: Sequence[CrossFit], folds: Sequence[FoldData], count: int
) -> Choice:
    """Of the sets of a plan the one that gives the validation sessions' bookings the highest likelihood.

    ``crosses``: the same model, fitted on each of the sets in their order. The first ``count`` folds judge, which are
    those of the first repeat. One set needs no fit.
    """
    if len(sets) == 1:
        return Choice(sets[0], {})
    likelihoods = {
        features.name: measure_likelihood(cross.scores[:count], folds[:count])
        for features, cross in zip(sets, crosses, strict=True)
    }
    best = max(sets, key=lambda features: likelihoods[features.name])
    return Choice(best, likelihoods)


def measure_likelihood(fold_scores: Sequence[Floats], folds: Sequence[FoldData]) -> float:
    """The mean log likelihood of a validation session's booking, from the scores of each fold's validation rows."""
    parts = [
        log_likelihoods(scores, fold.valid.labels, fold.valid.group_sizes)
        for scores, fold in zip(fold_scores, folds, strict=True)
    ]
    return float(np.concatenate(parts).mean())


def stack_scores(crosses: Sequence[CrossFit]) -> Floats:
    """Out-of-fold scores of the validation rows of all folds, one fold after the other: (rows, rankers)."""
    return np.column_stack([np.concatenate(cross.scores) for cross in crosses])


def build_slices(searches: Searches, history: History, blocks: Sequence[str], what: str) -> Iterator[pl.DataFrame]:
    """The features of all options, in the order of ``options``, of some sessions at a time: no more lie in memory."""
    for first, last in track(list(slice_sessions(searches.sessions, SLICE_ROWS)), what):
        yield build_features(searches, first, last, history, blocks)


def score_test(searches: Searches, history: History, rankers: Sequence[Ranker], blocks: Sequence[str]) -> Matrix:
    """Each ranker's scores of the test's options, in the order of ``options``: (options, rankers)."""
    slices = build_slices(searches, history, blocks, "test")
    parts = [score_rows(frame.columns, to_matrix(frame), rankers).astype(np.float32) for frame in slices]
    return np.concatenate(parts)
