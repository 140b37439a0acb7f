"""Options from a file: price, fare rules and the two legs, one row an option, in file order.

Text is parsed, numbers are narrowed; what cannot be is missing, and every such case is counted. A query returns values
and, beside them, one Boolean column per thing that can go wrong (its name starts with ``FAULT``).
"""

import polars as pl

from common.io.notes import Note
from common.time_units import MINUTE_MS
from competitions.flight.io.encoding import Codes, encode
from competitions.flight.io.parquet import Source, collect, filled
from competitions.flight.io.schema import LEGS, SEGMENTS, leg_column, segment_column

FAULT = "!"
INT8_MAX = (1 << 7) - 1
DURATION = r"^([0-9]{1,2}\.)?[0-9]{2}:[0-5][0-9]:[0-5][0-9]$"
CLOCK_LENGTH = len("HH:MM:SS")
NUMBER = r"^[^0-9]*([0-9]{1,9})[^0-9]*$"
INFINITY = float("inf")
DAY_MINUTES = 24 * 60  # of local times the arrival may stand before the departure, by a day at the most
LONGEST_MINUTES = 30 * DAY_MINUTES
DISAGREEING = "isAccess3D and corporateTariffCode that disagree"
RULES = {"cancel": "miniRules0", "exchange": "miniRules1"}
# Our name of a leg's field, and the organiser's.
TIMES = {"departure": "departureAt", "arrival": "arrivalAt", "duration": "duration"}
# By our name of a code, the text that it stands for and the names that it counts through.
CODED = {
    "carrier": ("carrier0", "carriers"),
    "origin": ("from0", "airports"),
    "stop": ("from1", "airports"),
}
# Our name of a segment's field, by the organiser's; the carrier is of interest in the first segment alone.
TEXTS = {"duration": "duration", "flightNumber": "flight", "departureFrom_airport_iata": "from"}
FIRST_TEXTS = {"marketingCarrier_code": "carrier"}
NUMBERS = {
    "cabinClass": "cabin",
    "baggageAllowance_quantity": "bags",
    "baggageAllowance_weightMeasurementType": "bags_kg",
    "seatsAvailable": "seats",
}
NUMBERED = range(2)  # segments whose numbers are read


def read_fares(source: Source) -> tuple[pl.DataFrame, list[Note]]:
    """Read price, taxes and fare rules: one row per option, in file order.

    ``coded``: whether the option is priced under an agreement of the company with the carrier. That belongs to the
    option: in one real search every flight of one carrier has a code and no other has.
    """
    # As a Float32, in which it is kept: 1e39 is infinite there, and 1e-300 nothing.
    price = pl.col("totalPrice").cast(pl.Float32)
    sound = price.is_between(0, INFINITY, closed="none")
    code, flag = pl.col("corporateTariffCode"), pl.col("isAccess3D").fill_null(False)
    exprs = [
        pl.when(sound).then(price).alias("price"),
        _fault(~sound.fill_null(False), "totalPrice null, zero, negative or infinite"),
        *_read_amount("taxes", "taxes"),
        *_read_status("pricingInfo_isAccessTP", "access_tp"),
        # The organiser's two columns say the same in every row that was seen; where they do not, either is believed.
        (code.is_not_null() | flag).alias("coded"),
        (code.is_not_null() != flag).alias(DISAGREEING),
    ]
    for name, rule in RULES.items():
        exprs += _read_amount(f"{rule}_monetaryAmount", f"{name}_fee")
        exprs += _read_amount(f"{rule}_percentage", f"{name}_percent", 100)
        exprs += _read_status(f"{rule}_statusInfos", f"{name}_allowed")
    frame = source.collect(*exprs)
    disagreeing = source.note(DISAGREEING, int(frame[DISAGREEING].sum()), "treated as a corporate fare")
    values, faults = _split_faults(source, frame.drop(DISAGREEING))
    return values, [disagreeing, *faults]


def _read_amount(column: str, name: str, most: float = INFINITY) -> tuple[pl.Expr, pl.Expr]:
    value = pl.col(column).cast(pl.Float32)
    sound = value.is_between(0, most) & value.is_finite()
    broken = f"{column} " + ("negative or infinite" if most == INFINITY else f"no number from 0 to {most}")
    return pl.when(sound).then(value).alias(name), _fault(~sound, broken)


def _read_status(column: str, name: str) -> tuple[pl.Expr, pl.Expr]:
    return _narrow(column, 1).alias(name), _fault(_is_unfit(column, 1), f"{column} neither 0 nor 1")


def _fault(broken: pl.Expr, what: str) -> pl.Expr:
    return broken.fill_null(False).alias(FAULT + what)


def _split_faults(source: Source, frame: pl.DataFrame) -> tuple[pl.DataFrame, list[Note]]:
    """Split the values from the faults, which are counted."""
    faults = [name for name in frame.columns if name.startswith(FAULT)]
    notes = [source.note(name.removeprefix(FAULT), int(frame[name].sum()), "missing") for name in faults]
    return frame.drop(faults), notes


def _is_unfit(column: str, most: int = INT8_MAX) -> pl.Expr:
    value = pl.col(column)
    return ~(value.is_between(0, most) & (value == value.floor()))


def _narrow(column: str, most: int = INT8_MAX) -> pl.Expr:
    return pl.when(~_is_unfit(column, most)).then(pl.col(column)).cast(pl.Int8)


def parse_duration(text: pl.Expr) -> pl.Expr:
    """Whole minutes (Int16) of ``HH:MM:SS`` or ``D.HH:MM:SS``; null where it is neither, or above 22 days or so.

    >>> pl.select(parse_duration(pl.Series(["01:30:00", "1.02:00:59", "90"]))).to_series().to_list()
    [90, 1560, None]
    """
    days = pl.when(text.str.len_bytes() > CLOCK_LENGTH).then(text.str.head(-CLOCK_LENGTH - 1)).otherwise(pl.lit("0"))
    parts = (days, text.str.slice(-CLOCK_LENGTH, 2), text.str.slice(-CLOCK_LENGTH + 3, 2))
    day, hour, minute = (part.cast(pl.Int32, strict=False) for part in parts)
    return pl.when(text.str.contains(DURATION)).then((day * 24 + hour) * 60 + minute).cast(pl.Int16, strict=False)


def parse_minute(text: pl.Expr) -> pl.Expr:
    """Minutes since 1970 (Int32) of a local time ``2024-06-15T15:40:00``; null where the text is none."""
    time = text.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="ms", strict=False)
    return (time.dt.epoch("ms") // MINUTE_MS).cast(pl.Int32, strict=False)


def read_leg(source: Source, codes: Codes, leg: int) -> tuple[pl.DataFrame, list[Note]]:
    """Read one leg: one row per option in file order, all null where the option has no such leg."""
    times = [filled(leg_column(leg, field)).alias(f"{name}_text") for name, field in TIMES.items()]
    parsed = (
        source.frame.select(*times, *(expr for s in SEGMENTS for expr in _take_segment(leg, s)))
        .with_columns(
            departure=parse_minute(pl.col("departure_text")),
            arrival=parse_minute(pl.col("arrival_text")),
            duration=parse_duration(pl.col("duration_text")),
            flight=pl.col("flight0").str.extract(NUMBER).cast(pl.Int32),
            **{f"minutes{s}": parse_duration(pl.col(f"duration{s}")) for s in NUMBERED},
            # The files have columns for four segments a leg: a segment without a value is none.
            **{f"present{s}": _any_filled(f"duration{s}", f"flight{s}", f"from{s}") for s in SEGMENTS},
        )
        .with_columns(segments=pl.sum_horizontal(pl.col(f"present{s}").cast(pl.Int8) for s in SEGMENTS))
        .with_columns(
            present=(pl.col("segments") > 0) | _any_filled(*(f"{name}_text" for name in TIMES)),
            **{name: encode(pl.col(text), getattr(codes, names)) for name, (text, names) in CODED.items()},
        )
    )
    frame = collect(source.path, parsed.select(*_leg_values(leg), *_leg_faults(leg)))
    return _split_faults(source, frame)


def _take_segment(leg: int, s: int) -> list[pl.Expr]:
    """The fields of a segment under our names and its number, with the fault ``empty``; of the first two ``unfit``."""
    texts = TEXTS | FIRST_TEXTS if s == 0 else TEXTS
    text = {segment_column(leg, s, field): name for field, name in texts.items()}
    number = {segment_column(leg, s, field): name for field, name in NUMBERS.items()} if s in NUMBERED else {}
    return [
        *(filled(column).alias(f"{name}{s}") for column, name in text.items()),
        *(_narrow(column).alias(f"{name}{s}") for column, name in number.items()),
        pl.any_horizontal(pl.col(column) == "" for column in text).alias(f"empty{s}"),
        *([pl.any_horizontal(_is_unfit(column) for column in number).alias(f"unfit{s}")] if number else []),
    ]


def _any_filled(*names: str) -> pl.Expr:
    return pl.any_horizontal(pl.col(name).is_not_null() for name in names)


def _arrival_fits() -> pl.Expr:
    """Whether the arrival stands behind the departure, as local times may; so where either is unknown."""
    flown = pl.col("arrival") - pl.col("departure")
    return flown.is_between(-DAY_MINUTES, LONGEST_MINUTES).fill_null(True)


def _leg_values(leg: int) -> list[pl.Expr]:
    values = {
        "departure": pl.col("departure"),
        "arrival": pl.when(_arrival_fits()).then("arrival"),
        **{name: pl.col(name) for name in ("duration", "segments", "carrier", "flight", "origin")},
        **{name: pl.col(f"{name}0") for name in ("cabin", "bags", "bags_kg")},
        "seats": pl.min_horizontal(f"seats{s}" for s in NUMBERED),
        "stop": pl.col("stop"),
        "layover": pl.when(pl.col("segments") == 2).then(pl.col("duration") - pl.col("minutes0") - pl.col("minutes1")),
        **{f"second_{name}": pl.col(f"{name}1") for name in ("cabin", "bags")},
    }
    return [pl.when("present").then(value).alias(LEGS[leg] + name) for name, value in values.items()]


def _leg_faults(leg: int) -> list[pl.Expr]:
    def lost(text: str, value: str) -> pl.Expr:
        return pl.col(text).is_not_null() & pl.col(value).is_null()

    return [
        *(_fault(lost(f"{name}_text", name), f"{leg_column(leg, field)} unreadable") for name, field in TIMES.items()),
        _fault(~_arrival_fits(), f"legs{leg}_arrivalAt over a day before the departure or over 30 days after it"),
        _fault(lost("flight0", "flight"), f"{segment_column(leg, 0, 'flightNumber')} without one number"),
        _fault(pl.any_horizontal(f"empty{s}" for s in SEGMENTS), f"legs{leg} segment with an empty text"),
        _fault(
            pl.any_horizontal(f"unfit{s}" for s in NUMBERED),
            f"legs{leg} cabin, baggage or seats no whole number from 0 to {INT8_MAX}",
        ),
        *(_fault(lost(text, name), f"legs{leg} {name} unknown to the train file") for name, (text, _) in CODED.items()),
    ]
