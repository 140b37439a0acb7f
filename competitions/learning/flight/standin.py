"""Real itinerary choices in the host's layout: the example data of the package larch (GPL-3, never copied here).

    python -m pip download --no-deps --dest build/larch larch
    python -m competitions standin flight --from build/larch

615 choosers, 1 to 50 itineraries each, of which they took one; every fifth chooser is in the test file. Prices,
durations, stops, carriers, the hour of departure and the stay are real. Dates give order only, the halves of a trip
are half its duration, airports between are XXX; there are no fares, rules, baggage or people who come back.
"""

from datetime import datetime
from pathlib import Path

import polars as pl

from common.day.hosts import TRUTH
from common.io.column import Column
from common.io.csv import CsvFile
from common.io.files import read_bytes
from competitions.flight.io.schema import (
    LEGS,
    SEGMENTS,
    SELECTED,
    TEST,
    TRAIN,
    file_schema,
    lay_out,
    leg_column,
    segment_column,
)
from competitions.learning.public import PublicDataset, find_file, hash_ids, write_dataset

FILE = "itinerary_data.csv.gz"
MEMBER = f"larch/data_warehouse/{FILE}"
HINT = (
    "fetch the package with: python -m pip download --no-deps --dest build/larch larch, and name that folder, the "
    "wheel in it, or the folder of an installed larch"
)
FOLD = 5  # choosers whose number is a multiple of it are in the test file
FIRST_TRAIN, FIRST_TEST = datetime(2024, 6, 1, 8), datetime(2024, 11, 1, 8)
STEP_MINUTES = 37  # from one search to the next: order alone
NUMBERS_READ = ("individual", "choice", "stayDurationMinutes", "totalPrice", "totalTripDurationMinutes", "dtd")
TEXTS_READ = ("origin", "destination", "airlines", "pointOfSale")
FIELDS = [
    *(Column(name, pl.Int64) for name in (*NUMBERS_READ, "outDepTime")),
    *(Column(name, pl.String) for name in TEXTS_READ),
]
NATIONALITY = 36  # the most frequent one in the host's files
BETWEEN = "XXX"  # an airport of which nothing is known
CABIN = 1.0  # economy
DAY_MINUTES = 1440
# Flight numbers are not in the data: the same carrier, route, hour of the trip and segment give the same number.
NUMBERS, FIRST_NUMBER = 8999, 100
WEIGHTS = {"outDepTime": 7919, "carrier": 104_729, "origin": 1_299_709, "destination": 15_485_863}
SEGMENT_WEIGHT, COUNT_WEIGHT = 32_452_843, 49_979_687


def convert(source: Path, out: Path) -> PublicDataset:
    """Write larch's itineraries to ``out`` as train.parquet, test.parquet and truth.csv.

    ``source``: the package's wheel, a folder that holds it, an installed package, or the file itself.
    """
    path = find_itineraries(source)
    table = convert_options(CsvFile(path, FIELDS, HINT, content=read_bytes(path, HINT, MEMBER)).read().frame)
    train, test = table.filter(~pl.col("is_test")), table.filter("is_test")
    truth = test.filter(pl.col(SELECTED) == 1).select("Id", "ranker_id")
    rows = {
        "train sessions": train["ranker_id"].n_unique(),
        "train rows": train.height,
        "test sessions": truth.height,
        "test rows": test.height,
    }
    tables = {
        TRAIN: lay_out(train, file_schema(labelled=True, index=False)),
        TEST: lay_out(test, file_schema(labelled=False, index=False)),
        TRUTH: truth,
    }
    return write_dataset(out, PublicDataset(f"{path.name} of larch", rows), tables)


def find_itineraries(source: Path) -> Path:
    """The file with the itineraries, or the wheel that holds it, of which nothing is run."""
    if not source.is_dir():
        return source
    names = (FILE, MEMBER, f"data_warehouse/{FILE}", "itinerary_data.csv")
    wheels = [path.name for path in sorted(source.glob("larch-*.whl"), reverse=True)]
    return find_file(source, [*names, *wheels], HINT)


def convert_options(options: pl.DataFrame) -> pl.DataFrame:
    """One row an itinerary with the host's columns and ``is_test``, in the order of the files, train first."""
    ordered = (
        options.with_columns(is_test=pl.col("individual") % FOLD == 0)
        .sort("is_test", "individual", "line")
        .with_columns(session=pl.struct("individual").rle_id())
    )
    rank = pl.col("session") - pl.col("session").min().over("is_test")
    first = pl.when("is_test").then(FIRST_TEST).otherwise(FIRST_TRAIN)
    searched = first + pl.duration(minutes=STEP_MINUTES * rank.cast(pl.Int64))
    choosers = ordered["individual"].unique().to_list()
    names = ordered["individual"].replace_strict(choosers, hash_ids("i", choosers), return_dtype=pl.String)
    outbound = pl.col("origin") + pl.col("destination")
    timed = time_legs(ordered.with_columns(requestDate=searched.cast(pl.Datetime("ns"))))
    return timed.with_columns(
        *(column for leg in LEGS for column in _leg_columns(leg)),
        pl.int_range(pl.len(), dtype=pl.Int64).alias("Id"),
        ranker_id=names,
        bySelf=pl.lit(True),
        companyID=1000 + pl.col("pointOfSale").str.extract(r"(\d+)$").cast(pl.Int64, strict=False).fill_null(0),
        nationality=pl.lit(NATIONALITY),
        isAccess3D=pl.lit(False),
        isVip=pl.lit(False),
        pricingInfo_passengerCount=pl.lit(1),
        profileId=1_000_000 + pl.col("individual"),
        searchRoute=outbound + "/" + pl.col("destination") + pl.col("origin"),
        sex=pl.lit(False),
        taxes=pl.lit(0.0),
        selected=pl.col("choice"),
    )


# --- the legs that an itinerary implies: a trip's flights, halved between way out and way back ---


def time_legs(options: pl.DataFrame) -> pl.DataFrame:
    """Options (requestDate, dtd in days, outDepTime in seconds, durations in minutes) with their ``carriers``, one a
    flight, and of each leg the number of ``flights``, the ``minutes``, and when it ``leaves`` and ``reaches`` its end.

    The way out has the larger half of the flights and the share of the duration that goes with them; it leaves on
    the ``dtd``-th day after the day that follows the search, the way back after the stay.
    """
    carriers = pl.col("airlines").str.split("/")
    flights = carriers.list.len().cast(pl.Int64)
    total, out = pl.col("totalTripDurationMinutes"), (flights + 1) // 2
    day = pl.col("requestDate").dt.truncate("1d")
    timed = options.with_columns(
        carriers=carriers,
        flights0=out,
        flights1=flights - out,
        minutes0=total * out // flights,
        minutes1=total - total * out // flights,
        leaves0=day + pl.duration(days=pl.col("dtd") + 1, seconds=pl.col("outDepTime")),
    )
    timed = timed.with_columns(reaches0=pl.col("leaves0") + pl.duration(minutes="minutes0"))
    stay = pl.col("stayDurationMinutes").clip(lower_bound=0)  # some returns are said to leave before the arrival
    timed = timed.with_columns(leaves1=pl.col("reaches0") + pl.duration(minutes=stay))
    return timed.with_columns(reaches1=pl.col("leaves1") + pl.duration(minutes="minutes1"))


def _leg_columns(leg: int) -> list[pl.Expr]:
    columns = [
        pl.col(f"reaches{leg}").dt.strftime("%Y-%m-%dT%H:%M:%S").alias(leg_column(leg, "arrivalAt")),
        pl.col(f"leaves{leg}").dt.strftime("%Y-%m-%dT%H:%M:%S").alias(leg_column(leg, "departureAt")),
        _write_minutes(pl.col(f"minutes{leg}")).alias(leg_column(leg, "duration")),
    ]
    return columns + [column for segment in SEGMENTS for column in _segment_columns(leg, segment)]


def _segment_columns(leg: int, segment: int) -> list[pl.Expr]:
    count = pl.col(f"flights{leg}")
    start, end = ("origin", "destination") if leg == 0 else ("destination", "origin")
    arrives = pl.when(count == segment + 1).then(end).otherwise(pl.lit(BETWEEN))
    index = segment if leg == 0 else pl.col("flights0") + segment
    carrier = pl.col("carriers").list.get(index, null_on_oob=True)
    values = {
        "arrivalTo_airport_city_iata": arrives,
        "arrivalTo_airport_iata": arrives,
        "cabinClass": pl.lit(CABIN),
        "departureFrom_airport_iata": pl.col(start) if segment == 0 else pl.lit(BETWEEN),
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


def _write_minutes(minutes: pl.Expr) -> pl.Expr:
    """Minutes as the host writes them: HH:MM:SS, or D.HH:MM:SS from a day on."""
    hour, minute = (part.cast(pl.String).str.zfill(2) for part in (minutes % DAY_MINUTES // 60, minutes % 60))
    clock = pl.format("{}:{}:00", hour, minute)
    return pl.when(minutes >= DAY_MINUTES).then(pl.format("{}.{}", minutes // DAY_MINUTES, clock)).otherwise(clock)
