"""What the flight reader settles by a rule: one changed field each, the count in the notes, the value that is kept."""

import math
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from competitions.flight.io import reader
from tests.unit.flight.flight_rows import NO_CODE, no_leg, option, read_rows, two_sessions

UNFIT = "cabin, baggage or seats no whole number from 0 to 127"
UNKNOWN = "unknown to the train file"
NO_PRICE = "totalPrice null, zero, negative or infinite"
MISFIT = "_arrivalAt over a day before the departure or over 30 days after it"


def read(folder: Path, *rows: dict[str, Any]) -> reader.Searches:
    return read_rows(folder, rows, labelled=False)


def list_notes(searches: reader.Searches) -> list[tuple[str, int, str]]:
    """The notes without "sessions with one option", which nearly every small file has."""
    return [(note.what, note.rows, note.done) for note in searches.notes if "with one option" not in note.what]


def test_a_sound_file_leaves_no_note_nor_do_nulls_that_the_layout_allows(tmp_path: Path) -> None:
    fields = (
        *("corporateTariffCode", "isAccess3D", "frequentFlyer", "searchRoute", "taxes", "pricingInfo_isAccessTP"),
        *(f"miniRules{rule}_{part}" for rule in (0, 1) for part in ("monetaryAmount", "percentage", "statusInfos")),
        *(f"legs0_segments0_{part}" for part in ("aircraft_code", "seatsAvailable", "baggageAllowance_quantity")),
    )
    lone = option(14, "c", **no_leg(1), **dict.fromkeys(fields), selected=1)
    rows = [*two_sessions(), option(13, "b"), lone, lone | {"Id": 15, "selected": 0}]
    assert read_rows(tmp_path, rows, labelled=True).notes == ()


@pytest.mark.parametrize(
    ("fields", "what", "column"),
    [
        # The last two are infinite and nothing as the Float32 that is kept.
        *(({"totalPrice": odd}, NO_PRICE, "price") for odd in (None, 0.0, -5.0, math.inf, math.nan, 1e39, 1e-300)),
        ({"taxes": -1.0}, "taxes negative or infinite", "taxes"),
        ({"taxes": 1e39}, "taxes negative or infinite", "taxes"),
        ({"miniRules0_monetaryAmount": -1.0}, "miniRules0_monetaryAmount negative or infinite", "cancel_fee"),
        ({"miniRules1_monetaryAmount": math.inf}, "miniRules1_monetaryAmount negative or infinite", "exchange_fee"),
        ({"miniRules0_percentage": -1.0}, "miniRules0_percentage no number from 0 to 100", "cancel_percent"),
        ({"miniRules1_percentage": 500.0}, "miniRules1_percentage no number from 0 to 100", "exchange_percent"),
        ({"miniRules0_statusInfos": 2.0}, "miniRules0_statusInfos neither 0 nor 1", "cancel_allowed"),
        ({"miniRules1_statusInfos": 0.5}, "miniRules1_statusInfos neither 0 nor 1", "exchange_allowed"),
        ({"pricingInfo_isAccessTP": -1.0}, "pricingInfo_isAccessTP neither 0 nor 1", "access_tp"),
        ({"legs0_departureAt": "soon"}, "legs0_departureAt unreadable", "out_departure"),
        ({"legs1_arrivalAt": "2024-06-31T00:00:00"}, "legs1_arrivalAt unreadable", "back_arrival"),
        ({"legs0_arrivalAt": "2019-06-15T17:10:00"}, f"legs0{MISFIT}", "out_arrival"),
        ({"legs1_arrivalAt": "2031-06-17T09:35:00"}, f"legs1{MISFIT}", "back_arrival"),
        ({"legs0_duration": "1:30"}, "legs0_duration unreadable", "out_duration"),
        ({"legs0_segments0_flightNumber": "6/7"}, "legs0_segments0_flightNumber without one number", "out_flight"),
        ({"legs0_segments0_departureFrom_airport_iata": ""}, "legs0 segment with an empty text", "out_origin"),
        ({"legs1_segments0_marketingCarrier_code": ""}, "legs1 segment with an empty text", "back_carrier"),
        ({"legs0_segments0_cabinClass": 1.5}, f"legs0 {UNFIT}", "out_cabin"),
        ({"legs0_segments0_baggageAllowance_quantity": 128.0}, f"legs0 {UNFIT}", "out_bags"),
        ({"legs0_segments0_seatsAvailable": -1.0}, f"legs0 {UNFIT}", "out_seats"),
        ({"legs0_segments0_marketingCarrier_code": "ZZ"}, f"legs0 carrier {UNKNOWN}", "out_carrier"),
        ({"legs1_segments0_departureFrom_airport_iata": "ZZZ"}, f"legs1 origin {UNKNOWN}", "back_origin"),
    ],
)
def test_a_faulty_value_is_counted_and_missing_and_its_row_is_kept(
    tmp_path: Path, fields: dict[str, Any], what: str, column: str
) -> None:
    searches = read(tmp_path, option(1, "a"), option(2, "a", **fields), option(3, "a", **fields))
    assert list_notes(searches) == [(what, 2, "missing")]
    assert searches.options[column].is_null().to_list() == [False, True, True]
    assert searches.options["row"].to_list() == [0, 1, 2]


@pytest.mark.parametrize(
    ("host", "ours", "first", "second", "kept"),
    [
        ("requestDate", "time", datetime(2024, 1, 1), datetime(2024, 1, 2), 1_704_067_200_000),
        ("isVip", "vip", True, False, True),
        ("searchRoute", "route", "CEKMOW", "MOWLED/LEDMOW", 1),
        ("frequentFlyer", "loyalty", "S7", "SU", [2]),
    ],
)
def test_a_constant_that_varies_is_counted_by_session_and_the_first_is_taken(
    tmp_path: Path, host: str, ours: str, first: Any, second: Any, kept: Any
) -> None:
    """Session a varies, in rows that stand apart; b and c do not, though they differ from each other."""
    rows = [
        *(option(1, "a", **{host: first}), option(2, "b", **{host: second}), option(3, "a", **{host: second})),
        *(option(4, "a", **{host: first}), option(5, "b", **{host: second}), option(6, "c", **{host: first})),
    ]
    searches = read(tmp_path, *rows)
    expected = (f"sessions in which {host} varies", 1, "the first option's is taken")
    assert [note for note in list_notes(searches) if "varies" in note[0]] == [expected]
    assert searches.sessions[ours].to_list()[0] == kept


@pytest.mark.parametrize(
    ("fields", "column", "kept", "what", "done"),
    [
        ({"searchRoute": "AAABBB"}, "route", None, f"sessions with a searchRoute {UNKNOWN}", "missing"),
        ({"searchRoute": "AAABBB"}, "round_trip", False, f"sessions with a searchRoute {UNKNOWN}", "missing"),
        ({"searchRoute": "AAABBB/BBBAAA"}, "round_trip", True, f"sessions with a searchRoute {UNKNOWN}", "missing"),
        *(
            ({host: None}, ours, None, f"sessions without {host}", "missing")
            for host, ours in (("bySelf", "by_self"), ("isVip", "vip"))
        ),
    ],
)
def test_a_faulty_value_of_a_session_is_counted_and_the_session_is_kept(
    tmp_path: Path, fields: dict[str, Any], column: str, kept: Any, what: str, done: str
) -> None:
    searches = read(tmp_path, option(1, "a"), option(2, "b", **fields))
    assert searches.sessions[column].to_list()[1] == kept
    assert list_notes(searches) == [(what, 1, done)]


# --- the corporate fare, which is the option's ---


@pytest.mark.parametrize(
    ("code", "flag", "coded", "disagree"),
    [
        *((55, True, True, 0), (None, False, False, 0), (55, False, True, 1), (None, True, True, 1)),
        *((55, None, True, 1), (None, None, False, 0), (0, True, True, 0), (-1, True, True, 0)),
    ],
)
def test_a_code_or_the_flag_makes_a_corporate_fare_and_a_disagreement_is_counted(
    tmp_path: Path, code: int | None, flag: bool | None, coded: bool, disagree: int
) -> None:
    fields = {"corporateTariffCode": code, "isAccess3D": flag}
    searches = read(tmp_path, option(1, "a", **fields), option(2, "a"), option(3, "a", **fields))
    assert searches.options["coded"].to_list()[::2] == [coded] * 2
    expected = ("isAccess3D and corporateTariffCode that disagree", 2, "treated as a corporate fare")
    assert list_notes(searches) == [expected] * disagree


@pytest.mark.parametrize(
    ("text", "carriers", "unknown", "repeated"),
    [
        ("S7/SU/ВГ", [2, 0, 3], 0, 0),
        ("SU/SU", [0], 0, 1),
        (NO_CODE, [], 1, 0),
        (f"{NO_CODE}/SU/{NO_CODE}", [0], 1, 1),
        (" SU / S7", [0, 2], 0, 0),
        ("SU//S7", [0, 2], 1, 0),
        ("su", [], 1, 0),
        ("", [], 0, 0),
        (None, [], 0, 0),
    ],
)
def test_frequent_flyer_strings_are_cleaned(
    tmp_path: Path, text: str | None, carriers: list[int], unknown: int, repeated: int
) -> None:
    searches = read(tmp_path, option(1, "a", frequentFlyer=text), option(2, "b", frequentFlyer="FV"))
    assert searches.sessions["loyalty"].to_list() == [carriers, [1]]
    expected = {
        "sessions with a frequentFlyer that is not a known carrier": (unknown, "that part is left out"),
        "sessions with a repeated frequentFlyer": (repeated, "taken once"),
    }
    assert list_notes(searches) == [(what, rows, done) for what, (rows, done) in expected.items() if rows]


def test_sessions_with_no_or_several_booked_options_are_kept_without_an_answer(tmp_path: Path) -> None:
    rows = [
        *(option(1, "a"), option(2, "a"), option(3, "b", selected=1), option(4, "b", selected=1)),
        *(option(5, "c"), option(6, "c", selected=1), option(7, "d"), option(8, "d")),
    ]
    searches = read_rows(tmp_path, rows, labelled=True)
    assert searches.sessions.select("ranker_id", "size", "booked").rows() == [
        *(("a", 2, None), ("b", 2, None), ("c", 2, 1), ("d", 2, None)),
    ]
    assert list_notes(searches) == [
        ("sessions with no booked option", 2, "kept, not used in training"),
        ("sessions with several booked options", 1, "kept, not used in training"),
    ]
