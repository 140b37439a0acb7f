"""Retrieval: the few hundred candidates of each query that the channels put first, together.

Every channel scores every candidate of the pool; on a scale that makes these scores logarithms they are added up, each
times its fusion weight, and the best are kept. What is popular at the query's time speaks for an ad whatever the
channels say.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from common.arrays import Singles, take
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import CatalogueRows, Corpus, Int64s, number_rows
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.retrieval.channel import (
    NOW,
    Channel,
    QueryBlock,
    Scorer,
    WeightedHistories,
    heaviest_events,
    weigh_events,
)
from competitions.tencent.retrieval.content import MANY
from competitions.tencent.retrieval.registry import find_channel
from competitions.tencent.sequences import Histories
from competitions.tencent.split import Fold
from competitions.tencent.top_k import SeenPairs, find_seen

EVENTS_OF_MANY = 16  # of the history, against many candidates: with 32 the lists hold the same targets, in more time


@dataclass(frozen=True)
class Queries:
    """``histories`` of users, the ``time`` of each query, and the ``action`` that its target will get; int64 [queries]
    each.
    """

    histories: Histories
    time: Int64s
    action: Int64s

    def __len__(self) -> int:
        """How many."""
        return len(self.action)

    def take(self, rows: Int64s) -> "Queries":
        """These queries."""
        return Queries(self.histories.take(rows), self.time[rows], self.action[rows])


def take_queries(corpus: Corpus, fold: Fold, rows: slice | Int64s = slice(None)) -> Queries:
    """The queries of a fold, some or all."""
    queries = fold.queries(corpus.test if fold.target is None else corpus.train)
    return Queries(queries.take(np.arange(len(queries))[rows]), fold.query_times[rows], fold.condition[rows])


@dataclass(frozen=True)
class Candidates:
    """Some queries and the ads retrieved for each, best first.

    ``queries``, of one ``group`` of times, and their ``history`` as weighted events; ``item`` [queries, retrieved]: the
    ads; ``scores`` of retrieval, -inf for what was seen, and ``rank`` by it, from 0; ``best`` [queries, 1]: the highest
    score; ``features``: of each part of a channel float32 [queries, retrieved, features], see ``Channel.features``.
    """

    queries: Queries
    group: int
    history: WeightedHistories
    item: CatalogueRows
    scores: Singles
    rank: Int64s
    best: Singles
    features: dict[str, Singles]

    def take(self, rows: Int64s, kept: Int64s) -> "Candidates":
        """Of some queries, by their index, the candidates ``kept`` int64 [rows, any], by their index in the list."""
        return Candidates(
            queries=self.queries.take(rows),
            group=self.group,
            history=take(self.history, rows),
            item=CatalogueRows(np.take_along_axis(self.item[rows], kept, 1)),
            scores=np.take_along_axis(self.scores[rows], kept, 1),
            rank=np.take_along_axis(self.rank[rows], kept, 1),
            best=self.best[rows],
            features={
                name: np.take_along_axis(each[rows], kept[:, :, None], 1) for name, each in self.features.items()
            },
        )


class Search:
    """The channels of a fold, prepared for the pool of a group of query times: made once, for any number of queries."""

    def __init__(self, tables: FoldTables, settings: FeatureSettings, group: int = 0) -> None:
        """Prepare the channels that have a table."""
        self.tables, self.settings, self.group = tables, settings, group
        self.pool, self.popularity = tables.pools.rows[group], tables.popularity[group]
        fusion = tables.fusion
        self.channels: list[tuple[Channel, Scorer]] = [
            (find_channel(name), table.prepare(self.pool, fusion.widths.get(name, 0.0)))
            for name, table in tables.tables.items()
        ]
        self.popular = torch.from_numpy(self.popularity.add_up(fusion.weights))
        self.index_of_row = number_rows(self.pool, len(tables.catalogue.oid))
        self.events = min(settings.search_events, EVENTS_OF_MANY if len(self.pool) > MANY else settings.search_events)

    def block(self, queries: Queries) -> QueryBlock:
        """The queries as channels take them."""
        weighted = weigh_events(queries.histories, self.settings.history)
        heaviest = heaviest_events(weighted, self.events)
        now = heaviest_events(weighted, NOW, "now")
        return QueryBlock(queries.histories, weighted, heaviest, now, queries.action)

    def find_seen(self, histories: Histories) -> SeenPairs:
        """What each query has seen of the pool, as pairs: index of the query, index in the pool."""
        return find_seen(histories, self.index_of_row)

    def score(self, block: QueryBlock, seen: SeenPairs) -> Iterator[tuple[Channel, str, Singles]]:
        """The scores of each part of each channel, float32 [queries, pool]; 0 for seen ads where the ranker gets them.
        ``channel.parts[name]`` makes logarithms of them, which can be added up.
        """
        for channel, scorer in self.channels:
            for name, scores in scorer(block).items():
                if channel.features:
                    scores[seen] = 0.0
                yield channel, name, scores

    @torch.inference_mode()
    def retrieve(self, queries: Queries) -> Candidates:
        """The best of the pool for each query. Seen ads have the score -inf."""
        block, seen = self.block(queries), self.find_seen(queries.histories)
        slot = self.popularity.slots.find(queries.time)
        total, weights, described = self.popular[torch.from_numpy(slot)], self.tables.fusion.weights, []
        for channel, name, scores in self.score(block, seen):
            if name in weights:
                total.add_(torch.from_numpy(channel.parts[name](scores)), alpha=weights[name])
            if channel.features:
                described.append((name, channel.features, scores))
        total[torch.from_numpy(seen[0]), torch.from_numpy(seen[1])] = -torch.inf
        best = total.topk(min(self.tables.list_length, total.shape[1]), 1)
        retrieved = best.indices.numpy()
        return Candidates(
            queries=queries,
            group=self.group,
            history=block.weighted,
            item=CatalogueRows(self.pool[retrieved]),
            scores=best.values.numpy(),
            rank=np.broadcast_to(np.arange(retrieved.shape[1]), retrieved.shape),
            best=best.values[:, :1].numpy(),
            features={name: features.compute(scores, retrieved) for name, features, scores in described},
        )
