"""A row within its slate: its position, videos of the same kind, and its rates against those of the other videos.

Only what was shown that day is used, never the outcome; the host gives the slates of the test day as well.
"""

import re

import polars as pl

from common.learning.dataset import attach
from competitions.mgtv.features.build import spread
from competitions.mgtv.split import Slates

RATE = re.compile(r"(video|pair)_.*_(click|answer)(_.*)?")  # of clicking or answering
ATTRIBUTES = ("collection", "channel", "type")
COMPARED = ("video_duration", "video_age", "video_trend")  # beside every rate of clicking or answering


def describe_lists(
    slates: Slates, videos: pl.DataFrame, by_video: pl.DataFrame, by_pair: pl.DataFrame | None
) -> pl.DataFrame:
    """One row per row of the slates, in order: the block's features.

    ``by_video`` and ``by_pair``: the blocks ``video`` and ``pair``, whose rates are compared within a slate.
    """
    others = [spread(by_video, slates.rows), *([] if by_pair is None else [by_pair])]
    compared = compare(pl.concat(others, how="horizontal").with_columns(query=slates.rows["query"]))
    return pl.concat([describe_positions(slates, videos), compared], how="horizontal")


def describe_positions(slates: Slates, videos: pl.DataFrame) -> pl.DataFrame:
    """The part of the block that looks at no rate: position, videos of the same kind, share of all that is shown."""
    rows = attach(slates.rows, videos.select("video", *ATTRIBUTES), ["video"])
    rows = attach(rows, slates.shares, ["video"])
    size = pl.len().over("query")
    same = {name: pl.when(pl.col(name).is_not_null()).then(pl.len().over("query", name) - 1) for name in ATTRIBUTES}
    return rows.select(
        list_size=size.cast(pl.Float32),
        list_position=pl.col("position").cast(pl.Float32),
        list_position_share=(pl.col("position").rank("ordinal").over("query") / size).cast(pl.Float32),
        list_share_today=(pl.col("share") * 1e3).log1p().cast(pl.Float32),
        **{f"list_same_{name}": count.cast(pl.Float32) for name, count in same.items()},
    )


def compare(features: pl.DataFrame) -> pl.DataFrame:
    """For the features worth comparing within a ``query``: the difference from the mean of the query, and the rank."""
    chosen = [name for name in features.columns if name in COMPARED or RATE.fullmatch(name)]
    differences = [
        (pl.col(name) - pl.col(name).cast(pl.Float64).mean().over("query")).cast(pl.Float32).alias(f"list_{name}_off")
        for name in chosen
    ]
    ranks = [
        pl.col(name).rank("average", descending=True).over("query").cast(pl.Float32).alias(f"list_{name}_rank")
        for name in chosen
        if "_own_" in name or name.endswith("_click") or name in COMPARED
    ]
    return features.select(*differences, *ranks)
