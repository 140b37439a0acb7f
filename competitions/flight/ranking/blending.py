"""From several rankers' scores to one list a session: blend by group size, same-flight rerank, ranks.

Only the first columns of scores are blended, one for each weight of the blend; the named baseline, where it is asked
for, comes last and is only measured.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.learning.dataset import Matrix
from common.learning.listwise_softmax import log_likelihoods
from competitions.flight.config import BlendSettings
from competitions.flight.features.option_attributes import mark_flights
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import CUTOFF, LARGE, measure
from competitions.flight.ranking.rankers import Floats
from competitions.flight.ranking.rerank import rerank
from competitions.flight.ranking.size_bucket_blending import (
    BucketBlend,
    BucketSearch,
    apply_buckets,
    average_units,
    hits,
    search_buckets,
)
from competitions.flight.ranking.training_data import TrainingData

FLOOR = 1e-12  # of a probability
MIN_ERRORS = 2.0  # by which a rerank must beat the blend, in standard errors of the difference
Labels = NDArray[np.float32]
Sizes = NDArray[np.int32]


def find_blend(data: TrainingData, scores: Floats, models: int, settings: BlendSettings) -> BucketBlend:
    """Temperatures and weights, by group size, from the out-of-fold scores of the validation sessions.

    ``models``: how many columns take part, from the first on.
    """
    valid = data.valid
    search = BucketSearch(CUTOFF, settings.bucket_sessions, min_size=LARGE)
    return search_buckets(scores[:, :models], valid.labels, valid.group_sizes, search, data.valid_sessions)


def blend_scores(blend: BucketBlend, scores: Floats, sizes: Sizes) -> Floats:
    """The log of every row's mixed probability."""
    mixed = apply_buckets(blend, scores[:, : len(blend.temperatures)], sizes)
    return np.asarray(np.log(np.maximum(mixed, FLOOR)))


def find_penalty(data: TrainingData, scores: Floats, blend: BucketBlend, penalties: Sequence[float]) -> float:
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
        return likelihood, hits(final, valid.labels, valid.group_sizes, CUTOFF)[counted]

    plain, gains = judge(0.0), {0.0: 0.0}
    for penalty in sorted(penalties):
        likelihood, hit = judge(penalty)
        gain = average_units(likelihood - plain[0], unit)
        if gain.mean() > MIN_ERRORS * gain.std() / len(gain) ** 0.5 and hit.mean() >= plain[1].mean():
            gains[penalty] = float(gain.mean())
    return max(gains, key=lambda penalty: gains[penalty])


def measure_all(
    data: TrainingData, scores: Floats, blend: BucketBlend, penalty: float, repeats: int
) -> list[dict[str, float]]:
    """``measure`` on the validation sessions of every column of scores, of the blend, and of the reranked blend."""
    valid = data.valid
    return _measure_columns(scores, valid.labels, valid.group_sizes, data.flights, (blend, penalty, repeats))


def measure_test(
    test: Searches, scores: Matrix, booked: pl.Series, blend: BucketBlend, penalty: float
) -> list[dict[str, float]]:
    """The same on the test, where a simulation knows ``booked``: the file rows of the booked options."""
    labels = test.options["row"].is_in(booked.implode()).cast(pl.Float32).to_numpy()
    sizes, flights = test.sessions["size"].to_numpy(), mark_flights(test.options).to_numpy()
    return _measure_columns(scores.astype(np.float64), labels, sizes, flights, (blend, penalty, 1))


def _measure_columns(
    scores: Floats, labels: Labels, sizes: Sizes, flights: NDArray[np.uint64], rule: tuple[BucketBlend, float, int]
) -> list[dict[str, float]]:
    blend, penalty, repeats = rule
    blended = blend_scores(blend, scores, sizes)
    columns = [*scores.T, blended, rerank(blended, flights, sizes, penalty)]
    return [measure(np.ascontiguousarray(column), labels, sizes, repeats) for column in columns]


def rank_test(test: Searches, scores: Matrix, blend: BucketBlend, penalty: float) -> pl.Series:
    """The rank of every option within its session, 1 the best, in the order of the test file's rows.

    Equal scores go by the position on the page, so that a list is reproducible.
    """
    sizes = test.sessions["size"].to_numpy()
    blended = blend_scores(blend, scores.astype(np.float64), sizes)
    final = rerank(blended, mark_flights(test.options).to_numpy(), sizes, penalty)
    options = test.options.select("session", "row", score=pl.Series(final))
    rank = pl.col("score").rank("ordinal", descending=True).over("session").cast(pl.Int64)
    return options.select("row", selected=rank).sort("row")["selected"]
