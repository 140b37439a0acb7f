"""Candidates of each query, and what the ranker knows of them. A function sees the history, never the answers."""

import polars as pl

from common.learning.cooccurrence import count_transitions
from common.learning.dataset import attach
from common.learning.split import Fold
from common.time_units import HOUR_MS
from competitions.template.config import CandidateSettings


def count_items(history: pl.DataFrame) -> pl.DataFrame:
    """Every item of the history, the most popular first: item, count, latest (the time of its last event)."""
    counted = history.group_by("item").agg(count=pl.len(), latest=pl.col("time").max())
    return counted.sort("count", "item", descending=[True, False])


def find_candidates(fold: Fold, settings: CandidateSettings) -> pl.DataFrame:
    """One row per query and candidate: the popular items, and those that follow the last item most often."""
    queries = fold.queries.select("query")
    popular = queries.join(count_items(fold.history).head(settings.popular).select("item"), how="cross")
    last = fold.seen.filter(back=0).select("query", last="item")
    follow = count_transitions(fold.history, power=0.25, top=settings.next)
    near = last.join(follow, left_on="last", right_on="item").select("query", item="neighbour")
    return pl.concat([popular, near]).unique().sort("query", "item")


def build_features(fold: Fold, candidates: pl.DataFrame, settings: CandidateSettings) -> pl.DataFrame:
    """The features of every candidate, a column each; a name begins with its grain: item or pair."""
    items, last = count_items(fold.history), fold.seen.filter(back=0).select("query", last="item")
    follow = count_transitions(fold.history, power=0.25, top=settings.next)
    own = fold.seen.group_by("query", "item").agg(own=pl.len())
    rows = attach(candidates, fold.queries.select("query", "time"), ["query"])
    rows = attach(attach(rows, items, ["item"]), last, ["query"])
    rows = attach(rows, follow.rename({"item": "last", "neighbour": "item"}), ["last", "item"])
    rows = attach(rows, own, ["query", "item"])
    return rows.select(
        item_count=pl.col("count").log1p().cast(pl.Float32),
        item_hours=((pl.col("time") - pl.col("latest")) / HOUR_MS).cast(pl.Float32),
        pair_follows=pl.col("weight").fill_null(0.0).cast(pl.Float32),
        pair_own=pl.col("own").fill_null(0).cast(pl.Float32),
    )
