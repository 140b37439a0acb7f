"""What a simulation looks like beside what it imitates: ``python -m competitions simulate flight --describe``.

The published values are of two sources: the Kaggle FlightRank 2025 column statistics ("host"), which are aggregates of
train.parquet and test.parquet, no rows; and seven searches of the host that were shown whole ("7 searches").
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from common.io.tables import scan_parquet
from common.simulation.calibration import Measures, calibrate

PUBLISHED = Path(__file__).with_name("published.csv")

RETURN = pl.col("legs1_duration").is_not_null()
ENDS = tuple(f"legs{leg}_{end}" for leg in (0, 1) for end in ("departureAt", "arrivalAt"))
FLIGHTS = ("ranker_id", *ENDS, *(f"legs{leg}_segments0_flightNumber" for leg in (0, 1)))  # what its fares share
FIRST = "legs0_segments0_"
SIZE, COUNT, PRICE, BOOKED = (pl.col(name) for name in ("size", "len", "totalPrice", "booked"))
MIXED = pl.col("coded").is_between(0, 1, "none")  # sessions with corporate fares and others
ROWS: Measures = {
    "rows: one way": pl.col("legs1_duration").is_null().mean(),
    "rows: MOWLED/LEDMOW": (pl.col("searchRoute") == "MOWLED/LEDMOW").mean(),
    "rows: bySelf false": (~pl.col("bySelf")).mean(),
    "rows: no tariff": pl.col("corporateTariffCode").is_null().mean(),
    "rows: no frequentFlyer": pl.col("frequentFlyer").is_null().mean(),
    "rows: frequentFlyer SU, of those that have one": (pl.col("frequentFlyer") == "SU").mean(),
    "rows: isVip": pl.col("isVip").mean(),
    "rows: sex true": pl.col("sex").mean(),
    "rows: nationality 36": (pl.col("nationality") == 36).mean(),
    "rows: second segment out": pl.col("legs0_segments1_duration").is_not_null().mean(),
    "rows: third segment out": pl.col("legs0_segments2_duration").is_not_null().mean(),
    "rows: second segment back, of return trips": pl.col("legs1_segments1_duration")
    .is_not_null()
    .filter(RETURN)
    .mean(),
    "rows: first carrier SU": (pl.col(f"{FIRST}marketingCarrier_code") == "SU").mean(),
    "rows: first operator FV": (pl.col(f"{FIRST}operatingCarrier_code") == "FV").mean(),
    "rows: first aircraft SU9": (pl.col(f"{FIRST}aircraft_code") == "SU9").mean(),
    "rows: baggage in kg": pl.col(f"{FIRST}baggageAllowance_weightMeasurementType").mean(),
    "rows: no rules": pl.col("miniRules0_monetaryAmount").is_null().mean(),
    "rows: no cancel percentage": pl.col("miniRules0_percentage").is_null().mean(),
    "rows: cancelling allowed": pl.col("miniRules0_statusInfos").mean(),
    "rows: exchange allowed": pl.col("miniRules1_statusInfos").mean(),
    "rows: isAccessTP unknown": pl.col("pricingInfo_isAccessTP").is_null().mean(),
    "rows: isAccessTP, of known": pl.col("pricingInfo_isAccessTP").mean(),
    "rows: no seats out": pl.col(f"{FIRST}seatsAvailable").is_null().mean(),
    "rows: no cabin back, of return trips": pl.col("legs1_segments0_cabinClass").is_null().filter(RETURN).mean(),
}
MONTHS: Measures = {f"rows: month {n}": (pl.col("requestDate").dt.month() == n).mean() for n in range(5, 11)}
# Measured one by one: a quantile holds its column in memory.
VALUES: Measures = {
    "rows: commonest duration out": pl.col("legs0_duration").unique_counts().max() / pl.len(),
    "cabin of the first segment, mean": pl.col(f"{FIRST}cabinClass").mean(),
    "baggage, mean": pl.col(f"{FIRST}baggageAllowance_quantity").mean(),
    "seats, mean": pl.col(f"{FIRST}seatsAvailable").mean(),
    "cancel fee, mean": pl.col("miniRules0_monetaryAmount").mean(),
    "exchange fee, mean": pl.col("miniRules1_monetaryAmount").mean(),
    "price, 25%": PRICE.quantile(0.25),
    "price, median": PRICE.quantile(0.5),
    "price, 75%": PRICE.quantile(0.75),
    "price, mean": PRICE.mean(),
    "taxes, 25%": pl.col("taxes").quantile(0.25),
    "taxes, median": pl.col("taxes").quantile(0.5),
    "taxes, 75%": pl.col("taxes").quantile(0.75),
    "taxes, mean": pl.col("taxes").mean(),
    "search routes": pl.col("searchRoute").n_unique(),
    "first carriers": pl.col(f"{FIRST}marketingCarrier_code").n_unique(),
    "flight numbers out": pl.col(f"{FIRST}flightNumber").n_unique(),
}
SESSIONS: Measures = {
    "sessions": pl.len(),
    "rows": SIZE.sum(),
    "companies": pl.col("company").n_unique(),
    "companies that train lacks": pl.col("company").filter("unseen").n_unique(),
    "options a session, mean": SIZE.mean(),
    "options a session, 25%": SIZE.quantile(0.25),
    "options a session, median": SIZE.median(),
    "options a session, 75%": SIZE.quantile(0.75),
    "options a session, most": SIZE.max(),
    "sessions: sex true": pl.col("male").mean(),
    "sessions: fewer than 10 options": (SIZE < 10).mean(),
    "sessions: more than 10 options": (SIZE > 10).mean(),
    "sessions: corporate fares on some options only": MIXED.mean(),
    "sessions: 11 to 27 options, of those over 10": SIZE.is_between(11, 27).filter(SIZE > 10).mean(),
}
USERS: Measures = {
    "users": pl.len(),
    "sessions a user, mean": COUNT.mean(),
    "sessions a user, most": COUNT.max(),
    "users: one session": (COUNT == 1).mean(),
}
BOOKINGS: Measures = {
    "booked: position 0": (BOOKED == 0).mean(),
    "booked: positions 0 to 9": (BOOKED < 10).mean(),
    "booked: a corporate fare, where some are": pl.col("booked_coded").filter(MIXED).mean(),
}


def describe(folder: Path) -> pl.DataFrame:
    """The calibration table of the simulation in ``folder``, see ``calibrate``."""
    return calibrate(folder, PUBLISHED, _list_parts(folder))


def _list_parts(folder: Path) -> Iterator[tuple[pl.LazyFrame, Measures]]:
    known = scan_parquet(folder / "train.parquet").select("companyID").unique().collect()["companyID"]
    for name in ("train", "test"):
        for frame, values in _list_measures(folder / f"{name}.parquet", known):
            yield frame, {f"{name} {what}": value for what, value in values.items()}


def _list_measures(path: Path, known_companies: pl.Series) -> Iterator[tuple[pl.LazyFrame, Measures]]:
    """Every measure that the file allows; ``known_companies`` are those of train."""
    rows = scan_parquet(path)
    labelled = "selected" in rows.collect_schema().names()
    sessions = _read_sessions(rows, labelled, known_companies).lazy()
    yield sessions, SESSIONS
    yield sessions.group_by("user").len(), USERS
    yield rows, ROWS
    yield from ((rows, {what: value}) for what, value in VALUES.items())
    if labelled:
        fares = {"lowest": PRICE.min(), "paid": (PRICE * pl.col("selected")).max()}
        yield rows, MONTHS
        yield sessions, BOOKINGS
        booked = rows.group_by(FLIGHTS).agg(**fares).filter(pl.col("paid") > 0)
        yield booked, {"booked: the lowest fare of its flights": (pl.col("paid") == pl.col("lowest")).mean()}


def _read_sessions(rows: pl.LazyFrame, labelled: bool, known_companies: pl.Series) -> pl.DataFrame:
    """One row a session: size, user, company, sex, share of corporate fares; of its booking the position, and whether
    it is a corporate fare.
    """
    facts = {
        "size": pl.len(),
        "user": pl.col("profileId").first(),
        "company": pl.col("companyID").first(),
        "male": pl.col("sex").first(),
        "coded": pl.col("corporateTariffCode").is_not_null().mean(),
    }
    if labelled:
        # Sums over the one booked row, not look-ups: they stream.
        row, booked = pl.col("row"), pl.col("selected")
        facts |= {
            "booked": (row.cast(pl.Int64) * booked).sum() - row.min(),
            "booked_coded": (booked * pl.col("corporateTariffCode").is_not_null()).sum() > 0,
        }
        rows = rows.with_row_index("row")
    sessions = rows.group_by("ranker_id").agg(**facts).collect(engine="streaming")
    return sessions.with_columns(unseen=~pl.col("company").is_in(known_companies.implode()))
