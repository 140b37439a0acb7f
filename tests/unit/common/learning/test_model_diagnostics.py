"""Importance against planted signals, calibration against bins worked out by hand."""

import numpy as np
import pytest
from msgspec.structs import astuple
from numpy.typing import NDArray

from common.learning.dataset import Matrix, RankingDataset
from common.learning.metrics import reciprocal_ranks
from common.learning.model_diagnostics import calibrate, permute, sample_queries

NAMES = ("planted", "noise", "of_query")
QUERIES, PER_QUERY = 60, 8


def plant() -> RankingDataset:
    """The positive is the row with the highest ``planted``; ``of_query`` is the same in all rows of a query."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(QUERIES * PER_QUERY, 3)).astype(np.float32)
    features[:, 2] = np.repeat(rng.normal(size=QUERIES), PER_QUERY)
    labels = np.zeros((QUERIES, PER_QUERY), np.float32)
    labels[np.arange(QUERIES), features[:, 0].reshape(QUERIES, PER_QUERY).argmax(axis=1)] = 1
    return RankingDataset(NAMES, features, labels.ravel(), np.full(QUERIES, PER_QUERY, np.int32))


def score(features: Matrix) -> NDArray[np.float64]:
    return (features[:, 0] + 5 * features[:, 2]).astype(np.float64)


def metric(scores: NDArray[np.float64], rows: RankingDataset) -> NDArray[np.float64]:
    return reciprocal_ranks(scores, rows.labels, rows.group_sizes, 5)


# --- permutation ---


def test_a_feature_of_the_query_stays_one_when_it_is_shuffled() -> None:
    """Shuffled over rows, ``of_query`` would be noise within the query and seem to carry the score; so would gaps."""
    rows = plant()
    lost = permute(score, rows, metric, NAMES)
    chance = sum(1 / rank for rank in range(1, 6)) / PER_QUERY  # MRR@5 of a random order
    assert lost["planted"][0] == pytest.approx(1 - chance, abs=0.15)
    assert lost["noise"] == (0.0, 0.0)
    rows.features[: PER_QUERY * 20, 2] = np.nan
    seen = []

    def watch(features: Matrix) -> NDArray[np.float64]:
        seen.append(np.nan_to_num(features[:, 2], nan=-9))
        return score(np.nan_to_num(features))

    assert permute(watch, rows, metric, ["of_query"])["of_query"] == (0.0, 0.0)
    moved = seen[1].reshape(QUERIES, PER_QUERY)
    assert (moved == moved[:, :1]).all()
    assert sorted(moved[:, 0]) == sorted(seen[0][::PER_QUERY])
    assert (seen[1] != seen[0]).mean() > 0.6


# --- drawing queries ---


def test_sampled_queries_are_whole_and_in_their_order() -> None:
    sizes = np.array([2, 3, 1, 4, 2, 5], np.int32)
    number = np.repeat(np.arange(6), sizes).astype(np.float32)
    rows = RankingDataset(("query",), number[:, None], number % 2, sizes)
    drawn = sample_queries(rows, 3, 100, seed=1)
    kept = np.unique(drawn.features)
    assert len(kept) == 3
    assert (drawn.features[:, 0] == np.repeat(kept, sizes[kept.astype(int)])).all()
    assert (drawn.group_sizes == sizes[kept.astype(int)]).all()
    assert (drawn.labels == drawn.features[:, 0] % 2).all()
    assert sample_queries(drawn, 3, 100, seed=1) is drawn


# --- calibration ---


def test_calibration_bins_hold_about_as_much_prediction_and_keep_equal_ones_together() -> None:
    low, high = calibrate("P", np.array([0.4, 0.1, 0.2, 0.3]), np.array([1.0, 0.0, 0.0, 1.0]), bins=2).bins
    assert astuple(low) == pytest.approx((0.15, 0.0, 2))
    assert astuple(high) == pytest.approx((0.35, 1.0, 2))
    # One row in a hundred comes, as in a list of options: every bin holds some of those.
    predicted = np.exp(-np.arange(1, 2001) / 100)
    bins = calibrate("P", predicted, predicted, bins=10).bins
    assert (len(bins), sum(row.count for row in bins)) == (10, 2000)
    held = [row.count * row.predicted for row in bins]
    assert max(held) < 1.2 * min(held)
    predicted = np.array([0.5, 0.5, 0.5, 0.5, 0.9, np.nan, 0.9])
    observed = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0, np.nan])
    bins = calibrate("P", predicted, observed, bins=3).bins  # without the missing ones
    assert [(row.count, row.observed) for row in bins] == [(4, 0.5), (1, 1.0)]
    assert calibrate("P", np.empty(0), np.empty(0)).bins == []
