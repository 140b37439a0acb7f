"""Retrieval for one user at a time, in plain arrays: what ``competitions.news.retrieval`` does for a whole fold.

The pipeline's functions answer any number of queries in one pass; called for a single one, eighteen passes of a query
engine cost ten times the arithmetic. Here are the same sums over the rows of one user. That they are the same is tested
against the pipeline's own, channel by channel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.features import lookup_rows
from common.retrieval.cooccurrence import FIXED_POINT, HOUR_MS, popular_bucket_ms
from common.serving.feature_tables import find_spans, read_table
from competitions.news.config import RecallSettings
from competitions.news.retrieval import POPULAR_HOURS, Neighbours, list_neighbour_channels

Ints = NDArray[np.integer]
Floats = NDArray[np.float64]
NONE_SEEN = np.empty(0, np.int64)


@dataclass(frozen=True)
class UserHistory:
    """What a user clicked, one entry a click: ``item``, ``time`` (ms), ``back`` (0 = the latest); ``now``: the last."""

    item: Ints
    time: Ints
    back: Ints
    now: int


@dataclass(frozen=True)
class ScoredItems:
    """Items, best first, and their scores."""

    items: Ints
    scores: NDArray[np.float32]


class Channels:
    """The tables of all channels, mapped."""

    def __init__(self, export: Path, settings: RecallSettings, fusion: Mapping[str, float]) -> None:
        """``export``: the folder of the tables; ``fusion``: the weight of each channel's vote."""
        self.settings, self.fusion = settings, fusion
        every = list_neighbour_channels(settings)
        self.neighbours = {name: every[name] for name in settings.channels if name in every}
        tables = {channel.table for channel in self.neighbours.values()}
        self.tables = {name: read_columns(export, name, ("item", "neighbour", "weight")) for name in tables}
        popular = [name for name in settings.channels if name in POPULAR_HOURS]
        self.popular = {name: read_columns(export, name, ("bucket", "item", "score")) for name in popular}
        self.created = read_columns(export, "created", ("created", "item", "category", "clicks"))
        self.categories = read_columns(export, "categories", ("item", "category"))

    def retrieve(self, name: str, user: UserHistory) -> ScoredItems:
        """The items of a channel."""
        if name in self.neighbours:
            return self.score_neighbours(self.neighbours[name], user)
        if name in self.popular:
            bucket, item, score = self.popular[name]
            rows, _ = find_spans(bucket, np.array([user.now // popular_bucket_ms(*POPULAR_HOURS[name])]))
            return keep_top(item[rows], score[rows], user.item, self.settings.per_channel)
        return self.list_fresh(user)

    def score_neighbours(self, channel: Neighbours, user: UserHistory) -> ScoredItems:
        """As ``cooccurrence.score_neighbours``: the neighbours of the last clicks, weighted by their rank and age."""
        (item, neighbour, weight), settings = self.tables[channel.table], channel.weights
        recent = user.back < settings.last
        hours = (user.time.max() - user.time[recent]) / HOUR_MS
        trust = settings.decay ** user.back[recent] * 0.5 ** (hours / settings.half_life_hours)
        rows, owner = find_spans(item, user.item[recent])
        items, group = np.unique(neighbour[rows], return_inverse=True)
        scores = exact_sums(weight[rows] * trust[owner], group, len(items))
        return keep_top(items, scores, user.item, self.settings.per_channel)

    def list_fresh(self, user: UserHistory) -> ScoredItems:
        """As ``retrieval.list_fresh``: new articles of the favourite categories."""
        settings, (created, item, category, clicks) = self.settings.fresh, self.created
        known, category_of = self.categories
        rows, owner = find_spans(known, user.item)
        names, group = np.unique(category_of[rows], return_inverse=True)
        tastes = exact_sums(settings.decay ** user.back[owner].astype(np.float64), group, len(names))
        favourite = keep_top(names, tastes, NONE_SEEN, settings.categories)
        span = int(settings.span_hours * HOUR_MS)
        first, last = np.searchsorted(created, [user.now - span, user.now + span + 1])
        near = np.arange(first, last)[np.isin(category[first:last], favourite.items)]
        order = np.argsort(favourite.items)
        taste = favourite.scores[order][np.searchsorted(favourite.items[order], category[near])]
        age = np.abs(user.now - created[near]) / HOUR_MS
        scores = taste * 0.5 ** (age / settings.half_life_hours) * np.log(clicks[near] + 2.0)
        return keep_top(item[near], scores, user.item, self.settings.per_channel)

    def fuse(self, user: UserHistory) -> pl.DataFrame:
        """As ``cooccurrence.fuse_channels``, for one query: item, fusion, and each channel's rank and score."""
        listed = {name: self.retrieve(name, user) for name in self.settings.channels}
        items, group = np.unique(np.concatenate([channel.items for channel in listed.values()]), return_inverse=True)
        ranks = [np.arange(1, len(channel.items) + 1, dtype=np.float32) for channel in listed.values()]
        weights = [np.full(len(rank), self.fusion[name], np.float32) for name, rank in zip(listed, ranks, strict=True)]
        shares = np.concatenate(weights) / (np.float32(self.settings.fusion_constant) + np.concatenate(ranks))
        best = keep_top(items, exact_sums(shares, group, len(items)), NONE_SEEN, self.settings.candidates)
        order = np.argsort(best.items)
        chosen = best.items[order]
        columns = {"item": chosen.astype(np.int32), "fusion": best.scores[order]}
        for (name, channel), rank in zip(listed.items(), ranks, strict=True):
            rows = lookup_rows(chosen, channel.items)
            for kind, values in (("rank", rank), ("score", channel.scores)):
                column = np.full(len(chosen), np.nan, np.float32)
                column[rows[rows >= 0]] = values[rows >= 0]
                columns[f"{kind}_{name}"] = column
        return pl.DataFrame(columns).with_columns(pl.exclude("item").fill_nan(None))


def keep_top(items: Ints, scores: NDArray[np.number], seen: Ints, top: int) -> ScoredItems:
    """The best ``top`` that are not ``seen``, ties by item; scores as they are kept, in 32 bits."""
    kept = ~np.isin(items, seen)
    items, short = items[kept], scores[kept].astype(np.float32)
    order = np.lexsort((items, -short))[:top]
    return ScoredItems(items[order], short[order])


def exact_sums(values: NDArray[np.floating], group: Ints, groups: int) -> Floats:
    """Sums by group in fixed point, as ``common.retrieval.cooccurrence.exact_sum`` makes them."""
    whole = np.rint(values.astype(np.float64) * FIXED_POINT)
    sums: Floats = np.bincount(group, whole, groups) / FIXED_POINT
    return sums


def read_columns(export: Path, name: str, columns: tuple[str, ...]) -> tuple[Ints, ...]:
    """Columns of a table as mapped arrays."""
    frame = read_table(table_path(export, name))
    return tuple(frame[column].to_numpy() for column in columns)


def table_path(export: Path, name: str) -> Path:
    """The file of a table."""
    return export / "tables" / f"{name}.arrow"
