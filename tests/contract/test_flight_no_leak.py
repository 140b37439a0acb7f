"""Flight, feature by feature: a session of the test depends on no other.

That no booking reaches an earlier search stands in tests/unit/flight/test_split.py, that it reaches no feature of its
own in tests/unit/flight/ranking/test_training_data.py.
"""

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from competitions.flight import split
from competitions.flight.features import booking_history
from competitions.flight.features.booking_history import BookingLog
from competitions.flight.features.build import BLOCKS, build_features
from competitions.flight.io import reader, schema
from competitions.flight.io.reader import Codes, Searches
from tests.contract.flight import FLIGHT

PERIOD_DAYS = 7.0


class Planted(NamedTuple):
    """The raw ``folder``, the codes, the train file, and what its sessions booked."""

    folder: Path
    codes: Codes
    train: Searches
    log: BookingLog


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """The planted files, read."""
    folder = tmp_path_factory.mktemp("planted")
    FLIGHT.write_raw(folder / "raw", folder / "truth.csv")
    codes = reader.learn_codes(folder / "raw" / schema.TRAIN)
    train = reader.read_searches(folder / "raw" / schema.TRAIN, codes, labelled=True)
    return Planted(folder / "raw", codes, train, booking_history.collect_bookings(train))


@pytest.fixture(scope="module")
def tested(planted: Planted) -> dict[bool, pl.DataFrame]:
    """Every feature of the test file as it is, by way of validation."""
    return {way: build_test(planted, planted.folder / schema.TEST, way) for way in (False, True)}


def change_one(change: pl.Expr) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Another value in one session, which is then left out: the others are to stay as they were."""

    def edit(test: pl.DataFrame) -> pl.DataFrame:
        odd = pl.col("ranker_id") == test["ranker_id"][test.height // 2]
        (name,) = test.select(change).columns
        return test.with_columns(pl.when(odd).then(change).otherwise(name).cast(test.schema[name]).alias(name))

    return edit


EDITS: Mapping[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "sessions backwards": lambda test: test.sort("requestDate", descending=True, maintain_order=True),
    "other sessions left out": lambda test: test.filter(pl.col("ranker_id").rank("dense") % 3 == 1),
    "a date of 1970": change_one(pl.lit(datetime.datetime(1970, 1, 1, 0, 0, 1)).alias("requestDate")),
    "a date in the train file": change_one(pl.col("requestDate") - datetime.timedelta(days=10)),
    "a price of a million": change_one(pl.lit(1e6).alias("totalPrice")),
    "a departure of 1970": change_one(pl.lit("1970-01-01T00:00:00").alias("legs0_departureAt")),
}


@pytest.mark.parametrize("cross_fitted", [False, True])
@pytest.mark.parametrize("edit", EDITS)
def test_a_test_session_does_not_depend_on_the_others(
    planted: Planted, tested: dict[bool, pl.DataFrame], edit: str, cross_fitted: bool, tmp_path: Path
) -> None:
    test = pl.read_parquet(planted.folder / schema.TEST)
    edited = EDITS[edit](test)
    edited.write_parquet(tmp_path / schema.TEST)
    assert not edited.equals(test)
    known, features = tested[cross_fitted], build_test(planted, tmp_path / schema.TEST, cross_fitted)
    assert features.height == edited.height
    kept = edited.join(test, on=test.columns, how="semi", nulls_equal=True)["Id"].implode()
    assert len(kept.item()) > test.height / 4
    assert features.filter(pl.col("Id").is_in(kept)).equals(known.filter(pl.col("Id").is_in(kept)))


def build_test(planted: Planted, path: Path, cross_fitted: bool) -> pl.DataFrame:
    """Every feature of every row of a test file, by Id."""
    test = reader.read_searches(path, planted.codes, labelled=False)
    snapshots = split.take_test_snapshot(planted.train.sessions, test.sessions, cross_fitted, PERIOD_DAYS)
    past = booking_history.build_history(planted.log, snapshots)
    features = build_features(test, 0, test.sessions.height, past, BLOCKS)
    ids = pl.read_parquet(path, columns=["Id"])["Id"].gather(test.options["row"])
    return features.with_columns(ids).sort("Id")
