"""Candidate retrieval: each channel lists (query, item, score), best first; fusion keeps the best of their union.

All channels read ``fold.history``, from which every labelled click is gone, and the queries' own past.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.engine.errors import UserError
from common.engine.run import Result, Run
from common.learning.cooccurrence import (
    FollowSettings,
    count_covisits,
    count_swings,
    count_transitions,
    find_nearest,
    link_bipartite,
)
from common.learning.features import HOUR_MS, expand_spans, lookup_rows
from common.learning.split import Fold
from common.retrieval.channels import (
    NeighbourTables,
    PopularLists,
    Window,
    find_popular,
    follow,
    list_popular,
    score_neighbours,
)
from common.retrieval.fusion import learn_weights
from common.retrieval.item2vec import ItemVectors
from common.retrieval.lists import (
    Histories,
    ScoredLists,
    count_up,
    divide_lists,
    gather_histories,
    join_lists,
    keep_best,
    keep_unseen,
    lists_to_frame,
    pack_pairs,
    slice_histories,
    split_rows,
    take_range,
)
from competitions.news.config import ContentSettings, FreshSettings, RecallSettings
from competitions.news.io.reader import Embeddings
from competitions.news.tables import FreshArticles, index_fresh

GAP_MS = 30_000
RECALL_AT = (5, 10, 50, 100)
POPULAR_HOURS = {  # hours before and after the user's last click
    "popular_1h": (1.0, 1.0),
    "popular_3h": (3.0, 3.0),
    "popular_next3h": (0.0, 3.0),
    "popular_next24h": (0.0, 24.0),
    "popular_24h": (24.0, 24.0),
}
Table = Callable[[pl.DataFrame], pl.DataFrame]  # history -> item, neighbour, weight


@dataclass(frozen=True)
class FoldInputs:
    """What the channels of a fold read; ``name`` is the prefix of its steps' names."""

    name: str
    fold: Result[Fold]
    articles: Result[pl.DataFrame]
    content: Result[Embeddings] | None
    vectors: Result[ItemVectors]


class Neighbours(msgspec.Struct, frozen=True):
    """A channel of neighbours of the user's clicks: the item-to-item ``table``, and how clicks are weighted."""

    table: str
    weights: FollowSettings


def list_neighbour_channels(settings: RecallSettings) -> dict[str, Neighbours]:
    """Every channel that follows an item-to-item table from the user's clicks."""
    special = {
        "covisit_all": Neighbours("covisit", settings.follow_all),
        "covisit_last": Neighbours("covisit", settings.follow_last),
        "covisit_fast": Neighbours("fast", settings.follow),
        "next_last": Neighbours("next_raw", settings.follow_last),
    }
    plain = ("covisit", "next", "previous", "gap30", "bipartite", "swing", "item2vec", "content")
    return {name: Neighbours(name, settings.follow) for name in plain} | special


def list_click_tables(settings: RecallSettings, seed: int) -> dict[str, Table]:
    """The item-to-item tables that are counted in the clicks of a history."""
    power = settings.transition_power
    return {
        "covisit": partial(count_covisits, settings=settings.covisit),
        "fast": partial(count_covisits, settings=settings.covisit_fast),
        "next": partial(count_transitions, power=power, top=200),
        "next_raw": partial(count_transitions, power=0.0, top=200),
        "previous": partial(count_transitions, power=0.0, top=200, reverse=True),
        "gap30": partial(count_transitions, power=power, top=200, gap_ms=GAP_MS),
        "bipartite": partial(link_bipartite, top=200),
        "swing": partial(count_swings, settings=settings.swing, seed=seed),
    }


def make_table(run: Run, inputs: FoldInputs, name: str, settings: RecallSettings, seed: int) -> Result[pl.DataFrame]:
    """An item-to-item table (item, neighbour, weight) as a step."""
    fold, step_name = inputs.fold, f"{inputs.name}.table.{name}"
    if name == "item2vec":
        return run.step(find_item2vec_neighbours, inputs.vectors, fold.seen, 100, name=step_name)
    if name == "content":
        return run.step(
            find_content_neighbours, inputs.content, inputs.articles, fold, settings.content, name=step_name
        )
    return run.step(list_click_tables(settings, seed)[name], fold.history, name=step_name)


def retrieve(run: Run, inputs: FoldInputs, settings: RecallSettings, seed: int) -> dict[str, Result[pl.DataFrame]]:
    """Every channel of ``settings.channels`` as a step; a table that several channels follow is made once."""
    neighbours = list_neighbour_channels(settings)
    known = [*neighbours, *POPULAR_HOURS, "fresh"]
    unknown = [name for name in settings.channels if name not in known]
    if unknown:
        raise UserError(f"recall.channels names {unknown[0]}; the channels are {', '.join(known)}.")
    used = dict.fromkeys(neighbours[name].table for name in settings.channels if name in neighbours)
    tables = {name: make_table(run, inputs, name, settings, seed) for name in used}
    fold, top = inputs.fold, settings.per_channel

    def list_channel(name: str) -> Result[pl.DataFrame]:
        step_name = f"{inputs.name}.{name}"
        if name == "fresh":
            return run.step(find_fresh, fold, inputs.articles, settings.fresh, top, name=step_name)
        if name in POPULAR_HOURS:
            window = POPULAR_HOURS[name]
            return run.step(find_popular, fold.history, fold.queries, fold.seen, window, top, name=step_name)
        table, weights = tables[neighbours[name].table], neighbours[name].weights
        return run.step(score_neighbours, fold.seen, table, weights, top, name=step_name)

    return {name: list_channel(name) for name in settings.channels}


@dataclass(frozen=True)
class ChannelTables:
    """What the channels look up: item-to-item tables, popularity by bucket of time, articles by time of creation.

    In the order of ``list_tables`` and of ``list_windows``.
    """

    neighbours: NeighbourTables
    popular: PopularLists
    fresh: FreshArticles


def list_tables(settings: RecallSettings) -> list[str]:
    """The item-to-item tables that the channels follow."""
    every = list_neighbour_channels(settings)
    return sorted({every[name].table for name in settings.channels if name in every})


def list_windows(settings: RecallSettings) -> dict[str, Window]:
    """The windows of the channels of popularity."""
    return {name: POPULAR_HOURS[name] for name in settings.channels if name in POPULAR_HOURS}


def list_channels(histories: Histories, tables: ChannelTables, settings: RecallSettings) -> list[ScoredLists]:
    """Every channel for some queries, from tables that were made before: what its step in ``retrieve`` lists."""
    top, every, names = settings.per_channel, list_neighbour_channels(settings), list_tables(settings)
    near = {name: every[name] for name in settings.channels if name in every}
    windows, lists = list_windows(settings), dict[str, ScoredLists]()
    if near:
        followed = [(names.index(channel.table), channel.weights) for channel in near.values()]
        listed = follow(histories, tables.neighbours, followed, top)
        lists |= dict(zip(near, divide_lists(listed, len(near)), strict=True))
    if windows:
        listed = list_popular(histories, tables.popular, list(windows.values()), top)
        lists |= dict(zip(windows, divide_lists(listed, len(windows)), strict=True))
    if "fresh" in settings.channels:
        lists["fresh"] = list_fresh(histories, tables.fresh, settings.fresh, top)
    return [lists[name] for name in settings.channels]


def find_item2vec_neighbours(vectors: ItemVectors, seen: pl.DataFrame, top: int) -> pl.DataFrame:
    """Nearest neighbours, by item2vec, of the items that the queries have seen."""
    return find_nearest(vectors.items, vectors.vectors, _list_recent(seen), top)


def find_content_neighbours(
    embeddings: Embeddings | None, articles: pl.DataFrame, fold: Fold, settings: ContentSettings
) -> pl.DataFrame:
    """Nearest articles by content embedding among those created near the time of the log, clicked before or not.

    Most of the catalogue is years old and never clicked again; leaving it out is what makes the exact search cheap.
    """
    if embeddings is None:
        return pl.DataFrame(schema={"item": pl.Int32, "neighbour": pl.Int32, "weight": pl.Float32})
    oldest = int(fold.history["time"].quantile(0.001) or 0) - int(settings.span_hours * HOUR_MS)
    recent = articles.filter(pl.col("created") >= oldest).select("item")
    alive = pl.concat([recent, fold.history.select("item")]).unique().sort("item")["item"].to_numpy()
    keep = np.isin(embeddings.items, alive)
    return find_nearest(embeddings.items[keep], embeddings.vectors[keep], _list_recent(fold.seen), settings.top)


def _list_recent(seen: pl.DataFrame, last: int = 16) -> NDArray[np.int32]:
    return seen.filter(pl.col("back") < last)["item"].unique().sort().to_numpy()


def find_fresh(fold: Fold, articles: pl.DataFrame, settings: FreshSettings, top: int) -> pl.DataFrame:
    """``list_fresh`` for the queries of a fold."""
    ids, histories = gather_histories(fold.seen, fold.queries)
    return lists_to_frame(ids, list_fresh(histories, index_fresh(articles, fold.history), settings, top))


def list_fresh(histories: Histories, articles: FreshArticles, settings: FreshSettings, top: int) -> ScoredLists:
    """New articles of the user's favourite categories: category share * 0.5^(age / half-life) * log(2 + clicks).

    An article counts from ``span_hours`` before the last click to ``span_hours`` after it, clicked or not.
    """
    favourite, span_ms = _find_favourites(histories, articles, settings), int(settings.span_hours * HOUR_MS)
    times = histories.times[favourite.rows]
    low, high = articles.births.find(favourite.items, times, span_ms + 1, span_ms)
    parts = []
    for first, last in split_rows(count_up(high - low)[favourite.starts]):
        part, own = take_range(favourite, first, last), slice(favourite.starts[first], favourite.starts[last])
        near, which = expand_spans(low[own], (high - low)[own])
        article = articles.order[near]
        hours = np.abs(times[own][which] - articles.catalogue.created[article]) / HOUR_MS
        scores = part.scores[which] * 0.5 ** (hours / settings.half_life_hours) * np.log(articles.clicks[article] + 2.0)
        entries = part.rows[which], article, scores
        parts.append(keep_unseen(entries, articles.catalogue.items, slice_histories(histories, first, last), top))
    return join_lists(parts)


def _find_favourites(histories: Histories, articles: FreshArticles, settings: FreshSettings) -> ScoredLists:
    """The best categories of each query's clicks, those of later clicks weighing more."""
    known = lookup_rows(articles.catalogue.items, histories.items)
    clicks = known >= 0
    pairs = pack_pairs(histories.rows[clicks], articles.catalogue.category[known[clicks]])
    distinct, group = np.unique(pairs, return_inverse=True)
    taste = np.bincount(group, settings.decay ** histories.back[clicks].astype(np.float64), len(distinct))
    rows, category = distinct >> 32, distinct & (2**32 - 1)
    return keep_best(rows, category, taste, settings.categories, len(histories.times))


def learn_fusion(
    fold: Fold, channels: Mapping[str, pl.DataFrame], settings: RecallSettings, seed: int
) -> dict[str, float]:
    """The weight of each channel's vote, from the training queries; 1 each where fusion is to be equal."""
    if settings.fusion == "equal":
        return dict.fromkeys(channels, 1.0)
    assert fold.answers is not None
    train = fold.queries.filter(role="train").select("query")
    return learn_weights(channels, fold.answers.join(train, on="query", how="semi"), settings.fusion_constant, seed)


def measure_recall(fold: Fold, channels: Mapping[str, pl.DataFrame], candidates: pl.DataFrame) -> pl.DataFrame:
    """Share of validation answers within each channel's first k, and MRR@5 of the channel alone.

    One row per channel, then ``union``, ranked by fusion: channel, mrr@5, recall@5, @10, @50, @100, and recall of all.
    ``only``: the channel's unique hits, as a share of the answers.
    """
    assert fold.answers is not None
    valid = fold.queries.filter(role="valid").select("query")
    answers = fold.answers.join(valid, on="query", how="semi")
    total, rows, hits = max(answers.height, 1), [], []
    for name, channel in channels.items():
        listed = channel.join(valid, on="query", how="semi", maintain_order="left")
        ranked = listed.with_columns(rank=pl.int_range(pl.len()).over("query") + 1).join(answers, on=["query", "item"])
        rows.append({"channel": name, **_summarise_ranks(ranked["rank"], total)})
        hits.append(ranked.select("query", channel=pl.lit(name)))
    union = candidates.select("query", "item", "fusion").join(valid, on="query", how="semi")
    order = union.with_columns(rank=pl.struct(-pl.col("fusion"), "item").rank("ordinal").over("query"))
    rows.append({"channel": "union", **_summarise_ranks(order.join(answers, on=["query", "item"])["rank"], total)})
    unique_hits = pl.concat(hits).filter(pl.len().over("query") == 1).group_by("channel").agg(only=pl.len() / total)
    table = pl.DataFrame(rows).join(unique_hits, on="channel", how="left", maintain_order="left")
    return table.with_columns(pl.col("only").fill_null(0.0))


def _summarise_ranks(rank: pl.Series, answers: int) -> dict[str, float]:
    reciprocal = float((1 / rank.filter(rank <= 5)).sum())
    within = {f"recall@{k}": float((rank <= k).sum()) / answers for k in RECALL_AT}
    return {"mrr@5": reciprocal / answers, **within, "recall@all": len(rank) / answers}
