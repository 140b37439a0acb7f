"""History: lifts against an oracle, the options beside them by hand, and no table that no block looks up."""

import math
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.time_units import DAY_MS
from competitions.flight.features.booking_history import LIFTS, build_history, collect_bookings
from competitions.flight.io.reader import Searches
from competitions.flight.split import Snapshots
from tests.unit.flight.flight_world import (
    START,
    Search,
    assert_column,
    build_seen,
    by_session,
    draw_searches,
    look_back,
    make_searches,
    option,
    search,
)

# --- the statistics ---


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
    moments = START + 9 * DAY_MS, START + 20 * DAY_MS
    past = look_back(searches, pl.Series([moments[0]] * 30 + [moments[1]] * 30))
    for snapshot, moment in enumerate(moments):
        known = searches.sessions.filter(pl.col("booked").is_not_null() & (pl.col("time") < moment))
        for name, key in LIFTS.items():
            expected = expect_lifts(searches, set(known["session"]), key)
            rows = past.lifts[name].filter(snapshot=snapshot).select(*key, "times", "lift").rows()
            lifts = {row[: len(key)]: row[len(key) :] for row in rows}
            assert lifts.keys() == expected.keys() != set(), name
            for values, lift in lifts.items():
                assert lift == pytest.approx(expected[values], abs=1e-5), (name, values)


def see(*sessions: int) -> Snapshots:
    """One snapshot, 0, of these sessions' bookings."""
    visible = pl.DataFrame({"snapshot": [0] * len(sessions), "session": sessions}).cast(pl.Int32)
    assigned = {"session": pl.Series([0], dtype=pl.Int32), "snapshot": pl.Series([0], dtype=pl.Int32)}
    return Snapshots(pl.DataFrame(assigned).with_columns(until=pl.lit(None, pl.Int64)), visible)


@pytest.mark.parametrize("blocks", [(), ("taste",), ("lift", "taste"), ("core",)])
def test_only_what_the_blocks_look_up_is_tabulated(blocks: tuple[str, ...]) -> None:
    log = collect_bookings(make_searches(search(), search(profile=2)))
    whole, part, nothing = (
        build_history(log, see(0, 1)),
        build_history(log, see(0, 1), blocks),
        build_history(log, see()),
    )
    for block, kind in (("lift", "lifts"), ("taste", "preferences")):
        for name, expected in getattr(whole if block in blocks else nothing, kind).items():
            assert_frame_equal(getattr(part, kind)[name], expected)


# --- the block of lifts ---


def compare(*searches: Search) -> pl.DataFrame:
    """The lifts of all options, everybody looking back from day 2."""
    frame = build_seen(make_searches(*searches), pl.lit(START + 2 * DAY_MS), "lift")
    return frame.rename(lambda name: name.removeprefix("lift_"))


def test_lifts_and_times_of_flights_and_carriers_by_hand() -> None:
    own, other = option(out_flight=1, back_flight=2), option(out_flight=3, back_flight=4, price=150.0)
    earlier = [search(own, other, day=day, profile=50 + day) for day in (0, 1)]  # twice the first, by two travellers
    table = compare(*earlier, search(own, other, option(out_flight=None), day=3))[-3:]
    liked, ignored = math.log((2 + 2) / (1 + 2)), math.log((0 + 2) / (1 + 2))
    for name in ("out_flight", "back_flight", "habit_out_flight", "habit_back_flight"):
        assert_column(table[name][:2], [liked, ignored])
    assert table["out_flight"].to_list()[2] == 0
    assert_column(table["profile_out_flight"], [math.log(3 / 2.5), math.log(2 / 2.5), 0])
    assert_column(table["habit_out_flight_times"], [2, 0, 0])
    assert_column(table["profile_out_flight_times"], [1, 0, 0])
    assert_column(table["carrier_profile_times"], [1, 1, 1])
    for name in LIFTS:
        if name.startswith(("carrier", "back_carrier")):
            assert_column(table[name], [0, 0, 0])  # the only carrier is booked as often as it is offered
