"""The history of devices before the day: log rows with the attributes of the videos."""

import functools
import operator
from dataclasses import dataclass

import polars as pl

from competitions.mgtv.features.target_encoding import before_day, log_rate
from competitions.mgtv.split import Slates

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
