"""What is known where a fold's history ends: its candidates, what is counted on the history, what is forecast.

Built alike for the hold-out, for the organiser's queries and for the earlier folds that the ranker is trained on; each
time from ``Fold.history`` alone, so that nothing behind a cut is reached.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Catalogue, Corpus, Embedding, Floats, Int64s
from competitions.tencent.ids import CandidateIndices, CatalogueRows
from competitions.tencent.plan import Plan
from competitions.tencent.ranking.action_rates import ActionRates, fit_action_rates
from competitions.tencent.ranking.attributes import attribute_matrix
from competitions.tencent.ranking.counts import RANKER_COUNTS, Counts, fit_counts
from competitions.tencent.ranking.forecast import AdStatistics, Forecast, compute_statistics
from competitions.tencent.ranking.histories import WeightedHistories
from competitions.tencent.ranking.lifts import Lift, fit_lifts
from competitions.tencent.ranking.regression import Regression, RegressionSettings, fit_regression
from competitions.tencent.ranking.top_k import Seen, find_seen
from competitions.tencent.sequences import Histories
from competitions.tencent.split import Fold


@dataclass(frozen=True)
class FoldInputs:
    """What the steps of a fold read: the ``earlier`` folds to learn from, and ``forecasts``, one per earlier fold and,
    last, the fold's own.
    """

    corpus: Corpus
    embeddings: Sequence[Embedding]
    fold: Fold
    earlier: Sequence[Fold]
    forecasts: Sequence[Forecast]
    plan: Plan


@dataclass(frozen=True)
class FoldContext:
    """The queries of a fold and all that their candidates are retrieved and described by.

    ``queries``, and the ``action`` int64 [queries] that the target of each will get. ``pool``: the candidates that are
    searched, the most promising by forecast, and the ``rows`` of these; ``seen``: by position in the pool. ``rate`` of
    every row: the forecast. ``content`` float32 (in a service also float16) [rows of the catalogue, dimensions], of
    length 1 or 0, ``pool_content`` float32 that of the pool; None without embeddings. ``counts`` and ``regression``:
    for sets without embeddings, else () and None. ``action_rates``: None where queries say no action.
    """

    queries: Histories
    action: Int64s
    pool: CandidateIndices
    rows: CatalogueRows
    seen: Seen
    rate: Floats
    content: Tensor | None
    pool_content: Tensor | None
    counts: tuple[Counts, ...]
    regression: Regression | None
    catalogue: Catalogue
    statistics: AdStatistics
    lifts: list[Lift]
    action_rates: ActionRates | None
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
    tables: Sequence[Floats]


def build_context(inputs: FoldInputs, fold: Fold, forecast: Forecast, settings: FeatureSettings) -> FoldContext:
    """Fit on the history of ``fold``, the inputs' own or an earlier one, what needs no labels."""
    corpus, plan = inputs.corpus, inputs.plan
    history, catalogue = fold.history(corpus.train), corpus.catalogue
    statistics = compute_statistics(history, catalogue, times=plan.times)
    counts, regression = fit_tables(history, catalogue, plan.channels)
    content = stack_content(inputs.embeddings) if "content" in plan.channels else None
    rate = forecast.rate(statistics, fold.candidates.rows.values)
    pool = choose_pool(rate[fold.candidates.rows.values], settings.pool)
    rows = CatalogueRows(fold.candidates.rows.values[pool])
    queries = fold.queries(corpus.test if fold.target is None else corpus.train)
    return FoldContext(
        queries=queries,
        action=fold.condition,
        pool=pool,
        rows=rows,
        seen=find_seen(queries, rows, len(rate)),
        rate=rate,
        content=content,
        # Side by side: gathering the rows anew would take as long as the rest of a request.
        pool_content=gather_content(content, rows),
        counts=counts,
        regression=regression,
        catalogue=catalogue,
        statistics=statistics,
        lifts=fit_lifts(history, catalogue),
        action_rates=fit_action_rates(history, catalogue) if plan.actions else None,
        settings=settings,
        list_length=plan.list_length,
    )


def choose_pool(rate: Floats, most: int) -> CandidateIndices:
    """At most so many candidates, those of the highest forecast ``rate`` [candidates], in their order."""
    if len(rate) <= most:
        return CandidateIndices(np.arange(len(rate)))
    return CandidateIndices(np.sort(np.argpartition(-rate, most)[:most]))


def fit_tables(
    history: Histories, catalogue: Catalogue, channels: Sequence[str]
) -> tuple[tuple[Counts, ...], Regression | None]:
    """Co-occurrence counts and the regression, for the ``channels`` that need them."""
    attributes = attribute_matrix(catalogue)
    counts = RANKER_COUNTS if "counts" in channels else ()
    regression = None
    if "linear" in channels:
        regression = fit_regression(history, catalogue, attributes, RegressionSettings())
    return tuple(fit_counts(history, catalogue, attributes, each) for each in counts), regression


def stack_content(embeddings: Sequence[Embedding]) -> Tensor | None:
    """All embeddings side by side, each of length 1, the whole of length 1; zero for an ad without any."""
    parts = [functional.normalize(torch.from_numpy(np.array(each.vectors, np.float32)), dim=1) for each in embeddings]
    return functional.normalize(torch.cat(parts, 1), dim=1) if parts else None


def gather_content(content: Tensor | None, rows: CatalogueRows) -> Tensor | None:
    """The vectors of these rows, float32."""
    return None if content is None else content[torch.from_numpy(rows)].float()
