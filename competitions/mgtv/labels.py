"""The labels: one video a device and day, and how much of it was played.

    t = seconds played / duration,        s(t, p) = 1 / (1 + sqrt(|t - p| / t)) for t > 0, else 0

An answer p scores s where its video is the right one; the score is the sum over all devices that have an answer.
"""

import numpy as np
import polars as pl

from common.arrays import Floats
from competitions.mgtv.config import TruthSettings


def score_rates(truth: Floats, answer: Floats) -> Floats:
    """s(t, p), element by element with broadcasting; 0 where ``truth`` is not above 0 or unknown (NaN).

    >>> score_rates(np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.0, 0.0])).tolist()
    [1.0, 0.5, 0.0]
    """
    known = truth > 0
    t = np.where(known, truth, 1.0)
    return np.where(known, 1.0 / (1.0 + np.sqrt(np.abs(t - answer) / t)), 0.0)


def label_day(day: pl.DataFrame, durations: pl.Series, truth: TruthSettings) -> pl.DataFrame:
    """Add to a day's log ``t`` Float32 (null: unknown) and ``answer`` Boolean: the device's video of the day.

    ``durations`` in seconds by video code. At most one row of a device is its answer; it may have an unknown t.
    """
    rate = pl.col("play") / durations.gather(day["video"])
    capped = rate.clip(upper_bound=truth.clip) if truth.clip else rate
    marked = day.with_columns(t=capped.cast(pl.Float32)).with_row_index("row")
    order = {
        "first_click": (["click_ms", "position", "video"], False),
        "last_click": (["click_ms", "position", "video"], True),
        "longest_play": (["play", "click_ms", "video"], True),
    }
    keys, falling = order[truth.rule]
    first = (
        marked.filter("clicked" if truth.rule != "longest_play" else pl.col("play") > 0)
        .sort(keys, descending=falling, nulls_last=True)
        .unique("device", keep="first", maintain_order=True)
    )
    return marked.with_columns(answer=pl.col("row").is_in(first["row"].implode())).drop("row")


def stack_log(days: list[pl.DataFrame], videos: pl.DataFrame, truth: TruthSettings) -> pl.DataFrame:
    """All days one after the other, with ``t`` and ``answer``; the seconds played are dropped. ``videos`` by code.

    Held: 27 bytes a row, so 1.6 GB for 30 days of 1.9 million impressions.
    """
    return pl.concat([label_day(day, videos["duration"], truth).drop("play") for day in days])
