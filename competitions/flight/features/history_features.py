"""The blocks ``history_`` and ``taste_``: an option against what earlier bookings tell of who asks, and of all."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from competitions.flight.features import preferences
from competitions.flight.features.booking_history import DETAILED, KEYS, LIFTS, SPREADS, History
from competitions.flight.features.option_attributes import DAY_MINUTES, TRAITS
from competitions.flight.features.session_chunk import Part

MINUTE_MS = 60_000
SESSION_KEYS = ("profile", "company", "route")
COUNTED = ("profile", "trip", "habit")  # keys whose number of bookings is a feature


def history_block(part: Part, history: History) -> pl.DataFrame:
    """The option against what was booked earlier: distances from the means, places in the quartiles, lifts."""
    places = part.places()
    known = part.sessions.select("session", "view", "time", *SESSION_KEYS)
    columns: list[pl.DataFrame] = []
    for name, key in KEYS.items():
        table = history.means[name]
        met = known.join(table, on=["view", *key], how="left", maintain_order="left", nulls_equal=False)
        columns.append(_compare_with(part.options, met[places], name))
    rows = part.options.select("out_carrier", "back_carrier", "out_flight", "back_flight", "out_origin")
    rows = pl.concat([rows, known.select("view", *SESSION_KEYS)[places]], how="horizontal")
    for name, key in LIFTS.items():
        met = rows.join(history.lifts[name], on=["view", *key], how="left", maintain_order="left", nulls_equal=False)
        columns.append(met.select(pl.col("lift").fill_null(0.0).alias(f"{name}_lift"), *_count_times(name)))
    return pl.concat(columns, how="horizontal")


def _count_times(name: str) -> list[pl.Expr]:
    """How often this very flight or carrier was booked, where the key is fine enough for the number to tell."""
    fine = name.startswith(("habit", "profile", "carrier_profile"))
    return [pl.col("times").fill_null(0.0).alias(f"{name}_times")] if fine else []


def _compare_with(options: pl.DataFrame, met: pl.DataFrame, name: str) -> pl.DataFrame:
    """Each option's traits less the key's means; the spread and quartiles of the detailed keys; how much is known."""
    joined = pl.concat([options.select(TRAITS), met.select(pl.all().name.prefix("met_"))], how="horizontal")
    made = [(pl.col(trait) - pl.col(f"met_{trait}")).alias(f"{name}_{trait}") for trait in TRAITS]
    made += [pl.col("met_bookings").fill_null(0.0).alias(f"{name}_bookings")]
    if name in COUNTED:
        age = (pl.col("met_time") - pl.col("met_last_ms")) / (MINUTE_MS * DAY_MINUTES)
        made.append(age.alias(f"{name}_age_days"))
    if name in DETAILED:
        for trait in SPREADS:
            middle, low, high = (pl.col(f"met_{trait}_q{q}") for q in (50, 25, 75))
            made.append(pl.col(f"met_{trait}_spread").alias(f"{name}_{trait}_spread"))
            made.append((pl.col(trait) - middle).abs().alias(f"{name}_{trait}_off"))
            made.append(pl.col(trait).is_between(low, high).cast(pl.Float32).alias(f"{name}_{trait}_usual"))
    return joined.select(made)


def taste_block(part: Part, history: History) -> pl.DataFrame:
    """The option's utility to everybody, what company, habit and traveller add to it, and how the sum compares."""
    described, places = preferences.describe(part.options), part.places().to_numpy()
    known = part.sessions.select("view", *SESSION_KEYS)
    added: dict[str, NDArray[np.float32]] = {}
    for name, table in history.tastes.items():
        key = ["view", *(preferences.LEVELS[name].key if name in preferences.LEVELS else ())]
        met = known.join(table, on=key, how="left", maintain_order="left", nulls_equal=False)
        weights = met.select(pl.col(preferences.NAMES).fill_null(0.0)).to_numpy()
        added[name] = np.einsum("nk,nk->n", described, weights[places])
    utility = pl.DataFrame(added).with_columns(part.options["session"], total=pl.sum_horizontal(*added))
    total, best = pl.col("total"), pl.col("total").max().over("session")
    return utility.select(
        *[(pl.col(name) - pl.col(name).mean().over("session")).alias(name) for name in added],
        total=total - best,
        rank=total.rank("min", descending=True).over("session"),
        log_chance=total - best - (total - best).exp().sum().over("session").log(),
    )
