"""From scores to ranks: the blend leaves the baseline out, the penalty is chosen, and every list is a permutation."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.ranking.dataset import RankingDataset
from common.ranking.size_bucket_blending import BucketBlend, apply_buckets
from competitions.flight.config import BlendSettings
from competitions.flight.features.option_attributes import mark_flights
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import measure
from competitions.flight.ranking import blending
from competitions.flight.ranking.rerank import rerank
from competitions.flight.ranking.training_data import TrainingData
from tests.unit.flight.flight_world import make_searches, option, search

ONE = BucketBlend((1.0,), (), ((1.0,),), "equal", {"equal": 0.0}, 0)
TWO = BucketBlend((1.0, 1.0), (), ((0.5, 0.5),), "equal", {"equal": 0.0}, 0)
Floats = NDArray[np.float64]


def columns(*own: list[float]) -> NDArray[np.float32]:
    """The baseline's scores, which mislead, and those of the models."""
    matrix = np.array(own, np.float32).T
    return np.column_stack([-matrix[:, :1], matrix]).astype(np.float32)


def shop(*sizes: int, rows: list[int] | None = None, flights: list[int] | None = None) -> Searches:
    """Sessions of these sizes; the options' first flight numbers, by default all different."""
    numbers = iter(flights or range(sum(sizes)))
    return make_searches(*(search(*(option(out_flight=next(numbers)) for _ in range(n))) for n in sizes), rows=rows)


def rank_options(test: Searches, *own: list[float], penalty: float = 0.0) -> list[int]:
    blend = ONE if len(own) == 1 else TWO
    return blending.rank_test(test, columns(*own), blend, penalty).to_list()


# --- ranks ---


def test_the_best_score_of_a_session_gets_place_one() -> None:
    assert rank_options(shop(3, 2), [0.1, 0.9, 0.5, -1.0, -2.0]) == [3, 1, 2, 1, 2]


def test_places_stand_in_the_order_of_the_files_rows() -> None:
    """Session 0 has the file rows 4, 0, 2 and session 1 the rows 3, 1."""
    test = shop(3, 2, rows=[4, 0, 2, 3, 1])
    assert rank_options(test, [0.1, 0.9, 0.5, -1.0, -2.0]) == [1, 2, 2, 1, 3]


def test_equal_scores_go_by_the_position_on_the_page() -> None:
    assert rank_options(shop(5, 1), [1.0, 2.0, 1.0, 2.0, 1.0, 0.0]) == [3, 1, 4, 2, 5, 1]
    assert rank_options(shop(300), [1.0] * 300) == list(range(1, 301))
    assert rank_options(shop(3, rows=[2, 1, 0]), [1.0, 1.0, 1.0]) == [3, 2, 1]


def test_sessions_of_one_option_get_place_one() -> None:
    assert rank_options(shop(1, 1, 2), [-5.0, 5.0, 0.0, 1.0], penalty=0.4) == [1, 1, 2, 1]


def test_the_rerank_parts_fares_of_the_same_flights() -> None:
    test = shop(3, flights=[1, 1, 2])
    assert rank_options(test, [1.0, 0.9, 0.89]) == [1, 2, 3]
    assert rank_options(test, [1.0, 0.9, 0.89], penalty=0.4) == [1, 3, 2]


def test_every_model_but_the_baseline_has_its_say() -> None:
    assert rank_options(shop(3), [2.0, 1.0, 0.0], [2.0, 1.0, 0.0]) == [1, 2, 3]
    assert rank_options(shop(3), [1.0, 0.0, 0.5], [0.0, 0.0, 3.0]) == [2, 3, 1]


def test_ranks_are_whole_numbers() -> None:
    assert blending.rank_test(shop(2), columns([0.0, 1.0]), ONE, 0.0).dtype == pl.Int64


@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=8),
    seed=st.integers(0, 99),
    penalty=st.sampled_from([0.0, 0.2]),
)
def test_places_are_a_permutation_in_every_session(sizes: list[int], seed: int, penalty: float) -> None:
    rng, total = np.random.default_rng(seed), sum(sizes)
    rows = rng.permutation(total)
    test = shop(*sizes, rows=rows.tolist(), flights=rng.integers(0, 3, total).tolist())
    scores = rng.integers(0, 4, (total, 3)).astype(np.float32)
    ranks = blending.rank_test(test, scores, TWO, penalty).to_numpy()[rows]
    final = rerank(
        apply_buckets(TWO, scores[:, 1:].astype(float), np.array(sizes, np.int32)),
        mark_flights(test.options).to_numpy(),
        np.array(sizes, np.int32),
        penalty,
    )
    start = 0
    for size in sizes:
        own, score = ranks[start : start + size], final[start : start + size]
        assert sorted(own) == list(range(1, size + 1))
        assert own[np.lexsort([np.arange(size), -score])].tolist() == list(range(1, size + 1))
        start += size


# --- what is chosen on validation ---


def label(sizes: list[int], booked: list[int], flights: list[int]) -> TrainingData:
    labels, start = np.zeros(sum(sizes), np.float32), 0
    for size, position in zip(sizes, booked, strict=True):
        labels[start + position] = 1
        start += size
    valid = RankingDataset(("a",), np.zeros((len(labels), 1), np.float32), labels, np.array(sizes, np.int32))
    return TrainingData(valid, valid, valid, np.array(flights, np.uint64))


@pytest.fixture
def crowded() -> tuple[TrainingData, Floats]:
    """A session of 12: four fares of one itinerary lead by little, then comes the booked option."""
    scores = np.array([[0.0, value] for value in [1.0, 0.99, 0.98, 0.97, 0.96, *[-3.0] * 7]])
    return label([12], [4], [1, 1, 1, 1, *range(2, 10)]), scores


def test_the_penalty_with_the_highest_hit_rate_is_found(crowded: tuple[TrainingData, Floats]) -> None:
    assert blending.find_penalty(*crowded, ONE, [0.0, 4.0]) == 4.0
    assert blending.find_penalty(*crowded, ONE, [0.0, 0.1]) == 0.0  # too small to change a position, and 0 is simpler


def test_the_smallest_of_equal_penalties_is_taken(crowded: tuple[TrainingData, Floats]) -> None:
    assert blending.find_penalty(*crowded, ONE, [8.0, 4.0, 6.0, 0.0]) == 4.0
    data, scores = crowded
    assert blending.find_penalty(data, -scores, ONE, [0.4, 0.2, 0.0]) == 0.0


def test_a_penalty_that_hurts_is_not_taken() -> None:
    """The booked option is the second fare of the best itinerary."""
    scores = np.array([[0.0, value] for value in [1.0, 0.99, 0.98, 0.97, *[-3.0] * 8]])
    assert blending.find_penalty(label([12], [1], [1, 1, 2, 3, *range(4, 12)]), scores, ONE, [0.0, 5.0]) == 0.0


@pytest.mark.parametrize(("won", "lost", "expected"), [(2, 0, 5.0), (2, 1, 0.0), (4, 1, 0.0), (5, 1, 5.0), (8, 1, 5.0)])
def test_a_gain_within_two_standard_errors_is_luck(won: int, lost: int, expected: float) -> None:
    """Of 2, 4 and 5 won and one lost the means are .33, .60 and .67, twice their errors 1.09, .72 and .61."""
    lead, even = [1.0, 0.99, 0.98, 0.97, 0.96, *[-3.0] * 7], [1.0, 0.99, 0.98, 0.97, *[-3.0] * 8]
    scores = np.array([[0.0, value] for value in lead * won + even * lost])
    flights = [10 * n + number for n in range(won) for number in (0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8)]
    flights += [999 + number for _ in range(lost) for number in (0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)]
    data = label([12] * (won + lost), [4] * won + [1] * lost, flights)
    assert blending.find_penalty(data, scores, ONE, [0.0, 5.0]) == expected


def test_all_is_measured_in_order_the_baseline_the_models_the_blend_the_rerank(
    crowded: tuple[TrainingData, Floats],
) -> None:
    data, scores = crowded
    measured = blending.measure_all(data, scores, ONE, 4.0)
    sizes, labels = data.valid.group_sizes, data.valid.labels
    assert measured[0] == measure(np.zeros(12), labels, sizes)
    assert measured[1] == measure(scores[:, 1].copy(), labels, sizes)
    assert [rung["hit_rate@3"] for rung in measured] == [0, 0, 0, 1]
    assert [rung["hit_rate@5"] for rung in measured] == [0, 1, 1, 1]


def test_the_test_is_measured_by_the_rows_that_were_booked() -> None:
    test = shop(11, 2, rows=[*range(12, 1, -1), 0, 1], flights=[1, 1, 1, 1, *range(2, 11)])
    scores = columns([1.0, 0.99, 0.98, 0.97, 0.96, *[-3.0] * 6, 0.0, 0.0])
    booked = pl.Series([8, 1])  # the fifth option of the first session
    measured = blending.measure_test(test, scores, booked, ONE, 4.0)
    assert [rung["hit_rate@3"] for rung in measured] == [0, 0, 0, 1]
    assert [rung["hit_rate@5"] for rung in measured] == [0, 1, 1, 1]
    assert [rung["sessions"] for rung in measured] == [1] * 4


def test_the_blend_is_found_on_the_models_and_on_sessions_of_more_than_ten_options() -> None:
    """Of two models one is right in the large sessions; the other, and the baseline, in the small ones."""
    sizes, booked = [11, 10, 4] * 30, [5] * 90
    booked = [min(position, size - 1) for position, size in zip(booked, sizes, strict=True)]
    data = label(sizes, booked, list(range(sum(sizes))))
    right = data.valid.labels.astype(np.float64)
    large = np.repeat(np.array(sizes) > 10, sizes)
    scores = np.column_stack([right, np.where(large, right, -right), np.where(large, -right, right)])
    blend = blending.find_blend(data.valid, scores, BlendSettings(trials=3, bucket_sessions=20), 0)
    assert blend.queries == 30
    assert len(blend.temperatures) == 2
    assert blend.hit_rate == 1
    mixed = apply_buckets(blend, scores[:, 1:], data.valid.group_sizes)
    assert measure(mixed, data.valid.labels, data.valid.group_sizes)["hit_rate@3"] == 1
