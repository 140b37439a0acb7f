"""Time-synced comments written before the day: number, density, sentiment, and offset in the video."""

import datetime

import polars as pl

from common.learning.cooccurrence import exact_sum
from common.learning.features import attach

COUNTED = ("comments", "sentiment", "offset_s", "length")


def describe_comments(comments: pl.DataFrame, videos: pl.DataFrame, until: datetime.date | None) -> pl.DataFrame:
    """One row per video code, in code order: video, and the block's features from comments dated before ``until``.

    Without a date no comment is known to be older than the day, and none counts.
    """
    before = comments.filter(pl.col("date") < until) if until else comments.clear()
    sums = before.group_by("video").agg(exact_sum(pl.col(name)).alias(name) for name in COUNTED)
    frame = attach(videos.select("video", "collection", "duration"), sums, ["video"])
    number, sentiment = pl.col("comments").fill_null(0.0), pl.col("sentiment").fill_null(0.0)
    collected = pl.when(pl.col("collection").is_not_null())
    total = collected.then(number.sum().over("collection")).otherwise(number)
    return frame.select(
        "video",
        comment_log_number=number.log1p(),
        comment_per_minute=number / (pl.col("duration") / 60),
        comment_sentiment=sentiment / (number + 5.0),
        comment_place=pl.col("offset_s") / pl.col("comments") / pl.col("duration"),
        comment_length=pl.col("length") / pl.col("comments"),
        comment_collection_log_number=total.log1p(),
        comment_collection_sentiment=collected.then(sentiment.sum().over("collection")) / (total + 5.0),
    ).cast({pl.Float64: pl.Float32})
