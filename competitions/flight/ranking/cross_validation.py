"""A ranker fitted on every fold, and the one number of rounds that the folds together like best.

An early stop that is judged by the very queries that it stops on flatters itself, the more the fewer they are. Here all
folds end after the same number of rounds, chosen on the mean of their curves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from common.arrays import Floats
from common.engine.progress import track
from common.learning.dataset import RankingDataset
from common.learning.fit_task import Recipe
from common.learning.gbdt import Ranker, fit, score_rows, shorten
from competitions.flight.ranking.training_data import FoldData

ROWS = 200_000  # scored at a time


@dataclass(frozen=True)
class CrossFit:
    """A ranker by fold, each after ``rounds`` rounds; ``curve``: the folds' mean after every round that all grew.

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
    rankers = tuple(shorten(ranker, rounds) for ranker in fitted)
    scores = tuple(score_valid(fold.valid, ranker) for ranker, fold in zip(rankers, folds, strict=True))
    return CrossFit(rankers, rounds, scores, tuple(curve.tolist()), fitted[0].metric)


def refit_all(recipe: Recipe, cross: CrossFit, rows: RankingDataset) -> Ranker:
    """Fit on everything, for the rounds that the folds chose."""
    return fit(replace(recipe, rounds=cross.rounds, patience=0), rows)


def score_valid(valid: RankingDataset, ranker: Ranker) -> Floats:
    """A ranker's scores of the rows, some rows at a time."""
    starts = range(0, len(valid.features), ROWS)
    slices = (np.asarray(valid.features[start : start + ROWS]) for start in starts)
    return np.concatenate([score_rows(valid.names, features, [ranker])[:, 0] for features in slices])


def average_curves(curves: Sequence[Sequence[float]], weights: Sequence[int]) -> Floats:
    """The weighted mean after each round that every curve has; empty where one of them is.

    >>> average_curves([[-2.0, -1.0], [-4.0, -3.0, -1.0]], weights=[3, 1]).tolist()
    [-2.5, -1.5]
    """
    length = min(len(curve) for curve in curves)
    return np.average(
        np.array([curve[:length] for curve in curves]).reshape(len(curves), length), axis=0, weights=weights
    )
