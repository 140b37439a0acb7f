"""The flight simulator: the host's layout, the same bytes again, drift, twins, published statistics, refusals."""

import hashlib
from pathlib import Path

import polars as pl
import pytest

from common.simulation.writer import Simulation
from competitions.flight.io import reader
from competitions.flight.io.schema import LAYOUT, SELECTED
from competitions.flight.simulator import calibration, simulate, travellers
from competitions.flight.simulator.legs import CARRIER_CODES
from competitions.flight.simulator.population import draw_state
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


def test_a_session_is_one_search_of_one_traveller(train: pl.DataFrame, test: pl.DataFrame) -> None:
    for frame in (train, test):
        assert (frame["searchRoute"].str.contains("/") == frame["legs1_departureAt"].is_not_null()).all()
        assert (frame["pricingInfo_passengerCount"] == 1).all()
        ends = frame["searchRoute"].str.slice(0, 3) + frame["searchRoute"].str.slice(7, 3)
        assert ((frame["searchRoute"].str.len_chars() == 6) | (ends.str.slice(0, 3) != ends.str.slice(3, 3))).all()
    assert not set(train["ranker_id"]) & set(test["ranker_id"])


def test_a_tariff_is_an_agreement_of_a_company_with_a_carrier(train: pl.DataFrame, test: pl.DataFrame) -> None:
    """All options of the carrier have its code, or none; so most searches hold both kinds."""
    both = pl.concat([train.drop("selected"), test])
    carrier, code = "legs0_segments0_marketingCarrier_code", pl.col("corporateTariffCode")
    assert (both["isAccess3D"] == both["corporateTariffCode"].is_not_null()).all()
    agreements = both.group_by("companyID", carrier).agg(code.first(), codes=code.n_unique())
    assert (agreements["codes"] == 1).all()
    agreed = agreements.drop_nulls("corporateTariffCode")
    assert agreed["corporateTariffCode"].is_between(0, 181).all()
    assert agreed.group_by("companyID").agg(code.n_unique())["corporateTariffCode"].max() > 1  # type: ignore[operator]
    assert agreed.group_by(carrier).agg(code.n_unique())["corporateTariffCode"].max() > 1  # type: ignore[operator]
    assert set(agreed[carrier]) <= set(CARRIER_CODES[:20])  # the others are too small
    searches = both.group_by("ranker_id").agg(coded=code.is_not_null().mean(), carriers=pl.col(carrier).n_unique())
    mixed = searches.filter(pl.col("carriers") > 1)["coded"]
    assert ((mixed > 0) & (mixed < 1)).mean() > 0.3


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


def test_legs_last_as_long_as_their_segments_and_waits(train: pl.DataFrame) -> None:
    def minutes(column: str) -> pl.Expr:
        text, days = pl.col(column), pl.col(column).str.extract(r"^(\d)\.").cast(pl.Int32).fill_null(0)
        clock = text.str.extract_groups(r"(\d\d):(\d\d):00$")
        return days * 1440 + clock.struct[0].cast(pl.Int32) * 60 + clock.struct[1].cast(pl.Int32)

    flown = pl.sum_horizontal(minutes(f"legs0_segments{at}_duration").fill_null(0) for at in range(4))
    stops = pl.sum_horizontal(pl.col(f"legs0_segments{at}_duration").is_not_null() for at in range(1, 4))
    frame = train.select(
        waited=minutes("legs0_duration") - flown,
        stops=stops,
        clock=pl.col("legs0_arrivalAt").str.to_datetime() - pl.col("legs0_departureAt").str.to_datetime(),
        duration=minutes("legs0_duration"),
    )
    assert (frame.filter(pl.col("stops") == 0)["waited"] == 0).all()
    assert (frame.filter(pl.col("stops") > 0)["waited"] >= 50).all()
    shift = frame["clock"].dt.total_minutes() - frame["duration"]
    assert (shift % 60 == 0).all()
    assert {0, 120} <= set(shift.abs())
    assert (shift.abs() <= 12 * 60).all()


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


def test_test_has_travellers_and_companies_of_train_and_new_ones(train: pl.DataFrame, test: pl.DataFrame) -> None:
    users, companies = set(test["profileId"]), set(test["companyID"])
    assert 0.5 < len(users & set(train["profileId"])) / len(users) < 0.7
    assert len(companies - set(train["companyID"])) == travellers.sizes_at(SCALE).unseen_companies
    fresh = test.filter(~pl.col("companyID").is_in(train["companyID"].unique().implode()))
    assert not set(fresh["profileId"]) & set(train["profileId"])


def test_twins_search_the_same_and_mostly_book_the_same(train: pl.DataFrame) -> None:
    trip = pl.concat_str(*TRIP, "totalPrice", ignore_nulls=True).hash()
    sessions = train.group_by("ranker_id", maintain_order=True).agg(
        pl.col("companyID", "profileId", "requestDate", "searchRoute").first(),
        options=trip.sum(),
        booked=pl.col("selected").arg_max(),
        size=pl.len(),
    )
    twin = sessions.with_columns(pl.all().shift().name.suffix("_before")).filter(
        pl.col("options") == pl.col("options_before")
    )
    assert 0.10 < twin.height / sessions.height < 0.25
    assert (twin["companyID"] == twin["companyID_before"]).all()
    assert (twin["profileId"] != twin["profileId_before"]).all()
    apart = (twin["requestDate"] - twin["requestDate_before"]).dt.total_seconds()
    assert (apart >= 0).all()
    assert (apart < 60).all()
    large = twin.filter(pl.col("size") > 10)
    assert 0.8 < (large["booked"] == large["booked_before"]).mean() < 0.96  # type: ignore[operator]


def test_travellers_and_companies_have_habits(train: pl.DataFrame) -> None:
    booked = (
        train.with_columns(ratio=(pl.col("totalPrice") / pl.col("totalPrice").min().over("ranker_id")).log())
        .filter(pl.col("selected") == 1)
        .unique(["profileId", "legs0_departureAt"], keep="first", maintain_order=True)
        .with_columns(hour=pl.col("legs0_departureAt").str.slice(11, 2).cast(pl.Int32).cast(pl.Float64))
    )
    for keys, column in ((["companyID"], "ratio"), (["companyID", "searchRoute"], "hour")):
        rest = (pl.col(column).sum() - pl.col(column)) / (pl.len() - 1)
        pairs = booked.with_columns(rest=rest.over(keys), n=pl.len().over(keys)).filter(pl.col("n") > 5)
        assert pairs.select(pl.corr(column, "rest")).item() > 0.15


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    return simulate.simulate(tmp_path_factory.mktemp("small") / "raw", 0.001, 1)


def test_travellers_book_as_they_always_did(tmp_path: Path) -> None:
    made = simulate.simulate(tmp_path / "raw", 0.0005, 1)
    booked = pl.read_parquet(made.folder / simulate.TRAIN).filter(pl.col("selected") == 1)["Id"].to_list()
    booked += pl.read_csv(made.truth)["Id"].to_list()
    assert hashlib.sha256(str(booked).encode()).hexdigest()[:16] == "9ad82635e19e6c17"


def test_chunks_do_not_change_the_rows(small: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "CHUNK", 7)
    parts = simulate.simulate(tmp_path / "parts", 0.001, 1)
    for file in (simulate.TRAIN, simulate.TEST, simulate.SAMPLE):
        assert pl.read_parquet(small.folder / file).equals(pl.read_parquet(parts.folder / file))
    assert small.truth.read_bytes() == parts.truth.read_bytes()


def test_truth_is_what_was_booked(small: Simulation) -> None:
    state = draw_state(travellers.sizes_at(0.001), 1)
    (part,) = simulate.list_parts(state, test=True)
    bookings = simulate.make_chunk(state, part).bookings
    expected = small.rows["train_rows"] + bookings.first[:-1] + bookings.booked
    assert pl.read_csv(small.truth)["Id"].to_list() == expected.tolist()


def test_the_sessions_are_the_hosts_at_the_scale(made: Simulation, train: pl.DataFrame, test: pl.DataFrame) -> None:
    assert made.rows == {
        "train_sessions": train["ranker_id"].n_unique(),
        "train_rows": train.height,
        "test_sessions": test["ranker_id"].n_unique(),
        "test_rows": test.height,
    }
    assert (made.rows["train_sessions"], made.rows["test_sessions"]) == (2111, 905)
    sizes = travellers.sizes_at(1.0)
    assert (sizes.train_sessions, sizes.train_users, sizes.train_companies) == (105_539, 32_922, 641)
    assert (sizes.test_sessions, sizes.test_users, sizes.unseen_companies) == (45_231, 18_981, 41)


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


@pytest.fixture(scope="module")
def table(made: Simulation) -> pl.DataFrame:
    return calibration.describe(made.folder)


@pytest.fixture(scope="module")
def measured(table: pl.DataFrame) -> dict[str, float]:
    return dict(table.select("measure", "simulated").iter_rows())


def test_statistics_are_near_the_published_ones(table: pl.DataFrame) -> None:
    known = table.filter(pl.col("published").is_not_null())
    assert known.height > 80
    off = [row for row in known.iter_rows() if abs(row[1] - row[2]) > tolerance(row[0], row[2]) + 1e-9]
    assert off == []


def test_test_drifts_as_the_hosts_does(measured: dict[str, float]) -> None:
    def drift(what: str) -> float:
        return float(measured[f"test {what}"] - measured[f"train {what}"])

    assert measured["train rows: bySelf false"] == 0
    assert drift("rows: one way") < -0.03
    assert drift("rows: MOWLED/LEDMOW") > 0.04
    assert drift("cabin of the first segment, mean") < -0.1
    assert drift("rows: isAccessTP, of known") > 0.05
    assert drift("price, median") < -3000
    assert drift("price, 75%") < -8000
