"""The law of screening: each rule by hand on a planted session, the whole law computed again, its oracle, its files."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from common.day.hosts.simulated import REPORT
from competitions.flight.simulator import choice_model, screening, simulate
from competitions.flight.simulator.choice_model import Choices
from competitions.flight.simulator.fare_rules import Rules, price_caps, set_rules
from competitions.flight.simulator.geography import Floats, sizes_at
from competitions.flight.simulator.offers import STANDARD, Options
from competitions.flight.simulator.population import Law, SimulationState, draw_state
from competitions.flight.simulator.screening import LAPSE, MOST_SEGMENTS, NOISE, WEIGHTS, WINDOW
from competitions.flight.simulator.writer import Chunk
from tests.conftest import Call

SEED = 3
PRICE, HOUR, SEGMENTS = 10_000.0, 0.0, 1  # of an option without fault; the hour is from the wished one
Planted = list[tuple[float, float, int]]  # price, hour, segments
Parts = tuple[SimulationState, Choices, Options, Rules]


@pytest.fixture(scope="module")
def drawn() -> SimulationState:
    """A world whose first session, one way, is the planted one; its company caps prices at twice the cheapest."""
    state = draw_state(sizes_at(0.001), SEED, Law.SCREENING)
    company = state.travellers.company[state.searches.user[0]]
    cap = state.companies.cap.copy()
    cap[company] = 2.0
    return dataclasses.replace(state, companies=dataclasses.replace(state.companies, cap=cap))


def plant(state: SimulationState, session: Planted) -> Parts:
    """The first session with these options, equal in all else: each on a leg of its own, none of them dear to change.

    Minutes, carrier and exchange are alike, so that the value is that of the price alone.
    """
    count, (price, hour, segments) = len(session), (np.array(column) for column in zip(*session, strict=True))
    direction, legs = int(state.legs.direction[0]), state.legs
    assert (legs.direction[:count] == direction).all()
    options = Options(
        first=np.array([0, count]),
        search=np.zeros(count, np.int64),
        number=np.zeros(count, np.int64),
        out=np.arange(count),
        back=np.full(count, -1),
        fare=np.full(count, STANDARD),
        price=price.astype(float),
        taxes=np.zeros(count),
        itinerary=np.arange(count),
    )
    choices = choice_model.list_choices(state, slice(0, 1), options)
    wished = choice_model.preferred_hours(state, choices, legs.direction[choices.row], 0)
    changed = {
        "departure": (wished + hour) * 60.0,
        "duration": np.full(count, 90),
        "segments": segments,
        "carrier": np.full(count, state.travellers.carrier[choices.user[0]] + 1),
    }
    columns = {
        name: np.concatenate([values, getattr(legs, name)[count:].astype(values.dtype)])
        for name, values in changed.items()
    }
    state = dataclasses.replace(state, legs=dataclasses.replace(legs, **columns))
    rules = set_rules(state, options)
    return state, choices, options, dataclasses.replace(rules, exchange_allowed=np.zeros(count))


def probabilities(state: SimulationState, session: Planted) -> Floats:
    return screening.choose_by_screening(*plant(state, session))


def expect(state: SimulationState, session: Planted, left: set[int]) -> list[float]:
    """The formula of the module's text with plain numbers, where ``left`` are the options that the screens leave."""
    user = int(state.searches.user[0])
    taste = state.travellers.price[user] * state.companies.price[state.travellers.company[user]]
    cheapest = min(price for price, _, _ in session)
    weights = [math.exp(-WEIGHTS["price"] * taste * math.log(price / cheapest) / NOISE) for price, _, _ in session]
    kept = sum(weights[option] for option in left)
    return [
        (1 - LAPSE) * (option in left) * weight / kept + LAPSE * weight / sum(weights)
        for option, weight in enumerate(weights)
    ]


GOOD = (PRICE, HOUR, SEGMENTS)


def test_each_rule_screens_out_what_breaks_it_unless_nothing_would_be_left(drawn: SimulationState) -> None:
    edge = float(WINDOW / drawn.travellers.hour[drawn.searches.user[0]])  # half the width of the traveller's window
    late, dear = 2 * edge, 2.01 * PRICE
    hours = [0.98 * edge, 1.02 * edge, -0.98 * edge, -1.02 * edge, 24.0 + 0.5 * edge, 12.0]
    cases: list[tuple[Planted, set[int]]] = [
        ([GOOD, (1.5 * PRICE, HOUR, SEGMENTS)], {0, 1}),  # the price decides
        ([GOOD, (1.99 * PRICE, HOUR, SEGMENTS), (dear, HOUR, SEGMENTS)], {0, 1}),
        ([(PRICE, hour, SEGMENTS) for hour in hours], {0, 2, 4}),
        ([(PRICE, HOUR, segments) for segments in (1, MOST_SEGMENTS, MOST_SEGMENTS + 1, 4)], {0, 1}),
        # A rule that would leave nothing is skipped, and the later ones still hold.
        ([(PRICE, late, 3), (PRICE, late + 1, 1), (dear, HOUR, 1)], {1}),  # only the third, too dear, is in time
        ([(PRICE, HOUR, 3), (PRICE, HOUR, 4), (PRICE, late, 1)], {0, 1}),  # only the third, too late, is direct
    ]
    for session, left in cases:
        np.testing.assert_allclose(probabilities(drawn, session), expect(drawn, session, left))


def test_screens_apply_in_their_order_and_session_by_session() -> None:
    passes = [np.array([True, False, False]), np.array([False, True, True])]
    assert screening.apply_screens(passes, np.array([0, 3])).tolist() == [True, False, False]
    assert screening.apply_screens(passes[::-1], np.array([0, 3])).tolist() == [False, True, True]
    one = [np.array([True, False, False, False, True])]
    assert screening.apply_screens(one, np.array([0, 2, 4, 5])).tolist() == [True, False, True, True, True]


def test_minutes_carrier_free_exchange_and_tariff_make_the_value(drawn: SimulationState) -> None:
    state, choices, options, rules = plant(drawn, [GOOD] * 5)
    user = int(choices.user[0])
    duration, carrier = state.legs.duration.copy(), state.legs.carrier.copy()
    duration[1] += 120
    carrier[2] = state.travellers.carrier[user]
    state = dataclasses.replace(state, legs=dataclasses.replace(state.legs, duration=duration, carrier=carrier))
    allowed, fee = np.array([1.0, 0.0, np.nan, 1.0, 0.0]), np.array([500.0, 0.0, 0.0, 0.0, 0.0])
    tariff = np.array([-1, -1, -1, -1, 0])
    rules = dataclasses.replace(rules, exchange_allowed=allowed, exchange_fee=fee, tariff=tariff)
    late = 2.0 * WEIGHTS["minutes"] * state.travellers.minutes[user]
    usual = WEIGHTS["tariff"] * state.companies.tariff[choices.company[0]]
    expected = [0.0, -late, WEIGHTS["carrier"], WEIGHTS["exchange"], usual]
    np.testing.assert_allclose(screening.values(state, choices, options, rules), expected)


# --- simulated sessions ---


@pytest.fixture(scope="module")
def chunks() -> list[Chunk]:
    """The tests of two worlds."""
    states = [draw_state(sizes_at(0.02), seed, Law.SCREENING) for seed in (0, 1)]
    return [simulate.make_chunk(state, part) for state in states for part in simulate.list_parts(state, test=True)]


def test_the_way_back_has_a_window_and_stops_of_its_own(chunks: list[Chunk]) -> None:
    chunk = chunks[0]
    state, options = chunk.state, chunk.options
    choices = choice_model.list_choices(state, chunk.part, options)
    policy, out, back, stops = screening.list_screens(state, choices, options)
    np.testing.assert_array_equal(policy, (options.price <= price_caps(state, options))[choices.row])
    leg = options.back[choices.row]
    assert back[leg < 0].all()
    for legs, passes, way in ((options.out[choices.row], out, 0), (leg, back, 1)):
        flown = np.flatnonzero(legs >= 0)[:300]
        for row in flown.tolist():
            wished = choice_model.preferred_hours(state, choices, state.legs.direction[legs], way)[row]
            apart = [abs(state.legs.departure[legs[row]] / 60 - wished + 24 * turn) for turn in (-2, -1, 0, 1, 2)]
            assert passes[row] == (min(apart) <= WINDOW / state.travellers.hour[choices.user[row]])
    segments = np.maximum(state.legs.segments[options.out[choices.row]], np.where(leg < 0, 0, state.legs.segments[leg]))
    np.testing.assert_array_equal(stops, segments <= MOST_SEGMENTS)


# --- the files ---


def test_a_law_changes_the_bookings_and_nothing_else(tmp_path: Path) -> None:
    logit, other = (simulate.simulate(tmp_path / law, 0.001, 1, law) for law in Law)
    one, two = pl.read_parquet(logit.train), pl.read_parquet(other.train)
    assert one.drop("selected").equals(two.drop("selected"))
    assert (one["selected"] != two["selected"]).sum() > 50
    assert pl.read_parquet(logit.test).equals(pl.read_parquet(other.test))
    assert logit.truth.read_bytes() != other.truth.read_bytes()


def test_the_report_names_the_law(tmp_path: Path, call: Call) -> None:
    reports = {}
    for law, words in (("logit", []), ("screening", ["--law", "screening"])):
        code, out, _ = call("simulate", "flight", "--scale", 0.0005, "--out", tmp_path / law, *words)
        assert (code, out.splitlines()[-1].split(", ")[-1]) == (0, f"law {law}")
        reports[law] = json.loads((tmp_path / law / REPORT).read_text())
    assert reports["screening"]["law"] == "screening"
    assert "law" not in reports["logit"]  # as before there was another
