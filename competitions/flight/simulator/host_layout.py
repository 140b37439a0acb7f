"""The organiser's layout as Arrow types, and the vocabularies of the strings.

Strings are kept as codes into vocabularies up to the file, which then holds plain strings.
"""

import numpy as np
import pyarrow as pa

from common.arrays import Ints
from competitions.flight.io.schema import INDEX, LAYOUT, Kind, required
from competitions.flight.simulator.hashing import hashed
from competitions.flight.simulator.legs import AIRCRAFT, AIRPORTS, CARRIER_CODES, CITY_CODES, DAY, Pairs
from competitions.flight.simulator.search_sessions import START
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


def file_schema(labelled: bool) -> pa.Schema:
    """Columns and types of train (``labelled``) or test in the organiser's order."""
    return pa.schema([(name, ARROW_TYPES[LAYOUT[name]]) for name in (*required(labelled), INDEX)])


def make_vocabularies(pairs: Pairs) -> dict[str, pa.Array]:
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
