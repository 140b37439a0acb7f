"""Features in blocks: ``item_``, ``pair_``, ``channel_``. Each reads a fold's history and queries, never its answers.

A block has one row per candidate, in the order of the candidates, so that blocks stand side by side without a join.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from common.arrays import lookup_rows, take_known
from common.features import in_list
from common.features.in_list import Groups
from common.learning.dataset import Matrix, to_matrix
from common.learning.split import Fold
from common.retrieval.fusion import FusedLists
from common.retrieval.lists import Int64s, cut_rows, work_side_by_side
from common.time_units import HOUR_MS
from competitions.news import lookups
from competitions.news.io.reader import Embeddings
from competitions.news.lookups import Catalogue, Columns, FeatureTables, ItemClicks, Pairs, Queries
from competitions.news.pair_features import pair_columns

WINDOWS_HOURS = {  # (before, after) the user's last visible click
    "item_clicks_m15min": (0.25, 0.0),
    "item_clicks_p15min": (0.0, 0.25),
    "item_clicks_m1h": (1.0, 0.0),
    "item_clicks_p1h": (0.0, 1.0),
    "item_clicks_m3h": (3.0, 0.0),
    "item_clicks_p3h": (0.0, 3.0),
    "item_clicks_m6h": (6.0, 0.0),
    "item_clicks_p6h": (0.0, 6.0),
    "item_clicks_m24h": (24.0, 0.0),
    "item_clicks_p24h": (0.0, 24.0),
    "item_clicks_p24h_72h": (-24.0, 72.0),
    "item_clicks_all": (1e5, 1e5),
}
COUNTED_ROWS = 50_000  # whose windows are counted at once, all of them while the rows are near the processor
RANKED_WINDOWS = ("item_clicks_p1h", "item_clicks_m6h", "item_clicks_p24h", "item_clicks_all")
Blocks = Mapping[str, pl.DataFrame]

# Blocks of your own, by the name that their features begin with: a function of the fold, the articles and the
# candidates, one row per candidate in order. What is registered here is on.
EXTRA_BLOCKS: dict[str, Callable[[Fold, pl.DataFrame, pl.DataFrame], pl.DataFrame]] = {}


def to_block(columns: Columns) -> pl.DataFrame:
    """Columns as a frame, NaN as null."""
    return pl.DataFrame(
        {name: values.astype(np.float32, copy=False) for name, values in columns.items()}, nan_to_null=True
    )


def keep_rows(
    describe: Callable[..., pl.DataFrame], inputs: Sequence[Any], candidates: pl.DataFrame, kept: Int64s
) -> pl.DataFrame:
    """The rows ``kept`` of a block, which compares the candidates of a query with all of that query's others."""
    return describe(*inputs, candidates)[kept]


def item_block(fold: Fold, articles: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """One row per candidate: clicks on the article in windows around the query's time, its age and its life."""
    ids, queries = lookups.read_queries(fold)
    pairs = lookups.read_pairs(candidates, ids)
    return to_block(item_columns(queries, pairs, lookups.index_catalogue(articles), lookups.count_clicks(fold.history)))


def item_columns(queries: Queries, pairs: Pairs, catalogue: Catalogue, clicks: ItemClicks) -> Columns:
    """The columns of ``item_block``."""
    items, times = pairs.items, queries.histories.times[pairs.rows]
    article, clicked = lookup_rows(catalogue.items, items), lookup_rows(clicks.items, items)
    order = clicks.events.sort(clicked, times)
    windows = np.empty((len(WINDOWS_HOURS), len(items)), np.float32)

    def count(first: int, end: int) -> None:
        rows = order[first:end]
        windows[:, rows] = clicks.events.count(clicked[rows], times[rows], list(WINDOWS_HOURS.values()))

    work_side_by_side(count, cut_rows(len(items), COUNTED_ROWS), "item_block")
    counts = dict(zip(WINDOWS_HOURS, windows, strict=True))
    since = {
        "age": take_known(catalogue.created, article),
        "since_first": take_known(clicks.first, clicked),
        "since_last": take_known(clicks.last, clicked),
        "since_middle": take_known(clicks.middle, clicked),
    }
    trends = {
        "item_words": take_known(catalogue.words, article),
        "item_trend": counts["item_clicks_p1h"] / (counts["item_clicks_m1h"] + 1),
        "item_trend_6h": counts["item_clicks_p6h"] / (counts["item_clicks_m6h"] + 1),
    }
    hours = {f"item_{name}_hours": (times - moment) / HOUR_MS for name, moment in since.items()}
    shares = in_list.share_within(windows, pairs.groups)
    shared = {f"{name}_share": share for name, share in zip(WINDOWS_HOURS, shares, strict=True)}
    ranked = {f"{name}_rank": in_list.rank_within(counts[name], pairs.groups) for name in RANKED_WINDOWS}
    return counts | trends | hours | shared | ranked


def pair_block(
    fold: Fold, articles: pl.DataFrame, candidates: pl.DataFrame, content: Embeddings | None
) -> pl.DataFrame:
    """One row per candidate: the article against the user's past and context."""
    ids, queries = lookups.read_queries(fold)
    tables = lookups.build_feature_tables(fold.history, articles, content)
    return to_block(pair_columns(queries, lookups.read_pairs(candidates, ids), tables))


def channel_block(candidates: pl.DataFrame) -> pl.DataFrame:
    """One row per candidate: each channel's rank, score and share of the query's best score, and their fusion."""
    names = [column.removeprefix("score_") for column in candidates.columns if column.startswith("score_")]
    ranks, scores = (candidates.select(f"{kind}_{name}" for name in names).to_numpy().T for kind in ("rank", "score"))
    fusion, groups = candidates["fusion"].to_numpy(), in_list.group_rows(candidates["query"].to_numpy())
    return to_block(channel_columns(names, (fusion, ranks, scores), groups))


def channel_columns(names: Sequence[str], given: tuple[Matrix, Matrix, Matrix], groups: Groups) -> Columns:
    """The columns of ``channel_block``; ``given``: fusion (rows,), and ranks and scores (channels, rows)."""
    fusion, ranks, scores = (table.astype(np.float32, copy=False) for table in given)
    columns = {"channel_fusion": fusion}
    columns |= {f"channel_score_{name}": score for name, score in zip(names, scores, strict=True)}
    columns |= {f"channel_rank_{name}": rank for name, rank in zip(names, ranks, strict=True)}
    columns["channel_fusion_rank"] = in_list.rank_within(fusion, groups)
    shares = in_list.share_within(scores, groups)
    return columns | {f"channel_score_{name}_share": share for name, share in zip(names, shares, strict=True)}


def feature_names(blocks: Mapping[str, pl.DataFrame | Columns]) -> tuple[str, ...]:
    """Names of the feature columns, block after block."""
    columns = (block.columns if isinstance(block, pl.DataFrame) else block for block in blocks.values())
    return tuple(name for block in columns for name in block)


def assemble(blocks: Blocks, rows: Int64s | slice) -> Matrix:
    """The features of some candidate rows side by side, float32 (rows, features)."""
    return np.hstack([to_matrix(block[rows]) for block in blocks.values()])


def build_columns(
    queries: Queries, fused: FusedLists, channels: Sequence[str], tables: FeatureTables
) -> dict[str, Columns]:
    """The columns of every block for the candidates of some queries, one value a candidate."""
    rows = fused.rows
    pairs = Pairs(rows, fused.items, in_list.group_rows(rows))
    return {
        "item": item_columns(queries, pairs, tables.catalogue, tables.clicks),
        "pair": pair_columns(queries, pairs, tables),
        "channel": channel_columns(channels, (fused.fusion, fused.ranks, fused.scores), pairs.groups),
    }
