"""The block public: two options by hand, missing values as 0, and nothing of earlier bookings."""

import math
import statistics
from typing import Any

import polars as pl
import pytest

from competitions.flight.features.public import LEG_COLUMNS, RULES, SESSION
from tests.unit.flight.features.test_build import make
from tests.unit.flight.flight_world import (
    NOON,
    ONE_WAY,
    Row,
    assert_column,
    draw_searches,
    make_searches,
    option,
    search,
)

WHO: Row = {"loyalty": (0, 2), "vip": True, "by_self": False, "nationality": 36}


def public(*options: Row, **session: Any) -> pl.DataFrame:
    frame = make(make_searches(search(*options, **session)), "public")
    return frame.rename(lambda name: name.removeprefix("public_"))


FIRST = option(
    price=math.e - 1,
    taxes=1.0,
    out_duration=100,
    back_duration=79,
    out_departure=NOON - 300,  # Thursday 30 May 2024, 7:00
    out_arrival=NOON - 121,  # 9:59
    back_departure=NOON + 3 * 1440 + 300,  # Sunday, 17:00
    back_arrival=NOON + 4 * 1440 - 720,  # Monday, 0:00
    out_cabin=2,
    out_segments=2,
    exchange_fee=5.0,
    tariff=7,
)
SECOND = option(price=9.0, tariff=None, access_tp=None, **ONE_WAY)
SPREAD = statistics.stdev([math.e - 1, 9.0]) + 1
EXPECTED: dict[str, tuple[float, float]] = {
    "log_price": (1, math.log(10)),
    "taxes": (1, 10),
    "tax_rate": (1 / math.e, 1),
    "tariff": (7, 0),
    "coded": (1, 0),
    "access": (1, 0),
    "price_rank": (0, 1),
    "price_place": (0.5, 1),
    "cheapest": (1, 0),
    "price_from_median": ((math.e - 10) / 2 / SPREAD, (10 - math.e) / 2 / SPREAD),
    "duration": (179, 90),
    "duration_rank": (2, 1),
    "duration_ratio": (100 / 80, 1),
    "one_way": (0, 1),
    "segments": (3, 1),
    "fewest_segments": (0, 1),
    "cabin": (1.5, 1),
    "cabin_difference": (1, 1),
    "free_cancel": (0, 0),
    "free_exchange": (0, 1),
    "exchange_fee": (5, 0),
    "out_departure_hour": (7, 12),
    "out_departure_weekday": (4, 4),
    "out_departure_business": (1, 0),
    "out_arrival_hour": (9, 13),
    "out_arrival_business": (1, 0),
    "back_departure_hour": (17, 12),
    "back_departure_weekday": (7, 0),
    "back_departure_business": (1, 0),
    "back_arrival_hour": (0, 12),
    "back_arrival_weekday": (1, 0),
    "back_arrival_business": (0, 0),
    "programmes": (2, 2),
    "vip_or_member": (1, 1),
    "size": (2, 2),
    "by_self": (0, 0),
    "nationality": (36, 36),
}


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    return public(FIRST, SECOND, **WHO)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_column_is_what_it_is_by_hand(table: pl.DataFrame, name: str) -> None:
    assert_column(table[name], EXPECTED[name])


def test_codes_terms_and_traveller_are_the_raw_columns() -> None:
    searches = draw_searches(2)
    table = make(searches, "public")
    options = searches.options.join(searches.sessions.drop("coded"), on="session", how="left", maintain_order="left")
    for name in (*SESSION, *RULES, *(f"{leg}_{name}" for leg in ("out", "back") for name in LEG_COLUMNS)):
        assert_column(table[f"public_{name}"], options[name].cast(pl.Float64).fill_null(0).to_list())
    assert table.null_count().row(0) == (0,) * table.width


@pytest.mark.parametrize(
    ("minutes", "business"), [(359, 0), (360, 1), (599, 1), (600, 0), (1019, 0), (1020, 1), (1259, 1), (1260, 0)]
)
def test_people_travel_to_work_from_6_to_9_and_from_17_to_20(minutes: int, business: int) -> None:
    table = public(option(out_departure=NOON - 720 + minutes))
    assert_column(table["out_departure_business"], [business])
