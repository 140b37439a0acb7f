"""Statistics of earlier bookings (of a traveller, of a company on a route, of a carrier on a route), and the blocks
``lift_`` and ``taste_``, which compare an option with them.

Everything here is a function of the bookings visible in a snapshot (``split.Snapshots``): all of them were made
strictly before the snapshot's time, and so before every session that it is assigned to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from common.engine.progress import track
from common.features.rates import shrink
from common.learning.dataset import Matrix
from common.time_units import DAY_MS
from competitions.flight.features import preferences
from competitions.flight.features.option_attributes import SessionChunk, add_attributes, slice_sessions, take_options
from competitions.flight.io.reader import Searches
from competitions.flight.split import Snapshots

SLICE_ROWS = 400_000
# What is counted apart, offered and booked: lift = how much more often it is booked than offered.
LIFTS: Mapping[str, tuple[str, ...]] = {
    "carrier": ("out_carrier",),
    "carrier_route": ("route", "out_carrier"),
    "carrier_origin": ("out_origin", "out_carrier"),
    "stop_route": ("route", "out_stop"),
    "carrier_pair_route": ("route", "out_carrier", "back_carrier"),
    "back_carrier_route": ("route", "back_carrier"),
    "carrier_company": ("company", "out_carrier"),
    "carrier_profile": ("profile", "out_carrier"),
    "out_flight": ("route", "out_carrier", "out_flight"),
    "back_flight": ("route", "back_carrier", "back_flight"),
    "habit_out_flight": ("company", "route", "out_carrier", "out_flight"),
    "habit_back_flight": ("company", "route", "back_carrier", "back_flight"),
    "profile_out_flight": ("profile", "route", "out_carrier", "out_flight"),
    "profile_back_flight": ("profile", "route", "back_carrier", "back_flight"),
}
LOOK_BACK = ("lift", "taste")  # the feature blocks that a History serves
SESSION_KEYS = ("profile", "company", "route")
PRIOR = 2.0  # bookings as offered, added to both sides of a lift


@dataclass(frozen=True)
class BookingLog:
    """The train file as history needs it: what its sessions with a booking booked, and what was offered beside it.

    ``offers``: for each entry of ``LIFTS`` one row per (session, key): ``offered`` is the share of
    the session's options under the key, ``booked`` is 1 where the booked option is. ``choices``: what preferences are
    estimated from.
    """

    offers: dict[str, pl.DataFrame]
    choices: preferences.Choices


@dataclass(frozen=True)
class History:
    """What sessions look back on. ``assigned`` (session, snapshot, until): which snapshot each of them sees.

    Statistics of each snapshot's bookings, a row per (snapshot, key): ``lifts`` by entry of ``LIFTS``. ``preferences``:
    the weights of "everybody", and by entry of ``preferences.LEVELS`` the deviations from them.
    """

    assigned: pl.DataFrame
    lifts: dict[str, pl.DataFrame]
    preferences: dict[str, pl.DataFrame]


def collect_bookings(searches: Searches) -> BookingLog:
    """The log of the train file, slice by slice."""
    sessions = searches.sessions
    known = sessions.select("session", "time", "size", "booked", "company", "profile", "route").drop_nulls("booked")
    offers: dict[str, list[pl.DataFrame]] = {name: [] for name in LIFTS}
    choices: list[preferences.Choices] = []
    for first, last in track(list(slice_sessions(sessions, SLICE_ROWS)), "bookings"):
        options = add_attributes(take_options(searches.options, sessions, first, last))
        options = options.join(known, on="session", maintain_order="left")
        options = options.with_columns(chosen=(pl.col("position") == pl.col("booked")).cast(pl.Float32))
        for name, key in LIFTS.items():
            offers[name].append(count_offers(options, key))
        choices.append(preferences.sample_choices(options))
    tables = {name: pl.concat(frames) for name, frames in offers.items()}
    return BookingLog(tables, preferences.order_choices(choices))


def count_offers(options: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """One row per (session, key) with ``offered`` and ``booked``; options without a value in the key are left out."""
    return (
        options.lazy()
        .drop_nulls(list(key))
        .group_by("session", *key, maintain_order=True)
        .agg(offered=(pl.len() / pl.col("size").first()).cast(pl.Float32), booked=pl.col("chosen").max())
        .collect()
    )


def build_history(log: BookingLog, snapshots: Snapshots, blocks: Sequence[str] = LOOK_BACK) -> History:
    """The statistics of every key in every snapshot; with no snapshot, empty tables with the right columns.

    Lifts and preferences are what the feature blocks of ``LOOK_BACK`` look up: a table that none of ``blocks``
    needs is left empty.
    """
    nothing = Snapshots(snapshots.assigned, snapshots.visible.clear())
    seen = {block: snapshots if block in blocks else nothing for block in LOOK_BACK}
    lifts = tabulate_lifts(log.offers, seen["lift"])
    return History(snapshots.assigned, lifts, preferences.estimate_preferences(log.choices, seen["taste"]))


def tabulate_lifts(offers: Mapping[str, pl.DataFrame], snapshots: Snapshots) -> dict[str, pl.DataFrame]:
    """``measure_lift`` by entry of ``LIFTS``, a row per (snapshot, key)."""
    tables: dict[str, list[pl.DataFrame]] = {name: [] for name in LIFTS}
    nothing = snapshots.visible.clear()  # so that a table has its columns where there is no snapshot
    groups = snapshots.visible.group_by("snapshot", maintain_order=True)
    for (snapshot,), visible in track([((0,), nothing), *groups], "lifts"):
        for name, key in LIFTS.items():
            seen = offers[name].join(visible, on="session", how="semi", maintain_order="left")
            number = pl.lit(snapshot, pl.Int32).alias("snapshot")
            tables[name].append(measure_lift(seen, key).select(number, pl.all()))
    return {name: pl.concat(parts) for name, parts in tables.items()}


def measure_lift(offers: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """One row per key: ``times`` it was booked, and ``lift``, the log of (booked + prior) / (expected + prior).

    Expected is what random choice would have booked: the sum of the shares of the options under the key.
    """
    # Sums of shares in double precision are exact, so that they do not depend on the order of the rows.
    sums = offers.group_by(key).agg(pl.col("booked").sum().alias("times"), pl.col("offered").cast(pl.Float64).sum())
    lift = shrink(pl.col("times"), pl.col("offered"), 1.0, PRIOR).log()
    return sums.select(*key, "times", lift=lift.cast(pl.Float32)).sort(key)


# --- the blocks ---


def lift_block(chunk: SessionChunk, history: History) -> pl.DataFrame:
    """How much more often its carriers and flights were booked than offered, to whom and where: target encodings."""
    keys = chunk.sessions.select("snapshot", *SESSION_KEYS)
    columns = ("out_carrier", "back_carrier", "out_flight", "back_flight", "out_origin", "out_stop")
    options = chunk.options.select(columns)
    options = pl.concat([options, keys[chunk.session_rows]], how="horizontal")
    tables = []
    for name, key in LIFTS.items():
        lifts = join_history(options, history.lifts[name], key)
        tables.append(lifts.select(pl.col("lift").fill_null(0.0).alias(name), *_count_times(name)))
    return pl.concat(tables, how="horizontal")


def join_history(rows: pl.DataFrame, table: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """The rows with what their snapshot knows of their key; nulls where it knows nothing or the key is incomplete."""
    return rows.join(table, on=["snapshot", *key], how="left", maintain_order="left", nulls_equal=False)


def _count_times(name: str) -> list[pl.Expr]:
    """How often this very flight or carrier was booked, where the key is fine enough for the number to tell."""
    fine = name.startswith(("habit", "profile", "carrier_profile"))
    return [pl.col("times").fill_null(0.0).alias(f"{name}_times")] if fine else []


def preference_block(chunk: SessionChunk, history: History) -> pl.DataFrame:
    """The option's utility to everybody, what company, habit and traveller add to it, and how the sum compares."""
    x, rows = preferences.encode_options(chunk.options), chunk.session_rows.to_numpy()
    keys, parts = chunk.sessions.select("snapshot", *SESSION_KEYS), dict[str, Matrix]()
    for name, table in history.preferences.items():
        known = join_history(keys, table, preferences.LEVELS[name].key if name in preferences.LEVELS else ())
        weights = known.select(pl.col(preferences.NAMES).fill_null(0.0)).to_numpy()
        parts[name] = np.einsum("nk,nk->n", x, weights[rows])
    # Tastes move: what was booked long ago tells less. Of other folds' bookings there is no such age, nor of sessions
    # that nobody judges, which have no snapshot.
    by_time = chunk.sessions["until"].null_count() < chunk.sessions.height
    lag = chunk.sessions.select((pl.col("time") - pl.col("until")) / DAY_MS).to_series()[chunk.session_rows]
    age = {"lag": lag} if by_time else {}
    utility = pl.DataFrame(parts).with_columns(chunk.options["session"], total=pl.sum_horizontal(*parts))
    total, best = pl.col("total"), pl.col("total").max().over("session")
    return utility.select(
        *[(pl.col(name) - pl.col(name).mean().over("session")).alias(name) for name in parts],
        total=total - best,
        rank=total.rank("min", descending=True).over("session"),
        log_chance=total - best - (total - best).exp().sum().over("session").log(),
        **age,
    )
