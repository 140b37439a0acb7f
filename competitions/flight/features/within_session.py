"""The block ``within_``: an option against the others of its search. It alone carries most of the score."""

from collections.abc import Sequence
from typing import Literal

import polars as pl

from competitions.flight.features.booking_history import History
from competitions.flight.features.session_chunk import SessionChunk


def within_block(chunk: SessionChunk, _: History) -> pl.DataFrame:
    """The option against the others of its search."""
    options = chunk.options.with_columns(
        stay=pl.col("back_departure") - pl.col("out_arrival"),
        cheapest_fare=pl.col("price").min().over("itinerary"),
        fastest_up_to_price=_least_up_to("duration", "price"),
        cheapest_up_to_duration=_least_up_to("price", "duration"),
    )
    return options.select(*compare_prices(), *compare_groups(), *compare_times(), *compare_terms())


def compare_prices() -> list[pl.Expr]:
    """Price and position against the whole session."""
    price = pl.col("price")
    above, below = price.shift(-1).over("session") - price, price - price.shift(1).over("session")
    return [
        *map(pl.col, ("price_rank", "price_place", "price_ratio", "fare_level", "position")),
        (pl.col("position") / (pl.len().over("session") - 1).clip(lower_bound=1)).alias("position_share"),
        (price / price.median().over("session")).log().alias("price_from_median"),
        _spreads("price").alias("price_spreads"),
        (pl.col("price_rank") == 0).alias("cheapest"),
        (above / price).alias("next_price"),
        (below / price).alias("previous_price"),
        pl.len().over("session", "price").alias("same_price"),
        _dearer_than_faster().alias("dearer_than_faster"),
        _slower_than_cheaper().alias("slower_than_cheaper"),
    ]


def compare_groups() -> list[pl.Expr]:
    """Price against the options alike in something: the itinerary, the flight, carrier, cabin, tariff, terms."""
    groups = {
        "carrier": ("session", "out_carrier", "back_carrier"),
        "direct": ("session", "direct"),
        "cabin": ("session", "cabin"),
        "access": ("session", "access_tp"),
        "terms": ("session", "bags", "exchange_allowed"),
        "out_flight": ("session", "out_departure", "out_carrier", "out_flight"),
        "back_flight": ("session", "back_departure", "back_carrier", "back_flight"),
    }
    features = [_ratio("price", group).alias(f"{name}_ratio") for name, group in groups.items()]
    features += [_rank("price", group).alias(f"{name}_price_rank") for name, group in groups.items()]
    return [
        *features,
        _ratio("price", ["itinerary"]).alias("fare_ratio"),
        pl.len().over("itinerary").alias("fares"),
        (pl.col("position") - pl.col("position").min().over("itinerary")).alias("fare_position"),
        _rank("cheapest_fare", ["session"], "dense").alias("itinerary_rank"),
        (pl.col("cheapest_fare") / pl.col("price").min().over("session")).log().alias("itinerary_ratio"),
        (pl.len().over("session", "out_carrier") / pl.len().over("session")).alias("carrier_share"),
    ]


def compare_times() -> list[pl.Expr]:
    """Duration and times of day against the whole session."""
    ranked = ("duration", "out_hour", "back_hour", "out_arrival_hour", "stay")
    excess = ("duration", "out_duration", "back_duration")
    return [
        *map(pl.col, ("duration_ratio", "segments_more")),
        *[_rank(name, ["session"]).alias(f"{name}_rank") for name in ranked],
        *[(pl.col(name) - pl.col(name).min().over("session")).alias(f"{name}_excess") for name in excess],
        *[_spreads(name).alias(f"{name}_spreads") for name in ("duration", "out_hour", "back_hour", "stay")],
        (pl.col("segments_more") == 0).alias("fewest_segments"),
        (pl.col("out_segments") - pl.col("out_segments").min().over("session")).alias("out_segments_more"),
        (pl.col("back_segments") - pl.col("back_segments").min().over("session")).alias("back_segments_more"),
    ]


def compare_terms() -> list[pl.Expr]:
    """Baggage, cabin, seats and penalties against the whole session."""
    return [
        *[
            (pl.col(name).cast(pl.Float32) - pl.col(name).mean().over("session")).alias(f"{name}_more")
            for name in ("bags", "cabin", "free_exchange", "free_cancel", "exchange_allowed", "access_tp", "out_seats")
        ],
        *[_rank(name, ["session"]).alias(f"{name}_rank") for name in ("cancel_fee", "exchange_fee", "taxes")],
    ]


def _rank(column: str, group: Sequence[str], method: Literal["min", "dense"] = "min") -> pl.Expr:
    """0 for the smallest of the group."""
    return pl.col(column).rank(method).over(group).cast(pl.Float32) - 1


def _ratio(column: str, group: Sequence[str]) -> pl.Expr:
    """Log of the quotient by the group's smallest."""
    return (pl.col(column) / pl.col(column).min().over(group)).log()


def _spreads(column: str) -> pl.Expr:
    """Distance from the session's median in its standard deviations."""
    value = pl.col(column).cast(pl.Float32)
    return (value - value.median().over("session")) / value.std().over("session").clip(lower_bound=1e-3)


def _slower_than_cheaper() -> pl.Expr:
    """Minutes more than the fastest option that costs no more: above 0, another option is both cheaper and faster."""
    return pl.col("duration") - pl.col("fastest_up_to_price").min().over("session", "price")


def _dearer_than_faster() -> pl.Expr:
    """Log price over the cheapest option that takes no longer."""
    return (pl.col("price") / pl.col("cheapest_up_to_duration").min().over("session", "duration")).log()


def _least_up_to(column: str, by: str) -> pl.Expr:
    """The smallest ``column`` among the options before in the order of ``by``; null where ``by`` is unknown.

    Of equal ones the last has seen them all.
    """
    known = pl.when(pl.col(by).is_not_null()).then(pl.col(column))
    least = known.cum_min().over("session", order_by=by)
    return pl.when(pl.col(by).is_not_null()).then(least)
