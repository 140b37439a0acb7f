"""Tiny raw files for the flight competition whose travellers follow a planted rule, and edits of them.

The rule: a company books its own carrier, a traveller leaves at his own hour; of the offers of a search exactly one is
both. Price, order on the page and everything else are noise. One booking in ten is noise as well. So a ranker has to
look back on earlier bookings, and the order by price, which would be right for many a traveller, knows nothing.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from competitions.flight.io import schema
from competitions.flight.io.schema import leg_column, segment_column

START_MS, DAY_MS, HOUR_MS, MINUTE_MS = 1_715_904_000_000, 86_400_000, 3_600_000, 60_000  # 2024-05-17
TRAIN_SESSIONS, TRAIN_DAYS, TEST_SESSIONS, TEST_DAYS = 400, 60, 120, 20
VALID_SHARE = 0.2
END_MS = START_MS + TRAIN_DAYS * DAY_MS  # every train session is earlier, every test session is not
COMPANIES, TRAVELLERS, NEW_TRAVELLERS = 10, 50, 4  # the new ones appear in the test alone
CARRIERS, CARRIER_SHARES = ("SU", "S7", "DP", "U6", "Ю9"), (0.3, 0.25, 0.2, 0.15, 0.1)
HOURS = (6, 8, 10, 13, 16, 20)
CITIES, ROUTES = ("LED", "SVX", "KZN"), ("MOWLED/LEDMOW", "MOWSVX/SVXMOW", "MOWKZN")
ROUTE_SHARES, FLIGHT_MINUTES = (0.5, 0.3, 0.2), (90, 150, 105)
OFFERS, ALL_OFFERS = 11, len(CARRIERS) * len(HOURS)  # a session has between so many options
SINGLES = 6  # the first sessions of each file have one option
NOISE_SHARE = 0.1
COMPANY_FROM, PROFILE_FROM, TEST_FROM = 30_000, 2_000_000, 1_000_000
ADDED = 40


def write_raw(folder: Path, truth: Path) -> None:
    """The planted files, in the host's layout, and the bookings of the test."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(5)
    company = np.arange(TRAVELLERS + NEW_TRAVELLERS) % COMPANIES
    hour = rng.integers(0, len(HOURS), len(company))
    carrier = rng.permutation(COMPANIES) % len(CARRIERS)
    travellers = pl.DataFrame({"company": company, "hour": hour, "carrier": carrier[company]})
    train = _offer(rng, travellers[:TRAVELLERS], TRAIN_SESSIONS, START_MS, END_MS)
    test = _offer(rng, travellers, TEST_SESSIONS, END_MS, END_MS + TEST_DAYS * DAY_MS)
    _lay_out(train, 0).write_parquet(folder / schema.TRAIN)
    filed = _lay_out(test, TEST_FROM)
    filed.drop(schema.SELECTED).write_parquet(folder / schema.TEST)
    filed.filter(pl.col(schema.SELECTED) == 1).select("Id", "ranker_id").write_csv(truth)


def _offer(rng: np.random.Generator, travellers: pl.DataFrame, sessions: int, begin: int, end: int) -> pl.DataFrame:
    """One row per option: session, time, traveller, company, route, carrier, hour, price, booked."""
    times = np.sort(rng.integers(begin, end, sessions)).astype(np.int64)
    rows = []
    for session, time in enumerate(times.tolist()):
        traveller = int(rng.integers(travellers.height))
        company, hour, carrier = travellers.row(traveller)
        preferred = carrier * len(HOURS) + hour
        others = np.setdiff1d(np.arange(ALL_OFFERS), preferred)
        chance = np.repeat(CARRIER_SHARES, len(HOURS))[others]
        size = 1 if session < SINGLES else int(rng.integers(OFFERS, ALL_OFFERS + 1))
        drawn = rng.choice(others, size - 1, replace=False, p=chance / chance.sum())
        offers = rng.permutation([preferred, *drawn])
        booked = int(rng.choice(offers)) if rng.random() < NOISE_SHARE else preferred
        route = int(rng.choice(len(ROUTES), p=ROUTE_SHARES))
        about = (session, time, traveller, company, route)
        rows += [(*about, int(o) // len(HOURS), int(o) % len(HOURS), int(o) == booked) for o in offers]
    names = ["session", "time", "traveller", "company", "route", "carrier", "hour", "booked"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return frame.with_columns(price=pl.Series(np.exp(rng.normal(9.5, 0.4, frame.height)).round()))


def _lay_out(options: pl.DataFrame, first_id: int) -> pl.DataFrame:
    """The options in the 127 columns of the host's train file."""
    number = pl.int_range(first_id, first_id + options.height, dtype=pl.Int64)
    # An agreement of the company with the carrier, whether it prefers it or not.
    agreed = (pl.col("company") + pl.col("carrier")) % 2 == 0
    tariff = pl.when(agreed).then(10 * pl.col("company") + pl.col("carrier"))
    values: dict[str, pl.Expr] = {
        "Id": number,
        "bySelf": pl.lit(True) if first_id < TEST_FROM else pl.col("traveller") % 2 == 0,
        "companyID": COMPANY_FROM + pl.col("company"),
        "corporateTariffCode": tariff,
        "frequentFlyer": pl.when(pl.col("traveller") % 5 == 0).then(pl.lit("SU/S7")),
        "nationality": pl.lit(36),
        "isAccess3D": tariff.is_not_null(),
        "isVip": pl.lit(False),
        "sex": pl.col("traveller") % 3 == 0,
        "miniRules0_monetaryAmount": (pl.col("price") / 10).round(),
        "miniRules0_statusInfos": pl.lit(1.0),
        "miniRules1_statusInfos": (pl.col("price") % 2).cast(pl.Float64),
        "pricingInfo_isAccessTP": (pl.col("price") % 3 == 0).cast(pl.Float64),
        "pricingInfo_passengerCount": pl.lit(1),
        "profileId": PROFILE_FROM + pl.col("traveller"),
        "ranker_id": (pl.col("session") + first_id).cast(pl.String).str.zfill(32),
        "requestDate": pl.from_epoch("time", "ms"),
        "searchRoute": _pick(ROUTES, "route"),
        "taxes": (pl.col("price") / 8).round(),
        "totalPrice": pl.col("price"),
        schema.SELECTED: pl.col("booked"),
        schema.INDEX: number,
        **_fly(0),
        **_fly(1),
    }
    return schema.lay_out(options.select(**values), schema.file_schema(labelled=True))


def _pick(values: tuple[str, ...], column: str) -> pl.Expr:
    return pl.col(column).replace_strict(dict(enumerate(values)), return_dtype=pl.String)


def _fly(leg: int) -> dict[str, pl.Expr]:
    """A leg of one flight, two weeks ahead, back two days later; no way back on the last route."""
    minutes = pl.col("route").replace_strict(dict(enumerate(FLIGHT_MINUTES)), return_dtype=pl.Int64)
    hour = pl.col("hour").replace_strict(dict(enumerate(HOURS)), return_dtype=pl.Int64) if leg == 0 else pl.lit(18)
    departure = (pl.col("time") // DAY_MS + 14 + 2 * leg) * DAY_MS + hour * HOUR_MS
    far, near = _pick(CITIES, "route"), pl.lit("MOW")
    start, end = (near, far) if leg == 0 else (far, near)
    duration = pl.from_epoch(minutes * MINUTE_MS, "ms").dt.strftime("%H:%M:%S")
    number = (100 * (pl.col("carrier") + 1) + 10 * pl.col("route") + pl.col("hour")).cast(pl.String)
    fields = {
        "aircraft_code": pl.lit("320"),
        "arrivalTo_airport_city_iata": end,
        "arrivalTo_airport_iata": end,
        "baggageAllowance_quantity": pl.lit(1.0),
        "baggageAllowance_weightMeasurementType": pl.lit(0.0),
        "cabinClass": pl.lit(1.0),
        "departureFrom_airport_iata": start,
        "duration": duration,
        "flightNumber": number if leg == 0 else pl.lit("900"),
        "marketingCarrier_code": _pick(CARRIERS, "carrier"),
        "operatingCarrier_code": _pick(CARRIERS, "carrier"),
        "seatsAvailable": pl.lit(9.0),
    }
    made = {
        leg_column(leg, "departureAt"): _write_time(departure),
        leg_column(leg, "arrivalAt"): _write_time(departure + minutes * MINUTE_MS),
        leg_column(leg, "duration"): duration,
        **{segment_column(leg, 0, name): value for name, value in fields.items()},
    }
    flown = pl.lit(leg == 0) | (pl.col("route") < len(ROUTES) - 1)
    return {name: pl.when(flown).then(value) for name, value in made.items()}


def _write_time(ms: pl.Expr) -> pl.Expr:
    return pl.from_epoch(ms, "ms").dt.strftime("%Y-%m-%dT%H:%M:%S")


def edit(change: Callable[[pl.DataFrame], pl.DataFrame], *names: str) -> Callable[[Path], None]:
    """An edit of the table of each file, or of those named."""

    def apply(folder: Path) -> None:
        for name in names or (schema.TRAIN, schema.TEST):
            change(pl.read_parquet(folder / name)).write_parquet(folder / name)

    return apply


def edit_parquet(path: Path, *exprs: pl.Expr) -> None:
    """Write the file anew with some columns replaced; a row's number is the column ``row``."""
    frame = pl.read_parquet(path)
    frame.with_row_index("row").with_columns(*exprs).select(frame.columns).write_parquet(path)


def write_by_price(folder: Path, path: Path) -> None:
    """The baseline that needs no history: every session by price, the cheapest option first."""
    test = pl.read_parquet(folder / schema.TEST, columns=["Id", "ranker_id", "totalPrice"])
    rank = pl.col("totalPrice").rank("ordinal").over("ranker_id").cast(pl.Int64)
    test.select("Id", "ranker_id", selected=rank).write_csv(path)


def find_cut_ms(train: pl.DataFrame) -> int:
    """The moment from which on the last share of the planted sessions, which validates, was made."""
    times = train.group_by("ranker_id").agg(pl.col("requestDate").first().dt.epoch("ms"))["requestDate"]
    planted = times.filter(times < END_MS).sort()
    return int(planted[int(len(planted) * (1 - VALID_SHARE))])


def replace_future(folder: Path) -> int:
    """Book the next option, round the session, in every session from the cut on: nothing earlier is touched."""
    path = folder / schema.TRAIN
    train = pl.read_parquet(path)
    late = pl.col("requestDate").dt.epoch("ms") >= find_cut_ms(train)
    booked = pl.col(schema.SELECTED)
    next_one = booked.shift(1).fill_null(booked.last()).over("ranker_id")
    train.with_columns(pl.when(late).then(next_one).otherwise(booked).alias(schema.SELECTED)).write_parquet(path)
    return int(train.filter(late)["ranker_id"].n_unique())


def add_future(folder: Path) -> int:
    """Add sessions at the end of the log: the last ones once more, a month later, with another option booked."""
    path = folder / schema.TRAIN
    train = pl.read_parquet(path)
    last = train["ranker_id"].unique(maintain_order=True).tail(ADDED)
    booked = pl.col(schema.SELECTED)
    later = train.filter(pl.col("ranker_id").is_in(last.implode())).with_columns(
        pl.col("Id", schema.INDEX) + TEST_FROM // 2,
        pl.col("requestDate") + pl.duration(days=30, time_unit="ns"),
        (pl.lit("f") + pl.col("ranker_id").str.slice(1)).alias("ranker_id"),
        booked.shift(1).fill_null(booked.last()).over("ranker_id"),
    )
    pl.concat([train, later]).write_parquet(path)
    return ADDED
