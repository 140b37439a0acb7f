"""The ranker learns what a planted column says, with and without a hidden layer, the same each time."""

import msgspec
import numpy as np
import pytest

from competitions.tencent.competition import COMPETITION
from competitions.tencent.ranking.ranker import Lists, fit_ranker

FIT = COMPETITION.load_config([]).ranker.fit
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(400, 10, 4)).astype(np.float32)
NAMES = ("a", "b", "c", "d")


def top1(features: np.ndarray, target: np.ndarray, hidden: int, train: slice, held: slice) -> float:
    lists = Lists(features[train], target[train], NAMES)
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
    one, other = (fit_ranker(Lists(features, target, NAMES), FIT, 3) for features in (FEATURES, moved))
    again = fit_ranker(Lists(FEATURES, target, NAMES), FIT, 3)
    assert one.score(FEATURES).tolist() == again.score(FEATURES).tolist()
    assert np.allclose(one.score(FEATURES), other.score(moved), atol=1e-2)
    assert len(one.losses) == FIT.epochs
    assert one.losses[-1] < one.losses[0]


def test_a_constant_column_changes_nothing() -> None:
    constant = FEATURES.copy()
    constant[:, :, 3] = 7.0
    ranker = fit_ranker(Lists(constant, constant[:, :, 2].argmax(1), NAMES), FIT, 0)
    assert np.isfinite(ranker.score(constant)).all()
