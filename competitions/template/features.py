"""What the ranker knows of the candidates, in blocks: a function gets the fold and its candidates, never the answers.

A column's name begins with that of its block. A new block is a function, as ``describe_items`` is, a line in
``DESCRIBE`` and its name in ``BLOCKS`` of config.py.
"""

from collections.abc import Callable, Mapping

import polars as pl

from common.features.log import describe_channels, describe_lists, describe_pairs, describe_users
from common.features.windows import count_windows
from common.learning.dataset import attach
from common.learning.split import Fold
from common.time_units import HOUR_MS

WINDOWS = {"item_day": (24.0, 0.0), "item_week": (168.0, 0.0), "item_all": (1e6, 0.0)}  # hours before and after


def describe_items(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """How popular an item is in ``WINDOWS`` before the query, and how old its last event is."""
    rows = attach(candidates.select("query", "item"), fold.queries.select("query", "time"), ["query"])
    last = attach(rows, fold.history.group_by("item").agg(last=pl.max("time")), ["item"])
    hours = ((pl.col("time") - pl.col("last")) / HOUR_MS).cast(pl.Float32)
    return count_windows(rows, fold.history, "item", WINDOWS).with_columns(last.select(item_hours_last=hours))


Describe = Callable[[Fold, pl.DataFrame], pl.DataFrame]
DESCRIBE: Mapping[str, Describe] = {
    "channel": describe_channels,
    "item": describe_items,
    "list": describe_lists,
    "pair": describe_pairs,
    "user": describe_users,
}
