"""What each ranker is fitted with, its fits on every fold and on everything, and its scores of the test.

An early stop that is judged by the very queries that it stops on flatters itself, the more the fewer they are. Here all
folds end after the same number of rounds, chosen on the mean of their curves; what is left of the flattery was measured
as .002 of the log likelihood and .0006 of the hits.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from common.arrays import Floats
from common.engine.progress import track
from common.learning.dataset import Matrix, RankingDataset, gather, to_matrix
from common.learning.fitters import Recipe
from common.learning.gbdt import Ranker, fit, predict, score_rows, shorten
from competitions.flight.config import XGBOOST, FlightConfig
from competitions.flight.features.booking_history import History
from competitions.flight.features.build import build_features
from competitions.flight.features.option_attributes import slice_sessions
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import CUTOFF
from competitions.flight.plan import Plan
from competitions.flight.ranking.training_data import SLICE_ROWS, FoldData


@dataclass(frozen=True)
class CrossFit:
    """A ranker by fold, after ``rounds`` rounds or all that it grew; ``curve``: the folds' mean after every round.

    ``scores``: by fold, each validation row's score by the ranker that was not fitted on it.
    """

    rankers: tuple[Ranker, ...]
    rounds: int
    scores: tuple[Floats, ...]
    curve: tuple[float, ...]
    metric: str


# --- how a ranker is fitted ---


def make_recipe(config: FlightConfig, plan: Plan, kind: str, parameters: Mapping[str, Any] | None = None) -> Recipe:
    """How a ranker of a kind is fitted: with the plan's parameters unless others are given."""
    return Recipe(
        kind,
        plan.parameters[kind] if parameters is None else parameters,
        config.rank.rounds,
        plan.patience,
        config.model_seed,
        CUTOFF,
        blocks=plan.blocks,
        base_margin=plan.base_margin,
        seeds=plan.seeds,
    )


def list_recipes(config: FlightConfig, plan: Plan) -> dict[str, Recipe]:
    """The recipes of a run by name."""
    return {kind: make_recipe(config, plan, kind) for kind in plan.parameters}


def make_second_recipe(config: FlightConfig, plan: Plan) -> Recipe:
    """How the model of a second file is fitted: once."""
    return replace(make_recipe(config, plan, XGBOOST, config.rank.xgboost), seeds=1)


# --- the folds, and everything ---


def cross_fit(recipe: Recipe, folds: Sequence[FoldData], negatives: int) -> CrossFit:
    """Fit a recipe on each fold and choose the rounds by the mean curve, weighed by queries.

    A fit ends ``recipe.patience`` rounds after its own best; with patience 0 there is no curve, and all rounds are
    taken. What it watches is thinned to ``negatives`` a query, as the rows are that it learns from: the same rounds are
    best, and long lists cost no more than short ones. Every row is scored once, in the end, by the mean of all seeds,
    as the test will be.
    """
    fitted = [
        fit(recipe, fold.train, thin(fold.valid, negatives, recipe.seed), whole=True)
        for fold in track(folds, recipe.kind)
    ]
    curves = [each.curve for ranker in fitted for each in (ranker, *ranker.others)]
    curve = average_curves(curves, [len(fold.valid.group_sizes) for fold in folds for _ in range(recipe.seeds)])
    rounds = int(np.argmax(curve)) + 1 if len(curve) else fitted[0].rounds
    rankers = tuple(shorten(ranker, rounds) for ranker in fitted)
    scores = tuple(score_valid(fold.valid, ranker) for ranker, fold in zip(rankers, folds, strict=True))
    return CrossFit(rankers, rounds, scores, tuple(curve.tolist()), fitted[0].metric)


def thin(rows: RankingDataset, negatives: int, seed: int) -> RankingDataset:
    """The booked option of every query, and at most so many of its others."""
    return gather([rows], negatives=negatives, seed=seed)


def refit_all(recipe: Recipe, cross: CrossFit, rows: RankingDataset, needed: bool = True) -> Ranker:
    """Fit on everything, for the rounds that the folds chose; where no order needs it, the last fold's fit stands."""
    if not needed:
        return cross.rankers[-1]
    return fit(replace(recipe, rounds=cross.rounds, patience=0), rows)


def score_valid(valid: RankingDataset, ranker: Ranker) -> Floats:
    """A ranker's scores of the rows, some rows at a time."""
    starts = range(0, len(valid.features), SLICE_ROWS)
    slices = [valid.features[start : start + SLICE_ROWS] for start in starts]
    return np.concatenate([predict(ranker, valid.names, features) for features in slices])


def average_curves(curves: Sequence[Sequence[float]], weights: Sequence[int]) -> Floats:
    """The weighted mean after each round that any curve has; empty where one of them is.

    A fit ends some rounds after its own best: its curve is taken to go on as it went since then, in a straight line.
    Were all cut at the shortest, the fold that ends first would decide.

    >>> average_curves([[-2.0, -1.0, -1.5], [-4.0, -3.0, -2.0, -1.0]], weights=[3, 1]).tolist()
    [-2.5, -1.5, -1.625, -1.75]
    """
    length = max(map(len, curves)) if all(curves) else 0
    return np.average([_extend(curve, length) for curve in curves], axis=0, weights=weights)


def _extend(curve: Sequence[float], length: int) -> Floats:
    """The curve up to ``length`` rounds, straight on from its best through its last."""
    since = len(curve) - 1 - int(np.argmax(curve)) if length else 0
    slope = (curve[-1] - max(curve)) / since if since else 0.0
    further = [curve[-1] + slope * step for step in range(1, length - len(curve) + 1)]
    return np.array([*curve, *further][:length])


def stack_scores(crosses: Sequence[CrossFit]) -> Floats:
    """Out-of-fold scores of the validation rows of all folds, one fold after the other: (rows, rankers)."""
    return np.column_stack([np.concatenate(cross.scores) for cross in crosses])


# --- the test ---


def build_slices(searches: Searches, history: History, blocks: Sequence[str], what: str) -> Iterator[pl.DataFrame]:
    """The features of all options, in the order of ``options``, of some sessions at a time: no more lie in memory."""
    for first, last in track(list(slice_sessions(searches.sessions, SLICE_ROWS)), what):
        yield build_features(searches, first, last, history, blocks)


def score_test(searches: Searches, history: History, rankers: Sequence[Ranker], blocks: Sequence[str]) -> Matrix:
    """Each ranker's scores of the test's options, in the order of ``options``: (options, rankers)."""
    slices = build_slices(searches, history, blocks, "test")
    parts = [score_rows(frame.columns, to_matrix(frame), rankers).astype(np.float32) for frame in slices]
    return np.concatenate(parts)
