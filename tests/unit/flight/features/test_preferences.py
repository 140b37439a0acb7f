"""Preferences: what is encoded and sampled, the choice model by another solver, who deviates and how far."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from common.arrays import Floats
from competitions.flight.features import preferences
from competitions.flight.features.booking_history import collect_bookings
from competitions.flight.features.option_attributes import add_attributes
from competitions.flight.features.preferences import (
    LEVELS,
    NAMES,
    SAMPLED,
    Choices,
    Level,
    fit_deviations,
    fit_weights,
)
from tests.unit.flight.flight_world import (
    DAY_MS,
    NOON,
    START,
    Search,
    build_seen,
    look_back,
    make_searches,
    option,
    search,
)

K = len(NAMES)
PRICE = NAMES.index("price")


def chosen(*searches: Search) -> Choices:
    return collect_bookings(make_searches(*searches)).choices


def pricey(*prices: float, booked: int, **session: Any) -> Search:
    """A search whose options, each on flights of its own, differ in the price alone."""
    options = (option(price=price, out_flight=number) for number, price in enumerate(prices))
    return search(*options, booked=booked, **session)


def drawn(seed: int, count: int, size: int = 6) -> tuple[Choices, Floats]:
    """Choices, one an hour, from a logit whose weights are given as well; sizes differ."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, size, K)).astype(np.float32)
    present = np.arange(size) < rng.integers(2, size + 1, count)[:, None]
    weights = rng.normal(size=K)
    utility = np.where(present, x @ weights + rng.gumbel(size=(count, size)), -np.inf)
    best = utility.argmax(axis=1)
    rows = np.arange(count)
    x[rows, 0], x[rows, best] = x[rows, best], x[rows, 0].copy()
    x[~present] = 0
    numbers = pl.Series(rows, dtype=pl.Int32)
    company = pl.Series(rng.integers(0, 3, count), dtype=pl.Int32)
    sessions = pl.DataFrame({"session": numbers, "time": rows * 3_600_000, "company": company})
    return Choices(sessions.with_columns(profile=numbers % 7, route=numbers % 2), x, present), weights


def loss_of(weights: Floats, x: Floats, present: NDArray[np.bool_], ridge: float = 0.0) -> float:
    """The penalised -log likelihood of the first options, ``x`` (n, m, k), by its definition."""
    utility = np.where(present, x @ weights, -np.inf)
    logs = np.log(np.exp(utility).sum(axis=1)) - utility[:, 0]
    return float(logs.sum() + ridge / 2 * weights @ weights)


# --- what is encoded and sampled ---


def test_an_option_is_encoded_by_hand() -> None:
    cheap = option(price=50.0, out_carrier=1, back_carrier=2, out_duration=60, back_duration=90)
    dear = option(
        **{"price": 100.0, "out_departure": NOON + 360, "out_duration": 90, "back_duration": 90 + 1000},
        **{"out_segments": 2, "out_cabin": 2, "back_cabin": 2, "access_tp": None, "out_bags": 0},
        **{"exchange_fee": 5.0, "cancel_fee": 0.0},
    )
    made = make_searches(search(cheap, dear))
    row = dict(zip(NAMES, preferences.encode_options(add_attributes(made.options))[1].tolist(), strict=True))
    expected = {
        **{"price": 2 * math.log(2), "out_excess": 0.25, "back_excess": 6.0},  # units of two hours, twelve at most
        **{"out_hour_cos1": 0, "out_hour_sin1": -1, "out_hour_cos2": -1, "back_hour_cos1": -1},  # six, and noon
        **{"back_arrival_hour_cos1": math.cos(math.tau * 13.5 / 24), "segments": 1, "bags": 0, "cabin": 1, "access": 0},
        **{"exchange_allowed": 1, "free_exchange": 0, "free_cancel": 1, "dearer": 0, "coded": 1},
        **{"one_carrier": 1, "carrier0": 1, "carrier1": 0, "carrier2": 0},
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_the_booked_option_comes_first_and_small_sessions_are_whole() -> None:
    choices = chosen(pricey(100, 200, 400, booked=2), search(booked=None), pricey(100, 200, booked=0, day=1))
    assert choices.sessions["session"].to_list() == [0, 2]
    assert choices.present.sum(axis=1).tolist() == [3, 2]
    assert choices.x[0, :3, PRICE].tolist()[0] == pytest.approx(2 * math.log(4))
    assert sorted(choices.x[0, 1:3, PRICE].tolist()) == pytest.approx([0, 2 * math.log(2)])
    assert choices.x[1, :2, PRICE].tolist() == pytest.approx([0, 2 * math.log(2)])
    assert not choices.x[1, 2:].any()


def test_large_sessions_are_thinned_evenly_and_alike_in_any_company() -> None:
    count = 4 * SAMPLED
    prices = [100.0 * 1.01**step for step in range(count)]
    large = [pricey(*prices, booked=5, day=day) for day in range(40)]
    sampled = chosen(*large)
    assert sampled.present.all()
    assert len({tuple(row) for row in sampled.x[:, 1:, PRICE].tolist()}) == 40  # a draw for each
    steps = (sampled.x[:, 1:, PRICE] / (2 * math.log(1.01))).round().astype(int)
    assert 5 not in steps
    shares = np.bincount(steps.ravel(), minlength=count)[[p for p in range(count) if p != 5]]
    halves = shares[: count // 2].sum() / shares.sum()
    assert 0.45 < halves < 0.55
    np.testing.assert_array_equal(chosen(*large[7:9]).x, sampled.x[7:9])


def test_everybodys_weights_have_the_highest_penalised_likelihood_and_where_newton_does_not_settle_as_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    choices, true = drawn(4, count=600)
    given = choices.x, choices.present, preferences.EVERYBODY_RIDGE
    best = minimize(loss_of, np.zeros(K), given, method="BFGS").x
    for steps in (preferences.STEPS, 1):
        monkeypatch.setattr(preferences, "STEPS", steps)
        weights = fit_weights(choices.x, choices.present, np.zeros(K))
        assert weights == pytest.approx(best, abs=2e-3)
    assert np.corrcoef(weights, true)[0, 1] > 0.97
    assert capsys.readouterr().err == ""


def test_everybodys_weights_are_of_the_latest_bookings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preferences, "FITTED", 12)
    early, late, only = buy(2, 30), buy(0, 12, first=9), buy(0, 12)
    weights, expected = (know(*searches)["everybody"]["price"].item() for searches in ((*late, *early), only))
    assert weights == pytest.approx(expected)


# --- who deviates ---


def test_the_steps_of_every_level_end_near_the_optimum_that_another_solver_finds() -> None:
    """Bookings of groups whose tastes differ from the weights of all."""
    choices, true = drawn(6, count=400)
    weights, group = np.broadcast_to(0.6 * true, (400, K)), np.arange(400) % 8
    for level in LEVELS.values():
        deviations = fit_deviations(choices.x, choices.present, weights, group, level)
        for number in range(8):
            rows = group == number

            def loss(own: Floats, rows: NDArray[np.bool_] = rows, ridge: float = level.ridge) -> float:
                penalty = ridge / 2 * own @ own
                return float(loss_of(weights[0] + own, choices.x[rows], choices.present[rows]) + penalty)

            best = minimize(loss, np.zeros(K), method="BFGS")
            at_zero, reached = loss(np.zeros(K)), loss(deviations[number])
            assert at_zero - reached > 0.95 * (at_zero - best.fun) > 0.5


def test_a_level_of_too_few_steps_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    choices, true = drawn(6, count=400)
    weights, group = np.broadcast_to(0.6 * true, (400, K)), np.arange(400) % 8
    for steps, ridge, said in ((1, 0.5, 1), (6, 0.5, 0)):
        monkeypatch.setitem(preferences.LEVELS, "company", Level(("company",), ridge, steps))
        deviations = fit_deviations(choices.x, choices.present, weights, group, LEVELS["company"])
        preferences.check_deviations("company", choices.x, choices.present, weights, group, deviations)
        sentence = f"The preferences by company did not converge: more than {steps} steps would gain"
        assert capsys.readouterr().err.count(sentence) == said


def buy(booked: int, count: int, first: int = 0, **session: object) -> list[Search]:
    """Searches from the day ``first`` on, one an hour."""
    return [pricey(100, 150, 220, booked=booked, day=first + hour / 24, **session) for hour in range(count)]


def know(*searches: Search) -> dict[str, pl.DataFrame]:
    return look_back(make_searches(*searches), pl.lit(START + 999 * DAY_MS)).preferences


def test_who_buys_dear_is_distinguished_from_who_buys_cheap_and_the_more_the_more_is_known() -> None:
    levels, fewer = (know(*buy(2, count, company=1, profile=1), *buy(0, 40, company=2)) for count in (20, 5))
    weights, less = (known["company"].sort("company")["price"].to_list() for known in (levels, fewer))
    assert weights[0] > 0.2 > -0.05 > weights[1]
    assert 0 < less[0] < weights[0]
    assert levels["everybody"]["price"].item() < 0


def test_a_habit_has_a_route_and_what_lacks_one_has_none() -> None:
    levels = know(*buy(2, 5, company=1, route=4), *buy(0, 5, company=1, route=None))
    assert levels["habit"].select("company", "route").rows() == [(1, 4)]
    assert levels["company"]["company"].to_list() == [1]
    assert levels["habit"]["price"].item() > 0


# --- the block ---


def test_the_block_by_an_oracle() -> None:
    late = [option(price=100.0), option(price=130.0, out_departure=NOON + 360), option(price=140.0, out_duration=200)]
    searches = make_searches(
        *(search(*late, booked=1, day=hour / 24, company=1, profile=1) for hour in range(9)),
        *buy(2, 9, company=1, profile=1),
        *buy(0, 9, company=2, profile=2),
        pricey(80, 300, 90, booked=1, day=2, company=2, profile=1, route=None),
        search(*late[1:], booked=1, day=2, company=9, profile=77),
    )
    until = pl.lit(START + DAY_MS)
    known, frame = look_back(searches, until).preferences, build_seen(searches, until, "taste")
    for name, weights in (
        (-2, ["everybody", "company", "profile"]),  # no route: no habit
        (-1, ["everybody"]),  # neither the company nor the traveller is known
    ):
        session = searches.sessions.row(name, named=True)
        rows = slice(session["first"], session["first"] + session["size"])
        x = preferences.encode_options(add_attributes(searches.options))[rows]
        own = {"company": {"company": session["company"]}, "profile": {"profile": session["profile"]}, "everybody": {}}
        added = {key: x @ known[key].filter(**own[key]).select(NAMES).to_numpy()[0] for key in weights}
        total = np.sum(list(added.values()), axis=0)
        features = frame[rows]
        assert abs(total.max()) > 0.1
        for key in ("everybody", *LEVELS):
            expected = added.get(key, np.zeros(len(x)))
            assert features[f"taste_{key}"].to_list() == pytest.approx(expected - expected.mean(), abs=1e-5)
        assert features["taste_total"].to_list() == pytest.approx(total - total.max(), abs=1e-5)
        assert features["taste_lag"].to_list() == [1] * len(x)  # a day behind the snapshot
        assert features["taste_rank"].to_list() == [1 + sum(other > value for other in total) for value in total]
        chances = np.exp(total) / np.exp(total).sum()
        assert np.exp(features["taste_log_chance"].to_numpy()) == pytest.approx(chances, 1e-4)
