"""The choice model and its oracle, computed again in another way; tastes that drift as their formula says."""

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest

from common.arrays import Floats
from competitions.flight.simulator import choice_model, offers, simulate
from competitions.flight.simulator.choice_model import HABIT_DAYS, TASTE_DAYS, WEIGHTS, Bookings
from competitions.flight.simulator.hashing import hashed
from competitions.flight.simulator.search_sessions import SimulationState, draw_state

SEED, MANY = 5, 40_000
Row = dict[str, Any]
Chunk = tuple[slice, Bookings, pl.DataFrame]


@pytest.fixture(scope="module")
def state() -> SimulationState:
    return draw_state(0.02, SEED)


@pytest.fixture(scope="module")
def chunks(state: SimulationState) -> list[Chunk]:
    """All of test and some of train."""
    parts = simulate.list_parts(state, test=True) + simulate.list_parts(state, test=False)[:1]
    return [(part, *simulate.make_chunk(state, part)) for part in parts]


# --- the choice ---


def value_of(state: SimulationState, row: Row, rows: list[Row]) -> float:
    """V of an option by the definition, with plain numbers; ``rows``: all of its session."""
    clerk = not row["by_self"]
    taste = row["taste_price"] * (0.8 if clerk else 1.0)
    value = -1.2 * taste * math.log(row["price"] / min(other["price"] for other in rows))
    same = [other for other in rows if (other["out"], other["back"]) == (row["out"], row["back"])]
    value -= 1.1 * any(other["price"] < row["price"] for other in same)
    value -= 1.3 * row["taste_stops"] * (row["segments"] - min(other["segments"] for other in rows))
    value += 0.6 * (1.25 if clerk else 1.0) * row["within"]
    value += 0.4 * row["taste_tariff"] * (row["tariff"] >= 0)
    value += 0.5 * row["taste_bags"] * (row["fare"] != offers.LIGHT)
    value += 1.1 * row["taste_flexible"] * (0.6 * row["exchange"] + 0.8 * (row["fare"] >= offers.FLEX))
    value += 1.2 * row["taste_cabin"] * (row["fare"] == offers.BUSINESS)
    value += 0.3 * abs(row["taste_carrier_weight"]) * (row["carrier"] == row["taste_carrier"])
    value += 0.5 * abs(row["taste_company_carrier_weight"]) * (row["carrier"] == row["taste_company_carrier"])
    value += 0.6 * (row["carrier"] in row["clubs"])
    for way in ("out", "back"):
        if row[way] < 0:
            continue
        leg, ends = state.legs.row(row[way], named=True), [state.legs["duration"][other[way]] for other in rows]
        value -= 0.45 * row["taste_minutes"] * min((leg["duration"] - min(ends)) / 60, 12.0)
        hour = leg["departure"] / 60
        apart = min(abs(hour - row[f"taste_{way}_hour"] + 24 * turn) for turn in (-2, -1, 0, 1, 2))
        value -= 0.24 * row["taste_hour"] * apart + 0.6 * (hour < 5.5 or hour > 23)
        for key, who in ((162, row["company"]), (163, row["user"])):
            value += 0.5 * (choice_model.renewed(SEED, np.array([row["day"]]), key, who, row[way])[0] < 0.1)
    return float(value)


def chances_of(state: SimulationState, rows: list[Row]) -> Floats:
    """The logit of a session by the definition, twins aside."""
    sharp = 1.9 * (len(rows) / 50) ** -0.06 * (1.0 if rows[0]["by_self"] else 0.9)
    weights = np.exp([sharp * value_of(state, row, rows) for row in rows])
    return np.asarray(weights / weights.sum())


def test_chances_are_the_logit_of_the_definition(state: SimulationState, chunks: list[Chunk]) -> None:
    checked: Counter[bool] = Counter()
    for part, bookings, choices in (chunks[0], chunks[-1]):
        joined = state.sessions["joined"].to_numpy()[part]
        rows = [choices[a:b].to_dicts() for a, b in pairwise(bookings.first.tolist())]
        for session in np.flatnonzero(np.diff(bookings.first) < 30)[:40].tolist():
            probability = chances_of(state, rows[session])
            if joined[session]:
                leader = session - int(np.argmin(joined[: session + 1][::-1]))
                probability = 0.85 * chances_of(state, rows[leader]) + 0.15 * probability
            got = bookings.probability[slice(*bookings.first[session : session + 2])]
            np.testing.assert_allclose(got, probability, rtol=1e-9)
            checked[bool(joined[session])] += 1
    assert checked[False] > 50
    assert checked[True] > 5
    assert len(WEIGHTS) == 16  # none is left out above


def test_bookings_are_drawn_by_their_chances(chunks: list[Chunk]) -> None:
    probability = np.concatenate([bookings.probability for _, bookings, _ in chunks])
    booked, start = np.zeros(len(probability)), 0
    for _, bookings, _ in chunks:
        booked[start + bookings.booked_rows] = 1
        start += len(bookings.probability)
    for low, high in pairwise([0, 0.001, 0.01, 0.03, 0.1, 0.2, 0.4, 0.7, 1.01]):
        inside = (probability >= low) & (probability < high)
        expected, spread = probability[inside].sum(), math.sqrt((probability[inside] * (1 - probability[inside])).sum())
        assert expected > 10
        assert abs(booked[inside].sum() - expected) < 4 * spread


def test_a_twin_mostly_books_what_the_first_of_its_search_booked(state: SimulationState, chunks: list[Chunk]) -> None:
    same = []
    for part, bookings, _ in chunks:
        joined = state.sessions["joined"].to_numpy()[part]
        second = np.flatnonzero(joined[1:] & ~joined[:-1] & (np.diff(bookings.first)[1:] > 10))
        same.append(bookings.booked[second + 1] == bookings.booked[second])
    assert 0.8 < np.concatenate(same).mean() < 0.96


# --- the oracle ---


def test_the_oracle_scores_what_the_choice_model_expects(state: SimulationState, chunks: list[Chunk]) -> None:
    ranks = [simulate.rank_sessions(bookings, state.sessions["search"][part]) for part, bookings, _ in chunks]
    made = simulate.summarise_ranks(pl.concat(ranks))
    assert abs(made.score - made.expected) < 4 * made.error
    assert 0.58 < made.expected < 0.68
    small, middle, large = (made.details[f"hit_rate@3[{size}]"] for size in ("11-27", "28-160", "161+"))
    assert small > middle + 0.1 > large + 0.3


def test_ranks_and_hit_rates_by_hand() -> None:
    sized = [[0.1, 0.3, 0.3, 0.2, 0.1, *[0.0] * 5], [1 / 11] * 11, np.arange(28, 0, -1) / 406]
    bookings = Bookings(np.array([0, 10, 21, 49]), np.concatenate(sized), np.array([2, 3, 0]))
    ranks = simulate.rank_sessions(bookings, pl.Series([0, 1, 2]))
    assert ranks["rank"].to_list() == [2, 4, 1]  # ties in file order
    np.testing.assert_allclose(ranks["expected"], [0.8, 3 / 11, (28 + 27 + 26) / 406])
    made = simulate.summarise_ranks(ranks)
    assert made.queries == 2  # the first has too few options
    assert made.details == {
        **{"hit_rate@1": 0.5, "hit_rate@3": 0.5, "hit_rate@5": 1.0, "hit_rate@10": 1.0},
        **{"hit_rate@3[11-27]": 0.0, "hit_rate@3[28-160]": 1.0, "hit_rate@3[161+]": 0.0},
    }
    assert (made.score, made.error) == pytest.approx((0.5, 0.5 / 2**0.5))
    assert made.expected == pytest.approx((3 / 11 + (28 + 27 + 26) / 406) / 2)
    twins = simulate.summarise_ranks(simulate.rank_sessions(bookings, pl.Series([0, 1, 1])))
    assert twins.error == pytest.approx(0.0)  # one search, whose sessions' hits cancel out


# --- the offer ---


def test_fares_have_the_published_steps() -> None:
    lowest = pl.DataFrame({"price": [6586.0, 3000.0, 20_000.0, 200_000.0], "ways": 2.0})
    fares = lowest.join(pl.DataFrame({"fare": range(4)}), how="cross", maintain_order="left_right")
    prices = fares.select(offers.list_prices()).to_series().to_numpy().reshape(4, 4)
    np.testing.assert_allclose(prices[0, :3], [6586, 10086, 17901], atol=30)
    assert (np.diff(prices, axis=1) > 0).all()


def test_returns_are_full_crosses_by_carrier(state: SimulationState, chunks: list[Chunk]) -> None:
    carrier = state.legs["carrier"].to_list()
    for _, options in chunks[0][2].group_by("search"):
        trips = set(options.select("out", "back").iter_rows())
        outs, backs = {out for out, _ in trips}, {back for _, back in trips}
        if -1 in backs:
            assert backs == {-1}
        else:
            assert trips == {(out, back) for out in outs for back in backs if carrier[out] == carrier[back]}


def test_a_corporate_tariff_is_one_carriers_and_varies_within_a_session(chunks: list[Chunk]) -> None:
    choices = pl.concat([choices for _, _, choices in chunks])
    assert choices.group_by("session", "carrier").agg(pl.col("tariff").n_unique())["tariff"].max() == 1
    mixed = choices.group_by("session").agg((pl.col("tariff") >= 0).mean())["tariff"].is_between(0, 1, "none")
    assert 0.2 < mixed.mean() < 0.6  # type: ignore[operator]


# --- tastes ---


def draw_tastes(day: float) -> Floats:
    return choice_model.drifting_normal(SEED, np.full(MANY, day), 7, np.arange(MANY))


def draw_habits(day: float) -> Floats:
    return choice_model.renewed(SEED, np.full(MANY, day), 7, np.arange(MANY))


@pytest.mark.parametrize(("start", "later"), [(0.0, 20.0), (130.0, 20.0), (165.0, 60.0), (40.0, HABIT_DAYS)])
def test_tastes_drift_and_habits_are_redrawn_as_the_formulas_say(start: float, later: float) -> None:
    """On any day a taste is standard normal and a habit uniform; how alike two days are falls with those between."""
    before, after = draw_tastes(start), draw_tastes(start + later)
    for values in (before, after):
        assert (values.mean(), values.std()) == pytest.approx((0, 1), abs=0.03)
    assert abs(np.corrcoef(before, after)[0, 1] - math.exp(-((later / TASTE_DAYS) ** 2) / 2)) < 0.03
    assert np.abs(before - draw_tastes(start + 0.001)).max() < 0.001
    before, after = draw_habits(start), draw_habits(start + later)
    changed = before != after
    assert abs(1 - changed.mean() - max(1 - later / HABIT_DAYS, 0)) < 0.02
    assert abs(np.corrcoef(before[changed], after[changed])[0, 1]) < 4 / changed.sum() ** 0.5
    assert np.bincount((after * 10).astype(int)).min() > 0.09 * MANY


def test_hashed_numbers_are_uniform_and_independent() -> None:
    keys = np.arange(20_000)
    one, other = hashed(1, 7, keys), hashed(1, 8, keys)
    assert np.bincount((one * 10).astype(int)).min() > 1850
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.03
    assert (hashed(2, 7, keys) != one).all()
