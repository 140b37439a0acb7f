"""The flight reader on sound files: every column of sessions and options against a table computed by hand."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from competitions.flight.io.options import parse_duration, parse_minute
from tests.unit.flight.flight_rows import NO_CODE, Row, no_leg, option, read_rows, segment
from tests.unit.flight.flight_world import LEG, OPTION, SESSION

# 15 June 2024 is day 19,889 since 1970.
JUNE_15 = 19_889 * 1440
SESSION_TYPES = {"session": pl.Int32} | {name: dtype for name, (dtype, _) in SESSION.items()}
OPTION_TYPES = {"session": pl.Int32, "row": pl.Int64} | {name: dtype for name, (dtype, _) in OPTION.items()}


def leg(prefix: str, values: tuple[Any, ...] | None) -> dict[str, Any]:
    """The columns of a leg in the order of ``LEG``; None for a leg that is not there."""
    return {f"{prefix}_{name}": value for name, value in zip(LEG, values or (None,) * len(LEG), strict=True)}


def connecting_row() -> Row:
    """Out: Moscow 22:00, Saint Petersburg, Chelyabinsk 03:30 the next day; back: a day and two hours, direct."""
    return option(
        11,
        "a",
        **{"legs0_departureAt": "2024-06-15T22:00:00", "legs0_arrivalAt": "2024-06-16T03:30:00"},
        legs0_duration="04:30:00",
        **segment(0, 0, cabin=2.0, seats=9.0, bags=20.0, bags_kg=1.0, flight="0042"),
        **segment(0, 1, origin="LED", duration="02:00:00", carrier="ВГ", cabin=1.0, seats=3.0, flight="9"),
        **{"legs1_departureAt": "2024-06-17T23:30:00", "legs1_arrivalAt": "2024-06-18T23:33:04"},
        legs1_duration="1.02:03:04",
        **segment(1, 0, origin="CEK", duration="1.02:03:04", carrier="S7", cabin=4.0, seats=None),
        **{"totalPrice": 17901.5, "taxes": 0.0, "pricingInfo_isAccessTP": None, "selected": 1},
        **{"miniRules0_monetaryAmount": None, "miniRules0_statusInfos": None, "miniRules0_percentage": 50.0},
    )


def one_way_row() -> Row:
    """Three segments, one hour on the ground, no leg 1, an airport and a carrier that the codes lack."""
    return option(
        12,
        "b",
        **{"searchRoute": "CEKMOW", "companyID": 501, "profileId": 7001, "corporateTariffCode": None},
        **{"isAccess3D": False, "isVip": True, "bySelf": False, "selected": 1},
        frequentFlyer=f"SU/SU/{NO_CODE}/ S7 /ВГ/ZZ",
        requestDate=datetime(2024, 6, 1, 12, 0, 0, 999_000),
        **no_leg(1),
        **{"legs0_departureAt": "2024-06-15T00:00:00", "legs0_arrivalAt": "2024-06-15T23:59:59"},
        legs0_duration="05:30:00",
        **segment(0, 0, origin="XXX", carrier="S7"),
        **segment(0, 1, origin="KSZ", carrier="S7", duration="01:00:00", cabin=None, seats=2.0),
        **segment(0, 2, origin="LED", carrier="ZZ", duration="02:00:00", cabin=2.0, seats=None),
    )


def return_without_a_route() -> Row:
    return option(13, "c", searchRoute=None, frequentFlyer=NO_CODE, selected=1)


ROWS = [option(10, "a"), connecting_row(), one_way_row(), return_without_a_route()]
DIRECT_ONLY = (None,) * 4  # no stop, no layover, no second flight's cabin and bags
DIRECT = {
    **leg("out", (JUNE_15 + 940, JUNE_15 + 1030, 90, 1, 0, 6, 0, 1, 1, 0, 9, *DIRECT_ONLY)),
    **leg("back", (JUNE_15 + 2880 + 480, JUNE_15 + 2880 + 575, 95, 1, 0, 7, 1, 1, 1, 0, 9, *DIRECT_ONLY)),
}
FARE = {
    **{"price": 6586.0, "taxes": 1006.0, "access_tp": 1, "coded": True},
    **{"cancel_fee": 2800.0, "cancel_percent": 10.0, "cancel_allowed": 1},
    **{"exchange_fee": 0.0, "exchange_percent": 25.0, "exchange_allowed": 0},
}
OPTIONS = [
    {"session": 0, "row": 0, **FARE, **DIRECT},
    {
        **{"session": 0, "row": 1, **FARE, "price": 17901.5, "taxes": 0.0, "access_tp": None},
        **{"cancel_fee": None, "cancel_allowed": None, "cancel_percent": 50.0},
        **leg("out", (JUNE_15 + 1320, JUNE_15 + 1440 + 210, 270, 2, 0, 42, 0, 2, 20, 1, 3, 1, 60, 1, 1)),
        **leg("back", (JUNE_15 + 4290, JUNE_15 + 4320 + 1413, 1563, 1, 2, 6, 2, 4, 1, 0, None, *DIRECT_ONLY)),
    },
    {
        **{"session": 1, "row": 2, **FARE, "coded": False},
        **leg("out", (JUNE_15, JUNE_15 + 1439, 330, 3, 2, 6, None, 1, 1, 0, 2, 3, None, None, 1)),
        **leg("back", None),
    },
    {"session": 2, "row": 3, **FARE, **DIRECT},
]
NOON_MS = 1_717_243_200_000  # 12:00 on 1 June 2024, day 19,875.
COMMON = {
    **{"time": NOON_MS + 1000, "company": 500, "profile": 7000},
    **{"vip": False, "by_self": True, "route": 0, "round_trip": True, "loyalty": []},
}
SESSIONS = [
    {"session": 0, "ranker_id": "a", **COMMON, "size": 2, "first": 0, "booked": 1},
    {
        **{"session": 1, "ranker_id": "b", "time": NOON_MS + 999, "company": 501, "profile": 7001},
        **{"vip": True, "by_self": False, "route": 1},
        **{"round_trip": False, "loyalty": [0, 2, 3], "size": 1, "first": 2, "booked": 0},
    },
    {"session": 2, "ranker_id": "c", **COMMON, "route": None, "size": 1, "first": 3, "booked": 0},
]


@pytest.mark.parametrize("labelled", [True, False])
def test_every_column_of_options_and_sessions_is_that_of_the_table(tmp_path: Path, labelled: bool) -> None:
    """A test file reads the same but for ``booked``."""
    searches = read_rows(tmp_path, ROWS, labelled)
    assert dict(searches.options.schema) == OPTION_TYPES
    assert searches.options.to_dicts() == OPTIONS
    assert dict(searches.sessions.schema) == SESSION_TYPES
    unknown = {} if labelled else {"booked": None}
    assert searches.sessions.to_dicts() == [session | unknown for session in SESSIONS]


def test_rows_of_a_session_that_stand_apart_are_brought_together_in_file_order(tmp_path: Path) -> None:
    order = "abcabac"
    rows = [option(i, session, totalPrice=100.0 + i, selected=int(i in (1, 2, 5))) for i, session in enumerate(order)]
    searches = read_rows(tmp_path, rows, labelled=True)
    assert searches.options.select("session", "row", "price").rows() == [
        *((0, 0, 100.0), (0, 3, 103.0), (0, 5, 105.0)),
        *((1, 1, 101.0), (1, 4, 104.0)),
        *((2, 2, 102.0), (2, 6, 106.0)),
    ]
    assert searches.sessions.select("ranker_id", "size", "first", "booked").rows() == [
        *(("a", 3, 0, 2), ("b", 2, 3, 0), ("c", 2, 5, 0)),
    ]
    assert [(note.what, note.rows) for note in searches.notes] == [("sessions whose rows are not contiguous", 3)]


# --- parsing ---


TIMES: dict[str, int | None] = {
    **{"00:00:00": 0, "01:40:59": 100, "30:00:00": 1800, "1.00:00:00": 1440, "6.03:15:00": 8835, "12.00:01:00": 17281},
    **dict.fromkeys(("", "1:40:00", "01:60:00", "01:00:60", "-1.00:00:00", "1.01:40", " 01:40:00", "25.00:00:00")),
    "\u0660\u0661:\u0664\u0660:\u0660\u0660": None,
}
MOMENTS: dict[str, int | None] = {
    **{"1970-01-02T01:02:59": 1502, "2024-06-15T15:40:00": JUNE_15 + 940, "2024-02-29T00:00:00": 28_486_080},
    **dict.fromkeys(("2024-02-30T00:00:00", "2024-06-15T24:10:00", "2024-06-15", "soon", "")),
}


@pytest.mark.parametrize(("parse", "cases"), [(parse_duration, TIMES), (parse_minute, MOMENTS)])
def test_texts_are_parsed_to_minutes(parse: Callable[[pl.Expr], pl.Expr], cases: dict[str, int | None]) -> None:
    texts = pl.DataFrame({"text": [*cases, None]}, schema={"text": pl.String})
    assert texts.select(parse(pl.col("text"))).to_series().to_list() == [*cases.values(), None]
