"""Tastes: what is described and sampled, the law of choice by hand and against an oracle, who deviates and how far."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from competitions.flight.features import preferences
from competitions.flight.features.booking_history import collect_bookings
from competitions.flight.features.option_attributes import add_attributes
from competitions.flight.features.preferences import (
    LEVELS,
    NAMES,
    SAMPLED,
    Choices,
    Level,
    compute_gradients,
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


def drawn(seed: int, count: int, size: int = 6) -> tuple[Choices, NDArray[np.float64]]:
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


def log_likelihood(weights: NDArray[np.float64], x: NDArray[np.float64], present: Sequence[bool]) -> float:
    """Of the first option, in plain Python."""
    utilities = [float(row @ weights) for row, there in zip(x, present, strict=True) if there]
    return utilities[0] - math.log(sum(math.exp(value) for value in utilities))


# --- what is described ---


def test_an_option_is_described_by_hand() -> None:
    cheap = option(price=50.0, out_carrier=1, back_carrier=2, out_duration=60, back_duration=90)
    dear = option(
        price=100.0,
        out_departure=NOON + 360,
        out_duration=90,
        back_duration=90 + 1000,
        out_segments=2,
        out_cabin=2,
        back_cabin=2,
        access_tp=None,
        exchange_fee=5.0,
        cancel_fee=0.0,
        out_bags=0,
    )
    made = make_searches(search(cheap, dear))
    row = dict(zip(NAMES, preferences.encode_options(add_attributes(made.options))[1].tolist(), strict=True))
    assert row["price"] == pytest.approx(2 * math.log(2))
    assert (row["out_excess"], row["back_excess"]) == pytest.approx((0.25, 6.0))  # units of two hours, twelve at most
    assert row["segments"] == 1
    assert row["out_hour_cos1"] == pytest.approx(0, abs=1e-6)  # six in the evening
    assert row["out_hour_sin1"] == pytest.approx(-1)
    assert row["out_hour_cos2"] == pytest.approx(-1)
    assert row["back_hour_cos1"] == pytest.approx(-1)  # noon
    assert row["back_arrival_hour_cos1"] == pytest.approx(math.cos(math.tau * 13.5 / 24))
    assert (row["bags"], row["cabin"], row["access"]) == (0, 1, 0)
    assert (row["exchange_allowed"], row["free_exchange"], row["free_cancel"]) == (1, 0, 1)
    assert (row["one_carrier"], row["carrier0"], row["carrier1"], row["carrier2"]) == (1, 1, 0, 0)
    assert (row["dearer"], row["coded"]) == (0, 1)


# --- what is sampled ---


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


# --- the law ---


def test_gradient_and_information_are_the_derivatives_of_the_likelihood() -> None:
    choices, weights = drawn(3, count=5)
    gradient, information = compute_gradients(choices.x, choices.present, weights)
    step = 1e-3 * np.eye(K)
    for n in range(5):
        x, present = choices.x[n].astype(np.float64), choices.present[n].tolist()
        at = [[log_likelihood(weights + a * s, x, present) for a in (-1, 1)] for s in step]
        assert gradient[n] == pytest.approx([(up - down) / 2e-3 for down, up in at], abs=1e-4)
        middle = log_likelihood(weights, x, present)
        bend = [-(up - 2 * middle + down) / 1e-6 for down, up in at]
        assert np.diag(information[n]) == pytest.approx(bend, abs=1e-3)
        assert information[n] == pytest.approx(information[n].T)


def test_everybodys_weights_have_the_highest_penalised_likelihood() -> None:
    choices, true = drawn(4, count=600)
    weights = fit_weights(choices.x, choices.present, np.zeros(choices.x.shape[2]))

    def loss(weights: NDArray[np.float64]) -> float:
        utility = np.where(choices.present, choices.x @ weights, -np.inf)
        total = np.log(np.exp(utility).sum(axis=1)) - utility[:, 0]
        return float(total.sum() + preferences.EVERYBODY_RIDGE / 2 * weights @ weights)

    best = minimize(loss, np.zeros(K), method="BFGS").x
    assert weights == pytest.approx(best, abs=2e-3)
    assert np.corrcoef(weights, true)[0, 1] > 0.97


def test_where_newtons_steps_do_not_settle_the_common_solver_takes_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    choices, _ = drawn(4, count=300)
    weights = fit_weights(choices.x, choices.present, np.zeros(K))
    monkeypatch.setattr(preferences, "STEPS", 1)
    assert fit_weights(choices.x, choices.present, np.zeros(K)) == pytest.approx(weights, abs=2e-3)
    assert capsys.readouterr().err == ""


def test_everybodys_weights_are_of_the_latest_bookings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preferences, "FITTED", 12)
    early, late, only = buy(2, 30), buy(0, 12, first=9), buy(0, 12)
    weights, expected = (know(*searches)["everybody"]["price"].item() for searches in ((*late, *early), only))
    assert weights == pytest.approx(expected)


# --- who deviates ---


def test_a_deviation_is_newtons_method_under_a_prior() -> None:
    choices, _ = drawn(1, count=5)
    weights = np.random.default_rng(2).normal(size=(5, K))
    group = np.array([1, -1, 0, 1, 0])
    once = fit_deviations(choices.x, choices.present, weights, group, Level((), 3.0, 1))
    twice = fit_deviations(choices.x, choices.present, weights, group, Level((), 3.0, 2))
    for number, rows in ((0, [2, 4]), (1, [0, 3])):
        own = np.zeros(K)
        for fitted in (once, twice):
            gradient, information = compute_gradients(choices.x[rows], choices.present[rows], weights[rows] + own)
            bend, slope = information.sum(axis=0) + 3.0 * np.eye(K), gradient.sum(axis=0) - 3.0 * own
            own = own + np.linalg.solve(bend, slope)
            assert fitted[number] == pytest.approx(own, abs=1e-4)
    assert fit_deviations(choices.x, choices.present, weights, np.full(5, -1), Level((), 3.0, 1)).shape == (0, K)


def bookings_of_groups() -> tuple[Choices, NDArray[np.float64], NDArray[np.int64]]:
    """Bookings, the weights of all, and the groups: of each group the tastes differ from these."""
    choices, true = drawn(6, count=400)
    return choices, np.broadcast_to(0.6 * true, (400, K)), np.arange(400) % 8


def test_the_steps_of_every_level_end_near_the_optimum_that_another_solver_finds() -> None:
    choices, weights, group = bookings_of_groups()
    for level in LEVELS.values():
        deviations = fit_deviations(choices.x, choices.present, weights, group, level)
        for number in range(8):
            rows = group == number
            x, present = choices.x[rows], choices.present[rows]

            def loss(own: NDArray[np.float64], x: Any = x, present: Any = present, ridge: float = level.ridge) -> float:
                utility = np.where(present, x @ (weights[0] + own), -np.inf)
                logs = np.log(np.exp(utility).sum(axis=1)) - utility[:, 0]
                return float(logs.sum() + ridge / 2 * own @ own)

            best = minimize(loss, np.zeros(K), method="BFGS")
            at_zero, reached = loss(np.zeros(K)), loss(deviations[number])
            assert at_zero - reached > 0.95 * (at_zero - best.fun) > 0.5


def test_a_level_of_too_few_steps_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    choices, weights, group = bookings_of_groups()
    for steps, ridge, said in ((1, 0.5, 1), (6, 0.5, 0)):
        monkeypatch.setitem(preferences.LEVELS, "company", Level(("company",), ridge, steps))
        deviations = fit_deviations(choices.x, choices.present, weights, group, LEVELS["company"])
        for count in (preferences.CHECKED, 30):
            monkeypatch.setattr(preferences, "CHECKED", count)
            preferences.check_deviations("company", choices.x, choices.present, weights, group, deviations)
            sentence = f"The preferences by company did not converge: more than {steps} steps would gain"
            assert capsys.readouterr().err.count(sentence) == said
    preferences.check_deviations("company", choices.x, choices.present, weights, np.full(400, -1), np.empty((0, K)))


def buy(booked: int, count: int, first: int = 0, **session: object) -> list[Search]:
    """Searches from the day ``first`` on, one an hour."""
    return [pricey(100, 150, 220, booked=booked, day=first + hour / 24, **session) for hour in range(count)]


def know(*searches: Search) -> dict[str, pl.DataFrame]:
    return look_back(make_searches(*searches), pl.lit(START + 999 * DAY_MS)).preferences


def test_who_buys_dear_is_distinguished_from_who_buys_cheap_and_the_more_the_more_is_known() -> None:
    dear = pl.col("price")
    levels = know(*buy(2, 20, company=1, profile=1), *buy(0, 40, company=2, profile=2))
    weights = levels["company"].sort("company")["price"].to_list()
    assert weights[0] > 0.2 > -0.05 > weights[1]
    less = know(*buy(2, 5, company=1, profile=1), *buy(0, 40, company=2, profile=2))
    assert 0 < less["company"].filter(company=1).select(dear).item() < weights[0]
    assert levels["everybody"].select(dear).item() < 0


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
        told = frame[rows]
        assert abs(total.max()) > 0.1
        for key in ("everybody", *LEVELS):
            expected = added.get(key, np.zeros(len(x)))
            assert told[f"taste_{key}"].to_list() == pytest.approx(expected - expected.mean(), abs=1e-5)
        assert told["taste_total"].to_list() == pytest.approx(total - total.max(), abs=1e-5)
        assert told["taste_rank"].to_list() == [1 + sum(other > value for other in total) for value in total]
        chances = np.exp(total) / np.exp(total).sum()
        assert np.exp(told["taste_log_chance"].to_numpy()) == pytest.approx(chances, 1e-4)
