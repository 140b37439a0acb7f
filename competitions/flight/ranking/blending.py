"""From several rankers' scores to one list a session: equal parts of their probabilities, same-flight rerank, ranks.

Only the first columns of scores are blended, one for each temperature of the blend; the named baseline, where it is
fitted, comes last and is only measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.learning.blending import take_queries
from common.learning.dataset import Matrix
from common.learning.listwise_softmax import fit_temperatures, log_likelihoods, softmax_within
from common.learning.metrics import reciprocal_ranks
from competitions.flight.features.option_attributes import mark_flights
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import CUTOFF, LARGE, measure
from competitions.flight.ranking.rankers import Floats
from competitions.flight.ranking.rerank import rerank
from competitions.flight.ranking.training_data import TrainingData

FLOOR = 1e-12  # of a probability
MIN_ERRORS = 2.0  # by which a rerank must beat the blend, in standard errors of the difference
Labels = NDArray[np.float32]
Sizes = NDArray[np.int32]


@dataclass(frozen=True)
class Blend:
    """Equal parts of the models' softmax probabilities; ``temperatures`` (models) multiply the scores before that.

    Weights that validation chose, overall or by the size of the session, did not beat equal ones (LOG.md).
    """

    temperatures: tuple[float, ...]


def find_blend(data: TrainingData, scores: Floats, models: int) -> Blend:
    """The temperature of each of the first ``models`` columns of out-of-fold scores, from the scored sessions."""
    valid = data.valid
    counted = take_queries(scores[:, :models], valid.labels, valid.group_sizes, valid.group_sizes > LARGE)
    return Blend(tuple(fit_temperatures(*counted).tolist()))


def mix_scores(blend: Blend, scores: Floats, sizes: Sizes) -> Floats:
    """Every row's mixed probability within its session, (n,), from raw scores (n, models).

    >>> mix_scores(Blend((1.0, 2.0)), np.log([[1.0, 1.0], [3.0, 2.0]]), np.array([2], np.int32)).round(3).tolist()
    [0.225, 0.775]
    """
    mixed = np.zeros(len(scores))
    for model, temperature in enumerate(blend.temperatures):
        mixed += softmax_within(scores[:, model] * temperature, sizes) * (1 / len(blend.temperatures))
    return mixed


def blend_scores(blend: Blend, scores: Floats, sizes: Sizes) -> Floats:
    """The log of every row's mixed probability."""
    return np.asarray(np.log(np.maximum(mix_scores(blend, scores, sizes), FLOOR)))


def find_hits(scores: Floats, labels: Labels, sizes: Sizes) -> Floats:
    """By session 1 where the booked option is among the first three, else 0; ties count against it."""
    return (reciprocal_ranks(scores, labels, sizes, CUTOFF) > 0).astype(np.float64)


def average_units(values: Floats, units: NDArray[np.int64]) -> Floats:
    """The mean of each unit's values, where ``units`` numbers them from 0: a session that several fits judge is one.

    >>> average_units(np.array([1.0, 0.0, 1.0]), np.array([0, 0, 1])).tolist()
    [0.5, 1.0]
    """
    return np.asarray(np.bincount(units, values) / np.bincount(units))


def find_penalty(data: TrainingData, scores: Floats, blend: Blend, penalties: Sequence[float]) -> float:
    """The same-flight penalty that gives the validation bookings the highest likelihood; the smallest of equals.

    The best of several penalties is partly luck: one that does not beat the blend's own order by more than
    ``MIN_ERRORS`` standard errors of the difference, or that loses hits, is not taken, but 0.
    """
    valid, flights = data.valid, data.flights
    blended, counted = blend_scores(blend, scores, valid.group_sizes), valid.group_sizes > LARGE
    if not counted.any():
        return 0.0
    unit = np.unique(data.valid_sessions[counted], return_inverse=True)[1]

    def judge(penalty: float) -> tuple[Floats, Floats]:
        final = rerank(blended, flights, valid.group_sizes, penalty)
        likelihood = log_likelihoods(final, valid.labels, valid.group_sizes)[counted]
        return likelihood, find_hits(final, valid.labels, valid.group_sizes)[counted]

    plain, gains = judge(0.0), {0.0: 0.0}
    for penalty in sorted(penalties):
        likelihood, hit = judge(penalty)
        gain = average_units(likelihood - plain[0], unit)
        if gain.mean() > MIN_ERRORS * gain.std() / len(gain) ** 0.5 and hit.mean() >= plain[1].mean():
            gains[penalty] = float(gain.mean())
    return max(gains, key=lambda penalty: gains[penalty])


def measure_all(
    data: TrainingData, scores: Floats, blend: Blend, penalty: float, repeats: int
) -> list[dict[str, float]]:
    """``measure`` on the validation sessions of every column of scores, of the blend, and of the reranked blend."""
    valid = data.valid
    return _measure_columns(scores, valid.labels, valid.group_sizes, data.flights, (blend, penalty, repeats))


def measure_test(
    test: Searches, scores: Matrix, booked: pl.Series, blend: Blend, penalty: float
) -> list[dict[str, float]]:
    """The same on the test, where a simulation knows ``booked``: the file rows of the booked options."""
    labels = test.options["row"].is_in(booked.implode()).cast(pl.Float32).to_numpy()
    sizes, flights = test.sessions["size"].to_numpy(), mark_flights(test.options).to_numpy()
    return _measure_columns(scores.astype(np.float64), labels, sizes, flights, (blend, penalty, 1))


def _measure_columns(
    scores: Floats, labels: Labels, sizes: Sizes, flights: NDArray[np.uint64], rule: tuple[Blend, float, int]
) -> list[dict[str, float]]:
    blend, penalty, repeats = rule
    blended = blend_scores(blend, scores, sizes)
    columns = [*scores.T, blended, rerank(blended, flights, sizes, penalty)]
    return [measure(np.ascontiguousarray(column), labels, sizes, repeats) for column in columns]


def rank_test(test: Searches, scores: Matrix, blend: Blend, penalty: float) -> pl.Series:
    """The rank of every option within its session, 1 the best, in the order of the test file's rows.

    Equal scores go by the position on the page, so that a list is reproducible.
    """
    sizes = test.sessions["size"].to_numpy()
    blended = blend_scores(blend, scores.astype(np.float64), sizes)
    final = rerank(blended, mark_flights(test.options).to_numpy(), sizes, penalty)
    options = test.options.select("session", "row", score=pl.Series(final))
    rank = pl.col("score").rank("ordinal", descending=True).over("session").cast(pl.Int64)
    return options.select("row", selected=rank).sort("row")["selected"]
