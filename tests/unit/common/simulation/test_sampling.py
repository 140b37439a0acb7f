"""What is drawn by weight is drawn by its weight."""

import numpy as np
import pytest

from common.simulation.sampling import draw_between, draw_columns, make_pool

AT = (np.arange(100_000) + 0.5) / 100_000  # every level alike: shares are exact


EVERY = [0.1, 0.5, 0.3, 0.0, 0.1]


@pytest.mark.parametrize(("group", "expected"), [(0, [0.25, 0, 0.75, 0, 0]), (1, [0, 1, 0, 0, 0]), (2, EVERY)])
def test_a_group_is_drawn_from_by_weight_and_all_items_for_one_without(group: int, expected: list[float]) -> None:
    pool = make_pool(np.array([0, 1, 0, 2, 3]), 4, np.array([1.0, 5.0, 3.0, 0.0, 1.0]))
    assert pool.weights.tolist() == [4, 5, 0, 1]
    for drawn, shares in ((pool.draw(np.full(len(AT), group), AT), expected), (pool.draw_any(AT), EVERY)):
        np.testing.assert_allclose(np.bincount(drawn, minlength=5) / len(AT), shares, atol=1e-4)
    assert pool.draw(np.array([[0], [1]]), np.array([0.1, 0.9])).tolist() == [[0, 2], [1, 1]]


def test_ends_of_a_range_and_of_a_row_are_never_crossed() -> None:
    steps = np.append(0.0, np.cumsum(np.full(30, 0.1)))
    ends = np.array([0.0, 1.0 - 2**-53, 1.0])
    assert draw_between(steps, 10, 20, ends).tolist() == [10, 19, 19]
    rows = np.tile(np.cumsum(np.full(10, 0.1)), (3, 1))
    assert draw_columns(rows, ends).tolist() == [0, 9, 9]
