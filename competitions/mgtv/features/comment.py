"""Time-synced comments written before the day: number, density, sentiment, and offset in the video."""

import datetime
from collections.abc import Mapping, Sequence

import polars as pl

from common.learning.cooccurrence import exact_sum
from common.learning.dataset import attach

COUNTED = ("comments", "sentiment", "offset_s", "length")
UNIT = 16  # a power of 2: the seconds of a million comments on a long episode are more than ``exact_sum`` holds


def list_dates(days: Sequence[int], dates: Sequence[datetime.date | None]) -> dict[int, datetime.date]:
    """The date of every day that has clicks."""
    return {day: date for day, date in zip(days, dates, strict=True) if date is not None}


def find_date(dates: Mapping[int, datetime.date], day: int) -> datetime.date | None:
    """The date of a day, counted on from the nearest day of the log that has one.

    >>> find_date({3: datetime.date(2025, 4, 3)}, 5)
    datetime.date(2025, 4, 5)
    """
    if not dates:
        return None
    known = min(dates, key=lambda other: (abs(other - day), other))
    return dates[known] + datetime.timedelta(days=day - known)


def describe_comments(
    comments: pl.DataFrame, dates: Mapping[int, datetime.date], videos: pl.DataFrame, day: int
) -> pl.DataFrame:
    """One row per video code, in code order: video, and the block's features from comments dated before ``day``.

    Without a date no comment is known to be older than the day, and none counts.
    """
    until = find_date(dates, day)
    before = comments.filter(pl.col("date") < until) if until else comments.clear()
    sums = before.group_by("video").agg((exact_sum(pl.col(name) / UNIT) * UNIT).alias(name) for name in COUNTED)
    frame = attach(videos.select("video", "collection", "duration"), sums, ["video"])
    number, sentiment = pl.col("comments").fill_null(0.0), pl.col("sentiment").fill_null(0.0)
    collected = pl.when(pl.col("collection").is_not_null())
    total = collected.then(number.sum().over("collection")).otherwise(number)
    return frame.select(
        "video",
        comment_log_number=number.log1p(),
        comment_per_minute=number / (pl.col("duration") / 60),
        comment_sentiment=sentiment / (number + 5.0),
        comment_offset=pl.col("offset_s") / pl.col("comments") / pl.col("duration"),
        comment_length=pl.col("length") / pl.col("comments"),
        comment_collection_log_number=total.log1p(),
        comment_collection_sentiment=collected.then(sentiment.sum().over("collection")) / (total + 5.0),
    ).cast({pl.Float64: pl.Float32})
