"""Retrieval for one user at a time, in plain arrays: what ``retrieval.py`` does for a whole fold.

The pipeline's functions answer any number of queries in one pass; called for a single one, eighteen passes of a query
engine cost ten times the arithmetic. Here are the same sums over the rows of one user. That they are the same is tested
against the pipeline's own, channel by channel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.retrieval.cooccurrence import FIXED_POINT, HOUR_MS
from common.serving.feature_tables import find_spans, read_table
from competitions.news.config import FollowSettings, RecallSettings

Ints = NDArray[np.integer]
Floats = NDArray[np.float64]


class Follow(msgspec.Struct, frozen=True, kw_only=True):
    """A channel that follows a table from the user's clicks."""

    table: str
    way: FollowSettings


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A channel that lists what is popular in the user's bucket of time."""

    bucket_ms: int


@dataclass(frozen=True)
class Reader:
    """What a user clicked, one entry a click: ``item``, ``time`` (ms), ``back`` (0 = the latest); ``now``: the last."""

    item: Ints
    time: Ints
    back: Ints
    now: int


@dataclass(frozen=True)
class Listed:
    """A channel's items, best first, and their scores."""

    items: Ints
    scores: NDArray[np.float32]


class Channels:
    """The tables of all channels, mapped."""

    def __init__(
        self, export: Path, recall: RecallSettings, follows: Mapping[str, Follow], windows: Mapping[str, Window]
    ) -> None:
        """``follows`` and ``windows``: the channels that follow a table, and those of what is popular."""
        self.recall, self.follows, self.windows = recall, follows, windows
        names = {one.table for one in follows.values()}
        self.tables = {name: read_columns(export, name, ("item", "neighbour", "weight")) for name in names}
        self.popular = {name: read_columns(export, name, ("bucket", "item", "score")) for name in windows}
        self.born = read_columns(export, "born", ("created", "item", "category", "clicks"))
        self.categories = read_columns(export, "categories", ("item", "category"))

    def list(self, name: str, reader: Reader) -> Listed:
        """What a channel names."""
        most = self.recall.per_channel
        if name in self.follows:
            one = self.follows[name]
            return self.follow(self.tables[one.table], one.way, reader, most)
        if name in self.windows:
            bucket, item, score = self.popular[name]
            rows, _ = find_spans(bucket, np.array([reader.now // self.windows[name].bucket_ms]))
            return keep_top(item[rows], score[rows], reader.item, most)
        return self.list_fresh(reader, most)

    def follow(self, table: tuple[Ints, ...], way: FollowSettings, reader: Reader, most: int) -> Listed:
        """As ``cooccurrence.follow``: the neighbours of the last clicks, each trusted by its place and its age."""
        item, neighbour, weight = table
        recent = reader.back < way.last
        hours = (reader.time.max() - reader.time[recent]) / HOUR_MS
        trust = way.decay ** reader.back[recent] * 0.5 ** (hours / way.half_life_hours)
        rows, owner = find_spans(item, reader.item[recent])
        reached, place = np.unique(neighbour[rows], return_inverse=True)
        return keep_top(reached, add_up(weight[rows] * trust[owner], place, len(reached)), reader.item, most)

    def list_fresh(self, reader: Reader, most: int) -> Listed:
        """``recall.list_fresh``: new articles of the favourite categories."""
        told, (created, item, category, clicks) = self.recall.fresh, self.born
        known, of_item = self.categories
        rows, owner = find_spans(known, reader.item)
        names, place = np.unique(of_item[rows], return_inverse=True)
        tastes = add_up(told.decay ** reader.back[owner].astype(np.float64), place, len(names))
        favourite = keep_top(names, tastes, np.empty(0, np.int64), told.categories)
        span = int(told.span_hours * HOUR_MS)
        first, last = np.searchsorted(created, [reader.now - span, reader.now + span + 1])
        near = np.arange(first, last)[np.isin(category[first:last], favourite.items)]
        order = np.argsort(favourite.items)
        taste = favourite.scores[order][np.searchsorted(favourite.items[order], category[near])]
        age = np.abs(reader.now - created[near]) / HOUR_MS
        scores = taste * 0.5 ** (age / told.half_life_hours) * np.log(clicks[near] + 2.0)
        return keep_top(item[near], scores, reader.item, most)

    def unite(self, reader: Reader) -> pl.DataFrame:
        """As ``cooccurrence.unite``, for one query: item, fusion, and each channel's rank and score."""
        listed = {name: self.list(name, reader) for name in self.recall.channels}
        items, place = np.unique(np.concatenate([one.items for one in listed.values()]), return_inverse=True)
        ranks = [np.arange(1, len(one.items) + 1, dtype=np.float32) for one in listed.values()]
        shares = np.float32(1) / (np.float32(self.recall.fusion_constant) + np.concatenate(ranks))
        best = keep_top(items, add_up(shares, place, len(items)), np.empty(0, np.int64), self.recall.candidates)
        order = np.argsort(best.items)
        chosen = best.items[order]
        columns = {"item": chosen.astype(np.int32), "fusion": best.scores[order]}
        for (name, one), rank in zip(listed.items(), ranks, strict=True):
            at = np.searchsorted(chosen, one.items).clip(max=max(len(chosen) - 1, 0))
            kept = chosen[at] == one.items if len(chosen) else np.zeros(len(one.items), bool)
            for kind, values in (("rank", rank), ("score", one.scores)):
                column = np.full(len(chosen), np.nan, np.float32)
                column[at[kept]] = values[kept]
                columns[f"{kind}_{name}"] = column
        return pl.DataFrame(columns).with_columns(pl.exclude("item").fill_nan(None))


def keep_top(items: Ints, scores: NDArray[np.number], seen: Ints, most: int) -> Listed:
    """The best ``most`` that are not ``seen``, ties by item; scores as they are kept, in 32 bits."""
    kept = ~np.isin(items, seen)
    items, short = items[kept], scores[kept].astype(np.float32)
    order = np.lexsort((items, -short))[:most]
    return Listed(items[order], short[order])


def add_up(values: NDArray[np.floating], place: Ints, count: int) -> Floats:
    """Sums by place in fixed point, as ``common.retrieval.cooccurrence.exact_sum`` makes them."""
    whole = np.rint(values.astype(np.float64) * FIXED_POINT)
    sums: Floats = np.bincount(place, whole, count) / FIXED_POINT
    return sums


def read_columns(export: Path, name: str, columns: tuple[str, ...]) -> tuple[Ints, ...]:
    """Columns of a table as mapped arrays."""
    frame = read_table(table_path(export, name))
    return tuple(frame[column].to_numpy() for column in columns)


def table_path(export: Path, name: str) -> Path:
    """The file of a table."""
    return export / "tables" / f"{name}.arrow"
