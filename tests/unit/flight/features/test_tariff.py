"""The block tariff: one search by hand, each rule by a search that breaks it, and an oracle over random searches."""

import math
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from tests.unit.flight.features.test_history_features import compare
from tests.unit.flight.flight_world import (
    Row,
    Search,
    assert_column,
    option,
    search,
)

OWN = option(price=120.0, tariff=1, out_carrier=0)
OWN_DEAR = option(price=200.0, tariff=1, out_carrier=0, access_tp=0, exchange_fee=30.0)
OTHER = option(price=150.0, tariff=2, out_carrier=1, cancel_fee=0.0)
PLAIN = option(price=100.0, tariff=None, out_carrier=2, cancel_fee=0.0)
LIST = (OWN, OWN_DEAR, OTHER, PLAIN)


def tariff(*searches: Search) -> pl.DataFrame:
    """The features of the last search's options on day 9, which sees what was booked before day 8."""
    return compare(*searches, moment=8, block="tariff").tail(len(searches[-1].options))


def beside(*options: Row, **session: Any) -> pl.DataFrame:
    return tariff(search(*options, day=9, **session))


# --- by hand ---

BESIDE: dict[str, list[float | None]] = {
    "coded": [1, 1, 1, 0],
    "coded_share": [0.75] * 4,
    "only_coded_carrier": [0] * 4,
    "price_to_coded": [0, math.log(200 / 120), math.log(150 / 120), math.log(100 / 120)],
    "price_to_uncoded": [math.log(1.2), math.log(2), math.log(1.5), 0],
    "rank_of_coded": [1 / 3, 1, 2 / 3, None],
    "with_access": [1, 0, 1, 0],
    "with_free_exchange": [1, 0, 1, 0],
    "with_free_cancel": [0, 0, 1, 0],
    "with_vip": [1, 1, 1, 0],
}
# Two bookings of this company: code 2 by another traveller, then code 2 by this one; a third of another company.
PAST = (
    search(*LIST, day=0, booked=2, profile=51),
    search(*LIST, day=1, booked=2),
    search(*LIST, day=2, booked=0, company=6, profile=60),
)
LOOK_BACK: dict[str, list[float | None]] = {
    # Three of four options are coded: random choice books 1.5 of two.
    "company_coded": [*[math.log(4 / 3.5)] * 3, math.log(2 / 2.5)],
    "company_coded_times": [2, 2, 2, 0],
    "profile_coded": [*[math.log(3 / 2.75)] * 3, math.log(2 / 2.25)],
    "profile_coded_times": [1, 1, 1, 0],
    # Half of the options have code 1, a quarter code 2; no code is no key.
    "company_tariff": [math.log(2 / 3), math.log(2 / 3), math.log(4 / 2.5), 0],
    "company_tariff_times": [0, 0, 2, 0],
    "usual": [0, 0, 1, 0],
}


def test_a_search_beside_earlier_bookings_by_hand() -> None:
    table = tariff(*PAST, search(*LIST, day=9, vip=True))
    expected = BESIDE | LOOK_BACK
    assert sorted(table.columns) == sorted(expected)
    for name, values in expected.items():
        assert_column(table[name], values)


# --- one rule each ---


@pytest.mark.parametrize(
    ("codes", "carriers", "expected"),
    [
        ((1, 1, None), (0, 0, 2), [1, 1, 0]),  # all flights of one carrier coded, the others not
        ((1, 2, None), (0, 0, 2), [1, 1, 0]),  # the carrier counts, not the code
        ((1, 1, None), (0, 1, 2), [0, 0, 0]),
        ((1, 1, 1), (0, 0, 0), [1, 1, 1]),
        ((1, 1, None), (0, None, 2), [1, 1, 0]),  # a carrier that the train file lacks is none
        ((None, None, None), (0, 0, 0), [0, 0, 0]),
    ],
)
def test_the_only_coded_carrier(codes: Sequence[Any], carriers: Sequence[Any], expected: list[float]) -> None:
    rows = [option(tariff=code, out_carrier=carrier) for code, carrier in zip(codes, carriers, strict=True)]
    assert_column(beside(*rows)["only_coded_carrier"], expected)


def test_a_corporate_fare_without_a_code_is_coded_and_of_no_usual_code() -> None:
    marked = option(tariff=None) | {"coded": True}
    table = tariff(search(marked, PLAIN, day=0, booked=0), search(marked, PLAIN, day=9))
    assert_column(table["coded"], [1, 0])
    assert_column(table["company_coded_times"], [1, 0])
    assert_column(table["usual"], [0, 0])


def test_the_usual_code_is_the_commonest_of_those_on_offer() -> None:
    past = [search(OWN, OTHER, day=day, booked=int(day < 2)) for day in range(3)]  # code 2 twice, code 1 once
    assert_column(tariff(*past, search(OWN, OTHER, PLAIN, day=9))["usual"], [0, 1, 0])
    assert_column(tariff(*past, search(OWN, OWN_DEAR, PLAIN, day=9))["usual"], [1, 1, 0])
    assert_column(tariff(*past, search(OWN, OTHER, day=9, company=6))["usual"], [0, 0])
    even = (*past, search(OWN, OTHER, day=3))
    assert_column(tariff(*even, search(OWN, OTHER, PLAIN, day=9))["usual"], [1, 1, 0])


def test_searches_do_not_see_each_other() -> None:
    made = [search(PLAIN, day=9), search(OWN, OTHER, day=9)]
    table = compare(*made, moment=8, block="tariff")
    assert_column(table["coded_share"], [0, 1, 1])
    assert_column(table["price_to_uncoded"], [0, None, None])
    assert_column(table["rank_of_coded"], [None, 0.5, 1])
