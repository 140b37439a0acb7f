"""What a simulation looks like beside what it imitates: ``python -m competitions simulate flight --describe``.

The values under "host's" are from the Kaggle FlightRank 2025 column statistics: aggregates of train.parquet and
test.parquet, no rows. The host's value is null where it was never published, or where it holds at full scale only.
"""

import json
from pathlib import Path
from typing import NamedTuple

import polars as pl

from common.datasets.simulated import REPORT
from common.errors import UserError


class Target(NamedTuple):
    """A published value of each file; None: not known."""

    what: str
    train: float | None
    test: float | None


SHARES: tuple[Target, ...] = (
    Target("rows: one way", 0.242, 0.162),
    Target("rows: MOWLED/LEDMOW", 0.179, 0.290),
    Target("rows: bySelf false", 0.0, 0.537),
    Target("rows: no tariff", 0.509, 0.513),
    Target("rows: no frequentFlyer", 0.662, 0.576),
    Target("rows: frequentFlyer SU, of those that have one", 0.615, 0.640),
    Target("rows: isVip", 0.049, 0.052),
    Target("rows: sex true", 0.584, 0.598),
    Target("rows: nationality 36", None, None),
    Target("rows: second segment out", 0.211, 0.205),
    Target("rows: third segment out", 0.0110, 0.0077),
    Target("rows: second segment back, of return trips", 0.209, 0.185),
    Target("rows: first carrier SU", 0.687, 0.697),
    Target("rows: first operator FV", 0.428, 0.490),
    Target("rows: first aircraft SU9", 0.414, 0.479),
    Target("rows: commonest duration out", 0.291, 0.321),
    Target("rows: baggage in kg", 0.059, 0.054),
    Target("rows: no rules", 0.077, 0.073),
    Target("rows: no cancel percentage", 0.984, 0.974),
    Target("rows: cancelling allowed", 0.974, 0.975),
    Target("rows: exchange allowed", 0.581, 0.553),
    Target("rows: isAccessTP unknown", 0.050, 0.036),
    Target("rows: isAccessTP, of known", 0.499, 0.622),
    Target("rows: no seats out", 0.0044, 0.0),
    Target("rows: no cabin back, of return trips", 0.0100, 0.0016),
    Target("sessions: sex true", 0.662, None),
    Target("sessions: fewer than 10 options", 0.140, 0.154),
    Target("sessions: more than 10 options", None, 0.812),
    Target("sessions: 11 to 27 options, of those over 10", None, None),
    Target("users: one session", 0.378, None),
    Target("booked: position 0", 0.164, None),
    Target("booked: positions 0 to 9", 0.539, None),
    Target("booked: the cheapest (law assumed)", None, None),
    Target("booked: fewest segments (law assumed)", None, None),
)
MEANS: tuple[Target, ...] = (
    Target("options a session, mean", 171.9, 152.5),
    Target("options a session, 25%", 19.0, 14.0),
    Target("options a session, median", 50.0, 36.0),
    Target("options a session, 75%", 154.0, 114.0),
    Target("sessions a user, mean", 3.21, 2.38),
    Target("cabin of the first segment, mean", 1.213, 1.038),
    Target("baggage, mean", 2.63, 2.34),
    Target("seats, mean", 5.15, 4.93),
    Target("cancel fee, mean", 2415.0, 2628.0),
    Target("exchange fee, mean", 1348.0, 1432.0),
    Target("price, 25%", 12897.0, 11488.0),
    Target("price, median", 24976.0, 18561.0),
    Target("price, 75%", 55108.0, 32323.0),
    Target("price, mean", 46314.0, 36165.0),
    Target("taxes, 25%", 1006.0, 756.0),
    Target("taxes, median", 1246.0, 1014.0),
    Target("taxes, 75%", 1746.0, 1479.0),
    Target("taxes, mean", 4285.0, 4676.0),
)
COUNTS: tuple[Target, ...] = (
    Target("sessions", 105_539, 45_231),
    Target("rows", 18_145_372, 6_897_776),
    Target("users", 32_922, 18_981),
)
FULL_ONLY: tuple[Target, ...] = (
    Target("companies", 641, 495),
    Target("companies that train lacks", 0, 41),
    Target("options a session, most", 8236, 7022),
    Target("search routes", 5769, 3646),
    Target("first carriers", 164, 136),
    Target("flight numbers out", 7531, 5714),
    Target("sessions a user, most", 53, None),
)
MONTHS = {5: 0.054, 6: 0.115, 7: 0.181, 8: 0.186, 9: 0.246, 10: 0.219}  # of train's rows


def describe(folder: Path) -> pl.DataFrame:
    """Measure the simulation in ``folder``: one row a measure (what, simulated, host's).

    Raises ``UserError`` where ``folder`` holds no finished simulation.
    """
    try:
        scale = float(json.loads((folder / REPORT).read_text(encoding="utf-8"))["scale"])
    except OSError as error:
        raise UserError(f"There is no finished simulation in {folder}; make one with simulate first.") from error
    known = pl.scan_parquet(folder / "train.parquet").select("companyID").unique().collect()["companyID"]
    lines: list[tuple[str, float | None, float | None]] = []
    for at, name in enumerate(("train", "test")):
        measured = measure_file(folder / f"{name}.parquet", known)
        factors = ((COUNTS, scale), (FULL_ONLY, 1.0 if scale == 1.0 else None), (MEANS, 1.0), (SHARES, 1.0))
        for group, factor in factors:
            hosts = [(row.what, row.test if at else row.train) for row in group]
            lines += [(f"{name} {what}", measured.get(what), _scale(value, factor)) for what, value in hosts]
        if name == "train":
            lines += [(f"train rows: month {month}", measured[f"month {month}"], MONTHS[month]) for month in MONTHS]
    shown = [line for line in lines if line[1] is not None]
    return pl.DataFrame(shown, schema={"what": pl.String, "simulated": pl.Float64, "host's": pl.Float64}, orient="row")


def measure_file(path: Path, known_companies: pl.Series) -> dict[str, float]:
    """Every measure of one file that it allows, by name; ``known_companies`` are those of train."""
    rows = pl.scan_parquet(path)
    labelled = "selected" in rows.collect_schema().names()
    measures = _collect(rows.select(**_row_measures()))
    for name, value in _value_measures().items():  # one by one: a quantile holds its column
        measures |= _collect(rows.select(value.alias(name)))
    if labelled:
        month = pl.col("requestDate").dt.month()
        measures |= _collect(rows.select(**{f"month {number}": (month == number).mean() for number in MONTHS}))
    sessions = _read_sessions(rows, labelled)
    measures |= _collect(sessions.lazy().select(**_session_measures()))
    measures |= _user_measures(sessions, known_companies)
    if labelled:
        measures |= _collect(sessions.lazy().select(**_booking_measures()))
    return measures


def _user_measures(sessions: pl.DataFrame, known_companies: pl.Series) -> dict[str, float]:
    counts = pl.col("len")
    new = sessions.filter(~pl.col("company").is_in(known_companies.implode()))["company"].n_unique()
    measures = {
        "users": pl.len(),
        "sessions a user, mean": counts.mean(),
        "sessions a user, most": counts.max(),
        "users: one session": (counts == 1).mean(),
    }
    return _collect(sessions.lazy().group_by("user").len().select(**measures)) | {"companies that train lacks": new}


def _row_measures() -> dict[str, pl.Expr]:
    """Shares of rows."""
    back = pl.col("legs1_duration").is_not_null()
    return {
        "rows: one way": back.not_().mean(),
        "rows: MOWLED/LEDMOW": (pl.col("searchRoute") == "MOWLED/LEDMOW").mean(),
        "rows: bySelf false": pl.col("bySelf").not_().mean(),
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
        .filter(back)
        .mean(),
        "rows: first carrier SU": (pl.col("legs0_segments0_marketingCarrier_code") == "SU").mean(),
        "rows: first operator FV": (pl.col("legs0_segments0_operatingCarrier_code") == "FV").mean(),
        "rows: first aircraft SU9": (pl.col("legs0_segments0_aircraft_code") == "SU9").mean(),
        "rows: baggage in kg": pl.col("legs0_segments0_baggageAllowance_weightMeasurementType").mean(),
        "rows: no rules": pl.col("miniRules0_monetaryAmount").is_null().mean(),
        "rows: no cancel percentage": pl.col("miniRules0_percentage").is_null().mean(),
        "rows: cancelling allowed": pl.col("miniRules0_statusInfos").mean(),
        "rows: exchange allowed": pl.col("miniRules1_statusInfos").mean(),
        "rows: isAccessTP unknown": pl.col("pricingInfo_isAccessTP").is_null().mean(),
        "rows: isAccessTP, of known": pl.col("pricingInfo_isAccessTP").mean(),
        "rows: no seats out": pl.col("legs0_segments0_seatsAvailable").is_null().mean(),
        "rows: no cabin back, of return trips": pl.col("legs1_segments0_cabinClass").is_null().filter(back).mean(),
    }


def _value_measures() -> dict[str, pl.Expr]:
    """Means and quartiles of columns over rows, and numbers of values."""
    price, taxes = pl.col("totalPrice"), pl.col("taxes")
    levels = {"25%": 0.25, "median": 0.5, "75%": 0.75}
    return {
        "cabin of the first segment, mean": pl.col("legs0_segments0_cabinClass").mean(),
        "baggage, mean": pl.col("legs0_segments0_baggageAllowance_quantity").mean(),
        "seats, mean": pl.col("legs0_segments0_seatsAvailable").mean(),
        "cancel fee, mean": pl.col("miniRules0_monetaryAmount").mean(),
        "exchange fee, mean": pl.col("miniRules1_monetaryAmount").mean(),
        "price, mean": price.mean(),
        "taxes, mean": taxes.mean(),
        "rows: commonest duration out": pl.col("legs0_duration").unique_counts().max() / pl.len(),
        "search routes": pl.col("searchRoute").n_unique(),
        "first carriers": pl.col("legs0_segments0_marketingCarrier_code").n_unique(),
        "flight numbers out": pl.col("legs0_segments0_flightNumber").n_unique(),
        **{f"price, {name}": price.quantile(level) for name, level in levels.items()},
        **{f"taxes, {name}": taxes.quantile(level) for name, level in levels.items()},
    }


def _read_sessions(rows: pl.LazyFrame, labelled: bool) -> pl.DataFrame:
    """One row a session: size, user, company, sex; of its booking the position, whether cheapest, fewest segments."""
    names = [f"legs{leg}_segments{number}_duration" for leg in (0, 1) for number in range(4)]
    facts = {
        "size": pl.len(),
        "user": pl.col("profileId").first(),
        "company": pl.col("companyID").first(),
        "male": pl.col("sex").first(),
    }
    if labelled:
        # Sums over the one booked row, not look-ups: they stream.
        price, segments, row, booked = (pl.col(name) for name in ("totalPrice", "segments", "row", "selected"))
        facts |= {
            "booked": (row.cast(pl.Int64) * booked).sum() - row.min(),
            "cheapest": (price * booked).sum() == price.min(),
            "fewest": (segments * booked).sum() == segments.min(),
        }
        present = [pl.col(name).is_not_null().cast(pl.Int64) for name in names]
        rows = rows.with_row_index("row").with_columns(segments=pl.sum_horizontal(present))
    return rows.group_by("ranker_id").agg(**facts).collect(engine="streaming")


def _session_measures() -> dict[str, pl.Expr]:
    size = pl.col("size")
    return {
        "sessions": pl.len(),
        "rows": size.sum(),
        "companies": pl.col("company").n_unique(),
        "options a session, mean": size.mean(),
        "options a session, 25%": size.quantile(0.25),
        "options a session, median": size.median(),
        "options a session, 75%": size.quantile(0.75),
        "options a session, most": size.max(),
        "sessions: sex true": pl.col("male").mean(),
        "sessions: fewer than 10 options": (size < 10).mean(),
        "sessions: more than 10 options": (size > 10).mean(),
        "sessions: 11 to 27 options, of those over 10": size.is_between(11, 27).filter(size > 10).mean(),
    }


def _booking_measures() -> dict[str, pl.Expr]:
    return {
        "booked: position 0": (pl.col("booked") == 0).mean(),
        "booked: positions 0 to 9": (pl.col("booked") < 10).mean(),
        "booked: the cheapest (law assumed)": pl.col("cheapest").mean(),
        "booked: fewest segments (law assumed)": pl.col("fewest").mean(),
    }


def _collect(frame: pl.LazyFrame) -> dict[str, float]:
    return {name: float(value) for name, value in frame.collect(engine="streaming").row(0, named=True).items()}


def _scale(value: float | None, factor: float | None) -> float | None:
    return None if value is None or factor is None else value * factor
