"""Drift: what was planted is detected, what was not is not, and the AUC is that of all pairs."""

import numpy as np
import pytest
from msgspec.structs import astuple

from common.learning.adversarial_validation import LISTED, compare_halves, feature_auc, find_drift, refer
from common.learning.dataset import Matrix, RankingDataset
from common.learning.diagnostics import Drift, FeatureDrift

ROWS, COLUMNS = 400, 6
NAMES = tuple(f"feature_{column}" for column in range(COLUMNS))


def draw(seed: int) -> Matrix:
    return np.random.default_rng(seed).normal(size=(ROWS, COLUMNS)).astype(np.float32)


def rows_of(features: Matrix, names: tuple[str, ...] = NAMES, size: int = 1) -> RankingDataset:
    """Rows without labels, ``size`` of them a query."""
    sizes = np.full(len(features) // size, size, np.int32)
    return RankingDataset(names, features, np.zeros(len(features), np.float32), sizes)


def test_planted_drift_comes_first() -> None:
    train, test = draw(1), draw(2)
    test[:, 3] += 6
    test[:, 5] += 0.7
    drift = find_drift(rows_of(train), rows_of(test))
    assert drift is not None
    assert drift.auc > 0.99
    assert drift.rows == 2 * ROWS
    assert [row.feature for row in drift.features[:2]] == ["feature_3", "feature_5"]
    worst = drift.features[0]
    assert worst.auc > 0.99
    assert worst.train == pytest.approx(float(train[:, 3].mean()), abs=1e-5)
    assert worst.test == pytest.approx(float(test[:, 3].mean()), abs=1e-5)


def test_what_moves_every_day_is_known_from_two_times_of_the_labelled_data() -> None:
    """A feature that grows with time tells the test from train, and the later half of train from the earlier one."""
    rng, queries, size = np.random.default_rng(3), 80, 5
    times = rng.permutation(queries).astype(np.int64)
    train, test = draw(1), draw(2)
    train[:, 2] = np.repeat(times, size)
    test[:, 2] = queries + rng.integers(0, queries, ROWS)
    test[:, 4] += 5  # new in the test
    reference = compare_halves(rows_of(train, size=size), times)
    drift = refer(find_drift(rows_of(train), rows_of(test)), reference, "two halves")
    assert drift is not None
    assert drift.reference is not None
    assert drift.reference > 0.95
    assert drift.between == "two halves"
    references = {row.feature: row.reference or 0.0 for row in drift.features}
    assert references["feature_2"] > 0.95
    assert references["feature_4"] < 0.65


def test_the_worst_features_are_reported() -> None:
    features = [FeatureDrift(feature=str(number), auc=0.9) for number in range(LISTED + 1)]
    reported = refer(Drift(auc=0.9, rows=9, queries=9, features=features), None, "")
    assert reported is not None
    assert reported.features == features[:LISTED]


def test_rows_of_one_query_do_not_betray_their_side() -> None:
    """Every query has a value of its own: in both halves, it would tell the side of its other rows."""
    rng = np.random.default_rng(5)
    sides = [np.repeat(rng.normal(size=(40, 1)), 25, axis=0).astype(np.float32) for _ in range(2)]
    for size, low, high in ((1, 0.8, 1.0), (25, 0.0, 0.65)):
        drift = find_drift(rows_of(sides[0], ("own",), size), rows_of(sides[1], ("own",), size))
        assert drift is not None
        assert low < drift.auc < high


def test_constant_empty_and_infinite_features() -> None:
    train, test = np.zeros((80, 3), np.float32), np.zeros((90, 3), np.float32)
    train[:, 1] = test[:, 1] = np.nan
    test[:, 2] = np.inf
    names = "constant", "empty", "gone"
    drift = find_drift(rows_of(train, names), rows_of(test, names))
    assert drift is not None
    assert drift.auc == 1.0
    assert {astuple(row)[:6] for row in drift.features} == {
        # feature, AUC, mean in train and test, share missing in train and test
        ("constant", 0.5, 0.0, 0.0, 0.0, 0.0),
        ("empty", 0.5, None, None, 1.0, 1.0),
        ("gone", 1.0, 0.0, None, 0.0, 1.0),
    }
    alike = find_drift(rows_of(train[:, :2], names[:2]), rows_of(test[:, :2], names[:2]))
    assert alike is not None
    assert alike.auc == 0.5
    assert find_drift(rows_of(train[:, :0], ()), rows_of(test[:, :0], ())) == Drift(auc=0.5, rows=170, queries=80)


def test_auc_of_a_feature_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(9)
    for shift, missing in ((0.0, 0.0), (0.8, 0.1), (-0.8, 0.3), (0.3, 0.9)):
        train = rng.integers(0, 6, 70).astype(np.float32)
        test = (rng.integers(0, 6, 50) + shift * 3).astype(np.float32)
        train[rng.random(70) < 0.2] = np.nan
        test[rng.random(50) < missing] = np.nan
        assert feature_auc(train, test) == pytest.approx(max(count_pairs(train, test, fill) for fill in (-99, 99)))


def count_pairs(train: Matrix, test: Matrix, fill: float) -> float:
    low, high = np.nan_to_num(train, nan=fill), np.nan_to_num(test, nan=fill)
    auc = float(np.mean((high[:, None] > low) + 0.5 * (high[:, None] == low)))
    return max(auc, 1 - auc)
