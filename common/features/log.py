"""Blocks of features that any log of users and items has, of a fold and its candidates: query, item, and what retrieval
gave them (fusion, rank_NAME, score_NAME). One row per candidate, in order; a column begins with its block.
"""

import polars as pl

from common.features.in_list import compare_in_list
from common.learning.dataset import attach
from common.learning.split import Fold
from common.time_units import HOUR_MS


def describe_channels(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """The rank and score that each channel gave, and the vote of all (``fusion``).

    >>> candidates = pl.DataFrame({"query": [0], "item": [7], "fusion": [0.5], "rank_hot": [1]})
    >>> describe_channels(Fold(*[pl.DataFrame()] * 4), candidates).columns
    ['channel_fusion', 'channel_rank_hot']
    """
    del fold
    return candidates.select(pl.exclude("query", "item").cast(pl.Float32).name.prefix("channel_"))


def describe_lists(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """A candidate beside the others of its query: the share of the best and the rank, by what the channels gave it.

    >>> candidates = pl.DataFrame({"query": [0, 0], "item": [7, 8], "fusion": [0.5, 1.0]})
    >>> describe_lists(Fold(*[pl.DataFrame()] * 4), candidates).rows()
    [(0.5, 2.0), (1.0, 1.0)]
    """
    del fold
    scores = [name for name in candidates.columns if name == "fusion" or name.startswith("score_")]
    return compare_in_list(candidates, scores).select(pl.all().name.prefix("list_"))


def describe_pairs(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """How often the user had the item before, and how many events ago the last time.

    >>> seen = pl.DataFrame({"query": [0, 0, 0], "item": [7, 7, 8], "back": [2, 1, 0]})
    >>> describe_pairs(Fold(seen, seen, seen, None), pl.DataFrame({"query": [0, 0], "item": [7, 9]})).rows()
    [(2.0, 1.0), (None, None)]
    """
    own = fold.seen.group_by("query", "item").agg(
        pair_count=pl.len().cast(pl.Float32), pair_back=pl.col("back").min().cast(pl.Float32)
    )
    return attach(candidates.select("query", "item"), own, ["query", "item"]).select("pair_count", "pair_back")


def describe_users(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """How much a user did, and how long ago the last of it was.

    >>> seen = pl.DataFrame({"query": [0, 0], "item": [7, 8], "time": [0, HOUR_MS]})
    >>> fold = Fold(seen, pl.DataFrame({"query": [0], "time": [3 * HOUR_MS]}), seen, None)
    >>> describe_users(fold, pl.DataFrame({"query": [0], "item": [9]})).rows()
    [(2.0, 2.0, 2.0)]
    """
    users = fold.seen.group_by("query").agg(
        user_events=pl.len().cast(pl.Float32), user_items=pl.n_unique("item").cast(pl.Float32), last=pl.max("time")
    )
    hours = ((pl.col("time") - pl.col("last")) / HOUR_MS).cast(pl.Float32)
    known = attach(fold.queries.select("query", "time"), users, ["query"])
    rows = attach(candidates.select("query"), known.with_columns(user_hours_last=hours), ["query"])
    return rows.select("user_events", "user_items", "user_hours_last")
