"""The host's layout: columns in order and type, and the vocabularies of the strings.

Strings are kept as codes into vocabularies up to the file, which then holds plain strings.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pyarrow as pa

from competitions.flight.simulator.geography import Cities, Ints, aircraft_names, carrier_names, hashed
from competitions.flight.simulator.search_sessions import START
from competitions.flight.simulator.timetable import DAY, SEGMENTS, Pairs
from competitions.flight.simulator.travellers import loyalty_names

HORIZON_DAYS = 520  # from the first request to the last arrival, and more
LONGEST = 7 * DAY  # minutes; no leg lasts longer
TEXT = pa.dictionary(pa.int32(), pa.string())
SAMPLE_ROWS = pa.schema([("Id", pa.int64()), ("ranker_id", TEXT), ("selected", pa.int64())])
_BOOLEANS = {"bySelf", "isAccess3D", "isVip", "sex"}
_INTEGERS = {
    "Id",
    "companyID",
    "corporateTariffCode",
    "nationality",
    "pricingInfo_passengerCount",
    "profileId",
    "selected",
    "__index_level_0__",
}
_SEGMENT = ("aircraft_code", "arrivalTo_airport_city_iata", "arrivalTo_airport_iata", "baggageAllowance_quantity",
            "baggageAllowance_weightMeasurementType", "cabinClass", "departureFrom_airport_iata", "duration",
            "flightNumber", "marketingCarrier_code", "operatingCarrier_code", "seatsAvailable")  # fmt: skip
_FLOATS = {"baggageAllowance_quantity", "baggageAllowance_weightMeasurementType", "cabinClass", "seatsAvailable"}
_RULES = ("monetaryAmount", "percentage", "statusInfos")


def column_names(labelled: bool) -> tuple[str, ...]:
    """Columns of train (``labelled``) or test in the host's order."""
    head = ("Id", "bySelf", "companyID", "corporateTariffCode", "frequentFlyer", "nationality", "isAccess3D", "isVip")
    legs = []
    for leg in ("legs0_", "legs1_"):
        legs += [leg + name for name in ("arrivalAt", "departureAt", "duration")]
        legs += [f"{leg}segments{number}_{name}" for number, name in product(range(SEGMENTS), _SEGMENT)]
    rules = [f"miniRules{number}_{name}" for number, name in product((0, 1), _RULES)]
    tail = ("pricingInfo_isAccessTP", "pricingInfo_passengerCount", "profileId", "ranker_id", "requestDate",
            "searchRoute", "sex", "taxes", "totalPrice")  # fmt: skip
    return (*head, *legs, *rules, *tail, *(("selected",) if labelled else ()), "__index_level_0__")


def file_schema(labelled: bool) -> pa.Schema:
    """Types of the columns."""
    return pa.schema([(name, _type_of(name)) for name in column_names(labelled)])


def segment_text_names() -> tuple[str, ...]:
    """Fields of a segment that are strings."""
    return tuple(name for name in _SEGMENT if name not in _FLOATS)


def _type_of(name: str) -> pa.DataType:
    if name in _BOOLEANS:
        return pa.bool_()
    if name in _INTEGERS:
        return pa.int64()
    if name == "requestDate":
        return pa.timestamp("ns")
    numeric = name.startswith(("miniRules", "pricingInfo_isAccessTP", "taxes", "totalPrice"))
    return pa.float64() if numeric or name.split("_", 2)[-1] in _FLOATS else TEXT


@dataclass(frozen=True)
class Vocabularies:
    """String values by code; a time's code is five-minute steps after ``origin`` (minutes since 1970)."""

    times: pa.Array
    origin: int
    durations: pa.Array
    flights: pa.Array
    carriers: pa.Array
    airports: pa.Array
    cities: pa.Array
    aircraft: pa.Array
    routes: pa.Array
    loyalty: pa.Array


def make_vocabularies(cities: Cities, pairs: Pairs) -> Vocabularies:
    """Every string that a file may hold, made once."""
    day = START.astype("datetime64[D]")
    times = np.datetime_as_string(np.arange(day, day + HORIZON_DAYS, np.timedelta64(5, "m")).astype("datetime64[s]"))
    minutes = range(0, LONGEST, 5)
    durations = [_duration(value) for value in minutes]
    names = cities.names
    out = [names[a] + names[b] for a, b in zip(pairs.start, pairs.end, strict=True)]
    home = [names[b] + names[a] for a, b in zip(pairs.start, pairs.end, strict=True)]
    # By pair: one way, one way back, return, return from the other end.
    routes = [text for a, b in zip(out, home, strict=True) for text in (a, b, f"{a}/{b}", f"{b}/{a}")]
    return Vocabularies(
        times=pa.array(times.tolist()),
        origin=int(day.astype(np.int64)) * DAY,
        durations=pa.array(durations),
        flights=pa.array([str(number) for number in range(10_000)]),
        carriers=pa.array(carrier_names()),
        airports=pa.array([*cities.airports, ""]),
        cities=pa.array([*cities.names, ""]),
        aircraft=pa.array(aircraft_names()),
        routes=pa.array(routes),
        loyalty=pa.array(loyalty_names()),
    )


def _duration(minutes: int) -> str:
    days, rest = divmod(minutes, DAY)
    return (f"{days}." if days else "") + f"{rest // 60:02d}:{rest % 60:02d}:00"


def coded(codes: Ints, vocabulary: pa.Array) -> pa.DictionaryArray:
    """Strings by code, -1 null, with a dictionary of the used values alone (a large one would not be kept as such)."""
    known = codes >= 0
    used = np.zeros(len(vocabulary), bool)
    used[codes[known]] = True
    place = np.cumsum(used, dtype=np.int32) - 1
    indices = pa.array(place[np.maximum(codes, 0)].astype(np.int32), mask=None if known.all() else ~known)
    return pa.DictionaryArray.from_arrays(indices, vocabulary.take(pa.array(np.flatnonzero(used))))


def ranker_ids(sessions: int, start: int, seed: int) -> pa.Array:
    """32 hex characters for each session from ``start``."""
    number = start + np.arange(sessions)
    halves = [(hashed(seed, key, number) * 2.0**53).astype(np.uint64) for key in (171, 172, 173)]
    mixed = np.stack(
        [
            halves[0] << np.uint64(11) | halves[2] & np.uint64(2047),
            halves[1] << np.uint64(11) | halves[2] >> np.uint64(42),
        ],
        axis=1,
    )
    text = mixed.astype(">u8").tobytes().hex()
    return pa.array([text[at : at + 32] for at in range(0, len(text), 32)])
