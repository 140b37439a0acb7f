"""A device before the day: how often it clicks, how much it watches, when it was last seen."""

from collections.abc import Sequence

import polars as pl

from common.learning.cooccurrence import exact_sum
from common.learning.dataset import attach
from competitions.mgtv.features.device_history import DeviceHistory
from competitions.mgtv.features.target_encoding import (
    COUNTS,
    DEVICE_PRIOR,
    HALF_LIVES,
    Counts,
    count_events,
    decay_weight,
    log_rate,
)
from competitions.mgtv.split import Slates

LAST = 3


def describe_devices(history: DeviceHistory, slates: Slates, half_lives: Sequence[float] = HALF_LIVES) -> pl.DataFrame:
    """One row per query, in order: query, and the block's features."""
    queries = slates.queries
    parts = [_describe_rates(history, queries, half_life) for half_life in half_lives]
    recent = attach(queries, _describe_recent(history), ["device"]).drop("device")
    return pl.concat([recent, *parts], how="horizontal").cast({pl.Float64: pl.Float32})


def _describe_rates(history: DeviceHistory, queries: pl.DataFrame, half_life: float) -> pl.DataFrame:
    events = count_events(decay_weight(history.day, half_life))
    counts = history.log.lazy().group_by("device").agg(events).sort("device").collect()
    own = Counts(attach(queries, counts, ["device"]))
    return own.describe(own.rates(Counts(counts).mean(), DEVICE_PRIOR), COUNTS[:4], "device", half_life)


def _describe_recent(history: DeviceHistory) -> pl.DataFrame:
    """Days since the device was last seen and last clicked, what it last watched and how much of it."""
    log, played = history.log.lazy(), pl.col("t") > 0
    seen = log.group_by("device").agg(
        device_seen_ago=(history.day - pl.col("day").max()).cast(pl.Float32),
        device_clicked_ago=(history.day - pl.col("day").filter("clicked").max()).cast(pl.Float32),
        device_days=pl.col("day").n_unique().cast(pl.Float32),
        device_list_size=(pl.col("shown").sum() / pl.col("day").n_unique()).cast(pl.Float32),
    )
    watched = log.filter(played).with_columns(log_t=log_rate().cast(pl.Float64))
    last = watched.group_by("device", maintain_order=True).agg(
        device_last_log_t=pl.col("log_t").last(),
        device_last_residual=pl.col("residual").last(),
        device_last_residuals=exact_sum(pl.col("residual").tail(LAST)) / pl.len().clip(upper_bound=LAST),
        device_last_duration=pl.col("duration").last(),
        device_usual_duration=pl.col("duration").tail(20).median(),
    )
    return seen.join(last, on="device", how="left").collect().sort("device")
