"""From several rankers' scores to one list a session: blend by group size, same-flight rerank, ranks.

The first column of scores is the baseline's, which is measured but takes no part in the blend.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.ranking.dataset import Matrix, RankingDataset
from common.ranking.size_bucket_blending import BucketBlend, BucketSearch, apply_buckets, hits, search_buckets
from competitions.flight.config import BlendSettings
from competitions.flight.features.option_attributes import mark_flights
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import CUTOFF, LARGE, measure
from competitions.flight.ranking.rankers import Floats
from competitions.flight.ranking.rerank import rerank
from competitions.flight.ranking.training_data import TrainingData

MIN_ERRORS = 2.0  # by which a rerank must beat the blend, in standard errors of the difference
Labels = NDArray[np.float32]
Sizes = NDArray[np.int32]


def find_blend(valid: RankingDataset, scores: Floats, settings: BlendSettings, seed: int) -> BucketBlend:
    """Temperatures and weights, by group size, from the out-of-time scores of the validation sessions."""
    search = BucketSearch(settings.trials, seed, CUTOFF, settings.bucket_sessions, min_size=LARGE)
    return search_buckets(scores[:, 1:], valid.labels, valid.group_sizes, search)


def find_penalty(data: TrainingData, scores: Floats, blend: BucketBlend, penalties: Sequence[float]) -> float:
    """The same-flight penalty with the highest HitRate@3 on the validation sessions; the smallest of equals.

    The best of several penalties is partly luck: one that does not beat the blend's own order by more than
    ``MIN_ERRORS`` standard errors of the difference is not taken, but 0.
    """
    valid, blended = data.valid, apply_buckets(blend, scores[:, 1:], data.valid.group_sizes)
    counted = valid.group_sizes > LARGE
    plain = hits(blended, valid.labels, valid.group_sizes, CUTOFF)[counted]
    gains = {0.0: 0.0}
    for penalty in sorted(penalties):
        reranked = rerank(blended, data.flights, valid.group_sizes, penalty)
        gain = hits(reranked, valid.labels, valid.group_sizes, CUTOFF)[counted] - plain
        if len(gain) and gain.mean() > MIN_ERRORS * gain.std() / len(gain) ** 0.5:
            gains[penalty] = float(gain.mean())
    return max(gains, key=lambda penalty: gains[penalty])


def measure_all(data: TrainingData, scores: Floats, blend: BucketBlend, penalty: float) -> list[dict[str, float]]:
    """``measure`` on the validation sessions of every column of scores, of the blend, and of the reranked blend."""
    return _measure_columns(scores, data.valid.labels, data.valid.group_sizes, data.flights, blend, penalty)


def measure_test(
    test: Searches, scores: Matrix, booked: pl.Series, blend: BucketBlend, penalty: float
) -> list[dict[str, float]]:
    """The same on the test, where a simulation knows ``booked``: the file rows of the booked options."""
    labels = test.options["row"].is_in(booked.implode()).cast(pl.Float32).to_numpy()
    sizes, flights = test.sessions["size"].to_numpy(), mark_flights(test.options).to_numpy()
    return _measure_columns(scores.astype(np.float64), labels, sizes, flights, blend, penalty)


def _measure_columns(
    scores: Floats, labels: Labels, sizes: Sizes, flights: NDArray[np.uint64], blend: BucketBlend, penalty: float
) -> list[dict[str, float]]:
    blended = apply_buckets(blend, scores[:, 1:], sizes)
    columns = [*scores.T, blended, rerank(blended, flights, sizes, penalty)]
    return [measure(np.ascontiguousarray(column), labels, sizes) for column in columns]


def rank_test(test: Searches, scores: Matrix, blend: BucketBlend, penalty: float) -> pl.Series:
    """The rank of every option within its session, 1 the best, in the order of the test file's rows.

    Equal scores go by the position on the page, so that a list is reproducible.
    """
    sizes = test.sessions["size"].to_numpy()
    blended = apply_buckets(blend, scores[:, 1:].astype(np.float64), sizes)
    final = rerank(blended, mark_flights(test.options).to_numpy(), sizes, penalty)
    options = test.options.select("session", "row", score=pl.Series(final))
    rank = pl.col("score").rank("ordinal", descending=True).over("session").cast(pl.Int64)
    return options.select("row", selected=rank).sort("row")["selected"]
