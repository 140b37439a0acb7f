"""All that is known where a fold's history ends: one value, from which any query is answered.

Built alike for the hold-out, for the organiser's queries and for the earlier folds that fusion and ranker are learned
on; each time from ``Fold.history`` alone, so that nothing behind a cut is reached. Each part is a step, kept on disk:
all that follows reads it, part after part of a million queries, and folds whose histories end alike share it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from common.arrays import Singles
from competitions.tencent.corpus import Catalogue
from competitions.tencent.features.action_rates import ActionRates
from competitions.tencent.features.forecast import AdStatistics, Forecast, weigh_by_clicks
from competitions.tencent.features.lifts import Lift
from competitions.tencent.ids import CandidateIndices, CatalogueRows
from competitions.tencent.retrieval.channel import Table
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.fusion import Fusion
from competitions.tencent.split import Fold


@dataclass(frozen=True)
class Pool:
    """``rate`` float32 [rows of the catalogue]: the forecast, 0 for what is no candidate. ``chosen``: the candidates
    that are searched, the most promising by it, in their order; ``rows`` of these, ascending.
    """

    rate: Singles
    chosen: CandidateIndices
    rows: CatalogueRows


@dataclass(frozen=True)
class FoldTables:
    """What is fitted on the history of a fold, without labels, and learned before it.

    ``statistics`` of every ad; ``pool``: which candidates are searched; ``tables``: of the ``channels`` that retrieve,
    by name; ``lifts``: which feature value follows which; ``action_rates``: how often clicks end in what, None where
    queries say no action; ``fusion``: what each channel counts for; ``list_length``: how many ads are retrieved.
    """

    catalogue: Catalogue
    statistics: AdStatistics
    pool: Pool
    tables: dict[str, Table]
    lifts: list[Lift]
    action_rates: ActionRates | None
    fusion: Fusion
    list_length: int

    def with_widths(self, widths: dict[str, float]) -> "FoldTables":
        """The same with other widths of the channels' kernels."""
        return replace(self, fusion=replace(self.fusion, widths=widths))

    @property
    def fields(self) -> list[int]:
        """The features that have values, by their index in ``schema.ITEM_FEATURES``."""
        return [at for at, size in enumerate(self.catalogue.sizes) if size]

    @property
    def contents(self) -> list[tuple[Content, float]]:
        """Vectors of ads that channels retrieve by, the files' and those of the log, and the width of their kernels."""
        return [
            (table, self.fusion.widths[name])
            for name, table in self.tables.items()
            if isinstance(table, Content) and name in self.fusion.widths
        ]


def make_pool(fold: Fold, statistics: AdStatistics, forecasts: Sequence[Forecast], at: int, most: int) -> Pool:
    """A fold's candidates by one of the ``forecasts``; at most so many are searched, the most clicked, by row."""
    rows = fold.candidates
    rate = forecasts[at].rate(statistics, rows)
    chosen = choose_pool(weigh_by_clicks(rate[rows], statistics, rows), most)
    # As the tables number them: to put the scores of each block into another order would take a fifth of an answer.
    chosen = CandidateIndices(chosen[np.argsort(rows[chosen], kind="stable")])
    return Pool(rate, chosen, CatalogueRows(rows[chosen]))


def choose_pool(worth: Singles, most: int) -> CandidateIndices:
    """At most so many candidates, those of the highest ``worth`` [candidates], in their order.

    >>> choose_pool(np.array([0.1, 3.0, 2.0]), 2).tolist()
    [1, 2]
    """
    if len(worth) <= most:
        return CandidateIndices(np.arange(len(worth)))
    return CandidateIndices(np.sort(np.argpartition(-worth, most)[:most]))
