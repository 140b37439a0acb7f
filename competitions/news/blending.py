"""Blending rankers: their scores, standardised within each query, added up with searched weights."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from common.learning.listwise_softmax import Labels, Scores, Sizes, find_starts, take_queries
from common.learning.metrics import reciprocal_ranks

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Blend:
    """``weights`` (one per model, summing to 1) for the final fit.

    ``mrr`` of the search where it did not look; ``reciprocal`` (queries with rows,): the same, query by query.
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


def search_weights(
    scores: Scores, labels: Labels, sizes: Sizes, *, answers: int, trials: int, seed: int, k: int
) -> Blend:
    """Weights that give the highest MRR@k, by Optuna's TPE from equal weights and each model alone.

    ``answers``: how many queries there are in all; those without candidates or positive count as 0. The search runs on
    either half of the queries and is judged on the other, so ``mrr`` is free of its own optimism. One model alone is
    taken as it is.

    >>> right, wrong = [2.0, 1.0], [1.0, 2.0]
    >>> scores, labels = np.column_stack([right * 4, wrong * 4]), np.array([1, 0] * 4)
    >>> blend = search_weights(scores, labels, np.full(4, 2), answers=5, trials=3, seed=0, k=5)
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
        weights = _search_mrr(*take_queries(standard, labels, sizes, part), trials, seed, k)
        rest = take_queries(standard, labels, sizes, ~part)
        reciprocal[~part] = reciprocal_ranks(rest[0] @ weights, rest[1], rest[2], k)
    weights = _search_mrr(standard, labels, sizes, trials, seed, k)
    return Blend(tuple(float(weight) for weight in weights), float(reciprocal.sum()) / max(answers, 1), reciprocal)


def _search_mrr(scores: Scores, labels: Labels, sizes: Sizes, trials: int, seed: int, k: int) -> Scores:
    """The weights, summing to 1, with the highest MRR@k."""
    import optuna

    names = [f"weight_{model}" for model in range(scores.shape[1])]

    def judge(trial: "optuna.Trial") -> float:
        weights = np.array([trial.suggest_float(name, 0.0, 1.0) for name in names])
        return float(reciprocal_ranks(scores @ weights, labels, sizes, k).sum()) if weights.any() else -1.0

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    for start in (np.ones(len(names)), *np.eye(len(names))):  # equal weights, then each model alone
        study.enqueue_trial({name: float(value) for name, value in zip(names, start, strict=True)})
    study.optimize(judge, n_trials=trials)
    best = np.array([study.best_params[name] for name in names])
    return np.asarray(best / best.sum())
