"""What earlier bookings tell: a traveller's, a company's on a route, a carrier's pull on a route.

Everything here is a function of the bookings that a view sees (``splits.Views``): all of them were made strictly before
the moment of the view, and so before every session that the view serves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from common.pipeline.progress import track
from competitions.flight.features import preferences
from competitions.flight.features.option_attributes import TRAITS, add_traits, slice_sessions, take_options
from competitions.flight.io.reader import Searches
from competitions.flight.split import Views

SLICE_ROWS = 400_000
KEYS: Mapping[str, tuple[str, ...]] = {
    "profile": ("profile",),
    "trip": ("profile", "route"),
    "habit": ("company", "route"),
    "company": ("company",),
    "route": ("route",),
}
SPREADS = ("price_place", "price_ratio", "out_hour", "back_hour")  # traits with deviation and quartiles as well
DETAILED = ("profile", "habit")  # the keys that have them
# What is counted apart, offered and booked: lift = how much more often it is booked than offered.
LIFTS: Mapping[str, tuple[str, ...]] = {
    "carrier": ("out_carrier",),
    "carrier_route": ("route", "out_carrier"),
    "carrier_origin": ("out_origin", "out_carrier"),
    "carrier_company": ("company", "out_carrier"),
    "carrier_profile": ("profile", "out_carrier"),
    "out_flight": ("route", "out_carrier", "out_flight"),
    "back_flight": ("route", "back_carrier", "back_flight"),
    "habit_out_flight": ("company", "route", "out_carrier", "out_flight"),
    "habit_back_flight": ("company", "route", "back_carrier", "back_flight"),
    "profile_out_flight": ("profile", "route", "out_carrier", "out_flight"),
    "profile_back_flight": ("profile", "route", "back_carrier", "back_flight"),
}
PRIOR = 2.0  # bookings as offered, added to both sides of a lift


@dataclass(frozen=True)
class Log:
    """The train file as history needs it.

    ``bookings``: one row per session with a booking: session, time, the key columns, the traits of the booked option.
    ``offers``: for each entry of ``LIFTS`` one row per (session, key): ``offered`` is the share of the session's
    options under the key, ``booked`` is 1 where the booked option is. ``choices``: what the bookings tell of tastes.
    """

    bookings: pl.DataFrame
    offers: dict[str, pl.DataFrame]
    choices: preferences.Choices


@dataclass(frozen=True)
class History:
    """What each view knows, a row per (view, key): ``means`` by entry of ``KEYS``, ``lifts`` by entry of ``LIFTS``.

    ``tastes``: the weights of "everybody", and by entry of ``tastes.LEVELS`` how others deviate from them.
    """

    means: dict[str, pl.DataFrame]
    lifts: dict[str, pl.DataFrame]
    tastes: dict[str, pl.DataFrame]


def record(searches: Searches) -> Log:
    """Boil the train file down to its bookings and to what was offered beside them."""
    sessions, keys = searches.sessions, ["company", "profile", "route"]
    bookings: list[pl.DataFrame] = []
    offers: dict[str, list[pl.DataFrame]] = {name: [] for name in LIFTS}
    choices: list[preferences.Choices] = []
    for first, last in track(list(slice_sessions(sessions, SLICE_ROWS)), "bookings"):
        part = sessions[first:last]
        options = add_traits(take_options(searches.options, sessions, first, last))
        options = options.join(
            part.select("session", "time", "size", "booked", *keys), on="session", how="left", maintain_order="left"
        )
        options = options.filter(pl.col("booked").is_not_null())
        chosen = options.with_columns(chosen=(pl.col("position") == pl.col("booked")).cast(pl.Float32))
        bookings.append(chosen.filter(pl.col("chosen") == 1).select("session", "time", *keys, *TRAITS))
        for name, key in LIFTS.items():
            offers[name].append(count_offers(chosen, key))
        choices.append(preferences.sample_choices(chosen))
    offered = {name: pl.concat(parts) for name, parts in offers.items()}
    return Log(pl.concat(bookings), offered, preferences.order_choices(choices))


def count_offers(options: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """One row per (session, key) with ``offered`` and ``booked``; options without a value in the key are left out."""
    return (
        options.lazy()
        .drop_nulls(list(key))
        .group_by("session", *key, maintain_order=True)
        .agg(offered=(pl.len() / pl.col("size").first()).cast(pl.Float32), booked=pl.col("chosen").max())
        .collect()
    )


def look_up(log: Log, views: Views) -> History:
    """What every view knows of every key."""
    means: dict[str, list[pl.DataFrame]] = {name: [] for name in KEYS}
    lifts: dict[str, list[pl.DataFrame]] = {name: [] for name in LIFTS}
    for (view,), visible in track(views.visible.group_by("view", maintain_order=True), "history"):
        number = pl.lit(view, pl.Int32).alias("view")
        seen = log.bookings.join(visible.select("session"), on="session", how="semi", maintain_order="left")
        for name, key in KEYS.items():
            means[name].append(average(seen, key, detailed=name in DETAILED).select(number, pl.all()))
        for name, key in LIFTS.items():
            offers = log.offers[name].join(visible.select("session"), on="session", how="semi", maintain_order="left")
            lifts[name].append(measure_lift(offers, key).select(number, pl.all()))
    return History(
        {
            name: _stack(parts, average(log.bookings.head(0), KEYS[name], detailed=name in DETAILED))
            for name, parts in means.items()
        },
        {name: _stack(parts, measure_lift(log.offers[name].head(0), LIFTS[name])) for name, parts in lifts.items()},
        preferences.look_up(log.choices, views),
    )


def _stack(parts: list[pl.DataFrame], empty: pl.DataFrame) -> pl.DataFrame:
    """All views' tables; where no view sees anything, an empty one with the right columns."""
    return pl.concat(parts) if parts else empty.select(pl.lit(0, pl.Int32).alias("view"), pl.all()).clear()


def average(bookings: pl.DataFrame, key: Sequence[str], *, detailed: bool) -> pl.DataFrame:
    """One row per key: ``bookings`` (their number), ``last_ms``, the mean of every trait, and details where asked."""
    parts = [pl.len().cast(pl.Float32).alias("bookings"), pl.col("time").max().alias("last_ms")]
    parts += [pl.col(trait).cast(pl.Float64).mean().cast(pl.Float32) for trait in TRAITS]
    if detailed:
        for trait in SPREADS:
            parts.append(pl.col(trait).std().cast(pl.Float32).alias(f"{trait}_spread"))
            parts += [
                pl.col(trait).quantile(q, "linear").cast(pl.Float32).alias(f"{trait}_q{q * 100:.0f}")
                for q in (0.25, 0.5, 0.75)
            ]
    return bookings.drop_nulls(list(key)).group_by(key).agg(parts).sort(key)


def measure_lift(offers: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """One row per key: ``times`` it was booked, and ``lift``, the log of (booked + prior) / (expected + prior).

    Expected is what random choice would have booked: the sum of the shares of the options under the key.
    """
    # Sums of shares in double precision are exact, so that they do not depend on the order of the rows.
    sums = offers.group_by(key).agg(pl.col("booked").sum().alias("times"), pl.col("offered").cast(pl.Float64).sum())
    lift = ((pl.col("times") + PRIOR) / (pl.col("offered") + PRIOR)).log()
    return sums.select(*key, "times", lift=lift.cast(pl.Float32)).sort(key)
