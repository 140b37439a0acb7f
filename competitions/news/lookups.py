"""Queries and candidates as arrays, and what retrieval and features look up for them, sorted: made once a fold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import lookup_rows, normalise_rows
from common.features.in_list import Groups, group_rows
from common.features.windows import WindowCounts, count_events
from common.learning.split import Fold
from common.retrieval.lists import Histories, Ints, gather_histories
from competitions.news.io.reader import Embeddings
from competitions.news.next_click import NextClicks, count_next_clicks
from competitions.news.split import CONTEXT

Columns = dict[str, NDArray[Any]]  # numbers by name
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]


@dataclass(frozen=True)
class Catalogue:
    """Every article: ``items`` (ids, ascending), ``category`` (numbered from 0 on), ``created`` (ms), ``words``."""

    items: Int32s
    category: Int32s
    created: Int64s
    words: Int32s


@dataclass(frozen=True)
class ItemClicks:
    """The clicks of a history by article: their first, last and median time (ms); ``events`` counts windows by the row
    of ``items``: an article's id may have more bits than a key beside its time.
    """

    items: Int32s
    first: Int64s
    last: Int64s
    middle: NDArray[np.float64]
    events: WindowCounts


@dataclass(frozen=True)
class UnitVectors:
    """Vectors of length 1 of ``items`` (ids, ascending), and last a row of zeros for those without: (items + 1, d)."""

    items: Int32s
    vectors: NDArray[np.float32]

    def rows(self, items: Ints) -> Int64s:
        """The row of each item's vector, that of the zeros for one without."""
        return lookup_rows(self.items, items, missing=len(self.items))


def index_catalogue(articles: pl.DataFrame) -> Catalogue:
    """The articles by id."""
    known = articles.sort("item")
    category = np.unique(known["category"].to_numpy(), return_inverse=True)[1].astype(np.int32)
    return Catalogue(known["item"].to_numpy(), category, known["created"].to_numpy(), known["words"].to_numpy())


def count_clicks(history: pl.DataFrame) -> ItemClicks:
    """The clicks of a history by article."""
    time = pl.col("time")
    life = history.group_by("item").agg(first=time.min(), last=time.max(), middle=time.median())
    columns = {column.name: column.to_numpy() for column in life.rename({"item": "items"}).sort("items")}
    rows = lookup_rows(columns["items"], history["item"].to_numpy())
    return ItemClicks(**columns, events=count_events(rows, history["time"].to_numpy()))


def scale_vectors(given: Embeddings) -> UnitVectors:
    """The vectors, each scaled to length 1."""
    none = np.zeros((1, given.vectors.shape[1]), np.float32)
    return UnitVectors(given.items, np.vstack([normalise_rows(given.vectors), none]))


@dataclass(frozen=True)
class FeatureTables:
    """What the blocks look up: the articles, their clicks, those that went on with a session, their vectors if any."""

    catalogue: Catalogue
    clicks: ItemClicks
    next_clicks: NextClicks
    content: UnitVectors | None


def build_feature_tables(history: pl.DataFrame, articles: pl.DataFrame, content: Embeddings | None) -> FeatureTables:
    """The tables of a fold."""
    vectors = scale_vectors(content) if content else None
    return FeatureTables(index_catalogue(articles), count_clicks(history), count_next_clicks(history), vectors)


@dataclass(frozen=True)
class Queries:
    """The queries of a fold or of a request: what each has clicked, and its ``context`` (rows,) at the last click."""

    histories: Histories
    context: Mapping[str, NDArray[np.integer]]


@dataclass(frozen=True)
class Pairs:
    """Candidates: the ``rows`` of their queries, their ``items``, and which of them belong to one query."""

    rows: Int64s
    items: Ints
    groups: Groups


def read_queries(fold: Fold) -> tuple[NDArray[np.int32], Queries]:
    """The ids of a fold's queries, ascending, and the queries."""
    ids, histories = gather_histories(fold.seen, fold.queries)
    ordered = fold.queries.sort("query")
    return ids, Queries(histories, {name: ordered[name].fill_null(-1).to_numpy() for name in CONTEXT})


def read_pairs(candidates: pl.DataFrame, ids: NDArray[np.int32]) -> Pairs:
    """The candidates of queries whose ids are ``ids``."""
    query, item = candidates["query"].to_numpy(), candidates["item"].to_numpy()
    return Pairs(np.searchsorted(ids, query), item, group_rows(query))
