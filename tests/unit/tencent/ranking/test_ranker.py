"""The ranker learns what a planted column says, with and without a hidden layer, the same each time; blocks of queries
go side by side.
"""

import threading
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
import torch

from competitions.tencent.competition import COMPETITION
from competitions.tencent.corpus import Candidates
from competitions.tencent.ids import Rows
from competitions.tencent.ranking.ranker import (
    BLOCK,
    LabelledLists,
    each_block,
    fit_ranker,
    measure_columns,
    take_queries,
)
from competitions.tencent.split import Fold

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


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_as_many_blocks_go_side_by_side_as_torch_has_threads_each_with_one() -> None:
    together = threading.Barrier(2, timeout=20)

    def work(rows: np.ndarray) -> tuple[int, int]:
        together.wait()  # passes when two blocks are in work at once, and breaks else
        return int(rows[0]), torch.get_num_threads()

    assert list(each_block(work, 3 * BLOCK + 1, "working")) == [(at * BLOCK, 1) for at in range(4)]
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_a_block_that_fails_ends_all_and_gives_the_threads_back() -> None:
    def fail(rows: np.ndarray) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(each_block(fail, 2 * BLOCK, "working"))
    assert torch.get_num_threads() == 2


def test_a_part_of_a_fold_has_its_own_queries_and_the_candidates_of_all() -> None:
    numbers = np.arange(6)
    whole = Fold(numbers, numbers + 10, numbers + 20, Candidates(Rows(numbers)), numbers + 30, None, None, None)
    part = take_queries(whole, slice(4, 9))
    assert part.users.tolist() == [14, 15]
    assert part.query_ends.tolist() == [24, 25]
    assert part.condition.tolist() == [34, 35]
    assert part.target is None
    assert part.train_ends is whole.train_ends
    assert part.candidates is whole.candidates
