"""What is known where a history ends: the statistics of ads, the candidates that are searched, what is counted.

Each is a step, kept on disk: all that follows reads it, part after part of a million queries, and folds whose histories
end alike share it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from competitions.tencent.corpus import Corpus, Floats, Int64s
from competitions.tencent.features.actions import ActionRates, fit_action_rates
from competitions.tencent.features.follows import Lift, fit_lifts
from competitions.tencent.features.forecast import AdStatistics, Forecast, compute_statistics, weigh_by_clicks
from competitions.tencent.ids import CandidateIndices, CatalogueRows
from competitions.tencent.retrieval.attributes import attribute_matrix
from competitions.tencent.retrieval.behaviour import fit_item_vectors
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.counts import Counts, choose_counts, fit_all_counts
from competitions.tencent.retrieval.regression import Regression, choose_regression, fit_regression
from competitions.tencent.retrieval.values import PAIRED_VALUES, ValueCounts, ValueSettings, fit_value_counts
from competitions.tencent.sequences import Histories
from competitions.tencent.split import Fold


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
    """A fold's candidates by one of the ``forecasts``; at most so many are searched, the most clicked, by row."""
    rows = fold.candidates.rows.values
    rate = forecasts[at].rate(statistics, rows)
    chosen = choose_pool(weigh_by_clicks(rate[rows], statistics, rows), most)
    # As the tables number them: to put the scores of each block into another order would take a fifth of an answer.
    chosen = CandidateIndices(chosen[np.argsort(rows[chosen], kind="stable")])
    return Pool(rate, chosen, CatalogueRows(rows[chosen]))


def count_neighbours_of(corpus: Corpus, ends: Int64s, rows: Int64s) -> tuple[Counts, ...]:
    """Co-occurrence before ``ends`` with the candidates in these ``rows``."""
    history, catalogue = take_history(corpus, ends), corpus.catalogue
    return fit_all_counts(history, catalogue, attribute_matrix(catalogue), choose_counts(history), rows)


def count_values_of(corpus: Corpus, ends: Int64s) -> ValueCounts:
    """Co-occurrence of feature values before ``ends``."""
    attributes = attribute_matrix(corpus.catalogue, PAIRED_VALUES)
    return fit_value_counts(take_history(corpus, ends), attributes, ValueSettings())


def regress_on(corpus: Corpus, ends: Int64s, rows: Int64s) -> Regression:
    """The regression of the events before ``ends``, for the candidates in these ``rows``."""
    history, catalogue = take_history(corpus, ends), corpus.catalogue
    settings, most = choose_regression(history)
    return fit_regression(history, catalogue, attribute_matrix(catalogue), settings, most, rows)


def learn_vectors_of(corpus: Corpus, ends: Int64s) -> Content:
    """Vectors of ads from the events before ``ends``."""
    return fit_item_vectors(take_history(corpus, ends), len(corpus.catalogue.oid))


def fit_lifts_of(corpus: Corpus, ends: Int64s) -> list[Lift]:
    """Which value follows which before ``ends``."""
    return fit_lifts(take_history(corpus, ends), corpus.catalogue)


def fit_rates_of(corpus: Corpus, ends: Int64s) -> ActionRates:
    """How often clicks before ``ends`` are conversions."""
    return fit_action_rates(take_history(corpus, ends), corpus.catalogue)


def choose_pool(worth: Floats, most: int) -> CandidateIndices:
    """At most so many candidates, those of the highest ``worth`` [candidates], in their order."""
    if len(worth) <= most:
        return CandidateIndices(np.arange(len(worth)))
    return CandidateIndices(np.sort(np.argpartition(-worth, most)[:most]))
