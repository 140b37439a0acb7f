"""What a simulation looks like beside what it imitates: ``python -m competitions simulate flight --describe``.

The published values are from the Kaggle FlightRank 2025 column statistics: aggregates of train.parquet and
test.parquet, no rows. A value is None where it was never published.
"""

import json
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import polars as pl

from common.day.hosts.simulated import REPORT
from common.engine.errors import UserError


class Grows(Enum):
    """How a measure depends on the scale: not at all, in proportion, or so that only full scale compares."""

    NOT = "not"
    WITH_SCALE = "with scale"
    OTHERWISE = "otherwise"


class Measure(NamedTuple):
    """A measure of a file, and its published value in train and test."""

    what: str
    value: pl.Expr
    train: float | None = None
    test: float | None = None
    grows: Grows = Grows.NOT


def _share(name: str, value: str | bool, train: float, test: float, what: str) -> Measure:
    return Measure(f"rows: {what}", (pl.col(name) == pl.lit(value)).mean(), train, test)


def _filled(name: str, train: float, test: float, what: str) -> Measure:
    return Measure(f"rows: {what}", pl.col(name).is_not_null().mean(), train, test)


def _empty(name: str, train: float, test: float, what: str) -> Measure:
    return Measure(f"rows: {what}", pl.col(name).is_null().mean(), train, test)


def _mean(name: str, train: float, test: float, what: str) -> Measure:
    return Measure(what, pl.col(name).mean(), train, test)


RETURN = pl.col("legs1_duration").is_not_null()
ENDS = tuple(f"legs{leg}_{end}" for leg in (0, 1) for end in ("departureAt", "arrivalAt"))
FLIGHTS = ("ranker_id", *ENDS, *(f"legs{leg}_segments0_flightNumber" for leg in (0, 1)))  # what its fares share
FIRST, SIZE, COUNT = "legs0_segments0_", pl.col("size"), pl.col("len")
ROWS = (
    _empty("legs1_duration", 0.242, 0.162, "one way"),
    _share("searchRoute", "MOWLED/LEDMOW", 0.179, 0.290, "MOWLED/LEDMOW"),
    _share("bySelf", False, 0.0, 0.537, "bySelf false"),
    _empty("corporateTariffCode", 0.509, 0.513, "no tariff"),
    _empty("frequentFlyer", 0.662, 0.576, "no frequentFlyer"),
    _share("frequentFlyer", "SU", 0.615, 0.640, "frequentFlyer SU, of those that have one"),
    _mean("isVip", 0.049, 0.052, "rows: isVip"),
    _mean("sex", 0.584, 0.598, "rows: sex true"),
    Measure("rows: nationality 36", (pl.col("nationality") == 36).mean()),
    _filled("legs0_segments1_duration", 0.211, 0.205, "second segment out"),
    _filled("legs0_segments2_duration", 0.0110, 0.0077, "third segment out"),
    Measure(
        "rows: second segment back, of return trips",
        pl.col("legs1_segments1_duration").is_not_null().filter(RETURN).mean(),
        0.209,
        0.185,
    ),
    _share(f"{FIRST}marketingCarrier_code", "SU", 0.687, 0.697, "first carrier SU"),
    _share(f"{FIRST}operatingCarrier_code", "FV", 0.428, 0.490, "first operator FV"),
    _share(f"{FIRST}aircraft_code", "SU9", 0.414, 0.479, "first aircraft SU9"),
    _mean(f"{FIRST}baggageAllowance_weightMeasurementType", 0.059, 0.054, "rows: baggage in kg"),
    _empty("miniRules0_monetaryAmount", 0.077, 0.073, "no rules"),
    _empty("miniRules0_percentage", 0.984, 0.974, "no cancel percentage"),
    _mean("miniRules0_statusInfos", 0.974, 0.975, "rows: cancelling allowed"),
    _mean("miniRules1_statusInfos", 0.581, 0.553, "rows: exchange allowed"),
    _empty("pricingInfo_isAccessTP", 0.050, 0.036, "isAccessTP unknown"),
    _mean("pricingInfo_isAccessTP", 0.499, 0.622, "rows: isAccessTP, of known"),
    _empty(f"{FIRST}seatsAvailable", 0.0044, 0.0, "no seats out"),
    Measure(
        "rows: no cabin back, of return trips",
        pl.col("legs1_segments0_cabinClass").is_null().filter(RETURN).mean(),
        0.0100,
        0.0016,
    ),
)
MONTHS = {5: 0.054, 6: 0.115, 7: 0.181, 8: 0.186, 9: 0.246, 10: 0.219}  # of train's rows
# Collected one by one: a quantile holds its column in memory.
VALUES = (
    Measure("rows: commonest duration out", pl.col("legs0_duration").unique_counts().max() / pl.len(), 0.291, 0.321),
    _mean(f"{FIRST}cabinClass", 1.213, 1.038, "cabin of the first segment, mean"),
    _mean(f"{FIRST}baggageAllowance_quantity", 2.63, 2.34, "baggage, mean"),
    _mean(f"{FIRST}seatsAvailable", 5.15, 4.93, "seats, mean"),
    _mean("miniRules0_monetaryAmount", 2415.0, 2628.0, "cancel fee, mean"),
    _mean("miniRules1_monetaryAmount", 1348.0, 1432.0, "exchange fee, mean"),
    Measure("price, 25%", pl.col("totalPrice").quantile(0.25), 12897.0, 11488.0),
    Measure("price, median", pl.col("totalPrice").quantile(0.5), 24976.0, 18561.0),
    Measure("price, 75%", pl.col("totalPrice").quantile(0.75), 55108.0, 32323.0),
    _mean("totalPrice", 46314.0, 36165.0, "price, mean"),
    Measure("taxes, 25%", pl.col("taxes").quantile(0.25), 1006.0, 756.0),
    Measure("taxes, median", pl.col("taxes").quantile(0.5), 1246.0, 1014.0),
    Measure("taxes, 75%", pl.col("taxes").quantile(0.75), 1746.0, 1479.0),
    _mean("taxes", 4285.0, 4676.0, "taxes, mean"),
    Measure("search routes", pl.col("searchRoute").n_unique(), 5769, 3646, Grows.OTHERWISE),
    Measure("first carriers", pl.col(f"{FIRST}marketingCarrier_code").n_unique(), 164, 136, Grows.OTHERWISE),
    Measure("flight numbers out", pl.col(f"{FIRST}flightNumber").n_unique(), 7531, 5714, Grows.OTHERWISE),
)
SESSIONS = (
    Measure("sessions", pl.len(), 105_539, 45_231, Grows.WITH_SCALE),
    Measure("rows", SIZE.sum(), 18_145_372, 6_897_776, Grows.WITH_SCALE),
    Measure("companies", pl.col("company").n_unique(), 641, 495, Grows.OTHERWISE),
    Measure("companies that train lacks", pl.col("company").filter("unseen").n_unique(), 0, 41, Grows.OTHERWISE),
    Measure("options a session, mean", SIZE.mean(), 171.9, 152.5),
    Measure("options a session, 25%", SIZE.quantile(0.25), 19.0, 14.0),
    Measure("options a session, median", SIZE.median(), 50.0, 36.0),
    Measure("options a session, 75%", SIZE.quantile(0.75), 154.0, 114.0),
    Measure("options a session, most", SIZE.max(), 8236, 7022, Grows.OTHERWISE),
    Measure("sessions: sex true", pl.col("male").mean(), 0.662),
    Measure("sessions: fewer than 10 options", (SIZE < 10).mean(), 0.140, 0.154),
    Measure("sessions: more than 10 options", (SIZE > 10).mean(), None, 0.812),
    Measure(
        "sessions: corporate fares on some options only (real: 2 of 7)", pl.col("coded").is_between(0, 1, "none").mean()
    ),
    Measure("sessions: 11 to 27 options, of those over 10", SIZE.is_between(11, 27).filter(SIZE > 10).mean()),
)
USERS = (
    Measure("users", pl.len(), 32_922, 18_981, Grows.WITH_SCALE),
    Measure("sessions a user, mean", COUNT.mean(), 3.21, 2.38),
    Measure("sessions a user, most", COUNT.max(), 53, None, Grows.OTHERWISE),
    Measure("users: one session", (COUNT == 1).mean(), 0.378),
)
BOOKINGS = (
    Measure("booked: position 0", (pl.col("booked") == 0).mean(), 0.164),
    Measure("booked: positions 0 to 9", (pl.col("booked") < 10).mean(), 0.539),
    Measure(
        "booked: a corporate fare, where some are",
        pl.col("booked_coded").filter(pl.col("coded").is_between(0, 1, "none")).mean(),
    ),
    Measure("booked: the cheapest (choice model assumed)", pl.col("cheapest").mean()),
    Measure("booked: fewest segments (choice model assumed)", pl.col("fewest").mean()),
)
# Of the flights that were booked, one row each: fares, and the price paid beside the lowest of them.
BOOKED_FLIGHTS = (
    Measure("booked: fares of the same flights, mean", pl.col("fares").mean()),
    Measure("booked: the lowest fare of its flights (real: 6 of 7)", (pl.col("paid") == pl.col("lowest")).mean()),
)


def describe(folder: Path) -> pl.DataFrame:
    """Measure the simulation in ``folder``: one row a measure (what, simulated, host's).

    Raises ``UserError`` where ``folder`` holds no finished simulation.
    """
    try:
        scale = float(json.loads((folder / REPORT).read_text(encoding="utf-8"))["scale"])
    except OSError as error:
        raise UserError(f"There is no finished simulation in {folder}; make one with simulate first.") from error
    factors = {Grows.NOT: 1.0, Grows.WITH_SCALE: scale, Grows.OTHERWISE: 1.0 if scale == 1.0 else None}
    known = pl.scan_parquet(folder / "train.parquet").select("companyID").unique().collect()["companyID"]
    lines: list[tuple[str, float, float | None]] = []
    for name in ("train", "test"):
        for measure, simulated in measure_file(folder / f"{name}.parquet", known):
            published, factor = getattr(measure, name), factors[measure.grows]
            expected = None if published is None or factor is None else published * factor
            lines.append((f"{name} {measure.what}", simulated, expected))
    return pl.DataFrame(lines, schema={"what": pl.String, "simulated": pl.Float64, "host's": pl.Float64}, orient="row")


def measure_file(path: Path, known_companies: pl.Series) -> list[tuple[Measure, float]]:
    """Every measure that the file allows; ``known_companies`` are those of train."""
    rows = pl.scan_parquet(path)
    labelled = "selected" in rows.collect_schema().names()
    sessions = _read_sessions(rows, labelled, known_companies).lazy()
    users = sessions.group_by("user").len()
    measured = [*_collect(sessions, SESSIONS), *_collect(users, USERS), *_collect(rows, ROWS)]
    measured += [line for measure in VALUES for line in _collect(rows, [measure])]
    if labelled:
        month = pl.col("requestDate").dt.month()
        months = [Measure(f"rows: month {number}", (month == number).mean(), MONTHS[number]) for number in MONTHS]
        price = pl.col("totalPrice")
        fares = {"fares": pl.len(), "lowest": price.min(), "paid": (price * pl.col("selected")).max()}
        booked = rows.group_by(FLIGHTS).agg(**fares).filter(pl.col("paid") > 0)
        measured += [*_collect(rows, months), *_collect(sessions, BOOKINGS), *_collect(booked, BOOKED_FLIGHTS)]
    return measured


def _read_sessions(rows: pl.LazyFrame, labelled: bool, known_companies: pl.Series) -> pl.DataFrame:
    """One row a session: size, user, company, sex, share of corporate fares; of its booking the position, whether it
    is the cheapest, of the fewest segments, a corporate fare.
    """
    names = [f"legs{leg}_segments{number}_duration" for leg in (0, 1) for number in range(4)]
    facts = {
        "size": pl.len(),
        "user": pl.col("profileId").first(),
        "company": pl.col("companyID").first(),
        "male": pl.col("sex").first(),
        "coded": pl.col("corporateTariffCode").is_not_null().mean(),
    }
    if labelled:
        # Sums over the one booked row, not look-ups: they stream.
        price, segments, row, booked = (pl.col(name) for name in ("totalPrice", "segments", "row", "selected"))
        facts |= {
            "booked": (row.cast(pl.Int64) * booked).sum() - row.min(),
            "cheapest": (price * booked).sum() == price.min(),
            "booked_coded": (booked * pl.col("corporateTariffCode").is_not_null()).sum() > 0,
            "fewest": (segments * booked).sum() == segments.min(),
        }
        present = [pl.col(name).is_not_null().cast(pl.Int64) for name in names]
        rows = rows.with_row_index("row").with_columns(segments=pl.sum_horizontal(present))
    sessions = rows.group_by("ranker_id").agg(**facts).collect(engine="streaming")
    return sessions.with_columns(unseen=~pl.col("company").is_in(known_companies.implode()))


def _collect(frame: pl.LazyFrame, measures: Sequence[Measure]) -> list[tuple[Measure, float]]:
    values = frame.select(measure.value.alias(measure.what) for measure in measures).collect(engine="streaming").row(0)
    return [(measure, float(value)) for measure, value in zip(measures, values, strict=True)]
