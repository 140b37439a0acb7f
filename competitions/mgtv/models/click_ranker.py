"""Which of the shown videos is the answer: a ranker fitted within the lists, whose softmax is P(watch)."""

import numpy as np

from common.arrays import Floats
from common.learning.dataset import RankingDataset, gather
from common.learning.fitters import Recipe
from common.learning.gbdt import Ranker, score_rows
from common.learning.listwise_softmax import log_likelihoods, softmax_within
from competitions.mgtv.config import WatchSettings
from competitions.mgtv.models.dataset import DayFeatures

MODEL = "lightgbm_softmax"  # what was mixed with it never raised the score, see LOG.md
SLICE_ROWS = 100_000
MIN_SLATE = 2  # videos: a slate of one says nothing about choice


def make_recipe(settings: WatchSettings, seed: int) -> Recipe:
    """How the model is fitted."""
    return Recipe(
        kind=MODEL,
        parameters=settings.lightgbm_softmax,
        rounds=settings.rounds,
        patience=settings.patience,
        seed=seed,
        blocks=None if isinstance(settings.blocks, str) else settings.blocks,  # the plan has put names for "auto"
        min_group_size=MIN_SLATE,
        negatives=settings.negatives,
        seeds=1 if isinstance(settings.seeds, str) else settings.seeds,
    )


def thin(rows: RankingDataset, recipe: Recipe) -> RankingDataset:
    """What a fit takes of a day: the features of the model's blocks, lists of two and more, of each some negatives.

    A fit draws from what is thinned already, and so keeps all of it: days are held one by one before they are thinned.
    """
    return gather([rows], recipe.blocks, recipe.min_group_size, recipe.negatives, recipe.seed)


def predict(day: DayFeatures, ranker: Ranker) -> Floats:
    """P(the row is its list's answer), summing to 1 in each list: (rows,).

    The ranker is fitted as the softmax of a list, so that its own scores need no calibration (LOG.md).
    """
    parts = [
        score_rows(day.rows.names, np.asarray(day.rows.features[start : start + SLICE_ROWS]), [ranker])[:, 0]
        for start in range(0, max(len(day.rows.features), 1), SLICE_ROWS)
    ]
    return softmax_within(np.concatenate(parts), day.rows.group_sizes)


def mean_log_likelihood(probabilities: Floats, day: DayFeatures) -> float:
    """Mean log probability of the answers: higher is better; that of even chances is -mean log list size."""
    return float(
        log_likelihoods(np.log(np.maximum(probabilities, 1e-12)), day.rows.labels, day.rows.group_sizes).mean()
    )
