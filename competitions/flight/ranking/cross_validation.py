"""A ranker fitted on every fold, and the one number of rounds that the folds together like best.

An early stop that is judged by the very queries that it stops on flatters itself, the more the fewer they are. Here all
folds end after the same number of rounds, chosen on the mean of their curves; what is left of the flattery was measured
as .002 of the log likelihood and .0006 of the hits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from common.arrays import Floats
from common.engine.progress import track
from common.learning.dataset import RankingDataset
from common.learning.fit_task import Recipe
from common.learning.gbdt import Ranker, fit, predict, shorten
from competitions.flight.ranking.training_data import FoldData

ROWS = 200_000  # scored at a time


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


def cross_fit(recipe: Recipe, folds: Sequence[FoldData]) -> CrossFit:
    """Fit a recipe on each fold and choose the rounds by the mean curve, weighed by queries.

    A fit ends ``recipe.patience`` rounds after its own best; with patience 0 there is no curve, and all rounds are
    taken. One seed a fold: only ``refit_all`` averages over seeds.
    """
    one = replace(recipe, seeds=1)
    fitted = [fit(one, fold.train, fold.valid, whole=True) for fold in track(folds, recipe.kind)]
    curve = average_curves([ranker.curve for ranker in fitted], [len(fold.valid.group_sizes) for fold in folds])
    rounds = int(np.argmax(curve)) + 1 if len(curve) else fitted[0].rounds
    rankers = tuple(shorten(ranker, min(rounds, ranker.rounds)) for ranker in fitted)
    scores = tuple(score_valid(fold.valid, ranker) for ranker, fold in zip(rankers, folds, strict=True))
    return CrossFit(rankers, rounds, scores, tuple(curve.tolist()), fitted[0].metric)


def refit_all(recipe: Recipe, cross: CrossFit, rows: RankingDataset, needed: bool = True) -> Ranker:
    """Fit on everything, for the rounds that the folds chose; where no order needs it, the last fold's fit stands."""
    if not needed:
        return cross.rankers[-1]
    return fit(replace(recipe, rounds=cross.rounds, patience=0), rows)


def score_valid(valid: RankingDataset, ranker: Ranker) -> Floats:
    """A ranker's scores of the rows, some rows at a time."""
    starts = range(0, len(valid.features), ROWS)
    return np.concatenate([predict(ranker, valid.names, valid.features[start : start + ROWS]) for start in starts])


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
