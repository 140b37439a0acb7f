"""The clicks of devices before the day: the last ones of each query, and all of them."""

import polars as pl

from common.time_units import DAY_MS
from competitions.mgtv.features.target_encoding import before_day
from competitions.mgtv.split import Slates


def list_recent(log: pl.DataFrame, slates: Slates, most: int) -> pl.DataFrame:
    """One row per (query, clicked video) of the last ``most`` clicks: query, video, t, ``back`` (0 = the latest).

    A video clicked on several days stands there several times; t is null where unknown. Sorted by query, then back.
    """
    return (
        before_day(log, slates)
        .filter("clicked")
        .join(slates.queries.lazy(), on="device")
        .sort("query", "day", "click_ms", "position", "video", nulls_last=False)
        .with_columns(back=pl.int_range(pl.len(), 0, -1).over("query").cast(pl.Int32) - 1)
        .filter(pl.col("back") < most)
        .sort("query", "back")
        .select("query", "video", "t", "back")
        .collect()
    )


def list_clicks(log: pl.DataFrame, slates: Slates) -> pl.DataFrame:
    """Every click of any device before the day: user (the device), item (the video), time.

    ``time`` orders a device's clicks; it is a true time to the day only, since clicks may lack theirs.
    """
    ordered = (
        before_day(log, slates)
        .filter("clicked")
        .sort("device", "day", "click_ms", "position", "video", nulls_last=False)
        .with_columns(rank=pl.int_range(pl.len()).over("device", "day"))
    )
    time = pl.col("day").cast(pl.Int64) * DAY_MS + pl.col("rank")
    return ordered.select(user="device", item="video", time=time).collect()
