"""All that a fold's queries are answered from: its candidates, what is counted on its history, what is forecast.

Built alike for the hold-out, for the organiser's queries and for the earlier folds that votes and ranker are learned
on; each time from ``Fold.history`` alone, so that nothing behind a cut is reached.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Catalogue, Corpus, Floats, Int64s
from competitions.tencent.features.forecast import AdStatistics
from competitions.tencent.fold_tables import HistoryTables, Pool
from competitions.tencent.ids import CandidateIndices, CatalogueRows
from competitions.tencent.plan import Plan
from competitions.tencent.retrieval.content import Content, map_tensor
from competitions.tencent.retrieval.fusion import Votes
from competitions.tencent.retrieval.histories import WeightedHistories
from competitions.tencent.retrieval.kernel import Quantized, prepare_search
from competitions.tencent.retrieval.sparse_history import Sparse
from competitions.tencent.retrieval.top_k import Seen, find_seen
from competitions.tencent.sequences import Histories
from competitions.tencent.split import Fold


@dataclass(frozen=True)
class FoldInputs:
    """What the steps of a fold read, its own or an earlier one's."""

    corpus: Corpus
    contents: Sequence[Content]
    fold: Fold
    statistics: AdStatistics
    pool: Pool
    tables: HistoryTables
    votes: Votes
    plan: Plan


@dataclass(frozen=True)
class SearchedContent:
    """An embedding of a fold. ``vectors`` float16 (in a service also float32) [rows of the catalogue, dimensions], of
    length 1 or 0; ``pool`` [pool, dimensions] those of the pool, as the kernel takes them; its ``width``.
    """

    name: str
    vectors: Tensor
    pool: Tensor | Quantized
    width: float


@dataclass(frozen=True)
class FoldContext:
    """The queries of a fold and all that their candidates are retrieved and described by.

    ``queries``, and the ``action`` int64 [queries] that the target of each will get. ``pool``: the candidates that are
    searched, the most promising by forecast, and the ``rows`` of these; ``seen``: by position in the pool. ``rate`` of
    every row: the forecast. ``attributes``, ``paired_values``: the pool's, that tables go through, or None.
    """

    queries: Histories
    action: Int64s
    pool: CandidateIndices
    rows: CatalogueRows
    seen: Seen
    rate: Floats
    contents: tuple[SearchedContent, ...]
    statistics: AdStatistics
    tables: HistoryTables
    attributes: Sparse | None
    paired_values: Sparse | None
    votes: Votes
    catalogue: Catalogue
    settings: FeatureSettings
    list_length: int

    @property
    def fields(self) -> list[int]:
        """The features that have values, by their index in ``schema.ITEM_FEATURES``."""
        return [at for at, size in enumerate(self.catalogue.sizes) if size]

    def with_queries(self, queries: Histories, action: Int64s) -> "FoldContext":
        """The same for other queries, of the same catalogue."""
        seen = find_seen(queries, self.rows, len(self.rate))
        return dataclasses.replace(self, queries=queries, action=action, seen=seen)


@dataclass(frozen=True)
class Pairs:
    """Consecutive queries and the candidates retrieved for each, best first.

    ``history``, ``action`` int64 [queries]: of each query. ``candidate``, ``item``: the same ads [queries, retrieved]
    by their index in the fold and by their row; ``scores`` of retrieval, -inf for what was seen; ``tables``: float32
    [queries, retrieved, 3] of each table of counts and the regression, see ``retrieval.summarise_scores``.
    """

    history: WeightedHistories
    action: Int64s
    candidate: CandidateIndices
    item: CatalogueRows
    scores: Floats
    tables: dict[str, Floats]


def build_context(inputs: FoldInputs, settings: FeatureSettings) -> FoldContext:
    """Everything in its place; nothing is fitted here."""
    corpus, fold, votes = inputs.corpus, inputs.fold, inputs.votes
    pool, rows = inputs.pool.chosen, inputs.pool.rows
    queries = fold.queries(corpus.test if fold.target is None else corpus.train)
    return FoldContext(
        queries=queries,
        action=fold.condition,
        pool=pool,
        rows=rows,
        seen=find_seen(queries, rows, len(inputs.pool.rate)),
        rate=inputs.pool.rate,
        contents=tuple(
            search_content(each.name, map_tensor(each.vectors), rows, votes.widths[each.name])
            for each in list_contents(inputs)
            if each.name in votes.widths
        ),
        statistics=inputs.statistics,
        tables=inputs.tables,
        attributes=take_attributes(inputs.tables, rows),
        paired_values=None if inputs.tables.values is None else inputs.tables.values.attributes[rows],
        votes=votes,
        catalogue=corpus.catalogue,
        settings=settings,
        list_length=inputs.plan.list_length,
    )


def take_attributes(tables: HistoryTables, rows: CatalogueRows) -> Sparse | None:
    """The attributes of the pool's ads that counts and regression go through: picked once, not in each request."""
    through = [table.attributes for table in (*tables.counts, tables.regression) if table is not None]
    return through[0][rows] if through else None


def list_contents(inputs: FoldInputs) -> list[Content]:
    """The embeddings of the files, and that of the log."""
    learned = inputs.tables.vectors
    return [*inputs.contents, *([] if learned is None else [learned])]


def search_content(name: str, vectors: Tensor, rows: CatalogueRows, width: float) -> SearchedContent:
    """An embedding with the vectors of the pool side by side: gathering them anew would take as long as the rest of a
    request.
    """
    return SearchedContent(name, vectors, prepare_search(vectors[torch.from_numpy(rows)].float()), width)
