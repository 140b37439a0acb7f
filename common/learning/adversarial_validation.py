"""Adversarial validation: a classifier that separates training from test rows, and every feature on its own.

A model can only be as good on the test as the test is like what it was fitted on. AUC .5: nothing separates the two;
1: one row shows which side it is from.
"""

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from common.learning.dataset import Matrix, RankingDataset, pick_queries
from common.learning.diagnostics import Drift, FeatureDrift

Sizes = NDArray[np.int32]
FEWEST_ROWS = 50
ROUNDS = 60
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


def find_drift(
    names: tuple[str, ...],
    train: Matrix,
    test: Matrix,
    train_sizes: Sizes | None = None,
    test_sizes: Sizes | None = None,
    *,
    most: int = 10_000,
    top: int = 30,
) -> Drift | None:
    """Adversarial validation of ``train`` against ``test`` rows (n, d), NaN = missing; the ``top`` worst features.

    At most ``most`` rows a side are drawn. The classifier is fitted on one half and judged on the other, and the other
    way about; with ``sizes`` (rows of each query) whole queries are drawn and stay in one half, since the rows of a
    query are alike whatever side it is on. None where a side has fewer than ``FEWEST_ROWS`` rows, or one query.

    >>> train, test = np.arange(60, dtype=np.float32)[:, None], np.arange(100, 160, dtype=np.float32)[:, None]
    >>> drift = find_drift(("age",), train, test)
    >>> round(drift.auc, 2), drift.features[0].train, drift.features[0].test
    (1.0, 29.5, 129.5)
    """
    rng = np.random.default_rng(SEED)
    sides = [_draw(train, train_sizes, most, rng), _draw(test, test_sizes, most, rng)]
    if any(len(features) < FEWEST_ROWS or halves.min() == halves.max() for features, halves, _ in sides):
        return None
    features = np.vstack([sides[0][0], sides[1][0]])
    features[~np.isfinite(features)] = np.nan
    halves = np.concatenate([sides[0][1], sides[1][1]])
    from_test = np.arange(len(features)) >= len(sides[0][0])
    drifts = [_compare(name, features[:, column], from_test) for column, name in enumerate(names)]
    drifts.sort(key=lambda drift: (-drift.auc, drift.feature))
    varying = [column for column in range(len(names)) if _varies(features[:, column])]
    auc = _cross_fit(features[:, varying], from_test, halves) if varying else 0.5
    fewer = min(queries for _, _, queries in sides)
    return Drift(auc=auc, rows=len(features), queries=fewer, features=drifts[:top])


def refer(drift: Drift | None, reference: Drift | None, between: str) -> Drift | None:
    """The drift with how far two times of the labelled data, ``between`` in words, differ from each other.

    A statistic of a day has one value for all rows of it, and separates any two days; that warns of nothing.
    ``reference`` should list every feature (``top``).

    >>> drift = Drift(auc=0.9, rows=100, queries=50)
    >>> refer(drift, Drift(auc=0.8, rows=100, queries=50), "two halves").reference
    0.8
    """
    if drift is None or reference is None:
        return drift
    known = {row.feature: row.auc for row in reference.features}
    features = [structs.replace(row, reference=known.get(row.feature)) for row in drift.features]
    return structs.replace(drift, features=features, reference=reference.auc, between=between)


def compare_halves(rows: RankingDataset, times: NDArray[np.int64]) -> Drift | None:
    """The earlier half of labelled queries against the later one: ``times`` (queries,). All features are listed.

    >>> features = np.arange(120, dtype=np.float32)[:, None]  # grows with time
    >>> rows = RankingDataset(("day",), features, np.zeros(120), np.ones(120, np.int32))
    >>> round(compare_halves(rows, np.arange(120)).auc, 2)
    1.0
    """
    late = times >= np.median(times) if len(times) else np.zeros(0, bool)
    one, other = pick_queries(rows, ~late), pick_queries(rows, late)
    sizes = one.group_sizes, other.group_sizes
    return find_drift(rows.names, one.features, other.features, *sizes, top=len(rows.names))


def _draw(
    features: Matrix, sizes: Sizes | None, most: int, rng: np.random.Generator
) -> tuple[Matrix, NDArray[np.int64], int]:
    """Rows drawn query by query, in their order, the half of each, 0 or 1, and the number of queries."""
    sizes = np.ones(len(features), np.int32) if sizes is None else sizes
    order = rng.permutation(len(sizes))
    taken = order[np.cumsum(sizes[order]) <= most]
    if not len(taken):  # one query alone is over the limit, or there is none
        taken = order[:1]
    halves = np.full(len(sizes), -1)
    halves[taken] = np.arange(len(taken)) % 2
    by_row = np.repeat(halves, sizes)
    return features[by_row >= 0], by_row[by_row >= 0] if len(features) else np.zeros(1, np.int64), len(taken)


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


def _varies(values: Matrix) -> bool:
    known = values[~np.isnan(values)]
    return bool(0 < len(known) < len(values)) or bool(len(known) and known.min() < known.max())
