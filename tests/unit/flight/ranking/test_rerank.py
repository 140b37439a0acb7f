"""The same-flight rerank by hand, and what it never changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from competitions.flight.ranking.rerank import rerank


def apply(scores: list[float], flights: list[int], sizes: list[int], penalty: float) -> NDArray[np.float64]:
    return rerank(np.array(scores), np.array(flights, np.uint64), np.array(sizes, np.int32), penalty)


def test_a_fare_falls_by_its_distance_from_the_best_of_the_same_flights() -> None:
    reranked = apply([5.0, 4.0, 1.0, 3.0, 2.0], [7, 7, 7, 8, 8], [5], 0.5)
    assert reranked.tolist() == [5, 4 - 0.5, 1 - 2, 3, 2 - 0.5]


def test_another_itinerary_passes_the_second_fare() -> None:
    scores, flights = [1.0, 0.9, 0.89], [1, 1, 2]
    assert np.argsort(-apply(scores, flights, [3], 0)).tolist() == [0, 1, 2]
    assert np.argsort(-apply(scores, flights, [3], 0.2)).tolist() == [0, 2, 1]


def test_the_same_number_in_another_session_is_another_flight() -> None:
    together = apply([5.0, 1.0, 4.0, 2.0], [7, 7, 7, 7], [2, 2], 1)
    assert together.tolist() == [5, -3, 4, 0]
    assert apply([5.0, 4.0], [7, 7], [1, 1], 1).tolist() == [5, 4]


def test_no_rows_and_no_penalty_leave_all_as_it_is() -> None:
    assert apply([], [], [], 0.4).tolist() == []
    assert apply([3.0, 1.0], [1, 1], [2], 0).tolist() == [3, 1]


def test_numbers_beyond_half_of_64_bits_are_kept_apart() -> None:
    assert apply([2.0, 1.0, 0.0], [2**63 + 1, 2**63, 2**63], [3], 1).tolist() == [2, 1, -1]


@settings(max_examples=50)
@given(
    rows=st.lists(st.tuples(st.integers(-20, 20), st.integers(0, 3)), min_size=1, max_size=12),
    penalty=st.sampled_from([0.1, 0.5, 3.0]),
)
def test_the_best_of_an_itinerary_keeps_its_score_and_its_fares_keep_their_order(
    rows: list[tuple[int, int]], penalty: float
) -> None:
    scores, flights = [float(score) for score, _ in rows], [flight for _, flight in rows]
    reranked = apply(scores, flights, [len(rows)], penalty)
    for flight in set(flights):
        own = [row for row, other in enumerate(flights) if other == flight]
        best = max(scores[row] for row in own)
        for row in own:
            assert reranked[row] == pytest.approx(scores[row] - penalty * (best - scores[row]))
            assert reranked[row] <= scores[row]
        assert np.argsort([-scores[p] for p in own], kind="stable").tolist() == (
            np.argsort([-reranked[p] for p in own], kind="stable").tolist()
        )
