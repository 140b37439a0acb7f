"""What the ranker knows of the candidates, in blocks: a function gets the fold and its candidates, never the answers.

A column's name begins with that of its block. A new block is a function, a line in ``DESCRIBE`` and its name in
``BLOCKS`` of config.py.
"""

from collections.abc import Callable, Mapping

import polars as pl

from common.features.in_list import group_rows, rank_within, share_within
from common.learning.dataset import attach
from common.learning.split import Fold
from common.time_units import DAY_MS, HOUR_MS

HOUR, LATE_DAYS = pl.lit(float(HOUR_MS)), 7


def describe_channels(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """The rank and score that each channel gave, and the vote of all (``fusion``)."""
    del fold
    return candidates.select(pl.exclude("query", "item").cast(pl.Float32).name.prefix("channel_"))


def describe_items(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """How popular an item is, of late too, and how old its first and last event are."""
    time, end = pl.col("time"), int(fold.history["time"].max())  # type: ignore[arg-type]
    items = fold.history.group_by("item").agg(
        item_count=pl.len().log1p().cast(pl.Float32),
        item_late=(time > end - LATE_DAYS * DAY_MS).sum().log1p().cast(pl.Float32),
        item_hours_first=((end - time.min()) / HOUR).cast(pl.Float32),
        item_hours_last=((end - time.max()) / HOUR).cast(pl.Float32),
    )
    return attach(candidates.select("item"), items, ["item"]).drop("item")


def describe_lists(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """A candidate beside the others of its query: its share of the best fusion, the rank of its popularity."""
    groups = group_rows(candidates["query"].to_numpy())
    counts = describe_items(fold, candidates)["item_count"].to_numpy()
    return pl.DataFrame(
        {
            "list_fusion_share": share_within(candidates["fusion"].to_numpy()[None], groups)[0],
            "list_count_rank": rank_within(counts, groups),
        }
    )


def describe_pairs(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """How often the user had the item before, and how many events ago the last time."""
    own = fold.seen.group_by("query", "item").agg(
        pair_count=pl.len().cast(pl.Float32), pair_back=pl.col("back").min().cast(pl.Float32)
    )
    return attach(candidates.select("query", "item"), own, ["query", "item"]).select("pair_count", "pair_back")


def describe_users(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """How much a user did, and how long ago the last of it was."""
    users = fold.seen.group_by("query").agg(
        user_events=pl.len().cast(pl.Float32),
        user_items=pl.col("item").n_unique().cast(pl.Float32),
        last=pl.max("time"),
    )
    rows = attach(attach(candidates.select("query"), fold.queries.select("query", "time"), ["query"]), users, ["query"])
    hours = ((pl.col("time") - pl.col("last")) / HOUR).cast(pl.Float32)
    return rows.select("user_events", "user_items", user_hours_last=hours)


Describe = Callable[[Fold, pl.DataFrame], pl.DataFrame]
DESCRIBE: Mapping[str, Describe] = {
    "channel": describe_channels,
    "item": describe_items,
    "list": describe_lists,
    "pair": describe_pairs,
    "user": describe_users,
}
