"""Before the full fits of a large log: which models are worth one.

On the host's files CatBoost takes several times as long as LightGBM. Any second fit makes a mixture likelier, another
one by LightGBM as well; a model earns its full fit where the mixture with it is clearly likelier than that. Fits on the
latest tenth of the training searches say so in a minute, for the rows to come: what they learn from is the nearest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from common.arrays import Floats, Ints
from common.engine.decisions import Decision
from common.learning.blending import cross_blend, take_queries
from common.learning.dataset import RankingDataset, pick_queries
from common.learning.fitters import Recipe
from common.learning.gbdt import fit, predict
from common.learning.listwise_softmax import log_likelihoods
from common.learning.metrics import average
from competitions.flight.metrics import LARGE
from competitions.flight.ranking.rankers import thin
from competitions.flight.ranking.training_data import FoldData

SHARE = 0.1  # of the training searches, the latest
MIN_ERRORS = 2.0  # paired, by which a mixture is likelier


@dataclass(frozen=True)
class Trial:
    """The ``models`` that are fitted in full, and the ``decision`` in words."""

    models: tuple[str, ...]
    decision: Decision


def try_models(
    recipes: Mapping[str, Recipe], folds: Sequence[FoldData], sessions: pl.DataFrame, searches: Ints, negatives: int
) -> Trial:
    """The first of the recipes, and those of the others whose even mixture with it is likelier than that of two fits of
    the first, by ``MIN_ERRORS`` errors. ``searches``: by session of the train file; twins count as one in the error.
    """
    first, *others = recipes
    times = sessions["time"].to_numpy()
    rows = [(take_latest(fold, times), thin(fold.valid, negatives, 0)) for fold in folds]
    again = replace(recipes[first], seed=recipes[first].seed + recipes[first].seeds)
    base, second = score_trial(recipes[first], rows), score_trial(again, rows)
    valid = [valid for _, valid in rows]
    labels, sizes = (np.concatenate([getattr(own, name) for own in valid]) for name in ("labels", "group_sizes"))
    counted = np.concatenate([fold.valid.group_sizes for fold in folds]) > LARGE
    numbers = searches[np.concatenate([fold.sessions for fold in folds])]

    def judge(scores: Floats) -> Floats:
        rows = take_queries(np.column_stack([base, scores]), labels, sizes, counted)
        return log_likelihoods(cross_blend(*rows, numbers[counted])[0], *rows[1:])

    plain, models, reasons = judge(second), [first], []
    for name in others:
        gain, error = average(judge(score_trial(recipes[name], rows)) - plain, clusters=numbers[counted])
        models += [name] if gain > MIN_ERRORS * error else []
        reasons.append(f"with {name} the mixture is likelier by {gain:+.4f} ± {error:.4f} than with {first} twice")
    why = f"fits on the latest {SHARE:.0%} of the searches: {'; '.join(reasons)}"
    return Trial(tuple(models), Decision("rank.models", ", ".join(models), why))


def take_latest(fold: FoldData, times: Ints) -> RankingDataset:
    """The training rows of the latest searches of a fold; ``times`` by session of the train file."""
    own = times[fold.learned]
    return pick_queries(fold.train, own >= np.quantile(own, 1 - SHARE))


def score_trial(recipe: Recipe, rows: Sequence[tuple[RankingDataset, RankingDataset]]) -> Floats:
    """The scores of the second of each pair of rows by a fit on the first, one pair after the other."""
    one = replace(recipe, seeds=1)
    fitted = [(fit(one, train, valid), valid) for train, valid in rows]
    return np.concatenate([predict(ranker, valid.names, valid.features) for ranker, valid in fitted])
