"""The history of devices before the day: log rows with the attributes of the videos, and last clicks."""

import functools
import operator
from dataclasses import dataclass

import polars as pl

from competitions.mgtv.features.target_encoding import before_day, log_rate
from competitions.mgtv.split import Slates

DAY_MS = 86_400_000
DURATION_STEPS = (15, 30, 60, 90, 120, 180, 300, 600, 1200, 1800, 2700, 3600, 5400)  # seconds
ATTRIBUTES = ("collection", "series", "channel", "type", "source", "intact", "stype", "serial", "duration")


@dataclass(frozen=True)
class DeviceHistory:
    """``log``: the rows of the devices before ``day``, by device, day, time of the click and position, with the
    attributes of the videos and ``residual``: log t less the mean log t of videos of such a length.

    Grows with the devices times their history: about 40 rows a device, 70 bytes each.
    """

    day: int
    log: pl.DataFrame


def build_history(log: pl.DataFrame, slates: Slates, videos: pl.DataFrame) -> DeviceHistory:
    """The history of the devices of the slates; lengths are compared by what all devices did before the day."""
    before = before_day(log, slates)
    longer = (pl.col("duration") > step for step in DURATION_STEPS)
    lengths = videos.select("video", length=functools.reduce(operator.add, (more.cast(pl.Int8) for more in longer)))
    usual = (
        before.filter(pl.col("t") > 0)
        .join(lengths.lazy(), on="video", how="left")
        .group_by("length")
        .agg(usual=log_rate().cast(pl.Float64).mean().round(6))
    )
    own = (
        before.join(slates.queries.lazy().select("device"), on="device", how="semi")
        .join(videos.lazy().select("video", *ATTRIBUTES), on="video", how="left")
        .join(lengths.lazy(), on="video", how="left")
        .join(usual, on="length", how="left", nulls_equal=True)
        .with_columns(residual=(log_rate() - pl.col("usual")).cast(pl.Float32))
        .drop("length", "usual")
        .sort("device", "day", "click_ms", "position", "video", nulls_last=False)
        .collect()
    )
    return DeviceHistory(slates.day, own)


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
