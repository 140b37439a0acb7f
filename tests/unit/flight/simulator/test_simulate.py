"""The flight simulator: the host's layout, the truth and the sample beside the test, chunks, published statistics."""

from pathlib import Path

import polars as pl
import pytest

from common.simulation.writer import Simulation
from competitions.flight.io import reader
from competitions.flight.io.schema import LAYOUT, SELECTED
from competitions.flight.simulator import calibration, simulate
from tests.unit.flight.flight_rows import HOST_DTYPES

SCALE, SEED = 0.02, 15


TRIP = ["legs0_departureAt", "legs0_arrivalAt", "legs1_departureAt", "legs1_arrivalAt", "legs0_segments0_flightNumber",
        "legs1_segments0_flightNumber", "legs0_segments1_flightNumber", "legs1_segments1_flightNumber"]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """One simulation, shared by the tests that only read."""
    return simulate.simulate(tmp_path_factory.mktemp("simulated") / "raw", SCALE, SEED)


@pytest.fixture(scope="module")
def train(made: Simulation) -> pl.DataFrame:
    return pl.read_parquet(made.folder / simulate.TRAIN)


@pytest.fixture(scope="module")
def test(made: Simulation) -> pl.DataFrame:
    return pl.read_parquet(made.folder / simulate.TEST)


def test_files_have_the_columns_and_types_of_the_host(train: pl.DataFrame, test: pl.DataFrame) -> None:
    expected = {name: HOST_DTYPES[kind] for name, kind in LAYOUT.items()}
    assert list(train.schema.items()) == list(expected.items())
    del expected[SELECTED]
    assert list(test.schema.items()) == list(expected.items())
    assert (train.group_by("ranker_id").agg(pl.col(SELECTED).sum())[SELECTED] == 1).all()


def test_the_reader_settles_what_the_hosts_files_have_too_and_nothing_else(made: Simulation) -> None:
    codes = reader.learn_codes(made.folder / simulate.TRAIN)
    odd = ("with one option", "frequentFlyer", "with an empty text", "unknown to the train file")
    for name, labelled in ((simulate.TRAIN, True), (simulate.TEST, False)):
        notes = reader.read_searches(made.folder / name, codes, labelled).notes
        assert [note.what for note in notes if not any(words in note.what for words in odd)] == []
        assert all(any(words in note.what for note in notes) for words in odd[:3])


def test_options_are_sorted_by_segments_then_price_with_fares_together(train: pl.DataFrame) -> None:
    present = [f"legs{leg}_segments{at}_duration" for leg in "01" for at in range(4)]
    frame = train.with_columns(
        segments=pl.sum_horizontal(pl.col(name).is_not_null().cast(pl.Int8) for name in present),
        trip=pl.struct(*TRIP).rle_id(),
    )
    runs = frame.group_by("ranker_id", "trip", maintain_order=True).agg(
        pl.col("segments").first(),
        rising=pl.col("totalPrice").is_sorted(),
        taxes=pl.col("taxes").n_unique(),
        n=pl.len(),
    )
    assert runs["rising"].all()
    assert (runs["taxes"] == 1).all()
    assert (runs["n"] <= 6).all()
    assert 2.3 < frame.height / runs.height < 3.3
    by_session = runs.group_by("ranker_id", maintain_order=True).agg(sorted=pl.col("segments").is_sorted())
    assert by_session["sorted"].all()


def test_truth_and_sample_match_test(made: Simulation, test: pl.DataFrame) -> None:
    truth, sample = pl.read_csv(made.truth), pl.read_parquet(made.folder / simulate.SAMPLE)
    assert truth.columns == ["Id", "ranker_id"]
    assert truth["ranker_id"].to_list() == test["ranker_id"].unique(maintain_order=True).to_list()
    assert truth.join(test, on=["Id", "ranker_id"], how="inner").height == truth.height
    assert sample.schema == {"Id": pl.Int64, "ranker_id": pl.String, "selected": pl.Int64}
    assert sample.select("Id", "ranker_id").equals(test.select("Id", "ranker_id"))
    assert sample["selected"].equals(test.select(pl.int_range(1, pl.len() + 1).over("ranker_id")).to_series())


def test_test_comes_after_train(train: pl.DataFrame, test: pl.DataFrame) -> None:
    assert str(train["requestDate"].min()) >= "2024-05-17 03:03:08"
    assert str(train["requestDate"].max()) <= "2024-10-29 12:48:50"
    assert str(test["requestDate"].min()) >= "2024-10-29 12:49:43"
    assert str(test["requestDate"].max()) <= "2024-12-31 18:54:00"
    assert (pl.concat([train["Id"], test["Id"]]) == pl.int_range(train.height + test.height, eager=True)).all()
    for frame in (train, test):
        lead = frame["legs0_departureAt"].str.slice(0, 10).str.to_date() - frame["requestDate"].dt.date()
        assert (lead.dt.total_days() >= 1).all()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    return simulate.simulate(tmp_path_factory.mktemp("small") / "raw", 0.001, 1)


def test_chunks_do_not_change_the_rows(small: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "CHUNK", 7)
    parts = simulate.simulate(tmp_path / "parts", 0.001, 1)
    for file in (simulate.TRAIN, simulate.TEST, simulate.SAMPLE):
        assert pl.read_parquet(small.folder / file).equals(pl.read_parquet(parts.folder / file))
    assert small.truth.read_bytes() == parts.truth.read_bytes()


# How far a measure may be from the host's at this scale, relative; the rest by LEAST below, absolute.
RELATIVE = {"sessions": 0.001, "users": 0.002, "rows": 0.35, "sessions a user, mean": 0.01, "options a session": 0.45,
            "baggage": 0.45, "seats": 0.1, "cancel fee": 0.3, "exchange fee": 0.5, "price": 0.35, "taxes": 0.5,
            "cabin": 0.06}  # fmt: skip
LOOSE = {"rows: MOWLED": 0.14, "rows: isAccessTP, of": 0.16, "rows: frequentFlyer SU": 0.16, "rows: no freq": 0.12,
         "rows: no tariff": 0.16, "rows: bySelf": 0.13, "rows: sex": 0.18, "rows: commonest": 0.15,
         "rows: first": 0.13, "rows: exchange": 0.17}  # fmt: skip
TIGHT = {"rows: no rules": 0.01, "rows: no cancel": 0.013, "rows: no seats": 0.001, "rows: no cabin": 0.003,
         "rows: third": 0.01, "rows: isVip": 0.03, "rows: isAccessTP unknown": 0.025, "rows: cancelling": 0.02,
         "rows: baggage": 0.04}  # fmt: skip


def tolerance(what: str, value: float) -> float:
    name = what.split(" ", 1)[1]
    for known, share in RELATIVE.items():
        if name.startswith(known) and not name.startswith(known + ":"):
            return share * value
    return next((width for known, width in (LOOSE | TIGHT).items() if name.startswith(known)), 0.08)


def test_statistics_are_near_the_published_ones(made: Simulation) -> None:
    known = calibration.describe(made.folder).filter(pl.col("published").is_not_null(), pl.col("source") == "host")
    assert known.height > 80
    off = [row for row in known.iter_rows() if abs(row[1] - row[2]) > tolerance(row[0], row[2]) + 1e-9]
    assert off == []
