"""Blending rankers: their scores, standardised within each query, added up with weights found by search."""

from dataclasses import dataclass

import numpy as np
import optuna
from numpy.typing import NDArray

from common.metrics import reciprocal_ranks

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Blend:
    """``weights`` (one per model, summing to 1) for the final fit; ``mrr`` of the search where it did not look."""

    weights: tuple[float, ...]
    mrr: float


def standardise(scores: Scores, sizes: NDArray[np.int32]) -> Scores:
    """Scores (n, models) with mean 0 and deviation 1 within each query; rankers' scales mean nothing across queries."""
    if not len(scores):
        return scores
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    count = np.repeat(sizes, sizes)[:, None]
    centred = scores - np.repeat(np.add.reduceat(scores, starts), sizes, axis=0) / count
    spread = np.sqrt(np.repeat(np.add.reduceat(centred**2, starts), sizes, axis=0) / count)
    return np.asarray(centred / np.maximum(spread, 1e-9))


def search_weights(
    scores: Scores,
    labels: NDArray[np.float32],
    sizes: NDArray[np.int32],
    *,
    answers: int,
    trials: int,
    seed: int,
    k: int,
) -> Blend:
    """Weights that give the highest MRR@k, by Optuna's TPE from equal weights and each model alone.

    ``answers``: how many queries there are in all; those without candidates or positive count as 0. The search runs on
    either half of the queries and is judged on the other, so ``mrr`` is free of its own optimism.
    """
    standard = standardise(scores, sizes)
    half = np.arange(len(sizes)) % 2 == 0
    total = 0.0
    for part in (half, ~half):
        weights = _search(*_take(standard, labels, sizes, part), trials, seed, k)
        rest = _take(standard, labels, sizes, ~part)
        total += float(reciprocal_ranks(rest[0] @ weights, rest[1], rest[2], k).sum())
    return Blend(tuple(float(w) for w in _search(standard, labels, sizes, trials, seed, k)), total / max(answers, 1))


def _take(
    scores: Scores, labels: NDArray[np.float32], sizes: NDArray[np.int32], part: NDArray[np.bool_]
) -> tuple[Scores, NDArray[np.float32], NDArray[np.int32]]:
    rows = np.repeat(part, sizes)
    return scores[rows], labels[rows], sizes[part]


def _search(
    scores: Scores, labels: NDArray[np.float32], sizes: NDArray[np.int32], trials: int, seed: int, k: int
) -> Scores:
    models = scores.shape[1]

    def judge(trial: optuna.Trial) -> float:
        raw = np.array([trial.suggest_float(f"weight_{model}", 0.0, 1.0) for model in range(models)])
        return float(reciprocal_ranks(scores @ raw, labels, sizes, k).sum()) if raw.any() else 0.0

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    for start in [np.ones(models), *np.eye(models)]:
        study.enqueue_trial({f"weight_{model}": float(value) for model, value in enumerate(start)})
    study.optimize(judge, n_trials=trials)
    best = np.array([study.best_params[f"weight_{model}"] for model in range(models)])
    return np.asarray(best / best.sum())
