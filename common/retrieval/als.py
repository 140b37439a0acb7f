"""A channel: the inner product of a user's and an item's vector (``common/learning/als.py``)."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Singles, lookup_rows
from common.learning.als import count_matrix, factorise, find_users
from common.retrieval.lists import Histories, ScoredLists, cut_rows, join_lists, keep_unseen, slice_histories
from common.retrieval.settings import FactorSettings

SCORED_ROWS = 512  # against every item at once


@dataclass(frozen=True)
class Factors:
    """The channel fitted: ``items`` (ids, ascending) and the vector of each, ``vectors`` (items, size)."""

    items: NDArray[np.int32]
    vectors: Singles
    settings: FactorSettings

    def list_items(self, histories: Histories, top: int) -> ScoredLists:
        """The largest inner products. A query's vector is fitted to its own past, so that a user whose later events
        are hidden is treated like any other; a query without a known item gets none.
        """
        ranges = cut_rows(len(histories.times), SCORED_ROWS)
        return join_lists([self._list_rows(slice_histories(histories, *ends), top) for ends in ranges])

    def _list_rows(self, histories: Histories, top: int) -> ScoredLists:
        columns = lookup_rows(self.items, histories.items)
        rows, known = histories.rows, columns >= 0
        clicks = count_matrix(rows[known], columns[known], (len(histories.times), len(self.items)))
        scores = find_users(clicks, self.vectors, self.settings) @ self.vectors.T
        chosen = np.flatnonzero(np.diff(clicks.indptr))  # with a past
        # Of each row the best alone enter the sort: as many more than ``top`` as it may lose that were seen.
        most = min(top + int(histories.sizes.max(initial=0)), len(self.items))
        best = np.argpartition(-scores[chosen], most - 1, axis=1)[:, :most]
        owner, column = np.repeat(chosen, most), best.ravel()
        return keep_unseen((owner, column, scores[owner, column]), self.items, histories, top)


def fit_factors(history: pl.DataFrame, settings: FactorSettings, seed: int) -> Factors:
    """Factorise a history: user, item."""
    items, users = (np.unique(history[name].to_numpy()) for name in ("item", "user"))
    row, column = (lookup_rows(ids, history[name].to_numpy()) for ids, name in ((users, "user"), (items, "item")))
    clicks = count_matrix(row, column, (len(users), len(items)))
    return Factors(items.astype(np.int32), factorise(clicks, settings, seed), settings)
