"""From several rankers' scores to one list a session: a mixture of their probabilities, then ranks."""

import numpy as np
import polars as pl

from common.arrays import Floats, Ints
from common.learning import blending
from common.learning.blending import Blend
from common.learning.blending import blend_scores as blend_scores
from common.learning.dataset import Matrix
from common.learning.listwise_softmax import Labels, Sizes
from common.learning.metrics import reciprocal_ranks
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import CUTOFF, LARGE, measure
from competitions.flight.ranking.training_data import TrainingData
from competitions.flight.split import number_searches


def find_blend(data: TrainingData, scores: Floats, searches: Ints) -> Blend:
    """The blend of the columns of out-of-fold scores, from the scored sessions (``blending.find_blend``).

    ``searches``: the number of each session's search; twins, and what repeated folds judge again, stay in one half and
    count as one in the error.
    """
    counted = data.group_sizes > LARGE
    valid = blending.take_queries(scores, data.labels, data.group_sizes, counted)
    return blending.find_blend(*valid, searches[data.valid_sessions[counted]])


def find_hits(scores: Floats, labels: Labels, sizes: Sizes) -> Floats:
    """By session 1 where the booked option is among the first three, else 0; ties count against it."""
    return (reciprocal_ranks(scores, labels, sizes, CUTOFF) > 0).astype(np.float64)


def measure_all(data: TrainingData, scores: Floats, blend: Blend, searches: Ints) -> list[dict[str, float]]:
    """``measure`` on the validation sessions of every column of scores, then of the blend.

    ``searches``: by session of the train file.
    """
    own = searches[data.valid_sessions]
    return _measure_columns(scores, data.labels, data.group_sizes, blend, own)


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
