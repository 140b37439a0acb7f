"""The choice model and its oracle, computed again in another way."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from common.arrays import Floats, join
from competitions.flight.simulator import choice_model, offers, oracle, simulate
from competitions.flight.simulator.choice_model import WEIGHTS, Bookings, Choices
from competitions.flight.simulator.hashing import hashed, hashed_normal
from competitions.flight.simulator.legs import CARRIER_CODES
from competitions.flight.simulator.search_sessions import SimulationState, draw_state
from competitions.flight.simulator.tastes import renewed
from competitions.flight.simulator.travellers import loyalty_names, sizes_at
from competitions.flight.simulator.writer import Chunk

SEED = 5


@pytest.fixture(scope="module")
def state() -> SimulationState:
    return draw_state(sizes_at(0.02), SEED)


@pytest.fixture(scope="module")
def chunks(state: SimulationState) -> list[Chunk]:
    """All of test and some of train."""
    parts = simulate.list_parts(state, test=True) + simulate.list_parts(state, test=False)[:1]
    return [simulate.make_chunk(state, part) for part in parts]


def value_of(state: SimulationState, chunk: Chunk, choices: Choices, session: int, row: int, rows: list[int]) -> float:
    """V of an option by the definition, with plain numbers."""
    legs, people, options, rules = state.legs, state.travellers, chunk.options, chunk.rules
    at = chunk.part.start + session
    user = int(state.sessions.user[at])
    firm, clerk = int(people.company[user]), not state.sessions.by_self[at]
    likes, day = choices.tastes, choices.asked.day[session : session + 1]

    def segments(option: int) -> int:
        back = options.back[option]
        return int(legs.segments[options.out[option]] + (legs.segments[back] if back >= 0 else 0))

    cheapest, fewest = min(options.price[option] for option in rows), min(segments(option) for option in rows)
    taste = likes.price[session] * (choice_model.CLERK_PRICE if clerk else 1.0)
    value = -WEIGHTS["price"] * taste * math.log(options.price[row] / cheapest)
    value -= WEIGHTS["stops"] * likes.stops[session] * (segments(row) - fewest)
    value += WEIGHTS["policy"] * (choice_model.CLERK_POLICY if clerk else 1.0) * rules.within[row]
    value += WEIGHTS["tariff"] * likes.tariff[session] * (rules.tariff[row] >= 0)
    cheaper = [other for other in rows if options.price[other] < options.price[row]]
    flights = {(options.out[other], options.back[other]) for other in cheaper}
    value -= WEIGHTS["dearer"] * ((options.out[row], options.back[row]) in flights)
    fare = options.fare[row]
    if rules.bags[row] > 0:
        value += WEIGHTS["bags"] * likes.bags[session]
    free = (0.6 if rules.exchange_allowed[row] == 1 else 0.0) + (0.8 if fare in (2, 5) else 0.0)
    value += WEIGHTS["flexible"] * likes.flexible[session] * free
    if fare >= 3:
        value += WEIGHTS["cabin"] * (likes.cabin[session] - 1.2 + (2.0 if people.vip[user] else 0.0))
    carrier = int(legs.carrier[options.out[row]])
    value += WEIGHTS["carrier"] * likes.carrier_weight[session] * (carrier == likes.carrier[session])
    if carrier == likes.company_carrier[session]:
        value += WEIGHTS["company carrier"] * likes.company_carrier_weight[session]
    club = loyalty_names()[people.loyalty[user]] if people.loyalty[user] >= 0 else ""
    if club in CLEAN and CARRIER_CODES[carrier] in club.split("/"):
        value += WEIGHTS["club"]
    for way, leg_of in enumerate((options.out, options.back)):
        leg = int(leg_of[row])
        if leg < 0:
            continue
        fastest = min(legs.duration[leg_of[option]] for option in rows)
        value -= WEIGHTS["minutes"] * likes.minutes[session] * min((legs.duration[leg] - fastest) / 60, 12.0)
        hour = legs.departure[leg] / 60
        apart = min(abs(hour - likes.hours[way][session] + 24 * turn) for turn in (-2, -1, 0, 1, 2))
        value -= WEIGHTS["hour"] * likes.hour[session] * apart
        value -= WEIGHTS["night"] * (hour < 5.5 or hour > 23)
        value += WEIGHTS["habit"] * (renewed(SEED, day, 162, firm, leg)[0] < choice_model.HABIT_SHARE)
        value += WEIGHTS["habit"] * (renewed(SEED, day, 163, user, leg)[0] < choice_model.HABIT_SHARE)
    return float(value)


CLEAN = {
    name for name in loyalty_names() if all(len(part) == 2 for part in name.split("/")) and name not in ("SU/SU", "su")
}


def chances_of(state: SimulationState, chunk: Chunk, choices: Choices, session: int) -> Floats:
    """The logit of a session by the definition, twins aside."""
    rows = chunk.bookings.row[slice(*chunk.bookings.first[session : session + 2])].tolist()
    sharp = choice_model.LAMBDA * (len(rows) / choice_model.USUAL_SIZE) ** -choice_model.TIRING
    weights = np.exp([sharp * value_of(state, chunk, choices, session, row, rows) for row in rows])
    chances: Floats = weights / weights.sum()
    return chances


def test_chances_are_the_logit_of_the_definition(state: SimulationState, chunks: list[Chunk]) -> None:
    checked: Counter[bool] = Counter()
    for chunk in (chunks[0], chunks[-1]):
        size = np.diff(chunk.bookings.first)
        choices = choice_model.list_choices(state, chunk.part, chunk.options)
        joined = state.sessions.joined[chunk.part]
        for session in np.flatnonzero(size < 40)[:60].tolist():
            probability = chances_of(state, chunk, choices, session)
            if joined[session]:
                leader = session - int(np.argmin(joined[: session + 1][::-1]))
                probability = 0.85 * chances_of(state, chunk, choices, leader) + 0.15 * probability
            got = chunk.bookings.probability[slice(*chunk.bookings.first[session : session + 2])]
            np.testing.assert_allclose(got, probability, rtol=1e-9)
            checked[bool(joined[session])] += 1
    assert checked[False] > 50
    assert checked[True] > 5


def test_bookings_are_drawn_by_their_chances(chunks: list[Chunk]) -> None:
    probability = np.concatenate([chunk.bookings.probability for chunk in chunks])
    booked = np.zeros(len(probability))
    start = 0
    for chunk in chunks:
        booked[start + chunk.bookings.first[:-1] + chunk.bookings.booked] = 1
        start += len(chunk.bookings.probability)
    edges = [0, 0.001, 0.01, 0.03, 0.1, 0.2, 0.4, 0.7, 1.01]
    for low, high in pairwise(edges):
        inside = (probability >= low) & (probability < high)
        expected, spread = probability[inside].sum(), math.sqrt((probability[inside] * (1 - probability[inside])).sum())
        assert expected > 10
        assert abs(booked[inside].sum() - expected) < 4 * spread


def test_a_twin_mostly_books_what_the_first_of_its_search_booked(state: SimulationState, chunks: list[Chunk]) -> None:
    same = []
    for chunk in chunks:
        joined, booked = state.sessions.joined[chunk.part], chunk.bookings.booked
        second = np.flatnonzero(joined[1:] & ~joined[:-1] & (np.diff(chunk.bookings.first)[1:] > 10))
        same.append(booked[second + 1] == booked[second])
    assert 0.8 < np.concatenate(same).mean() < 0.96


def test_the_oracle_scores_what_the_choice_model_expects(state: SimulationState, chunks: list[Chunk]) -> None:
    ranks = []
    for chunk in chunks:
        ranks.append(oracle.rank_sessions(chunk.bookings, state.sessions.search[chunk.part]))
    made = oracle.summarise_ranks(join(ranks))
    assert abs(made.score - made.expected) < 4 * made.error
    assert 0.58 < made.expected < 0.68
    small, middle, large = (made.details[f"hit_rate@3[{size}]"] for size in ("11-27", "28-160", "161+"))
    assert small > middle + 0.1 > large + 0.3


def test_ranks_and_hit_rates_by_hand() -> None:
    probability = np.concatenate(
        [[0.1, 0.3, 0.3, 0.2, 0.1], np.zeros(5), np.full(11, 1 / 11), np.arange(28, 0, -1) / 406]
    )
    session = np.repeat([0, 1, 2], [10, 11, 28])
    bookings = Bookings(np.array([0, 10, 21, 49]), session, np.arange(49), probability, np.array([2, 3, 0]))
    ranks = oracle.rank_sessions(bookings, np.array([0, 1, 2]))
    assert ranks.rank.tolist() == [2, 4, 1]  # ties in file order
    np.testing.assert_allclose(ranks.expected, [0.8, 3 / 11, (28 + 27 + 26) / 406])
    made = oracle.summarise_ranks(ranks)
    assert made.queries == 2  # the first has too few options
    assert made.details == {
        **{"hit_rate@1": 0.5, "hit_rate@3": 0.5, "hit_rate@5": 1.0, "hit_rate@10": 1.0},
        **{"hit_rate@3[11-27]": 0.0, "hit_rate@3[28-160]": 1.0, "hit_rate@3[161+]": 0.0},
    }
    assert made.score == 0.5
    assert made.error == pytest.approx(0.5 / 2**0.5)
    assert made.expected == pytest.approx((3 / 11 + (28 + 27 + 26) / 406) / 2)
    twins = oracle.summarise_ranks(oracle.rank_sessions(bookings, np.array([0, 1, 1])))
    assert twins.error == pytest.approx(0.0)  # one search, whose sessions' hits cancel out


def test_fares_have_the_published_steps() -> None:
    prices = offers.fare_prices(np.array([6586.0]), np.array([2.0]))[0]
    np.testing.assert_allclose(prices[:3], [6586, 10086, 17901], atol=30)
    for lowest in (3000.0, 20_000.0, 200_000.0):
        assert (np.diff(offers.fare_prices(np.array([lowest]), np.array([2.0]))[0]) > 0).all()


def test_returns_are_full_crosses_by_carrier(state: SimulationState, chunks: list[Chunk]) -> None:
    legs, options = state.legs, chunks[0].options
    for search in range(60):
        rows = slice(*options.first[search : search + 2])
        trips = set(zip(options.out[rows].tolist(), options.back[rows].tolist(), strict=True))
        if min(back for _, back in trips) < 0:
            assert {back for _, back in trips} == {-1}
            continue
        outs, backs = {out for out, _ in trips}, {back for _, back in trips}
        full = {(out, back) for out in outs for back in backs if legs.carrier[out] == legs.carrier[back]}
        assert trips == full


def test_hashed_numbers_are_uniform_and_independent() -> None:
    keys = np.arange(20_000)
    one, other = hashed(1, 7, keys), hashed(1, 8, keys)
    assert np.bincount((one * 10).astype(int)).min() > 1850
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.03
    assert (hashed(2, 7, keys) != one).all()
    assert abs(hashed_normal(1, 7, keys).std() - 1) < 0.03
