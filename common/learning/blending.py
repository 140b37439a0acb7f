"""From the scores of several models to one: a mixture of their probabilities within each query."""

from dataclasses import dataclass

import numpy as np

from common.arrays import Bools, Floats, Ints
from common.learning.dataset import ColumnsError
from common.learning.listwise_softmax import (
    Labels,
    Sizes,
    find_starts,
    fit_temperatures,
    log_likelihoods,
    softmax_within,
)
from common.learning.metrics import average
from common.optimise import minimise

FLOOR = 1e-12  # of a probability
MIN_ERRORS = 2.0


@dataclass(frozen=True)
class Blend:
    """A mixture of the models' softmax probabilities: ``temperatures`` (models) multiply the scores before the softmax,
    ``weights`` (models) sum to 1.
    """

    temperatures: tuple[float, ...]
    weights: tuple[float, ...]


def find_blend(scores: Floats, labels: Labels, sizes: Sizes, clusters: Ints, calibrated: bool = False) -> Blend:
    """The blend of out-of-fold scores (n, models) of the rows of queries.

    Fitted weights are judged on the half of the queries that they were not fitted on, and taken where they beat equal
    ones by ``MIN_ERRORS`` standard errors of the difference of log likelihoods. Those of ``clusters``, a number a
    query, stay in one half and count as one in the error. ``calibrated``: the scores are log probabilities, with
    temperatures of 1.

    >>> scores = np.log(np.tile([[3.0, 1.0], [1.0, 3.0]], (40, 1)))  # each model is right in half of the queries
    >>> labels, sizes = np.tile([1, 0, 0, 1], 20), np.full(40, 2)
    >>> find_blend(scores, labels, sizes, np.arange(40), calibrated=True)
    Blend(temperatures=(1.0, 1.0), weights=(0.5, 0.5))
    """
    unit = np.unique(clusters, return_inverse=True)[1]
    even, fitted = cross_blend(scores, labels, sizes, clusters, calibrated)
    gain = log_likelihoods(fitted, labels, sizes) - log_likelihoods(even, labels, sizes)
    mean, error = average(np.bincount(unit, gain) / np.bincount(unit)) if len(unit) else (0.0, 0.0)
    temperatures = _fit_temperatures(scores, labels, sizes, calibrated)
    pays = mean > MIN_ERRORS * error
    weights = fit_weights(temperatures, scores, labels, sizes) if pays else weigh_evenly(scores.shape[1])
    return Blend(tuple(temperatures.tolist()), tuple(weights.tolist()))


def cross_blend(
    scores: Floats, labels: Labels, sizes: Sizes, clusters: Ints, calibrated: bool = False
) -> tuple[Floats, Floats]:
    """The logs of the mixed probabilities (n,) by even weights and by fitted ones: on each half of the clusters by
    temperatures and weights of the other half.

    >>> scores = np.log([[3.0, 1.0], [1.0, 1.0]] * 4)  # one model is right, the other says nothing
    >>> given = scores, np.tile([1, 0], 4), np.full(4, 2), np.arange(4), True
    >>> [np.exp(logs[:2]).round(3).tolist() for logs in cross_blend(*given)]  # (3/4 + 1/2) / 2; 3/4
    [[0.625, 0.375], [0.75, 0.25]]
    """
    unit, logs = np.unique(clusters, return_inverse=True)[1], np.zeros((2, len(scores)))
    for half in (unit % 2 == 0, unit % 2 == 1):
        fitted, rows = take_queries(scores, labels, sizes, half), np.repeat(~half, sizes)
        own = _fit_temperatures(*fitted, calibrated)
        for way, weights in enumerate((weigh_evenly(scores.shape[1]), fit_weights(own, *fitted))):
            logs[way, rows] = blend_scores(Blend(tuple(own), tuple(weights)), scores[rows], sizes[~half])
    return logs[0], logs[1]


def _fit_temperatures(scores: Floats, labels: Labels, sizes: Sizes, calibrated: bool) -> Floats:
    return np.ones(scores.shape[1]) if calibrated else fit_temperatures(scores, labels, sizes)


def weigh_evenly(models: int) -> Floats:
    """Equal weights (models,).

    >>> weigh_evenly(2).tolist()
    [0.5, 0.5]
    """
    return np.full(models, 1 / models)


def take_queries(scores: Floats, labels: Labels, sizes: Sizes, part: Bools) -> tuple[Floats, Labels, Sizes]:
    """The rows of those queries that ``part`` (queries,) marks.

    >>> taken = take_queries(np.ones((3, 1)), np.array([1, 0, 1]), np.array([2, 1]), np.array([False, True]))
    >>> [part.tolist() for part in taken]
    [[[1.0]], [1], [1]]
    """
    rows = np.repeat(part, sizes)
    return scores[rows], labels[rows], sizes[part]


def fit_weights(temperatures: Floats, scores: Floats, labels: Labels, sizes: Sizes) -> Floats:
    """The weights (models,) of the mixture that gives the right rows the highest likelihood.

    The likelihood is concave in them. Found with no bound on their sum, which at the optimum of the penalised
    likelihood, mean log(mixture) - sum, is 1: a mixture t times as large gains log(t) and loses t - 1.

    >>> fit_weights(np.ones(2), np.log([[3.0, 1.0], [1.0, 1.0]]), np.array([1, 0]), np.array([2])).round(3).tolist()
    [1.0, 0.0]
    """
    known = np.maximum(softmax_within(scores * temperatures, sizes)[labels > 0], FLOOR)
    even = weigh_evenly(scores.shape[1])
    if not len(known):
        return even

    def loss(weights: Floats) -> tuple[float, Floats]:
        mixed = np.maximum(known @ weights, FLOOR)
        return float(weights.sum() - np.log(mixed).mean()), 1 - (known / mixed[:, None]).mean(axis=0)

    weights = minimise(loss, even, "the weights of the blend", [(0.0, None)] * len(even))
    return np.asarray(weights / weights.sum())


def blend_scores(blend: Blend, scores: Floats, sizes: Sizes) -> Floats:
    """The log of every row's mixed probability, (n,), however small that is: rows of sure models keep their order.

    >>> blend = Blend(temperatures=(1.0, 2.0), weights=(0.5, 0.5))
    >>> np.exp(blend_scores(blend, np.log([[1.0, 1.0], [3.0, 2.0]]), np.array([2], np.int32))).round(3).tolist()
    [0.225, 0.775]
    """
    if scores.shape[1] != len(blend.weights):
        raise ColumnsError(f"The blend is of {len(blend.weights)} models, the scores are of {scores.shape[1]}.")
    starts, mixed = find_starts(sizes), np.full(len(scores), -np.inf)
    for own, temperature, weight in zip(scores.T, blend.temperatures, blend.weights, strict=True):
        if weight and len(sizes):
            scaled = own * temperature
            mixed = np.logaddexp(
                mixed, scaled - np.repeat(np.logaddexp.reduceat(scaled, starts), sizes) + np.log(weight)
            )
    return mixed
