"""The option against earlier bookings: by hand, against an oracle, and nothing from the snapshot's moment on."""

import math
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from competitions.flight.features.booking_history import (
    DETAILED,
    KEYS,
    LIFTS,
    SPREADS,
    History,
    build_history,
    collect_bookings,
)
from competitions.flight.features.build import build_features
from competitions.flight.features.option_attributes import ATTRIBUTES, add_attributes
from competitions.flight.io.reader import Searches
from competitions.flight.split import DAY_MS, Snapshots, take_snapshots
from tests.unit.flight.flight_world import (
    START,
    Row,
    Search,
    assert_column,
    by_session,
    draw_searches,
    less,
    make_searches,
    option,
    search,
)

COUNTED = ("profile", "trip", "habit")
TIMES = ("carrier_profile", *(name for name in LIFTS if name.startswith(("habit", "profile"))))
CHEAP, DEAR = option(price=100.0), option(price=300.0)


def compare(*searches: Search, moment: float) -> pl.DataFrame:
    """The history features of all options, everybody looking back from ``moment`` (days)."""
    made = make_searches(*searches)
    as_of = made.sessions.select("session", until=pl.lit(START + round(moment * DAY_MS)))
    snapshots = take_snapshots(made.sessions, as_of)
    frame = build_features(
        made, 0, len(searches), snapshots.assigned, build_history(collect_bookings(made), snapshots), ["history"]
    )
    return frame.rename(lambda name: name.removeprefix("history_"))


# --- by hand ---


def test_a_traveller_who_booked_the_dearest_thrice_and_the_cheapest_once() -> None:
    earlier = [search(CHEAP, DEAR, day=day, booked=day < 3) for day in range(4)]
    table = compare(*earlier, search(CHEAP, DEAR, option(price=None), day=6.5), moment=6)[-3:]
    assert_column(table["profile_price_place"], [0 - 3 / 4, 0.5 - 3 / 4, None])
    assert_column(table["profile_price_ratio"], [-math.log(3) * 3 / 4, math.log(3) / 4, None])
    assert_column(table["profile_price_place_spread"], [0.5] * 3)  # of 1, 1, 1, 0
    assert_column(table["profile_price_ratio_off"], [math.log(3), 0, None])
    assert_column(table["profile_price_ratio_usual"], [0, 1, None])
    assert_column(table["habit_price_place_usual"], [0, 0, None])  # the quartiles are 0.75 and 1
    assert_column(table["profile_out_hour_usual"], [1, 1, 1])
    assert_column(table["profile_bookings"], [4] * 3)
    for name in COUNTED:
        assert_column(table[f"{name}_age_days"], [3.5] * 3)


def test_each_key_speaks_of_its_own_bookings() -> None:
    who: dict[str, dict[str, Any]] = {
        "trip": {},
        "profile": {"route": 8, "company": 8},
        "habit": {"profile": 8},
        "company": {"route": 9, "profile": 9},
        "route": {"profile": 7, "company": 7},
        "nobody": {"profile": 6, "company": 6, "route": None},
    }
    earlier = [search(day=0, **columns) for columns in who.values()]
    table = compare(*earlier, search(day=2), search(day=2, route=None, profile=1, company=1), moment=1)
    counts = {name: table[f"{name}_bookings"].to_list()[-4::2] for name in KEYS}
    assert counts == {"profile": [2, 0], "trip": [1, 0], "habit": [2, 0], "company": [3, 0], "route": [3, 0]}
    last = table[-1].row(0, named=True)
    for name in KEYS:
        assert {last[f"{name}_{attribute}"] for attribute in ATTRIBUTES} == {None}
    assert {last[f"{name}_age_days"] for name in COUNTED} == {None}
    assert {last[f"{name}_lift"] for name in LIFTS if name.startswith(("trip", "profile", "habit"))} == {0}


def test_lifts_and_times_of_flights_and_carriers_by_hand() -> None:
    own, other = option(out_flight=1, back_flight=2), option(out_flight=3, back_flight=4, price=150.0)
    earlier = [search(own, other, day=day, profile=50 + day) for day in (0, 1)]  # twice the first, by two travellers
    table = compare(*earlier, search(own, other, option(out_flight=None), day=3), moment=2)[-3:]
    liked, ignored = math.log((2 + 2) / (1 + 2)), math.log((0 + 2) / (1 + 2))
    for name in ("out_flight", "back_flight", "habit_out_flight", "habit_back_flight"):
        assert_column(table[f"{name}_lift"][:2], [liked, ignored])
    assert table["out_flight_lift"].to_list()[2] == 0
    assert_column(table["profile_out_flight_lift"], [math.log(3 / 2.5), math.log(2 / 2.5), 0])
    assert_column(table["habit_out_flight_times"], [2, 0, 0])
    assert_column(table["profile_out_flight_times"], [1, 0, 0])
    assert_column(table["carrier_profile_times"], [1, 1, 1])
    for name in ("carrier", "carrier_route", "carrier_origin", "carrier_company", "carrier_profile"):
        assert_column(table[f"{name}_lift"], [0, 0, 0])  # the only carrier is booked as often as it is offered


# --- an oracle ---


def find_rows(tables: dict[str, pl.DataFrame], keys: dict[str, tuple[str, ...]]) -> dict[str, dict[Any, Row]]:
    """Each table's rows by snapshot and key."""
    return {
        name: {tuple(row[column] for column in ("snapshot", *key)): row for row in tables[name].rows(named=True)}
        for name, key in keys.items()
    }


def expect_history(session: Row, options: Sequence[Row], means: dict[str, Any], lifts: dict[str, Any]) -> list[Row]:
    made: list[Row] = []
    for option_row in options:
        row: Row = {}
        who = session | option_row
        for name, key in KEYS.items():
            met = means[name].get((session["snapshot"], *(who[column] for column in key)), {})
            row |= expect_mean(name, met, who)
        for name, key in LIFTS.items():
            met = lifts[name].get((session["snapshot"], *(who[column] for column in key)), {})
            row[f"{name}_lift"] = met.get("lift", 0)
            if name in TIMES:
                row[f"{name}_times"] = met.get("times", 0)
        made.append(row)
    return made


def expect_mean(name: str, met: Row, who: Row) -> Row:
    row: Row = {f"{name}_{attribute}": less(who[attribute], met.get(attribute)) for attribute in ATTRIBUTES}
    row[f"{name}_bookings"] = met.get("bookings", 0)
    if name in COUNTED:
        age = less(who["time"], met.get("last_ms"))
        row[f"{name}_age_days"] = None if age is None else age / DAY_MS
    for attribute in SPREADS if name in DETAILED else ():
        low, middle, high = (met.get(f"{attribute}_q{q}") for q in (25, 50, 75))
        value = who[attribute]
        row[f"{name}_{attribute}_spread"] = met.get(f"{attribute}_spread")
        row[f"{name}_{attribute}_off"] = None if value is None or middle is None else abs(value - middle)
        row[f"{name}_{attribute}_usual"] = between(low, value, high)
    return row


def between(low: float | None, value: float | None, high: float | None) -> bool | None:
    if value is None or low is None or high is None:
        return None
    return low <= value <= high


@pytest.mark.parametrize("seed", range(2))
def test_every_feature_of_history_is_what_the_oracle_says(seed: int) -> None:
    searches = draw_searches(seed, count=60, longest=5)
    moments = [START + day * DAY_MS for day in (9, 20)] * 30
    snapshots = take_snapshots(searches.sessions, searches.sessions.select("session", until=pl.Series(moments)))
    past = build_history(collect_bookings(searches), snapshots)
    means, lifts = find_rows(past.means, dict(KEYS)), find_rows(past.lifts, dict(LIFTS))
    with_attributes = Searches(searches.sessions, add_attributes(searches.options))
    expected = [
        row
        for number, (session, options) in enumerate(by_session(with_attributes))
        for row in expect_history(session | {"snapshot": number % 2}, options, means, lifts)
    ]
    table = build_features(searches, 0, 60, snapshots.assigned, past, ["history"])
    assert set(table.columns) == {f"history_{name}" for name in expected[0]}
    for name in expected[0]:
        assert_column(table[f"history_{name}"], [row[name] for row in expected])


# --- what must not be seen ---


def rebook(searches: Searches, changed: pl.Series) -> Searches:
    other = (pl.col("booked").fill_null(0) + 1) % pl.col("size")
    booked = pl.when(changed).then(other).otherwise("booked").cast(pl.Int32)
    return Searches(searches.sessions.with_columns(booked), searches.options)


def test_another_booking_from_the_moment_on_changes_no_feature_and_an_earlier_one_does() -> None:
    searches = draw_searches(4, count=40, longest=4)
    times = searches.sessions["time"]
    moment = int(times.sort()[25])
    snapshots: Snapshots = take_snapshots(searches.sessions, searches.sessions.select("session", until=pl.lit(moment)))

    def features(given: Searches) -> pl.DataFrame:
        past: History = build_history(
            collect_bookings(given),
            take_snapshots(given.sessions, given.sessions.select("session", until=pl.lit(moment))),
        )
        return build_features(given, 0, 40, snapshots.assigned, past, ["history"])

    plain = features(searches)
    assert_frame_equal(features(rebook(searches, times >= moment)), plain)
    with pytest.raises(AssertionError):
        assert_frame_equal(features(rebook(searches, times < moment)), plain)
