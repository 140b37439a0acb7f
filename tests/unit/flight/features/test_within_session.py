"""The option against the others of its search: by hand where rules meet, and against an oracle over random searches."""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest

from tests.unit.flight.features.test_build import check_block, make
from tests.unit.flight.flight_world import (
    NOON,
    ONE_WAY,
    Row,
    assert_column,
    draw_searches,
    known,
    less,
    make_searches,
    option,
    over,
    rank,
    search,
)


def within(*options: Row) -> pl.DataFrame:
    return make(make_searches(search(*options)), "within")


def priced(*prices: float | None, **columns: Sequence[Any]) -> list[Row]:
    """Options of these prices; further columns by their values."""
    return [
        option(price=price, **{name: values[position] for name, values in columns.items()})
        for position, price in enumerate(prices)
    ]


# --- by hand ---


def test_prices_by_hand() -> None:
    table = within(*priced(200.0, 100.0, 400.0, 100.0))
    assert_column(table["within_price_from_median"], [math.log(p / 150) for p in (200, 100, 400, 100)])
    deviation = statistics.stdev([200, 100, 400, 100])
    assert_column(table["within_price_spreads"], [50 / deviation, -50 / deviation, 250 / deviation, -50 / deviation])
    assert_column(table["within_cheapest"], [0, 1, 0, 1])
    assert_column(table["within_next_price"], [-0.5, 3, -0.75, None])
    assert_column(table["within_previous_price"], [None, -1, 0.75, -3])
    assert_column(table["within_same_price"], [1, 2, 1, 2])
    assert_column(table["within_position_share"], [0, 1 / 3, 2 / 3, 1])


def test_equal_values_have_no_spread_and_one_option_has_none_to_tell() -> None:
    assert_column(within(*priced(70.0, 70.0))["within_price_spreads"], [0, 0])
    alone = within(*priced(70.0))
    assert_column(alone["within_price_spreads"], [None])
    for name in ("price_from_median", "cheapest_rank", "price_place", "position_share", "carrier_ratio", "fare_ratio"):
        assert alone.get_column(f"within_{name}", default=pl.Series([0])).to_list() == [0], name
    assert alone["within_carrier_share"].to_list() == [1]


def test_dominance_counts_options_that_cost_or_take_as_much() -> None:
    """Two fares of one price or one duration are compared with each other, in either order on the page."""
    slower, dearer = [110, 0, 0, 0], [math.log(2), 0, 0, math.log(3)]
    for order in (slice(None), slice(None, None, -1)):
        prices, durations = [100.0, 100.0, 50.0, 300.0][order], [200, 90, 150, 90][order]
        table = within(*priced(*prices, out_duration=durations, back_duration=(0,) * 4))
        assert_column(table["within_slower_than_cheaper"], slower[order])
        assert_column(table["within_dearer_than_faster"], dearer[order])


def test_an_unknown_price_is_not_cheaper_and_an_unknown_duration_not_faster() -> None:
    rows = priced(100.0, None, 80.0, 10.0, out_duration=(100, 30, 200, None), back_duration=(0,) * 4)
    table = within(*rows)
    assert_column(table["within_slower_than_cheaper"], [0, None, 0, None])
    assert_column(table["within_dearer_than_faster"], [0, None, 0, None])


def test_options_alike_are_compared_with_each_other_only() -> None:
    expected = {
        "carrier": ("out_carrier", (1, 2, 1, 2)),
        "direct": ("out_segments", (1, 2, 1, 3)),
        "cabin": ("out_cabin", (1, 2, 1, 2)),
        "access": ("access_tp", (1, 0, 1, 0)),
        "terms": ("exchange_allowed", (1, 0, 1, 0)),
        "out_flight": ("out_flight", (1, 2, 1, 2)),
        "back_flight": ("back_departure", (NOON, NOON + 9, NOON, NOON + 9)),
    }
    for name, (column, values) in expected.items():
        table = within(*priced(300.0, 80.0, 200.0, 40.0, **{column: values}))
        assert_column(table[f"within_{name}_ratio"], [math.log(1.5), math.log(2), 0, 0])
        assert_column(table[f"within_{name}_price_rank"], [1, 1, 0, 0])
    other_back = within(*priced(300.0, 200.0, back_carrier=(1, 2)))
    assert_column(other_back["within_carrier_price_rank"], [0, 0])
    other_bags = within(*priced(300.0, 200.0, out_bags=(0, 1)))
    assert_column(other_bags["within_terms_price_rank"], [0, 0])


def test_fares_of_an_itinerary_by_hand() -> None:
    table = within(*priced(300.0, 80.0, 200.0, 40.0, 90.0, 200.0, out_flight=(1, 2, 1, 2, 3, 4)))
    assert_column(table["within_fares"], [2, 2, 2, 2, 1, 1])
    assert_column(table["within_fare_ratio"], [math.log(1.5), math.log(2), 0, 0, 0, 0])
    assert_column(table["within_fare_level"], [1, 1, 0, 0, 0, 0])
    assert_column(table["within_fare_position"], [0, 0, 2, 2, 0, 0])
    assert_column(table["within_itinerary_rank"], [2, 0, 2, 0, 1, 2])
    assert_column(table["within_itinerary_ratio"], [math.log(p / 40) for p in (200, 40, 200, 40, 90, 200)])


def test_one_way_leaves_the_way_back_open() -> None:
    table = within(option(**ONE_WAY), option(price=50.0, **ONE_WAY))
    for name in ("stay_rank", "back_hour_rank", "back_duration_excess", "stay_spreads", "back_segments_more"):
        assert table[f"within_{name}"].to_list() == [None, None], name
    assert_column(table["within_back_flight_price_rank"], [1, 0])
    assert_column(table["within_duration_excess"], [0, 0])


# --- an oracle ---

GROUPS = {
    "carrier": ("out_carrier", "back_carrier"),
    "direct": ("direct",),
    "cabin": ("cabin",),
    "access": ("access_tp",),
    "terms": ("bags", "exchange_allowed"),
    "out_flight": ("out_departure", "out_carrier", "out_flight"),
    "back_flight": ("back_departure", "back_carrier", "back_flight"),
}
PLAIN = ("price_rank", "price_place", "price_ratio", "fare_level", "position", "duration_ratio", "segments_more")


def log(value: float | None) -> float | None:
    return None if value is None else math.log(value)


def least(values: Sequence[Any]) -> Any:
    return min(known(values), default=None)


def spreads(value: float | None, values: Sequence[Any]) -> float | None:
    present = known(values)
    if value is None or len(present) < 2:
        return None
    return float((value - statistics.median(present)) / max(statistics.stdev(present), 1e-3))


def more(value: float | None, values: Sequence[Any]) -> float | None:
    return None if value is None else value - statistics.fmean(known(values))


def expect_within(_: Row, options: Sequence[Row]) -> list[Row]:
    for row in options:
        row["stay"] = less(row["back_departure"], row["out_arrival"])
        row["cheapest_fare"] = least([other["price"] for other in options if alike(row, other, ("itinerary",))])
    return [
        {name: row[name] for name in PLAIN}
        | expect_prices(row, options)
        | expect_groups(row, options)
        | expect_times(row, options)
        | expect_terms(row, options)
        for row in options
    ]


def alike(row: Row, other: Row, key: Sequence[str]) -> bool:
    return all(row[name] == other[name] for name in key)


def column(options: Sequence[Row], name: str, where: Callable[[Row], bool] = lambda _: True) -> list[Any]:
    return [row[name] for row in options if where(row)]


def expect_prices(row: Row, options: Sequence[Row]) -> Row:
    price, prices, position = row["price"], column(options, "price"), int(row["position"])
    after = prices[position + 1] if position + 1 < len(prices) else None
    before = prices[position - 1] if position else None
    duration = row["duration"]
    cheaper = column(options, "duration", lambda o: None not in (price, o["price"]) and o["price"] <= price)
    faster = column(options, "price", lambda o: None not in (duration, o["duration"]) and o["duration"] <= duration)
    return {
        "position_share": position / max(len(options) - 1, 1),
        "price_from_median": None if price is None else math.log(price / statistics.median(known(prices))),
        "price_spreads": spreads(price, prices),
        "cheapest": None if price is None else price == least(prices),
        "next_price": over(less(after, price), price),
        "previous_price": over(less(price, before), price),
        "same_price": prices.count(price),
        "dearer_than_faster": log(over(price, least(faster))),
        "slower_than_cheaper": less(duration, least(cheaper)),
    }


def expect_groups(row: Row, options: Sequence[Row]) -> Row:
    made: Row = {}
    for name, key in GROUPS.items():
        prices = column(options, "price", lambda other, key=key: alike(row, other, key))  # type: ignore[misc]
        made[f"{name}_ratio"] = log(over(row["price"], least(prices)))
        made[f"{name}_price_rank"] = rank(row["price"], prices)
    fares = [other for other in options if alike(row, other, ("itinerary",))]
    carrier = [other for other in options if alike(row, other, ("out_carrier",))]
    return made | {
        "fare_ratio": log(over(row["price"], least(column(fares, "price")))),
        "fares": len(fares),
        "fare_position": row["position"] - min(column(fares, "position")),
        "itinerary_rank": rank(row["cheapest_fare"], list(set(column(options, "cheapest_fare")))),
        "itinerary_ratio": log(over(row["cheapest_fare"], least(column(options, "price")))),
        "carrier_share": len(carrier) / len(options),
    }


def expect_times(row: Row, options: Sequence[Row]) -> Row:
    made: Row = {"fewest_segments": row["segments_more"] == 0}
    for name in ("duration", "out_hour", "back_hour", "out_arrival_hour", "stay"):
        made[f"{name}_rank"] = rank(row[name], column(options, name))
    for name in ("duration", "out_hour", "back_hour", "stay"):
        made[f"{name}_spreads"] = spreads(row[name], column(options, name))
    for name in ("duration", "out_duration", "back_duration"):
        made[f"{name}_excess"] = less(row[name], least(column(options, name)))
    for name in ("out_segments", "back_segments"):
        made[f"{name}_more"] = less(row[name], least(column(options, name)))
    return made


def expect_terms(row: Row, options: Sequence[Row]) -> Row:
    averaged = ("bags", "cabin", "free_exchange", "free_cancel", "exchange_allowed", "access_tp", "out_seats")
    made: Row = {f"{name}_more": more(row[name], column(options, name)) for name in averaged}
    return made | {
        f"{name}_rank": rank(row[name], column(options, name)) for name in ("cancel_fee", "exchange_fee", "taxes")
    }


@pytest.mark.parametrize("seed", range(3))
def test_every_feature_within_a_search_is_what_the_oracle_says(seed: int) -> None:
    check_block(draw_searches(seed, count=40), "within", expect_within)
