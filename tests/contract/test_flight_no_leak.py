"""Flight, feature by feature: no booking reaches a search made before it or at its very moment, nor ever its own.

Which sessions a search sees where it is cross-fitted stands in tests/unit/flight/ranking/test_training_data.py.
"""

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from common.time_units import DAY_MS
from competitions.flight import split
from competitions.flight.features import booking_history
from competitions.flight.features.booking_history import BookingLog
from competitions.flight.features.build import BLOCKS, build_features
from competitions.flight.io import reader, schema
from competitions.flight.io.reader import Codes, Searches
from tests.contract.flight import FLIGHT

PERIOD_DAYS = 7.0
LAGS, CUT = np.array([0, 5, 40]) * DAY_MS, 0.8  # of the sessions, before the cut


class Planted(NamedTuple):
    """The raw ``folder``, the codes, the train file, and what its sessions booked."""

    folder: Path
    codes: Codes
    train: Searches
    log: BookingLog


# The blocks that look at bookings; no other may.
LOOKING = {"lift", "taste"}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """In the train file colleagues search in twos, at the same millisecond."""
    folder = tmp_path_factory.mktemp("planted")
    FLIGHT.write_raw(folder / "raw", folder / "truth.csv")
    codes = reader.learn_codes(folder / "raw" / schema.TRAIN)
    train = reader.read_searches(folder / "raw" / schema.TRAIN, codes, labelled=True)
    at = pl.col("time").gather(pl.col("session") // 2 * 2)
    searches = Searches(train.sessions.with_columns(time=at), train.options)
    return Planted(folder / "raw", codes, searches, booking_history.collect_bookings(searches))


@pytest.fixture(scope="module")
def before(planted: Planted) -> pl.DataFrame:
    """Every feature of the train file as it is."""
    return build_all(planted.train, planted.log, find_time(planted.train, CUT))


@pytest.fixture(scope="module")
def tested(planted: Planted) -> dict[bool, pl.DataFrame]:
    """Every feature of the test file as it is, by way of validation."""
    return {way: build_test(planted, planted.folder / schema.TEST, way) for way in (False, True)}


def build_all(searches: Searches, log: BookingLog, cut: int) -> pl.DataFrame:
    """Every feature of every option, where the sessions see what the pipeline lets them see."""
    snapshots = split.split_by_time(searches.sessions, LAGS, [cut], PERIOD_DAYS, "planted", 0).final
    past = booking_history.build_history(log, snapshots)
    return build_features(searches, 0, searches.sessions.height, past, BLOCKS)


def find_time(searches: Searches, share: float) -> int:
    """When the session was made that has this share of all before it."""
    return int(searches.sessions["time"][int(share * searches.sessions.height)])


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_bookings_from_a_moment_on_change_no_feature_up_to_it(
    planted: Planted, before: pl.DataFrame, share: float
) -> None:
    train, moment = planted.train, find_time(planted.train, share)
    other = pl.when(pl.col("time") >= moment).then((pl.col("booked") + 1) % pl.col("size")).otherwise("booked")
    edited = Searches(train.sessions.with_columns(booked=other), train.options)
    after = build_all(edited, booking_history.collect_bookings(edited), find_time(train, CUT))
    earlier = train.options.join(train.sessions, on="session", maintain_order="left")["time"] <= moment
    assert earlier.sum() > 1000
    assert after.filter(earlier).equals(before.filter(earlier))
    # Else there would be nothing to leak.
    later, changing = before.filter(~earlier), after.filter(~earlier)
    changed = {name for name in later.columns if not changing[name].equals(later[name])}
    assert {name.partition("_")[0] for name in changed} == LOOKING


# --- the test ---


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
