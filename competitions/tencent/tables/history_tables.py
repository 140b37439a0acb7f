"""What is known where a history ends: the statistics of ads, the candidates that are searched, what is counted.

Three steps, kept on disk: all that follows reads them, part after part of a million queries, and folds whose histories
end alike share them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from competitions.tencent.corpus import Corpus, Floats, Int64s
from competitions.tencent.ids import CandidateIndices, CatalogueRows
from competitions.tencent.sequences import Histories
from competitions.tencent.split import Fold
from competitions.tencent.tables.action_rates import ActionRates, fit_action_rates
from competitions.tencent.tables.attributes import attribute_matrix
from competitions.tencent.tables.channels import COUNTS, LINEAR, VALUES, VECTORS
from competitions.tencent.tables.content import Content
from competitions.tencent.tables.counts import Counts, choose_counts, fit_all_counts
from competitions.tencent.tables.forecast import AdStatistics, Forecast, compute_statistics
from competitions.tencent.tables.item_vectors import fit_item_vectors
from competitions.tencent.tables.lifts import Lift, fit_lifts
from competitions.tencent.tables.regression import Regression, choose_regression, fit_regression
from competitions.tencent.tables.value_counts import PAIRED_VALUES, ValueCounts, ValueSettings, fit_value_counts


@dataclass(frozen=True)
class HistoryTables:
    """Fitted on histories alone, without labels. ``counts``, ``values``, ``regression`` and ``vectors``: () and None
    without their channels; ``action_rates``: None where queries say no action.
    """

    lifts: list[Lift]
    action_rates: ActionRates | None
    counts: tuple[Counts, ...]
    values: ValueCounts | None
    regression: Regression | None
    vectors: Content | None


@dataclass(frozen=True)
class Pool:
    """``rate`` float32 [rows of the catalogue]: the forecast, 0 for what is no candidate. ``chosen``: the candidates
    that are searched, the most promising by it, in their order; ``rows`` of these.
    """

    rate: Floats
    chosen: CandidateIndices
    rows: CatalogueRows


def take_history(corpus: Corpus, ends: Int64s) -> Histories:
    """The events of every user before ``ends`` int64 [users of train]."""
    return Histories(corpus.train, np.arange(len(corpus.train)), ends)


def measure_ads(corpus: Corpus, ends: Int64s, times: bool) -> AdStatistics:
    """Of the events before ``ends``; ``times``: whether they say more than the order."""
    return compute_statistics(take_history(corpus, ends), corpus.catalogue, times=times)


def make_pool(fold: Fold, statistics: AdStatistics, forecasts: Sequence[Forecast], at: int, most: int) -> Pool:
    """Forecast a fold's candidates by one of the ``forecasts``; at most so many are searched."""
    rows = fold.candidates.rows.values
    rate = forecasts[at].rate(statistics, rows)
    chosen = choose_pool(rate[rows], most)
    return Pool(rate, chosen, CatalogueRows(rows[chosen]))


def fit_tables(corpus: Corpus, ends: Int64s, rows: Int64s, actions: bool, channels: Sequence[str]) -> HistoryTables:
    """Fit on the events before ``ends``, as far as candidates in these ``rows`` are concerned. ``actions``: whether
    queries say what their users will do; ``channels``: those that need a table.
    """
    history, catalogue = take_history(corpus, ends), corpus.catalogue
    attributes = attribute_matrix(catalogue)
    counts = choose_counts(history) if COUNTS in channels else ()
    values = regression = None
    if VALUES in channels:
        values = fit_value_counts(history, attribute_matrix(catalogue, PAIRED_VALUES), ValueSettings())
    if LINEAR in channels:
        settings, most = choose_regression(history)
        regression = fit_regression(history, catalogue, attributes, settings, most, rows)
    return HistoryTables(
        lifts=fit_lifts(history, catalogue),
        action_rates=fit_action_rates(history, catalogue) if actions else None,
        counts=fit_all_counts(history, catalogue, attributes, counts, rows),
        values=values,
        regression=regression,
        vectors=fit_item_vectors(history, len(catalogue.oid)) if VECTORS in channels else None,
    )


def choose_pool(rate: Floats, most: int) -> CandidateIndices:
    """At most so many candidates, those of the highest forecast ``rate`` [candidates], in their order."""
    if len(rate) <= most:
        return CandidateIndices(np.arange(len(rate)))
    return CandidateIndices(np.sort(np.argpartition(-rate, most)[:most]))
