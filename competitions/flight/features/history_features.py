"""The blocks ``lift_`` and ``taste_``: an option against bookings of its traveller, company, route."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.time_units import DAY_MS
from competitions.flight.features import preferences
from competitions.flight.features.booking_history import LIFTS, History
from competitions.flight.features.session_chunk import SessionChunk

SESSION_KEYS = ("profile", "company", "route")


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
    keys = chunk.sessions.select("snapshot", *SESSION_KEYS)
    parts: dict[str, NDArray[np.float32]] = {}
    for name, table in history.preferences.items():
        known = join_history(keys, table, preferences.LEVELS[name].key if name in preferences.LEVELS else ())
        weights = known.select(pl.col(preferences.NAMES).fill_null(0.0)).to_numpy()
        parts[name] = np.einsum("nk,nk->n", x, weights[rows])
    # Tastes move: what was booked long ago tells less. Of other folds' bookings there is no such age.
    by_time = (
        chunk.sessions["until"].null_count() < chunk.sessions.height
    )  # sessions that nobody judges have no snapshot
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
