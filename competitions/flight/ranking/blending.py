"""From several rankers' scores to one list a session: a mixture of their probabilities, then ranks."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Bools, Floats, Ints
from common.learning.dataset import ColumnsError, Matrix
from common.learning.listwise_softmax import fit_temperatures, log_likelihoods, softmax_within
from common.learning.metrics import average, reciprocal_ranks
from common.optimise import minimise
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import CUTOFF, LARGE, measure
from competitions.flight.ranking.training_data import TrainingData
from competitions.flight.split import number_searches

FLOOR = 1e-12  # of a probability
MIN_ERRORS = 2.0
Labels = NDArray[np.float32]
Sizes = NDArray[np.int32]


@dataclass(frozen=True)
class Blend:
    """A mixture of the models' softmax probabilities: ``temperatures`` (models) multiply the scores before the softmax,
    ``weights`` (models) sum to 1.
    """

    temperatures: tuple[float, ...]
    weights: tuple[float, ...]


def find_blend(data: TrainingData, scores: Floats, searches: Ints) -> Blend:
    """The blend of the columns of out-of-fold scores, from the scored sessions.

    Fitted weights are judged on the half of the sessions that they were not fitted on, and taken where they beat equal
    ones by ``MIN_ERRORS`` standard errors of the difference. ``searches``: the number of each session's search; twins,
    and what repeated folds judge again, stay in one half and count as one in the error.
    """
    counted = data.valid.group_sizes > LARGE
    valid = take_queries(scores, data.valid.labels, data.valid.group_sizes, counted)
    equal = np.full(scores.shape[1], 1 / scores.shape[1])
    temperatures = fit_temperatures(*valid)
    if not counted.any():
        return Blend(tuple(temperatures.tolist()), tuple(equal.tolist()))
    unit = np.unique(searches[data.valid_sessions[counted]], return_inverse=True)[1]
    gain = np.zeros(len(unit))  # of the log likelihood of each booking, by fitted weights
    for half in (unit % 2 == 0, unit % 2 == 1):
        fitted, (own_scores, labels, sizes) = take_queries(*valid, half), take_queries(*valid, ~half)
        own = fit_temperatures(*fitted)
        for sign, weights in ((1, fit_weights(own, *fitted)), (-1, equal)):
            logs = blend_scores(Blend(tuple(own), tuple(weights)), own_scores, sizes)
            gain[~half] += sign * log_likelihoods(logs, labels, sizes)
    mean, error = average(np.bincount(unit, gain) / np.bincount(unit))
    weights = fit_weights(temperatures, *valid) if mean > MIN_ERRORS * error else equal
    return Blend(tuple(temperatures.tolist()), tuple(weights.tolist()))


def take_queries(scores: Floats, labels: Labels, sizes: Sizes, part: Bools) -> tuple[Floats, Labels, Sizes]:
    """The rows of those queries that ``part`` (queries,) marks."""
    rows = np.repeat(part, sizes)
    return scores[rows], labels[rows], sizes[part]


def fit_weights(temperatures: Floats, scores: Floats, labels: Labels, sizes: Sizes) -> Floats:
    """The weights (models,) of the mixture that gives the booked options the highest likelihood.

    The likelihood is concave in them. Found with no bound on their sum, which at the optimum of the penalised
    likelihood, mean log(mixture) - sum, is 1: a mixture t times as large gains log(t) and loses t - 1.
    """
    known = np.maximum(softmax_within(scores * temperatures, sizes)[labels > 0], FLOOR)
    even = np.full(scores.shape[1], 1 / scores.shape[1])
    if not len(known):
        return even

    def loss(weights: Floats) -> tuple[float, Floats]:
        mixed = np.maximum(known @ weights, FLOOR)
        return float(weights.sum() - np.log(mixed).mean()), 1 - (known / mixed[:, None]).mean(axis=0)

    weights = minimise(loss, even, "the weights of the blend", [(0.0, None)] * len(even))
    return np.asarray(weights / weights.sum())


def mix_scores(blend: Blend, scores: Floats, sizes: Sizes) -> Floats:
    """Every row's mixed probability within its session, (n,), from raw scores (n, models).

    >>> blend = Blend(temperatures=(1.0, 2.0), weights=(0.5, 0.5))
    >>> mix_scores(blend, np.log([[1.0, 1.0], [3.0, 2.0]]), np.array([2], np.int32)).round(3).tolist()
    [0.225, 0.775]
    """
    if scores.shape[1] != len(blend.weights):
        raise ColumnsError(f"The blend is of {len(blend.weights)} models, the scores are of {scores.shape[1]}.")
    mixed = np.zeros(len(scores))
    for own, temperature, weight in zip(scores.T, blend.temperatures, blend.weights, strict=True):
        mixed += softmax_within(own * temperature, sizes) * weight
    return mixed


def blend_scores(blend: Blend, scores: Floats, sizes: Sizes) -> Floats:
    """The log of every row's mixed probability."""
    return np.asarray(np.log(np.maximum(mix_scores(blend, scores, sizes), FLOOR)))


def find_hits(scores: Floats, labels: Labels, sizes: Sizes) -> Floats:
    """By session 1 where the booked option is among the first three, else 0; ties count against it."""
    return (reciprocal_ranks(scores, labels, sizes, CUTOFF) > 0).astype(np.float64)


def measure_all(data: TrainingData, scores: Floats, blend: Blend, searches: Ints) -> list[dict[str, float]]:
    """``measure`` on the validation sessions of every column of scores, then of the blend.

    ``searches``: by session of the train file.
    """
    own = searches[data.valid_sessions]
    return _measure_columns(scores, data.valid.labels, data.valid.group_sizes, blend, own)


def measure_test(test: Searches, scores: Matrix, booked: pl.Series, blend: Blend) -> list[dict[str, float]]:
    """The same on the test, where a simulation knows ``booked``: the file rows of the booked options."""
    labels = test.options["row"].is_in(booked.implode()).cast(pl.Float32).to_numpy()
    own = number_searches(test.sessions)
    return _measure_columns(scores.astype(np.float64), labels, test.sessions["size"].to_numpy(), blend, own)


def _measure_columns(
    scores: Floats, labels: Labels, sizes: Sizes, blend: Blend, searches: Ints
) -> list[dict[str, float]]:
    columns = [*scores.T, blend_scores(blend, scores, sizes)]
    return [measure(np.ascontiguousarray(column), labels, sizes, searches) for column in columns]


def rank_test(test: Searches, scores: Floats) -> pl.Series:
    """The rank of every option within its session, 1 the best, in the order of the test file's rows; ``scores``
    (options,) that are handed in.

    Equal scores go by the position on the page, so that a list is reproducible.
    """
    options = test.options.select("session", "row", score=pl.Series(scores))
    rank = pl.col("score").rank("ordinal", descending=True).over("session").cast(pl.Int64)
    return options.select("row", selected=rank).sort("row")["selected"]
