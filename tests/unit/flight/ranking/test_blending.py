"""From scores to ranks: the blend leaves the baseline out, the penalty is chosen, and every list is a permutation."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.learning.dataset import RankingDataset
from common.learning.listwise_softmax import log_likelihoods
from competitions.flight.features.option_attributes import mark_flights
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import measure
from competitions.flight.ranking import blending
from competitions.flight.ranking.blending import Blend, mix_scores
from competitions.flight.ranking.rerank import rerank
from competitions.flight.ranking.training_data import FoldData, TrainingData
from tests.unit.flight.flight_world import make_searches, option, search

ONE = Blend((1.0,))
TWO = Blend((1.0, 1.0))
Floats = NDArray[np.float64]


def columns(*own: list[float]) -> NDArray[np.float32]:
    """The scores of the models, and those of the baseline, which mislead."""
    matrix = np.array(own, np.float32).T
    return np.column_stack([matrix, -matrix[:, :1]]).astype(np.float32)


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


def test_a_penalty_is_a_share_of_a_difference_of_logs() -> None:
    """Log probabilities, so that the same penalty means the same in sessions of any size and sureness."""
    scores = np.array([[3.0, 9.0], [1.0, 0.0], [0.0, 0.0]])
    sizes = np.array([3], np.int32)
    blended = blending.blend_scores(ONE, scores, sizes)
    np.testing.assert_allclose(blended, scores[:, 0] - np.log(np.exp(scores[:, 0]).sum()))
    assert np.isfinite(blending.blend_scores(ONE, scores * 1e4, sizes)).all()


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
        np.log(mix_scores(TWO, scores[:, :2].astype(float), np.array(sizes, np.int32))),
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


def label(
    sizes: Sequence[int], booked: Sequence[int], flights: Sequence[int], sessions: Sequence[int] | None = None
) -> TrainingData:
    """A fold of sessions of these sizes with the option at ``booked`` booked."""
    labels, start = np.zeros(sum(sizes), np.float32), 0
    for size, position in zip(sizes, booked, strict=True):
        labels[start + position] = 1
        start += size
    rows = RankingDataset(("a",), np.zeros((len(labels), 1), np.float32), labels, np.array(sizes, np.int32))
    numbers = np.arange(len(sizes)) if sessions is None else np.array(sessions)
    fold = FoldData(rows, rows, np.array(flights, np.uint64), numbers)
    return TrainingData(rows, numbers, (fold,))


def score(values: Sequence[float]) -> Floats:
    """One model's scores, and a baseline's that says nothing."""
    return np.column_stack([values, np.zeros(len(values))])


CROWDED = [1.0, 0.99, 0.98, 0.97, 0.96, *[-3.0] * 7]  # four fares of one itinerary, then what was booked
CROWDED_FLIGHTS = [1, 1, 1, 1, *range(2, 10)]
# The booked option is a second fare at place 3; ahead of an itinerary by little, and there are many other fares.
SIBLING = [2.0, 1.0, 0.9, 0.89, *[0.5] * 8]
SIBLING_FLIGHTS = [1, 2, 2, 3, *[1] * 8]


@pytest.fixture
def crowded() -> tuple[TrainingData, Floats]:
    """A session of 12: four fares of one itinerary lead by little, then comes the booked option."""
    return label([12], [4], CROWDED_FLIGHTS), score(CROWDED)


def test_the_likeliest_penalty_is_found(crowded: tuple[TrainingData, Floats]) -> None:
    assert blending.find_penalty(*crowded, ONE, [0.0, 4.0]) == 4.0
    assert blending.find_penalty(*crowded, ONE, [0.0, 8.0, 4.0]) == 8.0
    assert blending.find_penalty(*crowded, ONE, [0.0]) == 0.0


@pytest.mark.parametrize("true", [0.5, 1.0, 2.0])
def test_a_planted_penalty_is_found_among_others(true: float) -> None:
    """Travellers choose by a softmax of the reranked scores; neither a weaker nor a stronger penalty is as likely."""
    rng = np.random.default_rng(round(10 * true))
    count, sizes = 1_500, [12] * 1_500
    scores, flights = rng.normal(size=12 * count), rng.integers(0, 4, 12 * count).astype(np.uint64)
    utility = rerank(scores, flights, np.array(sizes, np.int32), true) + rng.gumbel(size=12 * count)
    data = label(sizes, utility.reshape(count, 12).argmax(axis=1).tolist(), flights.tolist())
    penalties = [0.0, 0.5, 1.0, 2.0, 4.0]
    likelihoods = [
        log_likelihoods(
            rerank(scores, flights, data.valid.group_sizes, each), data.valid.labels, data.valid.group_sizes
        ).mean()
        for each in penalties
    ]
    assert penalties[int(np.argmax(likelihoods))] == true
    assert blending.find_penalty(data, score(scores.tolist()), ONE, penalties) == true


def test_the_smallest_of_equal_penalties_is_taken() -> None:
    """Where no two options share their flights no penalty changes anything."""
    data = label([12], [4], range(12))
    assert blending.find_penalty(data, score(CROWDED), ONE, [0.4, 0.2, 0.0]) == 0.0


def test_a_penalty_that_hurts_is_not_taken() -> None:
    """The booked option is the second fare of the best itinerary."""
    data = label([12], [1], [1, 1, 2, 3, *range(4, 12)])
    assert blending.find_penalty(data, score([1.0, 0.99, 0.98, 0.97, *[-3.0] * 8]), ONE, [0.0, 5.0]) == 0.0


def test_a_likelier_penalty_that_loses_hits_is_refused() -> None:
    data, scores = label([12], [2], SIBLING_FLIGHTS), score(SIBLING)
    sizes, labels = data.valid.group_sizes, data.valid.labels
    plain = blending.blend_scores(ONE, scores, sizes)
    strong = rerank(plain, data.flights, sizes, 1.0)
    assert log_likelihoods(strong, labels, sizes) > log_likelihoods(plain, labels, sizes)
    assert measure(plain, labels, sizes)["hit_rate@3"] > measure(strong, labels, sizes)["hit_rate@3"]
    assert blending.find_penalty(data, scores, ONE, [0.0, 1.0]) == 0.0
    assert blending.find_penalty(data, scores, ONE, [0.0, 0.05, 1.0]) == 0.05  # likelier, and no hit is lost


EVEN = [1.0, 0.99, 0.98, 0.97, *[-3.0] * 8]  # what was booked is the second fare of the first itinerary
EVEN_FLIGHTS = [1, 1, *range(2, 12)]


def contest(won: int, lost: int, repeats: int = 1) -> tuple[TrainingData, Floats]:
    """Sessions that a rerank helps, and others that it harms; each stands there ``repeats`` times."""
    flights = CROWDED_FLIGHTS * won + EVEN_FLIGHTS * lost
    sessions = list(range(won + lost)) * repeats
    data = label([12] * len(sessions), ([4] * won + [1] * lost) * repeats, flights * repeats, sessions)
    return data, score((CROWDED * won + EVEN * lost) * repeats)


def is_clear(won: int, lost: int, penalty: float, count: int) -> bool:
    """Whether the mean gain of so many sessions is above two standard errors, by a plain computation."""

    def gain(scores: list[float], flights: list[int], booked: int) -> float:
        best = {flight: max(s for s, f in zip(scores, flights, strict=True) if f == flight) for flight in flights}
        moved = [s - penalty * (best[f] - s) for s, f in zip(scores, flights, strict=True)]
        before, after = (each[booked] - np.log(np.exp(each).sum()) for each in (np.array(scores), np.array(moved)))
        return float(after - before)

    gains = np.array([gain(CROWDED, CROWDED_FLIGHTS, 4)] * won + [gain(EVEN, EVEN_FLIGHTS, 1)] * lost)
    return bool(gains.mean() > 2 * gains.std() / count**0.5)


CASES = [(won, lost) for won in (1, 2, 3, 5, 8, 12) for lost in (0, 1, 2)]


@pytest.mark.parametrize(("won", "lost"), CASES)
def test_a_gain_within_two_standard_errors_is_luck(won: int, lost: int) -> None:
    expected = 5.0 if is_clear(won, lost, 5.0, won + lost) and won >= lost else 0.0
    assert blending.find_penalty(*contest(won, lost), ONE, [0.0, 5.0]) == expected


def test_the_cases_of_luck_and_of_gain_are_both_there() -> None:
    clear = [is_clear(won, lost, 5.0, won + lost) for won, lost in CASES if lost]
    assert any(clear)
    assert not all(clear)


def test_sessions_that_are_judged_again_are_no_further_evidence() -> None:
    """A gain that four times as many sessions would make clear is not clear by judging each four times."""
    won, lost = next(
        case for case in CASES if not is_clear(*case, 5.0, sum(case)) and is_clear(*case, 5.0, 4 * sum(case))
    )
    assert blending.find_penalty(*contest(won, lost, repeats=4), ONE, [0.0, 5.0]) == 0.0
    data, scores = contest(4 * won, 4 * lost)
    assert blending.find_penalty(data, scores, ONE, [0.0, 5.0]) == 5.0


def test_sessions_of_ten_options_decide_no_penalty() -> None:
    data = label([10], [4], CROWDED_FLIGHTS[:10])
    assert blending.find_penalty(data, score(CROWDED[:10]), ONE, [0.0, 4.0]) == 0.0
    mixed = label([12, *[10] * 9], [1, *[4] * 9], EVEN_FLIGHTS + CROWDED_FLIGHTS[:10] * 9)
    assert blending.find_penalty(mixed, score(EVEN + CROWDED[:10] * 9), ONE, [0.0, 4.0]) == 0.0


# --- what is measured ---


def test_all_is_measured_in_order_the_models_the_baseline_the_blend_the_rerank(
    crowded: tuple[TrainingData, Floats],
) -> None:
    data, scores = crowded
    measured = blending.measure_all(data, scores, ONE, 4.0, 1)
    sizes, labels = data.valid.group_sizes, data.valid.labels
    assert measured[0] == measure(scores[:, 0].copy(), labels, sizes)
    assert measured[1] == measure(np.zeros(12), labels, sizes)
    assert [rung["hit_rate@3"] for rung in measured] == [0, 0, 0, 1]
    assert [rung["hit_rate@5"] for rung in measured] == [1, 0, 1, 1]


def test_sessions_that_are_judged_again_are_counted_once() -> None:
    once, thrice = (blending.measure_all(*contest(3, 2, repeats), ONE, 0.0, repeats) for repeats in (1, 3))
    assert [rung["sessions"] for rung in thrice] == [5] * 4
    for one, other in zip(once, thrice, strict=True):
        assert one == pytest.approx(other)


def test_the_test_is_measured_by_the_rows_that_were_booked() -> None:
    test = shop(11, 2, rows=[*range(12, 1, -1), 0, 1], flights=[1, 1, 1, 1, *range(2, 11)])
    scores = columns([1.0, 0.99, 0.98, 0.97, 0.96, *[-3.0] * 6, 0.0, 0.0])
    booked = pl.Series([8, 1])  # the fifth option of the first session
    measured = blending.measure_test(test, scores, booked, ONE, 4.0)
    assert [rung["hit_rate@3"] for rung in measured] == [0, 0, 0, 1]
    assert [rung["hit_rate@5"] for rung in measured] == [1, 0, 1, 1]
    assert [rung["sessions"] for rung in measured] == [1] * 4


# --- the blend ---


def test_the_temperatures_are_of_the_models_and_of_the_sessions_of_more_than_ten_options() -> None:
    """The scores say three times too little in the large sessions, and too much in those of ten; the baseline is left
    out.
    """
    rng = np.random.default_rng(3)
    sizes = [12, 10] * 400
    utility = rng.normal(size=sum(sizes))
    gumbel = utility + rng.gumbel(size=sum(sizes))
    starts = np.cumsum(sizes) - sizes
    booked = [int(gumbel[start : start + size].argmax()) for start, size in zip(starts, sizes, strict=True)]
    large = np.repeat(np.array(sizes) > 10, sizes)
    scores = np.where(large, utility / 3, 50 * utility)
    blend = blending.find_blend(
        label(sizes, booked, range(sum(sizes))), np.column_stack([scores, 2 * scores, scores]), 2
    )
    assert blend.temperatures == pytest.approx((3.0, 1.5), rel=0.15)


def test_models_have_equal_parts_of_the_probability() -> None:
    scores = np.log([[1.0, 9.0], [3.0, 1.0], [2.0, 5.0]])
    mixed = mix_scores(TWO, scores, np.array([2, 1], np.int32))
    np.testing.assert_allclose(mixed, [(1 / 4 + 9 / 10) / 2, (3 / 4 + 1 / 10) / 2, 1])
