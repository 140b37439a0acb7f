"""Rows of the host's layout for the tests of the flight reader: a plain return trip, changed field by field."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from competitions.flight.io.reader import Codes, Searches, read_searches
from competitions.flight.io.schema import INDEX, SEGMENTS, SELECTED, TEST, TRAIN, file_schema

CODES = Codes(
    carriers=pl.Series(["SU", "FV", "S7", "ВГ"]),
    airports=pl.Series(["SVO", "LED", "CEK", "KSZ"]),
    routes=pl.Series(["MOWLED/LEDMOW", "CEKMOW"]),
)
NO_CODE = "- ЮТэйр ЗАО"  # noqa: RUF001, as it stands in the host's files: a name, no code
Row = dict[str, Any]


SEGMENT: dict[str, tuple[str, Any]] = {
    "aircraft": ("aircraft_code", "SU9"),
    "city": ("arrivalTo_airport_city_iata", "LED"),
    "to": ("arrivalTo_airport_iata", "LED"),
    "bags": ("baggageAllowance_quantity", 1.0),
    "bags_kg": ("baggageAllowance_weightMeasurementType", 0.0),
    "cabin": ("cabinClass", 1.0),
    "origin": ("departureFrom_airport_iata", "SVO"),
    "duration": ("duration", "01:30:00"),
    "flight": ("flightNumber", "6"),
    "carrier": ("marketingCarrier_code", "SU"),
    "operator": ("operatingCarrier_code", "FV"),
    "seats": ("seatsAvailable", 9.0),
}


def segment(leg: int, number: int, **fields: Any) -> Row:
    """A filled segment: an hour and a half from Moscow to Saint Petersburg, with ``fields`` (short names) changed."""
    assert set(fields) <= set(SEGMENT), fields
    return {f"legs{leg}_segments{number}_{host}": fields.get(name, usual) for name, (host, usual) in SEGMENT.items()}


def no_leg(leg: int) -> Row:
    times = {f"legs{leg}_{part}": None for part in ("departureAt", "arrivalAt", "duration")}
    return times | {name: None for s in SEGMENTS for name in segment(leg, s)}


def option(Id: int, session: str, **fields: Any) -> Row:
    """A direct return trip on 15 and 17 June 2024, not booked, with ``fields`` (the host's names) changed."""
    row: Row = {
        "Id": Id,
        "bySelf": True,
        "companyID": 500,
        "corporateTariffCode": 57,
        "frequentFlyer": None,
        "nationality": 36,
        "isAccess3D": True,
        "isVip": False,
        **no_leg(0),
        "legs0_departureAt": "2024-06-15T15:40:00",
        "legs0_arrivalAt": "2024-06-15T17:10:00",
        "legs0_duration": "01:30:00",
        **segment(0, 0),
        **no_leg(1),
        "legs1_departureAt": "2024-06-17T08:00:00",
        "legs1_arrivalAt": "2024-06-17T09:35:00",
        "legs1_duration": "01:35:00",
        **segment(1, 0, origin="LED", to="SVO", duration="01:35:00", flight="7"),
        "miniRules0_monetaryAmount": 2800.0,
        "miniRules0_percentage": 10.0,
        "miniRules0_statusInfos": 1.0,
        "miniRules1_monetaryAmount": 0.0,
        "miniRules1_percentage": 25.0,
        "miniRules1_statusInfos": 0.0,
        "pricingInfo_isAccessTP": 1.0,
        "pricingInfo_passengerCount": 1,
        "profileId": 7000,
        "ranker_id": session,
        "requestDate": datetime(2024, 6, 1, 12, 0, 1),
        "searchRoute": "MOWLED/LEDMOW",
        "sex": False,
        "taxes": 1006.0,
        "totalPrice": 6586.0,
        SELECTED: 0,
        INDEX: Id,
    }
    assert set(fields) <= set(row), set(fields) - set(row)
    return row | fields


def table(rows: Sequence[Row], labelled: bool = True) -> pl.DataFrame:
    """The rows in the types of the host's files."""
    frame = pl.DataFrame(rows, schema=file_schema(labelled=True), orient="row")
    return frame if labelled else frame.drop(SELECTED)


def write_train(folder: Path, rows: Sequence[Row]) -> Path:
    table(rows).write_parquet(folder / TRAIN)
    return folder / TRAIN


def write_test(folder: Path, rows: Sequence[Row]) -> Path:
    table(rows, labelled=False).write_parquet(folder / TEST)
    return folder / TEST


def read_rows(folder: Path, rows: Sequence[Row], labelled: bool) -> Searches:
    """What the reader makes of a file of these rows."""
    path = write_train(folder, rows) if labelled else write_test(folder, rows)
    return read_searches(path, CODES, labelled)


def two_sessions(**changes: Row) -> list[Row]:
    """Session a of two options, the second booked; session b of one, booked. ``changes``: r0, r1, r2 -> fields."""
    rows = [option(10, "a"), option(11, "a", selected=1), option(12, "b", selected=1)]
    return [row | changes.get(f"r{i}", {}) for i, row in enumerate(rows)]
