"""What the ranker knows of the candidates, in blocks: a function gets the fold and its candidates, never the answers.

A column's name begins with that of its block. A new block is a function, a line in ``DESCRIBE`` and its name in
``BLOCKS`` of config.py.
"""

from collections.abc import Callable, Mapping

import polars as pl

from common.features.in_list import compare_in_list
from common.features.windows import count_windows
from common.learning.dataset import attach
from common.learning.split import Fold
from common.time_units import HOUR_MS

WINDOWS = {"item_day": (24.0, 0.0), "item_week": (168.0, 0.0), "item_all": (1e6, 0.0)}  # hours before and after


def describe_channels(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """The rank and score that each channel gave, and the vote of all (``fusion``)."""
    del fold
    return candidates.select(pl.exclude("query", "item").cast(pl.Float32).name.prefix("channel_"))


def describe_items(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """How popular an item is in ``WINDOWS`` before the query, and how old its last event is."""
    rows = attach(candidates.select("query", "item"), fold.queries.select("query", "time"), ["query"])
    last = attach(rows, fold.history.group_by("item").agg(last=pl.max("time")), ["item"])
    hours = ((pl.col("time") - pl.col("last")) / HOUR_MS).cast(pl.Float32)
    return count_windows(rows, fold.history, "item", WINDOWS).with_columns(last.select(item_hours_last=hours))


def describe_lists(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """A candidate beside the others of its query: the share of the best and the rank, by what the channels gave it."""
    del fold
    scores = [name for name in candidates.columns if name == "fusion" or name.startswith("score_")]
    return compare_in_list(candidates, scores).select(pl.all().name.prefix("list_"))


def describe_pairs(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """How often the user had the item before, and how many events ago the last time."""
    own = fold.seen.group_by("query", "item").agg(
        pair_count=pl.len().cast(pl.Float32), pair_back=pl.col("back").min().cast(pl.Float32)
    )
    return attach(candidates.select("query", "item"), own, ["query", "item"]).select("pair_count", "pair_back")


def describe_users(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """How much a user did, and how long ago the last of it was."""
    users = fold.seen.group_by("query").agg(
        user_events=pl.len().cast(pl.Float32), user_items=pl.n_unique("item").cast(pl.Float32), last=pl.max("time")
    )
    hours = ((pl.col("time") - pl.col("last")) / HOUR_MS).cast(pl.Float32)
    known = attach(fold.queries.select("query", "time"), users, ["query"])
    rows = attach(candidates.select("query"), known.with_columns(user_hours_last=hours), ["query"])
    return rows.select("user_events", "user_items", "user_hours_last")


Describe = Callable[[Fold, pl.DataFrame], pl.DataFrame]
DESCRIBE: Mapping[str, Describe] = {
    "channel": describe_channels,
    "item": describe_items,
    "list": describe_lists,
    "pair": describe_pairs,
    "user": describe_users,
}
