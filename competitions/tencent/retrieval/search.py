"""Retrieval: the few hundred candidates of each query that the channels put first, together.

Every channel scores every candidate of the pool; on a scale that makes these scores logarithms they are added up, each
times its fusion weight, and the best are kept. The forecast speaks for what will be shown, whatever the channels say.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from common.arrays import Singles
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Int64s
from competitions.tencent.features.forecast import CLICKS
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.ids import CandidateIndices, CatalogueRows, PoolPositions
from competitions.tencent.retrieval.channel import Channel, QueryBlock, Scorer, Scores
from competitions.tencent.retrieval.fusion import CLICK_RATE, FORECAST
from competitions.tencent.retrieval.histories import WeightedHistories, heaviest_events, weigh_events
from competitions.tencent.retrieval.registry import find_channel
from competitions.tencent.sequences import Histories
from competitions.tencent.top_k import SeenPairs, find_seen, number_columns

FLOOR = 1e-3  # of a rate, before its logarithm is taken


@dataclass(frozen=True)
class Queries:
    """``histories`` of users, and the ``action`` int64 [queries] that the target of each will get."""

    histories: Histories
    action: Int64s

    def __len__(self) -> int:
        """How many."""
        return len(self.action)

    def take(self, rows: Int64s) -> "Queries":
        """These queries."""
        return Queries(self.histories.take(rows), self.action[rows])


@dataclass(frozen=True)
class Candidates:
    """Some queries and the ads retrieved for each, best first.

    ``history``, ``action`` int64 [queries]: of each query. ``candidate``, ``item``: the same ads [queries, retrieved]
    by their index in the fold and by their row; ``scores`` of retrieval, -inf for what was seen; ``columns``: of each
    part of a channel float32 [queries, retrieved, columns], see ``Channel.columns``.
    """

    history: WeightedHistories
    action: Int64s
    candidate: CandidateIndices
    item: CatalogueRows
    scores: Singles
    columns: dict[str, Singles]


class Search:
    """The channels of a fold, prepared for its pool: made once, for any number of queries."""

    def __init__(self, tables: FoldTables, settings: FeatureSettings) -> None:
        """Prepare the channels that have a table."""
        self.tables, self.settings = tables, settings
        pool, fusion, statistics = tables.pool, tables.fusion, tables.statistics
        self.channels: list[tuple[Channel, Scorer]] = [
            (find_channel(name), table.prepare(pool.rows, fusion.widths.get(name, 0.0)))
            for name, table in tables.tables.items()
        ]
        self.always = {FORECAST: torch.log(torch.from_numpy(pool.rate[pool.rows]) + FLOOR)}
        if CLICKS in statistics.names:
            clicks = statistics.own[pool.rows, statistics.names.index(CLICKS)]
            self.always[CLICK_RATE] = torch.from_numpy(clicks)
        self.position_of_row = number_columns(pool.rows, len(pool.rate))

    @property
    def rows(self) -> CatalogueRows:
        """Of the candidates that are searched."""
        return self.tables.pool.rows

    def block(self, queries: Queries) -> QueryBlock:
        """The queries as channels take them."""
        weighted = weigh_events(queries.histories, self.settings.history)
        return QueryBlock(queries.histories, weighted, heaviest_events(weighted, self.settings.search_events))

    def find_seen(self, histories: Histories) -> SeenPairs:
        """What each query has seen of the pool, as pairs: index of the query, position in the pool."""
        return find_seen(histories, self.position_of_row)

    def score(self, block: QueryBlock, seen: SeenPairs) -> Iterator[tuple[Channel, Scores]]:
        """The scores of each channel by part, float32 [queries, pool]; 0 for seen ads where the ranker gets them."""
        for channel, scorer in self.channels:
            scores = scorer(block)
            if channel.columns:
                for each in scores.values():
                    each[seen] = 0.0
            yield channel, scores

    def score_all(self, block: QueryBlock, seen: SeenPairs) -> dict[str, Tensor]:
        """What every part of a channel says, as a logarithm, float32 [queries, pool], or [pool] where it says the same
        to all queries.
        """
        scored = [(channel, scores) for channel, scores in self.score(block, seen)]
        scaled = {name: scale_part(channel, name, each) for channel, scores in scored for name, each in scores.items()}
        return scaled | self.always

    @torch.inference_mode()
    def retrieve(self, queries: Queries) -> Candidates:
        """The best of the pool for each query. Seen ads have the score -inf."""
        block, seen = self.block(queries), self.find_seen(queries.histories)
        weights, total = self.tables.fusion.weights, torch.zeros(len(queries), len(self.rows))
        described: list[tuple[Channel, Scores]] = []
        for channel, scores in self.score(block, seen):
            for name, each in scores.items():
                if name in weights:
                    total.add_(scale_part(channel, name, each), alpha=weights[name])
            if channel.columns:
                described.append((channel, scores))
        for name, scores_of_all in self.always.items():
            if name in weights:
                total.add_(scores_of_all, alpha=weights[name])
        total[torch.from_numpy(seen[0]), torch.from_numpy(seen[1])] = -torch.inf
        best = total.topk(min(self.tables.list_length, total.shape[1]), 1)
        position = PoolPositions(best.indices.numpy())
        return Candidates(
            history=block.weighted,
            action=queries.action,
            candidate=CandidateIndices(self.tables.pool.chosen[position]),
            item=CatalogueRows(self.rows[position]),
            scores=best.values.numpy(),
            columns={
                name: channel.columns.describe(each, position)
                for channel, scores in described
                if channel.columns
                for name, each in scores.items()
            },
        )


def scale_part(channel: Channel, name: str, scores: Singles) -> Tensor:
    """The scores of a channel's part as logarithms, which can be added up."""
    return torch.from_numpy(channel.parts[name](scores))
