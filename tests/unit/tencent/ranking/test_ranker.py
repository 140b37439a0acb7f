"""The ranker learns what a planted column says, with and without a hidden layer, the same each time."""

import msgspec
import numpy as np
import pytest

from competitions.tencent.competition import COMPETITION
from competitions.tencent.ranking.ranker import LabelledLists, fit_ranker, measure_columns

FIT = COMPETITION.load_config([]).ranker.fit
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(400, 10, 4)).astype(np.float32)
NAMES = ("a", "b", "c", "d")


def top1(features: np.ndarray, target: np.ndarray, hidden: int, train: slice, held: slice) -> float:
    lists = LabelledLists(features[train], target[train], NAMES)
    ranker = fit_ranker(lists, msgspec.structs.replace(FIT, hidden=hidden, epochs=40, rate=3e-2), 0)
    return float((ranker.score(features[held]).argmax(1) == target[held]).mean())


@pytest.mark.parametrize("hidden", [0, 16])
def test_a_planted_column_is_found(hidden: int) -> None:
    target = FEATURES[:, :, 2].argmax(1)
    assert top1(FEATURES, target, hidden, slice(0, 300), slice(300, 400)) > 0.9


def test_only_a_hidden_layer_lets_columns_act_together() -> None:
    target = (FEATURES[:, :, 0] * FEATURES[:, :, 1]).argmax(1)
    linear, deep = (top1(FEATURES, target, hidden, slice(0, 300), slice(300, 400)) for hidden in (0, 32))
    assert deep > linear + 0.3


def test_scale_and_place_of_a_column_mean_nothing_and_two_fits_are_the_same() -> None:
    target = FEATURES[:, :, 2].argmax(1)
    moved = FEATURES * np.array([1, 1, 1e3, 1], np.float32) + np.array([0, 0, 5e3, 0], np.float32)
    one, other = (fit_ranker(LabelledLists(features, target, NAMES), FIT, 3) for features in (FEATURES, moved))
    again = fit_ranker(LabelledLists(FEATURES, target, NAMES), FIT, 3)
    assert one.score(FEATURES).tolist() == again.score(FEATURES).tolist()
    scores, same = one.score(FEATURES), other.score(moved)
    # The softmax is blind to a constant, so that rounding alone moves the last layer's bias.
    assert np.allclose(scores - scores.mean(1, keepdims=True), same - same.mean(1, keepdims=True), atol=1e-2)
    assert len(one.losses) == FIT.epochs
    assert one.losses[-1] < one.losses[0]


def test_a_constant_column_changes_nothing() -> None:
    constant = FEATURES.copy()
    constant[:, :, 3] = 7.0
    ranker = fit_ranker(LabelledLists(constant, constant[:, :, 2].argmax(1), NAMES), FIT, 0)
    assert np.isfinite(ranker.score(constant)).all()


def test_columns_are_measured_in_double_precision() -> None:
    column = np.random.default_rng(0).normal(3.0e4, 1.0, (200, 50, 1)).astype(np.float32)
    centre, scale = measure_columns(column)
    assert centre[0] == pytest.approx(column.mean(dtype=np.float64), abs=4e-3)  # half of float32's step there
    assert scale[0] == pytest.approx(column.std(dtype=np.float64), rel=1e-4)
