"""Blending rankers: their scores, standardised within each query, added up with fitted weights."""

from dataclasses import dataclass, field

import numpy as np

from common.learning.conditional_logit import fit_logit
from common.learning.dataset import RankingDataset
from common.learning.listwise_softmax import Labels, Scores, Sizes, find_starts, take_queries
from common.learning.metrics import reciprocal_ranks

L2 = 0.03  # with hardly any, the weights of nearly equal scores run away


@dataclass(frozen=True)
class Blend:
    """``weights`` (one per model, summing to 1) for the final fit.

    ``mrr`` where the weights were not fitted; ``reciprocal`` (queries with rows,): the same, query by query.
    """

    weights: tuple[float, ...]
    mrr: float
    reciprocal: Scores = field(compare=False)


def standardise(scores: Scores, sizes: Sizes) -> Scores:
    """Scores (n, models) with mean 0 and deviation 1 within each query; rankers' scales mean nothing across queries.

    >>> standardise(np.array([[1.0], [3.0], [500.0], [400.0]]), np.array([2, 2])).ravel().tolist()
    [-1.0, 1.0, 1.0, -1.0]
    """
    if not len(scores):
        return scores
    starts = find_starts(sizes)
    count = np.repeat(sizes, sizes)[:, None]
    centred = scores - np.repeat(np.add.reduceat(scores, starts), sizes, axis=0) / count
    spread = np.sqrt(np.repeat(np.add.reduceat(centred**2, starts), sizes, axis=0) / count)
    return np.asarray(centred / np.maximum(spread, 1e-9))


def fit_blend(scores: Scores, labels: Labels, sizes: Sizes, *, answers: int, k: int) -> Blend:
    """Weights of 0 or more under which the positives are likeliest: a conditional logit over the models' scores.

    ``answers``: how many queries there are in all; those without candidates or positive count as 0. The weights are
    fitted on either half of the queries and judged on the other, so ``mrr`` is free of their own optimism. One model
    alone is taken as it is.

    >>> right, wrong = [2.0, 1.0], [1.0, 2.0]
    >>> scores, labels = np.column_stack([right * 4, wrong * 4]), np.array([1, 0] * 4)
    >>> blend = fit_blend(scores, labels, np.full(4, 2), answers=5, k=5)
    >>> blend.weights, blend.mrr  # a fifth query has no candidate
    ((1.0, 0.0), 0.8)
    """
    if scores.shape[1] == 1:
        reciprocal = reciprocal_ranks(np.ascontiguousarray(scores[:, 0]), labels, sizes, k)
        return Blend((1.0,), float(reciprocal.sum()) / max(answers, 1), reciprocal)
    standard = standardise(scores, sizes)
    half = np.arange(len(sizes)) % 2 == 0  # every other query: halves of a log by time would differ by the time
    reciprocal = np.zeros(len(sizes))
    for part in (half, ~half):
        weights = _fit_weights(*take_queries(standard, labels, sizes, part))
        rest = take_queries(standard, labels, sizes, ~part)
        reciprocal[~part] = reciprocal_ranks(rest[0] @ weights, rest[1], rest[2], k)
    weights = _fit_weights(standard, labels, sizes)
    return Blend(tuple(float(weight) for weight in weights), float(reciprocal.sum()) / max(answers, 1), reciprocal)


def _fit_weights(standard: Scores, labels: Labels, sizes: Sizes) -> Scores:
    """The weights (models,), summing to 1; equal ones where no model tells the positives."""
    models = standard.shape[1]
    names = tuple(f"model {number}" for number in range(models))
    logit = fit_logit(RankingDataset(names, standard.astype(np.float32), labels, sizes), None, L2)
    weights = np.zeros(models)
    weights[logit.valued] = np.maximum(logit.weights / logit.scale[logit.valued], 0.0)
    return weights / weights.sum() if weights.any() else np.full(models, 1 / models)
