"""How a row stands among the other videos that the device was shown: position, company, and rates against the rest.

Only what was shown that day is looked at, never what came of it; the host gives the lists of the test day as well.
"""

import re

import polars as pl

from competitions.mgtv.split import Slates

RATE = re.compile(r"(video|pair)_.*_(click|answer)(_.*)?")  # of clicking or answering
COMPANY = ("collection", "channel", "type")
COMPARED = ("video_duration", "video_age", "video_trend")  # beside every rate of clicking or answering


def describe_slates(slates: Slates, videos: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """One row per asked row, in order: the block's features. ``others``: features of the blocks before this one."""
    rows = slates.rows.join(videos.select("video", *COMPANY), on="video", how="left", maintain_order="left")
    size = pl.len().over("query")
    place = rows.select(
        list_size=size.cast(pl.Float32),
        list_position=pl.col("position").cast(pl.Float32),
        list_position_share=(pl.col("position").rank("ordinal").over("query") / size).cast(pl.Float32),
        list_share_today=(pl.len().over("video") / pl.len() * 1e3).log1p().cast(pl.Float32),
        **{
            f"list_same_{name}": pl.when(pl.col(name).is_not_null())
            .then(pl.len().over("query", name) - 1)
            .cast(pl.Float32)
            for name in COMPANY
        },
    )
    return pl.concat([place, compare(others.with_columns(query=rows["query"]))], how="horizontal")


def compare(features: pl.DataFrame) -> pl.DataFrame:
    """For the features worth comparing within a ``query``: the difference from the mean of the query, and the rank."""
    chosen = [name for name in features.columns if name in COMPARED or _is_rate(name)]
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


def _is_rate(name: str) -> bool:
    return RATE.fullmatch(name) is not None
