"""From several rankers' scores to one list a session: equal parts of their probabilities, then ranks.

Only the first columns of scores are blended, one for each temperature of the blend; the named baseline, where it is
fitted, comes last and is only measured.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.learning.blending import take_queries
from common.learning.dataset import Matrix
from common.learning.listwise_softmax import fit_temperatures, softmax_within
from common.learning.metrics import reciprocal_ranks
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import CUTOFF, LARGE, measure
from competitions.flight.ranking.rankers import Floats
from competitions.flight.ranking.training_data import TrainingData

FLOOR = 1e-12  # of a probability
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


def measure_all(data: TrainingData, scores: Floats, blend: Blend, repeats: int) -> list[dict[str, float]]:
    """``measure`` on the validation sessions of every column of scores, then of the blend."""
    return _measure_columns(scores, data.valid.labels, data.valid.group_sizes, blend, repeats)


def measure_test(test: Searches, scores: Matrix, booked: pl.Series, blend: Blend) -> list[dict[str, float]]:
    """The same on the test, where a simulation knows ``booked``: the file rows of the booked options."""
    labels = test.options["row"].is_in(booked.implode()).cast(pl.Float32).to_numpy()
    return _measure_columns(scores.astype(np.float64), labels, test.sessions["size"].to_numpy(), blend, 1)


def _measure_columns(
    scores: Floats, labels: Labels, sizes: Sizes, blend: Blend, repeats: int
) -> list[dict[str, float]]:
    columns = [*scores.T, blend_scores(blend, scores, sizes)]
    return [measure(np.ascontiguousarray(column), labels, sizes, repeats) for column in columns]


def rank_test(test: Searches, scores: Matrix, blend: Blend) -> pl.Series:
    """The rank of every option within its session, 1 the best, in the order of the test file's rows.

    Equal scores go by the position on the page, so that a list is reproducible.
    """
    blended = blend_scores(blend, scores.astype(np.float64), test.sessions["size"].to_numpy())
    options = test.options.select("session", "row", score=pl.Series(blended))
    rank = pl.col("score").rank("ordinal", descending=True).over("session").cast(pl.Int64)
    return options.select("row", selected=rank).sort("row")["selected"]
