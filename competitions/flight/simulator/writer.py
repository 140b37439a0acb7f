"""Turn options and bookings into tables in the organiser's layout, as Arrow types.

Strings are kept as codes into vocabularies up to the file, which then holds plain strings.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from common.arrays import Bools, Floats, Ints
from competitions.flight.io.schema import INDEX, LAYOUT, Kind, required
from competitions.flight.simulator.choice_model import Bookings
from competitions.flight.simulator.fare_rules import Rules
from competitions.flight.simulator.hashing import hashed
from competitions.flight.simulator.legs import AIRCRAFT, AIRPORTS, CARRIER_CODES, CITY_CODES, DAY, SEGMENTS, Pairs
from competitions.flight.simulator.offers import BUSINESS, Options
from competitions.flight.simulator.search_sessions import START, SimulationState
from competitions.flight.simulator.travellers import loyalty_names

ORIGIN = int(START.astype("datetime64[D]").astype(np.int64)) * DAY  # minutes since 1970
HORIZON_DAYS = 520  # from the first request to the last arrival, and more
LONGEST = 7 * DAY  # minutes; no leg lasts longer
TEXT = pa.dictionary(pa.int32(), pa.string())
SAMPLE_ROWS = pa.schema([("Id", pa.int64()), ("ranker_id", TEXT), ("selected", pa.int64())])
ARROW_TYPES = {
    Kind.INTEGER: pa.int64(),
    Kind.REAL: pa.float64(),
    Kind.FLAG: pa.bool_(),
    Kind.TEXT: TEXT,
    Kind.TIME: pa.timestamp("ns"),
}
EMPTY_IATA = 0.0008  # of legs lack the airport of arrival; the file then has ""
# Rows without a value: Kaggle FlightRank 2025 column statistics, (train, test).
LOST_OUT, LOST_BACK, LOST_SEATS = (6e-5, 3e-6), (0.0100, 0.0016), (0.0044, 0.0)
Vocabularies: TypeAlias = dict[str, pa.Array]


@dataclass(frozen=True)
class Chunk:
    """Options of a chunk of searches, and the sessions ``part`` that look at them."""

    state: SimulationState
    part: slice
    options: Options
    rules: Rules
    bookings: Bookings

    @property
    def labelled(self) -> bool:
        """Whether the sessions are of train."""
        return not bool(self.state.sessions.test[self.part.start])


def make_table(chunk: Chunk, first_id: int, texts: Vocabularies) -> pa.Table:
    """Rows of the chunk's sessions; ``first_id`` is the Id of the first row."""
    options, bookings, row = chunk.options, chunk.bookings, chunk.bookings.row
    number = first_id + np.arange(len(row))
    columns = _session_columns(chunk, texts) | _option_columns(chunk)
    columns |= {"Id": pa.array(number), "__index_level_0__": pa.array(number)}
    searches, search = chunk.state.searches, options.number[row]
    for way, (leg, day) in enumerate(((options.out, searches.out_day), (options.back, searches.back_day))):
        columns |= _leg_columns(chunk, texts, way, leg[row], day[search], number)
    if chunk.labelled:
        booked = np.zeros(len(row), np.int64)
        booked[bookings.first[:-1] + bookings.booked] = 1
        columns["selected"] = pa.array(booked)
    names = file_schema(chunk.labelled).names
    return pa.table([columns[name] for name in names], names=names)


def _session_columns(chunk: Chunk, texts: Vocabularies) -> dict[str, pa.Array]:
    """Columns that are constant in a session."""
    state, part, session = chunk.state, chunk.part, chunk.bookings.session
    sessions, searches, travellers = state.sessions, state.searches, state.travellers
    user, search = sessions.user[part], sessions.search[part]
    company = travellers.company[user]
    route = searches.pair[search] * 4 + searches.flip[search] + 2 * searches.round_trip[search]
    time = sessions.time[part] * 1_000_000_000
    ids = ranker_ids(len(user), part.start, state.seed)
    return {
        "bySelf": pa.array(sessions.by_self[part][session]),
        "companyID": pa.array(state.companies.code[company][session]),
        "frequentFlyer": coded(travellers.loyalty[user][session], texts["loyalty"]),
        "nationality": pa.array(travellers.nationality[user][session]),
        "isVip": pa.array(travellers.vip[user][session]),
        "pricingInfo_passengerCount": pa.array(np.ones(len(session), np.int64)),
        "profileId": pa.array(travellers.code[user][session]),
        "ranker_id": pa.DictionaryArray.from_arrays(pa.array(session.astype(np.int32)), ids),
        "requestDate": pa.array(time[session]).cast(pa.timestamp("ns")),
        "searchRoute": coded(route[session], texts["route"]),
        "sex": pa.array(travellers.male[user][session]),
    }


def _option_columns(chunk: Chunk) -> dict[str, pa.Array]:
    """Prices, taxes, fees, permissions and the corporate tariff; amounts in the company's currency."""
    state, options, rules, row = chunk.state, chunk.options, chunk.rules, chunk.bookings.row
    user = state.sessions.user[chunk.part][chunk.bookings.session]
    money = state.companies.money[state.travellers.company[user]]
    amounts = {
        "totalPrice": options.price,
        "taxes": options.taxes,
        "miniRules0_monetaryAmount": rules.cancel_fee,
        "miniRules1_monetaryAmount": rules.exchange_fee,
    }
    others = {
        "miniRules0_percentage": rules.cancel_percent,
        "miniRules0_statusInfos": rules.cancel_allowed,
        "miniRules1_percentage": rules.exchange_percent,
        "miniRules1_statusInfos": rules.exchange_allowed,
        "pricingInfo_isAccessTP": rules.access,
    }
    tariff = rules.tariff[row]
    columns = {name: _numbers(np.round(values[row] * money)) for name, values in amounts.items()}
    columns |= {"corporateTariffCode": pa.array(tariff, mask=tariff < 0), "isAccess3D": pa.array(tariff >= 0)}
    return columns | {name: _numbers(values[row]) for name, values in others.items()}


def _numbers(values: Floats) -> pa.Array:
    """Nan becomes null."""
    return pa.array(values, mask=np.isnan(values))


def _leg_columns(
    chunk: Chunk, texts: Vocabularies, way: int, leg: Ints, day: Ints, number: Ints
) -> dict[str, pa.Array]:
    """Columns of one way; all null where ``leg`` is -1. ``number``: the rows' Ids."""
    legs, prefix = chunk.state.legs, f"legs{way}_"
    known, row = leg >= 0, np.maximum(leg, 0)
    departure = day * DAY + legs.departure[row]  # minutes since 1970, local time
    arrival = departure + legs.duration[row] + legs.shift[row]
    columns = {
        prefix + "departureAt": coded(np.where(known, (departure - ORIGIN) // 5, -1), texts["time"]),
        prefix + "arrivalAt": coded(np.where(known, (arrival - ORIGIN) // 5, -1), texts["time"]),
        prefix + "duration": coded(np.where(known, legs.duration[row] // 5, -1), texts["duration"]),
    }
    test = 0 if chunk.labelled else 1
    uniform, share = hashed(chunk.state.seed, 181, number, way), (LOST_OUT, LOST_BACK)[way][test]
    lost = uniform < share, uniform < share + LOST_SEATS[test]  # rows without baggage and cabin, and without seats
    for segment in range(SEGMENTS):
        flown = known & (legs.segments[row] > segment)
        fields = _segment_texts(chunk, texts, row, segment, flown) | _segment_numbers(chunk, way, segment, flown, lost)
        columns |= {f"{prefix}segments{segment}_{name}": values for name, values in fields.items()}
    return columns


def _segment_texts(chunk: Chunk, texts: Vocabularies, leg: Ints, segment: int, flown: Bools) -> dict[str, pa.Array]:
    legs = chunk.state.legs
    empty = hashed(chunk.state.seed, 182, np.arange(len(legs.carrier)), segment) < EMPTY_IATA
    arrival = {"city": legs.city[:, segment + 1], "airport": legs.airport[:, segment + 1]}
    arrival = {kind: np.where(empty, len(texts[kind]) - 1, codes) for kind, codes in arrival.items()}  # the last is ""
    source = {
        "aircraft_code": ("aircraft", legs.aircraft[:, segment]),
        "arrivalTo_airport_city_iata": ("city", arrival["city"]),
        "arrivalTo_airport_iata": ("airport", arrival["airport"]),
        "departureFrom_airport_iata": ("airport", legs.airport[:, segment]),
        "duration": ("duration", legs.minutes[:, segment] // 5),
        "flightNumber": ("flight", legs.flight[:, segment]),
        "marketingCarrier_code": ("carrier", legs.carrier),
        "operatingCarrier_code": ("carrier", legs.operating[:, segment]),
    }
    return {name: coded(np.where(flown, codes[leg], -1), texts[kind]) for name, (kind, codes) in source.items()}


def _segment_numbers(
    chunk: Chunk, way: int, segment: int, flown: Bools, lost: tuple[Bools, Bools]
) -> dict[str, pa.Array]:
    rules, row = chunk.rules, chunk.bookings.row
    # Beyond the first flight a business ticket may go on in economy.
    lower = (chunk.options.fare[row] >= BUSINESS) & (segment > 0) & (chunk.options.out[row] % 3 == 0)
    return {
        "baggageAllowance_quantity": pa.array(rules.bags[row], mask=~flown | lost[0]),
        "baggageAllowance_weightMeasurementType": pa.array(rules.in_kg[row], mask=~flown | lost[0]),
        "cabinClass": pa.array(np.where(lower, 1.0, rules.cabin[row]), mask=~flown | lost[0]),
        "seatsAvailable": pa.array(rules.seats[way][row], mask=~flown | lost[1]),
    }


def file_schema(labelled: bool) -> pa.Schema:
    """Columns and types of train (``labelled``) or test in the organiser's order."""
    return pa.schema([(name, ARROW_TYPES[LAYOUT[name]]) for name in (*required(labelled), INDEX)])


def make_vocabularies(pairs: Pairs) -> Vocabularies:
    """Every string that a file may hold, by kind and code; a time's code is five-minute steps after ``ORIGIN``."""
    start = np.datetime64(ORIGIN, "m")
    times = np.datetime_as_string(np.arange(start, start + HORIZON_DAYS * DAY, 5).astype("datetime64[s]"))
    ends = [(CITY_CODES[start], CITY_CODES[end]) for start, end in zip(pairs.start, pairs.end, strict=True)]
    # By pair: one way, one way back, return, return from the other end.
    routes = [text for a, b in ends for text in (a + b, b + a, f"{a}{b}/{b}{a}", f"{b}{a}/{a}{b}")]
    strings = {
        "time": times.tolist(),
        "duration": [_duration(minutes) for minutes in range(0, LONGEST, 5)],
        "flight": [str(number) for number in range(10_000)],
        "carrier": CARRIER_CODES,
        "airport": [*AIRPORTS, ""],
        "city": [*CITY_CODES, ""],
        "aircraft": AIRCRAFT,
        "route": routes,
        "loyalty": loyalty_names(),
    }
    return {kind: pa.array(values) for kind, values in strings.items()}


def _duration(minutes: int) -> str:
    days, rest = divmod(minutes, DAY)
    return (f"{days}." if days else "") + f"{rest // 60:02d}:{rest % 60:02d}:00"


def coded(codes: Ints, vocabulary: pa.Array) -> pa.DictionaryArray:
    """Strings by code, -1 null, with a dictionary of the used values alone (a large one would not be kept as such)."""
    known = codes >= 0
    used = np.zeros(len(vocabulary), bool)
    used[codes[known]] = True
    position = np.cumsum(used, dtype=np.int32) - 1
    indices = pa.array(position[np.maximum(codes, 0)].astype(np.int32), mask=None if known.all() else ~known)
    return pa.DictionaryArray.from_arrays(indices, vocabulary.take(pa.array(np.flatnonzero(used))))


def ranker_ids(sessions: int, start: int, seed: int) -> pa.Array:
    """32 hex characters for each session from ``start``."""
    number = start + np.arange(sessions)
    left, right, rest = ((hashed(seed, key, number) * 2.0**53).astype(np.uint64) for key in (171, 172, 173))
    left, right = left << np.uint64(11) | rest & np.uint64(2047), right << np.uint64(11) | rest >> np.uint64(42)
    text = np.stack([left, right], axis=1).astype(">u8").tobytes().hex()
    return pa.array([text[digit : digit + 32] for digit in range(0, len(text), 32)])
