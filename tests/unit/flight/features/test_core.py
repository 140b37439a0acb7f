"""The block core by hand: one search of four options in which every column tells some apart."""

import math
from typing import Any

import polars as pl

from tests.unit.flight.features.test_build import make
from tests.unit.flight.flight_world import MINUTE_MS, NOON, ONE_WAY, Row, assert_column, make_searches, option, search

DAY = 1440
FIRST = option(price=100.0)
OTHER_FARE = option(price=150.0, out_bags=2, back_bags=2, exchange_fee=30.0)  # of the same flights
ONE_STOP = option(
    **{"price": 80.0, "access_tp": 0, "out_segments": 2, "out_duration": 300, "out_arrival": NOON + 300},
    **{"out_carrier": 1, "out_flight": 12, "out_layover": 65, "out_second_cabin": 2, "out_second_bags": 0},
    out_seats=4,
)
BACK_BY_NIGHT = option(
    **{"price": 200.0, "out_cabin": 2, "back_carrier": 1, "back_flight": 13, "back_duration": 800},
    **{"back_departure": NOON + 3 * DAY + 60, "back_arrival": NOON + 3 * DAY + 860},
)


def core(*options: Row, **session: Any) -> pl.DataFrame:
    frame = make(make_searches(search(*options, **session)), "core")
    return frame.rename(lambda name: name.removeprefix("core_"))


def logs(*values: float) -> list[float]:
    return [math.log(value) for value in values]


PRICES: dict[str, list[float | None]] = {
    "log_price": [*logs(101, 151, 81, 201)],
    "price_ratio": [*logs(100 / 80, 150 / 80, 1, 200 / 80)],
    "price_place": [0.5, 0.75, 0.25, 1],
    "price_from_median": [*logs(100 / 125, 150 / 125, 80 / 125, 200 / 125)],
    "price_rank_of_fewest": [1, 2, None, 3],  # one more segment than the fewest
    "price_ratio_of_equal_stops": [*logs(1, 1.5, 1, 2)],
    "out_flight_ratio": [*logs(1, 1.5, 1, 2)],  # three of the options go by one flight
    "back_flight_ratio": [*logs(100 / 80, 150 / 80, 1, 1)],  # three of them come back by one
    "dominated": [0, 1, 0, 3],
}
TIMES: dict[str, list[float | None]] = {
    "duration": [180, 180, 390, 890],
    "out_duration": [90, 90, 300, 90],
    "back_duration": [90, 90, 90, 800],
    "duration_ratio": [*logs(1, 1, 390 / 180, 890 / 180)],
    "segments": [2, 2, 3, 2],
    "out_segments": [1, 1, 2, 1],
    "back_segments": [1, 1, 1, 1],
    "segments_more": [0, 0, 1, 0],
    "duration_place": [1.5 / 4, 1.5 / 4, 3 / 4, 1],
    "out_duration_excess": [0, 0, 210, 0],
    "back_duration_excess": [0, 0, 0, 710],
    "out_segments_excess": [0, 0, 1, 0],
    "out_hour": [12] * 4,
    "out_arrival_hour": [13.5, 13.5, 17, 13.5],
    "back_hour": [12, 12, 12, 13],
    "back_arrival_hour": [13.5, 13.5, 13.5, 140 / 60],
    "out_hour_place": [2.5 / 4] * 4,
    "out_arrival_hour_place": [0.5, 0.5, 1, 0.5],
    "back_hour_place": [0.5, 0.5, 0.5, 1],
    "stay": [46.5, 46.5, 43, 71.5],
    "stay_from_median": [0, 0, -3.5, 25],
    "out_nights": [0] * 4,
    "back_nights": [0, 0, 0, 1],
    "nights_there": [2, 2, 2, 3],
    "lead_days": [1.5] * 4,
    "out_layover": [None, None, 65, None],
    "back_layover": [None] * 4,
}
TERMS: dict[str, list[float | None]] = {
    "bags": [1, 2, 1, 1],
    "bags_more": [-0.25, 0.75, -0.25, -0.25],
    "cabin": [1, 1, 1, 1.5],
    "cabin_more": [-0.125, -0.125, -0.125, 0.375],
    "free_exchange": [1, 0, 1, 1],
    "free_exchange_more": [0.25, -0.75, 0.25, 0.25],
    "free_cancel": [0] * 4,
    "free_cancel_more": [0] * 4,
    "exchange_allowed": [1] * 4,
    "exchange_allowed_more": [0] * 4,
    "access_tp": [1, 1, 0, 1],
    "access_tp_more": [0.25, 0.25, -0.75, 0.25],
    "exchange_fee": [0, 30, 0, 0],
    "cancel_fee": [20] * 4,
    "seats": [9, 9, 4, 9],
    "second_cabin": [None, None, 2, None],
    "second_bags": [None, None, 0, None],
    "fare_level": [0, 1, 0, 0],
    "fare_ratio": [*logs(1, 1.5, 1, 1)],
    "fares": [2, 2, 1, 1],
    "one_carrier": [1, 1, 0, 0],
    "carrier_share": [0.75, 0.75, 0.25, 0.75],
    "out_flight_share": [0.75, 0.75, 0.25, 0.75],
    "back_flight_share": [0.75, 0.75, 0.75, 0.25],
}
OFFER: dict[str, list[float | None]] = {
    "round_trip": [1] * 4,
    "size": [4] * 4,
    "direct_share": [0.75] * 4,
    "shortest": [180] * 4,
    "log_cheapest": [math.log(81)] * 4,
}


def test_every_column_is_what_it_is_by_hand_and_there_is_no_other() -> None:
    table = core(FIRST, OTHER_FARE, ONE_STOP, BACK_BY_NIGHT, time=(NOON - 2160) * MINUTE_MS + 59_999)
    expected = PRICES | TIMES | TERMS | OFFER
    assert sorted(table.columns) == sorted(expected)
    for name, values in expected.items():
        assert_column(table[name], values)


def test_one_way_has_no_way_back_and_no_stay() -> None:
    table = core(*(row | ONE_WAY for row in (FIRST, ONE_STOP)), round_trip=False)
    for name in table.columns:
        if name.startswith(("back_duration", "back_hour", "back_arrival", "back_segments", "back_nights", "stay")):
            assert table[name].to_list() == [None, None], name
    assert table["nights_there"].to_list() == table["one_carrier"].to_list() == [None, None]
    for name, expected in {"round_trip": [0, 0], "duration": [90, 300], "dominated": [0, 0]}.items():
        assert_column(table[name], expected)


def test_flights_of_one_number_are_apart_by_carrier_and_by_departure() -> None:
    table = core(option(price=100.0), option(price=200.0, out_carrier=1), option(price=400.0, out_departure=NOON + 5))
    assert_column(table["out_flight_ratio"], [0, 0, 0])
    assert_column(table["back_flight_ratio"], logs(1, 2, 4))
    assert_column(table["out_flight_share"], [1 / 3] * 3)
