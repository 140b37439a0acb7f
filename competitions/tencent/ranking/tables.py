"""What is known where a history ends: what is counted on it, the forecast of it, the candidates that are searched.

Two steps, kept on disk: all that follows reads them, part after part of a million queries, and folds whose histories
end alike share the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from competitions.tencent.corpus import Corpus, Floats, Int64s
from competitions.tencent.ids import CandidateIndices
from competitions.tencent.ranking.action_rates import ActionRates, fit_action_rates
from competitions.tencent.ranking.attributes import attribute_matrix
from competitions.tencent.ranking.counts import RANKER_COUNTS, Counts, fit_counts
from competitions.tencent.ranking.forecast import AdStatistics, Forecast, compute_statistics
from competitions.tencent.ranking.lifts import Lift, fit_lifts
from competitions.tencent.ranking.regression import Regression, RegressionSettings, fit_regression
from competitions.tencent.sequences import Histories
from competitions.tencent.split import Fold


@dataclass(frozen=True)
class HistoryTables:
    """Fitted on histories alone, without labels. ``counts`` and ``regression``: () and None without their channels;
    ``action_rates``: None where queries say no action.
    """

    statistics: AdStatistics
    lifts: list[Lift]
    action_rates: ActionRates | None
    counts: tuple[Counts, ...]
    regression: Regression | None


@dataclass(frozen=True)
class Pool:
    """``rate`` float32 [rows of the catalogue]: the forecast, 0 for what is no candidate. ``chosen``: the candidates
    that are searched, the most promising by it, in their order.
    """

    rate: Floats
    chosen: CandidateIndices


def fit_tables(corpus: Corpus, ends: Int64s, times: bool, actions: bool, channels: Sequence[str]) -> HistoryTables:
    """Fit on the events of every user before ``ends`` int64 [users of train]. ``times``, ``actions``: as in the plan."""
    history, catalogue = Histories(corpus.train, np.arange(len(corpus.train)), ends), corpus.catalogue
    attributes = attribute_matrix(catalogue)
    counts = RANKER_COUNTS if "counts" in channels else ()
    linear = "linear" in channels
    return HistoryTables(
        statistics=compute_statistics(history, catalogue, times=times),
        lifts=fit_lifts(history, catalogue),
        action_rates=fit_action_rates(history, catalogue) if actions else None,
        counts=tuple(fit_counts(history, catalogue, attributes, each) for each in counts),
        regression=fit_regression(history, catalogue, attributes, RegressionSettings()) if linear else None,
    )


def make_pool(fold: Fold, statistics: AdStatistics, forecasts: Sequence[Forecast], at: int, most: int) -> Pool:
    """Forecast a fold's candidates by one of the ``forecasts``; at most so many are searched."""
    rows = fold.candidates.rows.values
    rate = forecasts[at].rate(statistics, rows)
    return Pool(rate, choose_pool(rate[rows], most))


def choose_pool(rate: Floats, most: int) -> CandidateIndices:
    """At most so many candidates, those of the highest forecast ``rate`` [candidates], in their order."""
    if len(rate) <= most:
        return CandidateIndices(np.arange(len(rate)))
    return CandidateIndices(np.sort(np.argpartition(-rate, most)[:most]))
