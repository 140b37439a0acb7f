"""Time-synced comments written before the day: how many, how dense, how kind, and where in the video."""

import datetime

import polars as pl

from common.retrieval.cooccurrence import exact_sum

COUNTED = ("comments", "sentiment", "offset_s", "length")


def describe_comments(comments: pl.DataFrame, videos: pl.DataFrame, until: datetime.date | None) -> pl.DataFrame:
    """One row per video code, in code order: video, and the block's features from comments dated before ``until``.

    Without a date no comment can be told to be older than the day, and none counts.
    """
    before = comments.filter(pl.col("date") < until) if until else comments.clear()
    sums = before.group_by("video").agg(exact_sum(pl.col(name)).alias(name) for name in COUNTED)
    frame = videos.select("video", "collection", "duration").join(sums, on="video", how="left", maintain_order="left")
    number, minutes = pl.col("comments").fill_null(0.0), pl.col("duration") / 60
    whole = pl.when(pl.col("collection").is_not_null()).then(number.sum().over("collection")).otherwise(number)
    tone = pl.when(pl.col("collection").is_not_null()).then(pl.col("sentiment").fill_null(0.0).sum().over("collection"))
    return frame.select(
        "video",
        comment_log_number=number.log1p(),
        comment_per_minute=number / minutes,
        comment_sentiment=pl.col("sentiment").fill_null(0.0) / (number + 5.0),
        comment_place=pl.col("offset_s") / pl.col("comments") / pl.col("duration"),
        comment_length=pl.col("length") / pl.col("comments"),
        comment_collection_log_number=whole.log1p(),
        comment_collection_sentiment=tone / (whole + 5.0),
    ).cast({pl.Float64: pl.Float32})
