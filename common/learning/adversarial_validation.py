"""Adversarial validation: a classifier that separates training from test rows, and every feature on its own.

A model can only be as good on the test as the test is like what it was fitted on. AUC .5: nothing separates the two;
1: one row shows which side it is from.
"""

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from common.learning.dataset import Matrix, RankingDataset, check_columns, pick_queries
from common.learning.diagnostics import Drift, FeatureDrift
from common.learning.model_diagnostics import sample_queries

FEWEST_ROWS = 50
ROUNDS = 60
LISTED = 30  # features of the drift that is reported
SEED = 0
PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "lambda_l2": 1.0,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
    "seed": SEED,
    "num_threads": 1,
}


def find_drift(train: RankingDataset, test: RankingDataset, most: int = 10_000) -> Drift | None:
    """Adversarial validation of the rows of ``train`` against those of ``test``; all features, the worst first.

    At most ``most`` rows a side are drawn, whole queries. The classifier is fitted on one half of these and judged on
    the other, and the other way about: a query stays in one half, since its rows are alike whatever side it is on.
    None where a side has fewer than ``FEWEST_ROWS`` rows, or one query; ``ColumnsError`` where the features differ.

    >>> ages, labels, sizes = np.arange(60, dtype=np.float32)[:, None], np.zeros(60), np.ones(60, np.int32)
    >>> train, test = (RankingDataset(("age",), ages + years, labels, sizes) for years in (0, 100))
    >>> drift = find_drift(train, test)
    >>> round(drift.auc, 2), drift.features[0].train, drift.features[0].test
    (1.0, 29.5, 129.5)
    """
    check_columns(train.names, test.names, "The second data set")
    names, sides = train.names, [_draw(rows, most) for rows in (train, test)]
    if any(len(features) < FEWEST_ROWS or halves.min() == halves.max() for features, halves, _ in sides):
        return None
    features = np.vstack([sides[0][0], sides[1][0]])
    features[~np.isfinite(features)] = np.nan
    halves = np.concatenate([sides[0][1], sides[1][1]])
    from_test = np.arange(len(features)) >= len(sides[0][0])
    drifts = [_compare(name, features[:, column], from_test) for column, name in enumerate(names)]
    drifts.sort(key=lambda drift: (-drift.auc, drift.feature))
    auc = _cross_fit(features, from_test, halves) if names else 0.5
    fewer = min(queries for _, _, queries in sides)
    return Drift(auc=auc, rows=len(features), queries=fewer, features=drifts)


def refer(drift: Drift | None, reference: Drift | None, between: str) -> Drift | None:
    """The drift to report, of the ``LISTED`` worst features, with how far two times of the labelled data, ``between``
    in words, differ from each other.

    A statistic of a day has one value for all rows of it, and separates any two days; that warns of nothing.

    >>> drift = Drift(auc=0.9, rows=100, queries=50)
    >>> refer(drift, Drift(auc=0.8, rows=100, queries=50), "two halves").reference
    0.8
    """
    if drift is None:
        return None
    listed = structs.replace(drift, features=drift.features[:LISTED])
    if reference is None:
        return listed
    known = {row.feature: row.auc for row in reference.features}
    features = [structs.replace(row, reference=known.get(row.feature)) for row in listed.features]
    return structs.replace(listed, features=features, reference=reference.auc, between=between)


def compare_halves(rows: RankingDataset, times: NDArray[np.int64]) -> Drift | None:
    """The earlier half of labelled queries against the later one: ``times`` (queries,).

    >>> features = np.arange(120, dtype=np.float32)[:, None]  # grows with time
    >>> rows = RankingDataset(("day",), features, np.zeros(120), np.ones(120, np.int32))
    >>> round(compare_halves(rows, np.arange(120)).auc, 1)
    1.0
    """
    late = times >= np.median(times) if len(times) else np.zeros(0, bool)
    return find_drift(pick_queries(rows, ~late), pick_queries(rows, late))


def _draw(rows: RankingDataset, most: int) -> tuple[Matrix, NDArray[np.int64], int]:
    """Rows drawn query by query, in their order, the half of each, 0 or 1, and the number of queries."""
    drawn = sample_queries(rows, len(rows.group_sizes), most, SEED)
    queries = len(drawn.group_sizes)
    return drawn.features, np.repeat(np.arange(queries) % 2, drawn.group_sizes), queries


def _cross_fit(features: Matrix, from_test: NDArray[np.bool_], halves: NDArray[np.int64]) -> float:
    """Mean AUC over the halves, each judged by the classifier of the other: two models' scores share no scale."""
    import lightgbm

    aucs = []
    for half in (0, 1):
        inside = halves == half
        data = lightgbm.Dataset(features[~inside], from_test[~inside].astype(np.float32))
        model = lightgbm.train(PARAMETERS, data, ROUNDS)
        scores = np.asarray(model.predict(features[inside], num_threads=1), np.float64)
        aucs.append(_auc(scores, from_test[inside]))
    return float(np.mean(aucs))


def _compare(name: str, values: Matrix, from_test: NDArray[np.bool_]) -> FeatureDrift:
    train, test = values[~from_test], values[from_test]
    return FeatureDrift(
        feature=name,
        auc=feature_auc(train, test),
        train=_mean(train),
        test=_mean(test),
        train_missing=float(np.isnan(train).mean()),
        test_missing=float(np.isnan(test).mean()),
    )


def feature_auc(train: Matrix, test: Matrix) -> float:
    """How well one feature separates the sides, .5 to 1, whichever side has the larger values.

    A missing value counts as the lowest or as the highest, whichever separates more, so that a feature that is only
    missing more often drifts as well.

    >>> feature_auc(np.array([1, 2], np.float32), np.array([3, np.nan], np.float32))  # 2 of 2 and, missing last, 2 of 2
    1.0
    """
    values, from_test = np.concatenate([train, test]), np.arange(len(train) + len(test)) >= len(train)
    aucs = [_auc(np.where(np.isnan(values), missing, values), from_test) for missing in (-np.inf, np.inf)]
    return max(max(auc, 1 - auc) for auc in aucs)


def _auc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """P(score of a positive > score of a negative) + half of P(equal), from the ranks (Mann and Whitney 1947)."""
    from scipy.stats import rankdata

    hits, misses = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(scores)[positive].sum()
    return float((ranks - hits * (hits + 1) / 2) / (hits * misses))


def _mean(values: Matrix) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean(dtype=np.float64)) if len(known) else None
