"""The option against earlier bookings: by hand, against an oracle, and nothing from the snapshot's moment on."""

import math

import polars as pl

from common.time_units import DAY_MS
from competitions.flight.features.booking_history import LIFTS
from tests.unit.flight.flight_world import (
    START,
    Search,
    assert_column,
    build_seen,
    make_searches,
    option,
    search,
)


def compare(*searches: Search, moment: float, block: str = "lift") -> pl.DataFrame:
    """The features of a block of all options, everybody looking back from ``moment`` (days)."""
    frame = build_seen(make_searches(*searches), pl.lit(START + round(moment * DAY_MS)), block)
    return frame.rename(lambda name: name.removeprefix(f"{block}_"))


# --- by hand ---


def test_lifts_and_times_of_flights_and_carriers_by_hand() -> None:
    own, other = option(out_flight=1, back_flight=2), option(out_flight=3, back_flight=4, price=150.0)
    earlier = [search(own, other, day=day, profile=50 + day) for day in (0, 1)]  # twice the first, by two travellers
    late = search(own, other, option(out_flight=None), day=3)
    table = compare(*earlier, late, moment=2)[-3:]
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


def test_carriers_are_lifted_by_route_by_both_legs_and_for_the_way_back() -> None:
    """On route 3 the pair (1, 2) is booked twice out of four options each time, (1, 1) never; on route 4 neither is."""
    pairs = [(1, 2), (1, 1), (2, 2), (2, 1)]
    options = [option(out_carrier=out, back_carrier=back) for out, back in pairs]
    earlier = [search(*options, day=day, profile=60 + day) for day in (0, 1)]
    elsewhere = search(*options, day=0, route=4, profile=70, company=8, booked=3)
    table = compare(*earlier, elsewhere, search(*options, day=3), moment=2)[-4:]
    assert_column(table["carrier_pair_route"], [math.log(4 / 2.5), *[math.log(2 / 2.5)] * 3])
    out, back = (math.log(4 / 3), math.log(2 / 3)), (math.log(2 / 3), math.log(4 / 3))  # booked twice, never
    assert_column(table["carrier_route"], [out[0], out[0], out[1], out[1]])
    assert_column(table["back_carrier_route"], [back[1], back[0], back[1], back[0]])
    assert_column(table["carrier_company"], [out[0], out[0], out[1], out[1]])
    everywhere = math.log(4 / 3.5), math.log(3 / 3.5)  # three sessions, half of the options each
    assert_column(table["carrier"], [everywhere[0], everywhere[0], everywhere[1], everywhere[1]])
    assert_column(table["carrier_profile"], [0] * 4)
    assert "carrier_pair_route_times" not in table.columns
