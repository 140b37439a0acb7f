"""History: counts, means, quartiles, lifts, by hand and against an oracle; nothing of what a snapshot must not see."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from competitions.flight.features import booking_history
from competitions.flight.features.booking_history import (
    DETAILED,
    KEYS,
    LIFTS,
    SPREADS,
    BookingLog,
    History,
    build_history,
    collect_bookings,
    count_offers,
)
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
    known,
    make_searches,
    option,
    search,
)

FLOAT = pl.Float32


def see(*sessions: int) -> Snapshots:
    """One snapshot, 0, of these sessions' bookings."""
    visible = pl.DataFrame(
        {"snapshot": [0] * len(sessions), "session": sessions}, schema=dict.fromkeys(SNAPSHOT, pl.Int32)
    )
    return Snapshots(
        pl.DataFrame({"session": [0], "snapshot": [0]}, schema=dict.fromkeys(SNAPSHOT[::-1], pl.Int32)), visible
    )


SNAPSHOT = ("snapshot", "session")


def learn(*searches: Search) -> History:
    """What a snapshot of all these searches knows."""
    return build_history(collect_bookings(make_searches(*searches)), see(*range(len(searches))))


# --- the log ---


def test_the_log_has_the_attributes_of_the_booked_option_among_all_of_its_session() -> None:
    searches = make_searches(
        search(option(price=100.0), option(price=300.0, out_cabin=2, back_cabin=2), booked=1, profile=4, company=6),
        search(booked=None),
        search(option(price=50.0), option(price=40.0), booked=0, day=1, route=None),
    )
    bookings = collect_bookings(searches).bookings
    assert bookings["session"].to_list() == [0, 2]
    assert bookings["time"].to_list() == [START, START + DAY_MS]
    assert bookings.select("company", "profile", "route").rows() == [(6, 4, 3), (5, 50, None)]
    assert_column(bookings["price_ratio"], [math.log(3), math.log(50 / 40)])
    assert_column(bookings["price_place"], [1, 1])
    assert_column(bookings["cabin"], [2, 1])


def test_offers_are_shares_of_the_sessions_options() -> None:
    options = [option(out_carrier=carrier) for carrier in (1, 1, 2, None)]
    log = collect_bookings(make_searches(search(*options, booked=2), search(*options[:2], booked=0, route=None)))
    carrier = log.offers["carrier"].sort("session", "out_carrier")
    assert carrier.select("session", "out_carrier", "booked").rows() == [(0, 1, 0), (0, 2, 1), (1, 1, 1)]
    assert_column(carrier["offered"], [0.5, 0.25, 1])
    assert log.offers["carrier_route"]["session"].unique().to_list() == [0]  # no route, nothing of it


def test_sessions_without_a_booking_offer_nothing() -> None:
    log = collect_bookings(make_searches(search(booked=None), search()))
    assert {frame["session"].to_list()[0] for frame in log.offers.values()} == {1}


def test_the_log_is_the_same_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    searches = draw_searches(3, count=8)
    whole = collect_bookings(searches)
    monkeypatch.setattr(booking_history, "SLICE_ROWS", 15)
    parts = collect_bookings(searches)
    assert_frame_equal(parts.bookings, whole.bookings)
    for name in LIFTS:
        assert_frame_equal(parts.offers[name], whole.offers[name], check_row_order=False)


# --- means ---


def test_means_and_quartiles_by_hand() -> None:
    bookings = pl.DataFrame({"time": [5, 9, 7, 1], "profile": [1, 1, 1, 2]}).with_columns(
        [pl.Series(attribute, [0.0, 1.0, 4.0, 9.0], FLOAT) for attribute in ATTRIBUTES]
    )
    table = booking_history.average(bookings, ("profile",), detailed=True)
    assert table["profile"].to_list() == [1, 2]
    assert table["bookings"].to_list() == [3, 1]
    assert table["last_ms"].to_list() == [9, 1]
    assert_column(table["cabin"], [5 / 3, 9])
    for attribute in SPREADS:
        assert_column(table[f"{attribute}_spread"], [statistics.stdev([0, 1, 4]), None])
        assert_column(table[f"{attribute}_q25"], [0.5, 9])
        assert_column(table[f"{attribute}_q50"], [1, 9])
        assert_column(table[f"{attribute}_q75"], [2.5, 9])


def test_bookings_without_a_value_in_the_key_are_left_out() -> None:
    past = learn(search(route=None), search(route=3), search(route=3, profile=51))
    assert past.means["route"].select("route", "bookings").rows() == [(3, 2)]
    assert past.means["trip"].select("profile", "route", "bookings").rows() == [(50, 3, 1), (51, 3, 1)]
    assert past.means["habit"].select("company", "route", "bookings").rows() == [(5, 3, 2)]
    assert past.means["profile"].select("profile", "bookings").rows() == [(50, 2), (51, 1)]
    assert past.means["company"].select("company", "bookings").rows() == [(5, 3)]


def test_a_missing_attribute_leaves_the_others_to_the_mean() -> None:
    one, two = ([option(price=100.0), option(price=price)] for price in (200.0, None))
    past = learn(search(*one, booked=1), search(*two, booked=1))
    assert past.means["profile"]["bookings"].to_list() == [2]
    assert_column(past.means["profile"]["price_ratio"], [math.log(2)])


# --- lifts ---


def test_a_lift_compares_bookings_with_random_choice() -> None:
    """Carrier 1 has half of the options of both sessions and is booked in both, carrier 2 in none."""
    options = [option(out_carrier=1, out_flight=7), option(out_carrier=2, out_flight=7)]
    past = learn(search(*options, booked=0), search(*options, booked=0))
    table = past.lifts["carrier"]
    assert table["out_carrier"].to_list() == [1, 2]
    assert table["times"].to_list() == [2, 0]
    assert_column(table["lift"], [math.log((2 + 2) / (1 + 2)), math.log((0 + 2) / (1 + 2))])
    assert past.lifts["carrier_origin"].columns == ["snapshot", "out_origin", "out_carrier", "times", "lift"]
    pair = past.lifts["carrier_pair_route"]
    assert pair.columns == ["snapshot", "route", "out_carrier", "back_carrier", "times", "lift"]
    assert pair.select("out_carrier", "back_carrier", "times").rows() == [(1, 0, 2), (2, 0, 0)]
    back = past.lifts["back_carrier_route"].select("route", "back_carrier", "times", "lift")
    assert back.rows() == [(3, 0, 2, 0)]  # the way back has one carrier, booked as often as offered


def test_offers_without_a_key_are_no_offers() -> None:
    options = pl.DataFrame(
        {"session": [0, 0, 1], "size": [2, 2, 1], "out_carrier": [3, None, 3], "chosen": [0.0, 1.0, 1.0]}
    )
    table = count_offers(options, ("out_carrier",))
    assert table.columns == ["session", "out_carrier", "offered", "booked"]
    assert table.rows() == [(0, 3, 0.5, 0), (1, 3, 1, 1)]


# --- an oracle ---


def expect_means(bookings: Sequence[Row], key: Sequence[str]) -> dict[tuple[Any, ...], Row]:
    means = {}
    for values in {tuple(row[name] for name in key) for row in bookings}:
        if None in values:
            continue
        rows = [row for row in bookings if tuple(row[name] for name in key) == values]
        observed = {attribute: known([row[attribute] for row in rows]) for attribute in ATTRIBUTES}
        made: Row = {"bookings": len(rows), "last_ms": max(row["time"] for row in rows)}
        made |= {attribute: statistics.fmean(seen) if seen else None for attribute, seen in observed.items()}
        for attribute in SPREADS:
            seen = observed[attribute]
            made[f"{attribute}_spread"] = statistics.stdev(seen) if len(seen) > 1 else None
            for q in (25, 50, 75):
                made[f"{attribute}_q{q}"] = float(np.percentile(seen, q)) if seen else None
        means[values] = made
    return means


def expect_lifts(searches: Searches, seen: set[int], key: Sequence[str]) -> dict[tuple[Any, ...], tuple[float, float]]:
    """times and lift by key."""
    booked: dict[tuple[Any, ...], float] = {}
    expected: dict[tuple[Any, ...], float] = {}
    for session, options in by_session(searches):
        if session["session"] not in seen or session["booked"] is None:
            continue
        for position, row in enumerate(options):
            values = tuple((session | row)[name] for name in key)
            if None not in values:
                expected[values] = expected.get(values, 0) + 1 / len(options)
                booked[values] = booked.get(values, 0) + (position == session["booked"])
    return {
        values: (booked[values], math.log((booked[values] + 2) / (share + 2))) for values, share in expected.items()
    }


@pytest.mark.parametrize("seed", range(2))
def test_what_snapshots_know_is_what_the_oracle_says(seed: int) -> None:
    searches = draw_searches(seed, count=60, longest=5)
    sessions = searches.sessions
    as_of = sessions.select("session", until=pl.Series([START + 9 * DAY_MS] * 30 + [START + 20 * DAY_MS] * 30))
    snapshots = take_snapshots(sessions, as_of)
    past = build_history(collect_bookings(searches), snapshots)
    chosen = (
        add_attributes(searches.options).join(sessions, on="session").filter(pl.col("position") == pl.col("booked"))
    )
    for snapshot, moment in enumerate((START + 9 * DAY_MS, START + 20 * DAY_MS)):
        rows = chosen.filter(pl.col("time") < moment).rows(named=True)
        assert rows
        for name, key in KEYS.items():
            assert_table(
                past.means[name].filter(snapshot=snapshot), key, expect_means(rows, key), detailed=name in DETAILED
            )
        seen = {row["session"] for row in rows}
        for name, key in LIFTS.items():
            table, expected = past.lifts[name].filter(snapshot=snapshot), expect_lifts(searches, seen, key)
            lifts = {
                row[1 : 1 + len(key)]: row[1 + len(key) :]
                for row in table.select("snapshot", *key, "times", "lift").rows()
            }
            assert lifts.keys() == expected.keys(), name
            for values, lift in lifts.items():
                assert lift == pytest.approx(expected[values], abs=1e-5), (name, values)


def assert_table(
    table: pl.DataFrame, key: Sequence[str], expected: dict[tuple[Any, ...], Row], *, detailed: bool
) -> None:
    keys = list(table.select(key).rows())
    assert keys == sorted(expected)
    details = [name for name in next(iter(expected.values())) if name.endswith(("_spread", "_q25", "_q50", "_q75"))]
    columns = ["bookings", "last_ms", *ATTRIBUTES, *(details if detailed else [])]
    assert table.columns == ["snapshot", *key, *table.columns[1 + len(key) :]]
    assert sorted(table.columns[1 + len(key) :]) == sorted(columns)
    for name in columns:
        assert_column(table[name], [expected[values][name] for values in keys])


# --- what a snapshot must not see ---


def assert_same_history(one: History, other: History) -> None:
    for name in KEYS:
        assert_frame_equal(one.means[name], other.means[name])
    for name in LIFTS:
        assert_frame_equal(one.lifts[name], other.lifts[name])


def alter(searches: Searches, changed: pl.Series) -> Searches:
    """The searches with another booking in the sessions that are marked."""
    other = (pl.col("booked").fill_null(0) + 1) % pl.col("size")
    booked = pl.when(changed).then(other).otherwise("booked").cast(pl.Int32)
    return Searches(searches.sessions.with_columns(booked), searches.options)


@pytest.mark.parametrize("seed", range(2))
def test_no_booking_from_the_moment_on_counts_and_every_one_before_does(seed: int) -> None:
    searches = draw_searches(seed, count=16, longest=4)
    options = pl.col("booked").is_not_null() & (pl.col("size") > 1)
    times = searches.sessions["time"]
    moment = int(times.sort()[8])
    assert times.is_in([moment]).any()
    as_of = pl.DataFrame({"session": [0], "until": [moment]})

    def know(given: Searches) -> History:
        return build_history(collect_bookings(given), take_snapshots(given.sessions, as_of))

    plain = know(searches)
    assert_same_history(plain, know(alter(searches, times >= moment)))
    extra = make_searches(*(search(day=(moment - START) / DAY_MS + late, profile=1, route=0) for late in (0, 1)))
    shift = searches.sessions.height
    longer = Searches(
        pl.concat(
            [
                searches.sessions,
                extra.sessions.with_columns(pl.col("session") + shift, first=pl.col("first") + searches.options.height),
            ]
        ),
        pl.concat([searches.options, extra.options.with_columns(pl.col("session") + shift)]),
    )
    assert_same_history(plain, know(longer))
    earlier = searches.sessions.filter(options & (pl.col("time") < moment))["session"].to_list()
    assert earlier
    for session in earlier[:3]:
        changed = know(alter(searches, searches.sessions["session"] == session))
        with pytest.raises(AssertionError):
            assert_same_history(plain, changed)


def test_each_snapshot_knows_its_own_bookings_only() -> None:
    searches = make_searches(*(search(day=day, profile=profile) for day, profile in ((0, 1), (1, 2), (2, 1), (3, 1))))
    as_of = pl.DataFrame({"session": [0, 1, 2], "until": [START + day * DAY_MS for day in (1, 3, 0)]})
    past = build_history(collect_bookings(searches), take_snapshots(searches.sessions, as_of))
    assert past.means["profile"].select("snapshot", "profile", "bookings", "last_ms").rows() == [
        (1, 1, 1, START),
        (2, 1, 2, START + 2 * DAY_MS),
        (2, 2, 1, START + DAY_MS),
    ]
    assert past.lifts["carrier"].select("snapshot", "times").rows() == [(1, 1), (2, 3)]


def test_where_nothing_is_seen_the_tables_are_empty_with_the_same_columns() -> None:
    log: BookingLog = collect_bookings(make_searches(search()))
    nothing, something = build_history(log, see()), build_history(log, see(0))
    for name in KEYS:
        assert nothing.means[name].height == 0
        assert nothing.means[name].schema == something.means[name].schema
    for name in LIFTS:
        assert nothing.lifts[name].height == 0
        assert nothing.lifts[name].schema == something.lifts[name].schema


@pytest.mark.parametrize("asked", [(), ("history",), ("lift", "taste"), ("core",)])
def test_only_what_the_blocks_look_up_is_tabulated(asked: tuple[str, ...]) -> None:
    log = collect_bookings(make_searches(search(), search(profile=2)))
    whole, part, nothing = (
        build_history(log, see(0, 1)),
        build_history(log, see(0, 1), asked),
        build_history(log, see()),
    )
    for block, kind in (("history", "means"), ("lift", "lifts"), ("taste", "preferences")):
        expected = whole if block in asked else nothing
        tables = getattr(part, kind)
        assert tables.keys() == getattr(whole, kind).keys()
        for name, table in tables.items():
            assert_frame_equal(table, getattr(expected, kind)[name])
