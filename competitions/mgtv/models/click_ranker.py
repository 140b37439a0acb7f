"""Which of the shown videos is the answer: rankers fitted within the lists, and their calibrated probabilities."""

from collections.abc import Sequence

import numpy as np

from common.arrays import Floats
from common.learning.conditional_logit import Logit, fit_logit
from common.learning.dataset import RankingDataset, join_datasets
from common.learning.fit_task import Recipe
from common.learning.gbdt import Ranker, score_rows
from common.learning.listwise_softmax import find_starts, log_likelihoods, softmax_within
from competitions.mgtv.config import MODELS, WatchSettings
from competitions.mgtv.models.dataset import DayFeatures

SLICE_ROWS = 100_000
MIN_SLATE = 2  # videos: a slate of one says nothing about choice
CUTOFF = 5  # for models that stop by a ranking metric: at 1 it is as noisy as the score
BLEND_L2 = 0.03  # with hardly any, weights of nearly equal scores run away, see LOG.md


def make_recipe(settings: WatchSettings, seed: int) -> Recipe:
    """How the model is fitted."""
    (kind,) = MODELS
    return Recipe(
        kind=kind,
        parameters=settings.lightgbm_softmax,
        rounds=settings.rounds,
        patience=settings.patience,
        seed=seed,
        cutoff=CUTOFF,
        likelihood=True,
        blocks=None if isinstance(settings.blocks, str) else settings.blocks,  # the plan has put names for "auto"
        min_group_size=MIN_SLATE,
        negatives=settings.negatives,
        seeds=settings.seeds,
    )


def score(day: DayFeatures, rankers: Sequence[Ranker]) -> Floats:
    """Each ranker's raw scores of the day's rows: (rows, rankers)."""
    parts = [
        score_rows(day.rows.names, np.asarray(day.rows.features[start : start + SLICE_ROWS]), rankers)
        for start in range(0, max(len(day.rows.features), 1), SLICE_ROWS)
    ]
    return np.vstack(parts)


def find_blend(
    days: Sequence[DayFeatures], scores: Sequence[Floats], names: Sequence[str], l2: float = BLEND_L2
) -> Logit:
    """Mix the models: a conditional logit whose features are their scores, so that its softmax is calibrated.

    A few weights on thousands of lists; a model that adds nothing gets about 0.
    """
    parts = [
        RankingDataset(tuple(names), score.astype(np.float32), day.rows.labels, day.rows.group_sizes)
        for day, score in zip(days, scores, strict=True)
    ]
    return fit_logit(join_datasets(parts), None, l2)


def mix(blend: Logit, scores: Floats, day: DayFeatures) -> Floats:
    """P(the row is its list's answer), summing to 1 in each list."""
    return softmax_within(blend.predict(scores.astype(np.float32)), day.rows.group_sizes)


def mix_across(
    days: Sequence[DayFeatures], scores: Sequence[Floats], names: Sequence[str], l2: float = BLEND_L2
) -> list[Floats]:
    """``mix`` of every day by weights found on the other days, for measuring; a single day has to judge itself."""
    mixed = []
    for i, (day, score) in enumerate(zip(days, scores, strict=True)):
        others = [other for other in range(len(days)) if other != i] or [i]
        blend = find_blend([days[other] for other in others], [scores[other] for other in others], names, l2)
        mixed.append(mix(blend, score, day))
    return mixed


def normalise(worth: Floats, day: DayFeatures) -> Floats:
    """Positive numbers (rows,) as probabilities that sum to 1 in each list."""
    sizes = day.rows.group_sizes
    return np.asarray(worth / np.repeat(np.add.reduceat(worth, find_starts(sizes)), sizes))


def mean_log_likelihood(probabilities: Floats, day: DayFeatures) -> float:
    """Mean log probability of the answers: higher is better; that of even chances is -mean log list size."""
    return float(
        log_likelihoods(np.log(np.maximum(probabilities, 1e-12)), day.rows.labels, day.rows.group_sizes).mean()
    )
