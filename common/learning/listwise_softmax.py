"""The choice of one row out of a query's rows: softmax probabilities, their likelihood, and the loss for LightGBM.

A query of n rows with scores s is answered by row i with probability exp(s_i) / sum_j exp(s_j) (McFadden 1974,
"Conditional logit analysis of qualitative choice behavior"; as the loss of a ranker: ListNet, Cao et al. 2007). A
constant added to the scores of a query changes nothing. Rows stand query by query, ``sizes`` (at least 1) rows each.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.engine.progress import warn

Scores = NDArray[np.float64]
Labels = NDArray[np.float32]
Sizes = NDArray[np.int32]

TINY = 1e-16
SCALES = (1e-3, 1e3)  # the bounds of a temperature's search, for scores of deviation 1 within the queries


def find_starts(sizes: Sizes) -> NDArray[np.int64]:
    """The first row of each query.

    >>> find_starts(np.array([3, 1, 2])).tolist()
    [0, 3, 4]
    """
    ends: NDArray[np.int64] = np.cumsum(sizes, dtype=np.int64)
    return ends - sizes


def softmax_within(scores: Scores, sizes: Sizes) -> Scores:
    """Probabilities that sum to 1 in each query, for scores (n,) or (n, models); no score is too large for it.

    >>> softmax_within(np.log([1.0, 3.0, 7.0]), np.array([2, 1])).round(3).tolist()
    [0.25, 0.75, 1.0]
    """
    if not len(scores):
        return scores
    starts = find_starts(sizes)
    # Of a query's largest score, so that no power overflows: a constant changes nothing.
    powers = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), sizes, axis=0))
    return np.asarray(powers / np.repeat(np.add.reduceat(powers, starts), sizes, axis=0))


def log_likelihoods(scores: Scores, labels: Labels, sizes: Sizes) -> Scores:
    """Per query the log of its positive's probability, 0 without a positive (and the sum over several of them).

    >>> scores, sizes = np.log([1.0, 3.0, 7.0]), np.array([2, 1])
    >>> np.exp(log_likelihoods(scores, np.array([1, 0, 0]), sizes)).round(3).tolist()
    [0.25, 1.0]
    """
    if not len(sizes):
        return np.empty(0)
    starts = find_starts(sizes)
    shifted = scores - np.repeat(np.maximum.reduceat(scores, starts), sizes)
    total = np.log(np.add.reduceat(np.exp(shifted), starts))
    positives = np.add.reduceat(labels, starts, dtype=np.float64)
    return np.asarray(np.add.reduceat(shifted * labels, starts) - positives * total)


def softmax_gradients(scores: Scores, labels: Labels, sizes: Sizes) -> tuple[Scores, Scores]:
    """First and second derivative of -log likelihood by each score: p - y and p (1 - p), at least ``TINY``.

    Both are multiplied by the query's number of positives, so that a query without one pulls nowhere and weighs
    nothing. The second derivative is the diagonal of the full one, as boosting needs it.

    >>> scores, sizes = np.log([1.0, 3.0, 5.0, 5.0]), np.array([2, 2])
    >>> first, second = softmax_gradients(scores, np.array([1, 0, 0, 0]), sizes)
    >>> first.round(4).tolist(), second.round(4).tolist()
    ([-0.75, 0.75, 0.0, 0.0], [0.1875, 0.1875, 0.0, 0.0])
    """
    probabilities = softmax_within(scores, sizes)
    positives = np.repeat(np.add.reduceat(labels, find_starts(sizes), dtype=np.float64), sizes)
    expected = positives * probabilities
    return expected - labels, np.maximum(expected * (1 - probabilities), TINY)


def lightgbm_softmax(scores: Scores, data: Any) -> tuple[Scores, Scores]:
    """``softmax_gradients`` as LightGBM calls an objective: ``data`` is its training set, with labels and groups."""
    return softmax_gradients(scores, data.get_label(), data.get_group())


def lightgbm_likelihood(scores: Scores, data: Any) -> tuple[str, float, bool]:
    """Mean log likelihood as a metric for LightGBM, higher is better: ``data`` is a set with labels and groups."""
    sizes = np.asarray(data.get_group(), dtype=np.int32)
    return "likelihood", float(log_likelihoods(scores, data.get_label(), sizes).mean()), True


def fit_temperatures(scores: Scores, labels: Labels, sizes: Sizes) -> Scores:
    """For each model the factor of its scores (n, models) that gives the positives the highest likelihood: (models,).

    The likelihood has one peak in the factor, which is sought on a log scale between bounds relative to the scores'
    spread within queries. A model that knows nothing, or the opposite, gets the lower bound: almost even
    probabilities.

    >>> sure = np.tile([[1.0], [0.0]], (4, 1))  # three of four queries choose the row with the higher score
    >>> fit_temperatures(sure, np.array([1, 0, 1, 0, 1, 0, 0, 1]), np.full(4, 2)).round(2).tolist()  # log(3 / 1)
    [1.1]
    """
    return np.array([_fit_temperature(np.ascontiguousarray(column), labels, sizes) for column in scores.T])


def _fit_temperature(scores: Scores, labels: Labels, sizes: Sizes) -> float:
    if not len(scores):
        return 1.0
    centred = scores - np.repeat(np.add.reduceat(scores, find_starts(sizes)) / sizes, sizes)
    spread = float(np.sqrt(np.mean(centred**2)))
    if spread == 0:
        return 1.0

    from scipy.optimize import minimize_scalar  # here: it takes long to import

    def loss(exponent: float) -> float:
        return -float(log_likelihoods(centred * (np.exp(exponent) / spread), labels, sizes).mean())

    best = minimize_scalar(loss, bounds=np.log(SCALES), method="bounded", options={"xatol": 1e-4})
    if not best.success:
        warn(f"The fit of a temperature did not converge after {best.nfev} evaluations: it may be off.")
    return float(np.exp(best.x)) / spread
