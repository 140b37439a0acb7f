"""The legs and segments that the itineraries of larch imply: a trip's flights, halved between way out and way back."""

from datetime import timedelta

import polars as pl

from competitions.flight.io.schema import LEGS, SEGMENTS, leg_column, segment_column

BETWEEN = "XXX"  # an airport of which nothing is known
CABIN = 1.0  # economy
# Flight numbers are not in the data: the same carrier, route, hour of the trip and segment give the same number.
NUMBERS, FIRST_NUMBER = 8999, 100
WEIGHTS = {"outDepTime": 7919, "carrier": 104_729, "origin": 1_299_709, "destination": 15_485_863}
SEGMENT_WEIGHT, COUNT_WEIGHT = 32_452_843, 49_979_687


def add_legs(options: pl.DataFrame) -> pl.DataFrame:
    """Add the columns of both legs to options (requestDate, dtd in days, outDepTime in seconds, durations in minutes).

    The way out has the larger half of the flights and the share of the duration that goes with them; it leaves on
    the ``dtd``-th day after the day that follows the search, the way back after the stay.
    """
    carriers = pl.col("airlines").str.split("/")
    flights = carriers.list.len().cast(pl.Int64)
    total = pl.col("totalTripDurationMinutes")
    out = (flights + 1) // 2
    timed = options.with_columns(
        carriers=carriers,
        flights0=out,
        flights1=flights - out,
        minutes0=total * out // flights,
        minutes1=total - total * out // flights,
        leaves0=pl.col("requestDate").dt.truncate("1d")
        + pl.duration(days=pl.col("dtd") + 1, seconds=pl.col("outDepTime")),
    )
    timed = timed.with_columns(reaches0=pl.col("leaves0") + pl.duration(minutes="minutes0"))
    stay = pl.col("stayDurationMinutes").clip(lower_bound=0)  # some returns are said to leave before the arrival
    timed = timed.with_columns(leaves1=pl.col("reaches0") + pl.duration(minutes=stay))
    timed = timed.with_columns(reaches1=pl.col("leaves1") + pl.duration(minutes="minutes1"))
    return timed.with_columns(column for leg in LEGS for column in _leg_columns(leg))


def _leg_columns(leg: int) -> list[pl.Expr]:
    columns = [
        _write_time(f"reaches{leg}").alias(leg_column(leg, "arrivalAt")),
        _write_time(f"leaves{leg}").alias(leg_column(leg, "departureAt")),
        _write_minutes(pl.col(f"minutes{leg}")).alias(leg_column(leg, "duration")),
    ]
    return columns + [column for segment in SEGMENTS for column in _segment_columns(leg, segment)]


def _segment_columns(leg: int, segment: int) -> list[pl.Expr]:
    count = pl.col(f"flights{leg}")
    start, end = ("origin", "destination") if leg == 0 else ("destination", "origin")
    departs = pl.col(start) if segment == 0 else pl.lit(BETWEEN)
    arrives = pl.when(count == segment + 1).then(end).otherwise(pl.lit(BETWEEN))
    index = segment if leg == 0 else pl.col("flights0") + segment
    carrier = pl.col("carriers").list.get(index, null_on_oob=True)
    values = {
        "arrivalTo_airport_city_iata": arrives,
        "arrivalTo_airport_iata": arrives,
        "cabinClass": pl.lit(CABIN),
        "departureFrom_airport_iata": departs,
        "duration": _write_minutes(pl.col(f"minutes{leg}") // count),
        "flightNumber": _number_flight(leg, segment, carrier),
        "marketingCarrier_code": carrier,
        "operatingCarrier_code": carrier,
    }
    exists = count > segment
    return [pl.when(exists).then(value).alias(segment_column(leg, segment, field)) for field, value in values.items()]


def _number_flight(leg: int, segment: int, carrier: pl.Expr) -> pl.Expr:
    """A number in text, of 100 to 9098, in which every key has a weight; keys are the digits of the codes."""
    keys = {name: pl.col(name) for name in ("origin", "destination")} | {"carrier": carrier}
    digits = {name: key.str.extract(r"(\d+)").cast(pl.Int64, strict=False).fill_null(0) for name, key in keys.items()}
    digits["outDepTime"] = pl.col("outDepTime")
    mixed = sum((digits[name] * weight for name, weight in WEIGHTS.items()), start=pl.lit(0, pl.Int64))
    mixed += (len(SEGMENTS) * leg + segment) * SEGMENT_WEIGHT + pl.col(f"flights{leg}") * COUNT_WEIGHT
    return (FIRST_NUMBER + mixed % NUMBERS).cast(pl.String)


def _write_time(name: str) -> pl.Expr:
    return pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S")


def _write_minutes(minutes: pl.Expr) -> pl.Expr:
    """Minutes as the host writes them: HH:MM:SS, or D.HH:MM:SS from a day on."""
    day = timedelta(days=1) // timedelta(minutes=1)
    clock = pl.format(
        "{}:{}:00",
        (minutes % day // 60).cast(pl.String).str.zfill(2),
        (minutes % 60).cast(pl.String).str.zfill(2),
    )
    return pl.when(minutes >= day).then(pl.format("{}.{}", minutes // day, clock)).otherwise(clock)
