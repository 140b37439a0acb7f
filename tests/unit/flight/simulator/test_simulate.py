"""The flight simulator: chunks, and published statistics. The digests of the simulators hold the files themselves."""

from pathlib import Path

import polars as pl
import pytest

from common.day.hosts import TRUTH
from common.simulation.writer import Simulation
from competitions.flight.io.schema import SELECTED, TEST, TRAIN, segment_column
from competitions.flight.simulator import simulate

SCALE, SEED = 0.02, 15


TRIP = [f"legs{leg}_{name}" for leg in (0, 1) for name in ("departureAt", "arrivalAt")]
TRIP += [segment_column(leg, segment, "flightNumber") for leg in (0, 1) for segment in (0, 1)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """One simulation, shared by the tests that only read."""
    return simulate.simulate(tmp_path_factory.mktemp("simulated") / "raw", SCALE, SEED)


@pytest.fixture(scope="module")
def train(made: Simulation) -> pl.DataFrame:
    return pl.read_parquet(made.folder / TRAIN)


@pytest.fixture(scope="module")
def test(made: Simulation) -> pl.DataFrame:
    return pl.read_parquet(made.folder / TEST)


def test_chunks_do_not_change_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = simulate.simulate(tmp_path / "small", 0.001, 1)
    monkeypatch.setattr(simulate, "CHUNK", 7)
    parts = simulate.simulate(tmp_path / "parts", 0.001, 1)
    for file in (TRAIN, TEST, simulate.SAMPLE):
        assert pl.read_parquet(small.folder / file).equals(pl.read_parquet(parts.folder / file))
    assert (small.folder / TRUTH).read_bytes() == (parts.folder / TRUTH).read_bytes()


# Kaggle FlightRank 2025 column statistics, train and test, and how far the simulated ones may be; the last two: seven
# searches of the host that were shown whole.
SIZE = pl.len().over("ranker_id").filter(pl.col("ranker_id").is_first_distinct())  # one entry a session
PRICE, RETURN = pl.col("totalPrice"), pl.col("legs1_duration").is_not_null()
PUBLISHED = {
    "options, first quartile": (SIZE.quantile(0.25), 19, 14, 6),
    "options, median": (SIZE.median(), 50, 36, 12),
    "options, third quartile": (SIZE.quantile(0.75), 154, 114, 50),
    "at most ten options": ((SIZE < 10).mean(), 0.14, 0.154, 0.06),
    "one way": (1 - RETURN.mean(), 0.242, 0.162, 0.09),
    "Moscow - St Petersburg and back": ((pl.col("searchRoute") == "MOWLED/LEDMOW").mean(), 0.179, 0.29, 0.12),
    "booked for another": ((~pl.col("bySelf")).mean(), 0.0, 0.537, 0.13),
    "no tariff": (pl.col("corporateTariffCode").is_null().mean(), 0.509, 0.513, 0.16),
    "no frequentFlyer": (pl.col("frequentFlyer").is_null().mean(), 0.662, 0.576, 0.15),
    "a stop out": (pl.col("legs0_segments1_duration").is_not_null().mean(), 0.211, 0.205, 0.09),
    "SU": ((pl.col("legs0_segments0_marketingCarrier_code") == "SU").mean(), 0.687, 0.697, 0.16),
    "exchange allowed": (pl.col("miniRules1_statusInfos").mean(), 0.581, 0.553, 0.17),
    "within the policy": (pl.col("pricingInfo_isAccessTP").mean(), 0.499, 0.622, 0.16),
    "cabin": (pl.col("legs0_segments0_cabinClass").mean(), 1.213, 1.038, 0.09),
    "price, first quartile": (PRICE.quantile(0.25), 12_897, 11_488, 4_500),
    "price, median": (PRICE.median(), 24_976, 18_561, 7_500),
}


def test_statistics_are_near_the_published_ones(train: pl.DataFrame, test: pl.DataFrame) -> None:
    off: dict[tuple[str, int], float] = {}
    for index, rows in enumerate((train, test)):
        for name, (measure, *published, width) in PUBLISHED.items():
            value = float(rows.select(measure).item())
            off |= {(name, index): value} if abs(value - published[index]) > width else {}
    assert off == {}


def test_the_lowest_fare_of_a_flight_is_mostly_booked_and_users_return(train: pl.DataFrame) -> None:
    fares = train.group_by("ranker_id", *TRIP).agg(lowest=PRICE.min(), paid=PRICE.filter(pl.col(SELECTED) == 1).first())
    assert 0.75 < (fares["paid"] == fares["lowest"]).mean() < 0.95  # type: ignore[operator]
    visits = train.unique("ranker_id").group_by("profileId").len()["len"]
    assert abs(visits.mean() - 3.21) < 0.4  # type: ignore[operator]
    assert abs((visits == 1).mean() - 0.378) < 0.06  # type: ignore[operator]
