"""The block ``core_``: the few comparisons that separate real choices, each once.

On logs of some hundred searches every further feature is one more way to be wrong: there this block is all that a
model gets of an option. It names no carrier, airport or aircraft; these come in by what was booked (``lift_``).
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from common.time_units import MINUTE_MS
from competitions.flight.features.booking_history import History
from competitions.flight.features.option_attributes import DAY_MINUTES, SessionChunk

OUT_FLIGHT = ("session", "out_departure", "out_carrier", "out_flight")
SECOND = ("second_cabin", "second_bags")  # of the flights behind a stop
BACK_FLIGHT = ("session", "back_departure", "back_carrier", "back_flight")


def core_block(chunk: SessionChunk, _: History) -> pl.DataFrame:
    """Price, duration, stops, hours, terms and carriers of an option against the others of its search."""
    requested = chunk.sessions["time"][chunk.session_rows] // MINUTE_MS
    session = chunk.sessions.select("round_trip")[chunk.session_rows]["round_trip"]
    options = chunk.options.with_columns(
        stay=(pl.col("back_departure") - pl.col("out_arrival")) / 60,
        lead_days=(pl.col("out_departure") - requested) / DAY_MINUTES,
        round_trip=session,
        size=pl.len().over("session"),
        dominated=count_dominating(chunk.options.select("session", "price", "duration")),
    )
    return options.select(*list_prices(), *list_times(), *list_terms(), *list_offer())


def list_prices() -> list[pl.Expr]:
    """What an option costs beside the cheapest, the median, those of as few segments, and the same flights."""
    price = pl.col("price")
    fewest = pl.when(pl.col("segments_more") == 0).then(price)
    return [
        price.log1p().alias("log_price"),
        pl.col("price_ratio"),
        _rank_share("price").alias("price_place"),
        (price / price.median().over("session")).log().alias("price_from_median"),
        fewest.rank("average").over("session").alias("price_rank_of_fewest"),
        (price / price.min().over("session", "segments")).log().alias("price_ratio_of_equal_stops"),
        _ratio_to_least(OUT_FLIGHT).alias("out_flight_ratio"),
        _ratio_to_least(BACK_FLIGHT).alias("back_flight_ratio"),
        pl.col("dominated"),
    ]


def list_times() -> list[pl.Expr]:
    """How long it takes and when it goes: excess over the session's shortest, each way, and ranks among the hours."""
    durations = ("duration", "out_duration", "back_duration")
    return [
        *map(pl.col, (*durations, "duration_ratio", "segments", "out_segments", "back_segments", "segments_more")),
        _rank_share("duration").alias("duration_place"),
        *[_excess(name).alias(f"{name}_excess") for name in ("out_duration", "back_duration", "out_segments")],
        *map(pl.col, ("out_hour", "out_arrival_hour", "back_hour", "back_arrival_hour")),
        *[_rank_share(name).alias(f"{name}_place") for name in ("out_hour", "out_arrival_hour", "back_hour")],
        pl.col("stay"),
        (pl.col("stay") - pl.col("stay").median().over("session")).alias("stay_from_median"),
        _nights("out_departure", "out_arrival").alias("out_nights"),
        _nights("back_departure", "back_arrival").alias("back_nights"),
        _nights("out_arrival", "back_departure").alias("nights_there"),
        *map(pl.col, ("lead_days", "out_layover", "back_layover")),
    ]


def list_terms() -> list[pl.Expr]:
    """What the fare allows, among all fares and among those of the same flights; carriers by their share."""
    terms = ("bags", "cabin", "free_exchange", "free_cancel", "exchange_allowed", "access_tp")
    return [
        *map(pl.col, (*terms, "exchange_fee", "cancel_fee", "fare_level")),
        *[pl.min_horizontal(f"out_{name}", f"back_{name}").alias(name) for name in ("seats", *SECOND)],
        *[
            (pl.col(name).cast(pl.Float32) - pl.col(name).mean().over("session")).alias(f"{name}_more")
            for name in terms
        ],
        _ratio_to_least(("itinerary",)).alias("fare_ratio"),
        pl.len().over("itinerary").alias("fares"),
        (pl.col("out_carrier") == pl.col("back_carrier")).alias("one_carrier"),
        (pl.len().over("session", "out_carrier") / pl.col("size")).alias("carrier_share"),
        *[
            (pl.len().over(flight) / pl.col("size")).alias(f"{way}_flight_share")
            for way, flight in (("out", OUT_FLIGHT), ("back", BACK_FLIGHT))
        ],
    ]


def list_offer() -> list[pl.Expr]:
    """The search as a whole: it decides what the rest is worth."""
    return [
        pl.col("round_trip"),
        pl.col("size"),
        pl.col("direct").mean().over("session").alias("direct_share"),
        pl.col("duration").min().over("session").alias("shortest"),
        pl.col("price").min().log1p().over("session").alias("log_cheapest"),
    ]


def _rank_share(column: str) -> pl.Expr:
    """The rank within the session as a share of its options."""
    return pl.col(column).rank("average").over("session") / pl.col("size")


def _ratio_to_least(group: Sequence[str]) -> pl.Expr:
    """Log of the price over the cheapest of the group."""
    return (pl.col("price") / pl.col("price").min().over(group)).log()


def _excess(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Float32) - pl.col(column).min().over("session")


def _nights(begin: str, end: str) -> pl.Expr:
    return pl.col(end) // DAY_MINUTES - pl.col(begin) // DAY_MINUTES


def count_dominating(options: pl.DataFrame) -> pl.Series:
    """For each option those of its ``session`` that are as cheap and as short, and better in one of both.

    The options of a session stand together. One with a missing value dominates none, and its own count is missing.

    >>> columns = {"session": [0] * 4, "price": [100, 120, 120, 90], "duration": [60, 60, 90, None]}
    >>> count_dominating(pl.DataFrame(columns)).to_list()
    [0.0, 1.0, 2.0, None]
    """
    rows = options.with_row_index("row")
    known = rows.drop_nulls()
    price, duration = known["price"].to_numpy(), known["duration"].to_numpy()
    counts, start = np.zeros(known.height, np.float32), 0
    for size in known["session"].rle().struct.field("len"):
        own = slice(start, start + size)
        pairs = [(column[own, None], column[None, own]) for column in (price, duration)]  # an option, another one
        as_good = np.logical_and(*(other <= mine for mine, other in pairs)).sum(axis=1)
        counts[own] = as_good - np.logical_and(*(other == mine for mine, other in pairs)).sum(axis=1)
        start += size
    table = known.select("row", dominated=pl.Series(counts, dtype=pl.Float32))
    return rows.join(table, on="row", how="left", maintain_order="left")["dominated"]
