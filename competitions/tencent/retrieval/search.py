"""Retrieval: the few hundred candidates of each query that the channels put first, together.

Every channel scores every candidate of the pool; on a scale that makes these scores logarithms they are added up, each
times its fusion weight, and the best are kept. What is popular at the query's time speaks for an ad whatever the
channels say.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from common.arrays import Floats, Singles
from common.engine.progress import track
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import CatalogueRows, Corpus, Int32s, Int64s, number_rows
from competitions.tencent.features.popularity import MOMENTS, Batch, cut_batches, describe
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.retrieval.channel import Channel, Columns, Queries, Scorer, compare_retrieved
from competitions.tencent.retrieval.registry import find_channel
from competitions.tencent.split import Fold
from competitions.tencent.top_k import find_seen

T = TypeVar("T")

SEARCH_SCORE = "search score"  # a column, which the trees start from
SEEN = -100.0  # what it is of seen ads
BLOCK = 64  # queries of a moment that are worked on at once: fewer take longer each, more leave the processor's cache


def take_queries(corpus: Corpus, fold: Fold, events: int, rows: slice | Int64s = slice(None)) -> Queries:
    """The queries of a fold, some or all; ``events`` of each are weighed."""
    queries = fold.queries(corpus.test if fold.target is None else corpus.train)
    return Queries(queries.take(np.arange(len(queries))[rows]), fold.query_times[rows], fold.condition[rows], events)


@dataclass(frozen=True)
class Candidates:
    """Some queries and the ads retrieved for each, best first.

    ``queries``, of one moment; ``item`` [queries, retrieved]: the ads; ``scores`` of retrieval, -inf for what was seen;
    ``search``: how far these lie below the best, their rank, and what channels say of each, see ``compare_retrieved``;
    ``popularity``: the columns of ``describe`` at the moment; float32 [queries, retrieved] each.
    """

    queries: Queries
    item: CatalogueRows
    scores: Singles
    search: Columns
    popularity: Columns

    def take(self, rows: Int64s, kept: Int64s) -> "Candidates":
        """Of some queries, by their index, the candidates ``kept`` int64 [rows, any], by their index in the list."""

        def pick(column: Singles) -> Singles:
            return np.take_along_axis(column[rows], kept, 1)

        return Candidates(
            queries=self.queries.take(rows),
            item=CatalogueRows(np.take_along_axis(self.item[rows], kept, 1)),
            scores=pick(self.scores),
            search={name: pick(column) for name, column in self.search.items()},
            popularity={name: pick(column) for name, column in self.popularity.items()},
        )


@dataclass(frozen=True)
class Pool:
    """Candidates that are searched: ``rows`` of the catalogue, ascending, with the ``channels`` prepared for them;
    ``index`` [catalogue]: of a row among these, -1 for others.
    """

    rows: CatalogueRows
    index: Int32s
    channels: list[tuple[Channel, Scorer]]


class Search:
    """The channels of a fold, which are prepared for the pool of one moment after the other."""

    def __init__(self, tables: FoldTables, settings: FeatureSettings) -> None:
        """Nothing is prepared yet."""
        self.tables, self.settings = tables, settings
        self._lock, self._pool = Lock(), self._prepare(CatalogueRows(tables.log.rows[:0]), [])

    def _prepare(self, rows: CatalogueRows, names: Sequence[str]) -> Pool:
        tables, widths = self.tables.tables, self.tables.fusion.widths
        channels = [(find_channel(name), tables[name].prepare(rows, widths.get(name, 0.0))) for name in names]
        return Pool(rows, number_rows(rows, len(self.tables.catalogue.oid)), channels)

    def at(self, time: int) -> "Moment":
        """What is known at a ``time``, in seconds, and the candidates that are searched then."""
        with self._lock:  # one after the other: numbers of all candidates take memory
            log = self.tables.log.narrow(time, self.settings.pool)
            if not np.array_equal(log.rows, self._pool.rows):
                self._pool = self._prepare(log.rows, [*self.tables.tables])
            columns = describe(log, self.tables.catalogue, time)
            popular = torch.from_numpy(add_up(columns, self.tables.fusion.weights))
            own = {name: column.astype(np.float32) for name, column in columns.items()}
            return Moment(self.tables, self.settings, self._pool, own, popular)

    def each_block(
        self, queries: Queries, work: Callable[["Moment", Int64s], T], label: str, most: int = MOMENTS
    ) -> Iterator[T]:
        """What ``work`` makes of a moment and some queries of it, by their index, in order of time; ``most`` moments;
        as many of these side by side as torch has threads.

        Each has one thread: numpy, whose part is the larger, has no more, and what a block gives must not depend on
        how many there are. Both let others work during their loops.
        """
        batches, workers = cut_batches(queries.time, most), torch.get_num_threads()

        def work_at(batch: Batch) -> list[T]:
            moment = self.at(batch.moment)
            return [work(moment, rows) for rows in np.array_split(batch.rows, -(-len(batch.rows) // BLOCK))]

        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(workers) as pool:
                for made in track(pool.map(work_at, batches), label, len(batches)):
                    yield from made
        finally:
            torch.set_num_threads(workers)


def add_up(columns: dict[str, Floats], weights: dict[str, float]) -> Singles:
    """The columns times their weights, 0 for one without, float32 [ads].

    >>> add_up({"events": np.array([1.0, 2.0]), "age": np.array([9.0, 9.0])}, {"events": 0.5}).tolist()
    [0.5, 1.0]
    """
    total = np.zeros(len(next(iter(columns.values()))))
    for name in columns:
        if name in weights:
            total += weights[name] * columns[name]
    return total.astype(np.float32)


@dataclass(frozen=True)
class Moment:
    """What is known at a moment: the ``pool`` that is searched, its ``columns`` of popularity, float32 [pool], and what
    these weigh together, ``popular`` [pool].
    """

    tables: FoldTables
    settings: FeatureSettings
    pool: Pool
    columns: Columns
    popular: Tensor

    def score(self, queries: Queries) -> Iterator[tuple[Channel, str, Singles]]:
        """Each column of each channel, float32 [queries, pool]."""
        for channel, scorer in self.pool.channels:
            for name, column in scorer(queries).items():
                yield channel, name, column

    @torch.inference_mode()
    def retrieve(self, queries: Queries) -> Candidates:
        """The best of the pool for each query. Seen ads have the score -inf."""
        total, weights, described = self.popular.repeat(len(queries), 1), self.tables.fusion.weights, Columns()
        for channel, name, column in self.score(queries):
            if name in weights:
                total.add_(torch.from_numpy(column), alpha=weights[name])
            if channel.described:
                described[name] = column
        seen = find_seen(queries.histories, self.pool.index)
        total[torch.from_numpy(seen[0]), torch.from_numpy(seen[1])] = -torch.inf
        best = total.topk(min(self.tables.list_length, total.shape[1]), 1)
        retrieved = best.indices.numpy()
        compared = {name: compare_retrieved(column, retrieved) for name, column in described.items()}
        search = {f"{name} {what}": own for name, columns in compared.items() for what, own in columns.items()}
        # Of seen ads far below any other, but finite.
        below = (best.values - best.values[:, :1]).clamp_(min=SEEN).numpy()
        rank = np.broadcast_to(np.log1p(np.arange(retrieved.shape[1], dtype=np.float32)), retrieved.shape)
        return Candidates(
            queries=queries,
            item=CatalogueRows(self.pool.rows[retrieved]),
            scores=best.values.numpy(),
            search={SEARCH_SCORE: below, "search rank": rank, **search},
            popularity={name: column[retrieved] for name, column in self.columns.items()},
        )
