"""The channel ``values``: which feature value is clicked near which, which says something of ads nobody has seen.

Counts of ads are empty where ads are rare. Here a pair of clicks counts for every pair of their ads' feature values,
and an ad scores by its own. A second table has what is clicked behind what was shown or clicked just before, since
what is shown says what a visit is about. ``lifts`` looks at the last click and at one feature alone, as a column of the
ranker.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
import torch
from torch.nn import functional

from common.arrays import Singles
from competitions.tencent.corpus import Catalogue, CatalogueRows, number_rows
from competitions.tencent.retrieval import sparse_history as sparse
from competitions.tencent.retrieval.channel import Channel, Sums, Tables
from competitions.tencent.retrieval.counts import unpack_full
from competitions.tencent.retrieval.pairs import PairSettings, sum_pairs
from competitions.tencent.sequences import Histories

NAME, SHOWN, SAME = "values", "values shown", "values again"
OF_MANY = " of many"  # the same of features of many values
PAIRED_VALUES = 2_000  # of a feature, counted with those of other features too; of one of more within the feature
MOST_EVENTS = 10_000_000  # some 20 seconds a fold; of more, evenly spaced histories are counted
LEAST_EVENT = 0.01  # of what the last one counts: of less an event is left out, for its pairs take most of the time
PART_PAIRS = 1_000_000  # held at once: each stands for as many as the two ads have pairs of values


@dataclass(frozen=True, kw_only=True)
class ValueSettings(PairSettings):
    """Of values: a pair of events counts as many times as the weights of both values in ``attribute_matrix`` say; the
    sum for two values is divided by (sum of the one x sum of the other)^``power``. Of a query an event with ``a``
    events behind it weighs ``fade``^a. ``to_clicks``: only pairs count whose neighbour weighs 1, a click.
    """

    reach: int = 3
    gap_decay: float = 1.0
    backward: float = 0.2
    power: float = 0.5
    fade: float = 0.5
    to_clicks: bool = False

    @property
    def last(self) -> int:
        """How many last events of a query count, 0 for all: those behind weigh less than ``LEAST_EVENT``.

        >>> ValueSettings(fade=0.5).last  # .5^6 is above .01, .5^7 below
        7
        """
        return math.ceil(math.log(LEAST_EVENT, self.fade)) if self.fade < 1 else 0


BEHIND_SHOWN = ValueSettings(
    gap_decay=0.0,
    backward=0.0,
    fade=0.75,
    weights=sparse.ActionWeights(shown=0.5, clicked=1.0),
    to_clicks=True,
)
# What a user is shown keeps to a few topics: what was seen often is seen and clicked again.
AGAIN = ValueSettings(fade=0.97, weights=sparse.ActionWeights(shown=1.0, clicked=3.0))


@dataclass(frozen=True)
class ValueCounts:
    """``table`` float32 [values, values], csr unless it is full: the co-occurrence of a value (row) with another
    (column), None where each speaks for itself alone; ``attributes`` csr [rows of the catalogue, values] as in
    ``attribute_matrix``.
    """

    table: Singles | sparse.Sparse | None
    attributes: sparse.Sparse
    settings: ValueSettings

    def prepare_sums(self, candidates: CatalogueRows) -> Callable[[Histories], Singles]:
        """See ``Sums``.

        Only the values that the candidates have are columns. Of the millions of values a block of queries reaches
        thousands, and gives something to most columns: no array as long as all values is made for it.
        """
        attributes, settings, table = self.attributes, self.settings, self.table
        own = attributes[candidates]
        columns = np.flatnonzero(np.bincount(own.indices, minlength=own.shape[1]))  # to sort takes thirty times as long
        number = number_rows(columns, own.shape[1])
        ads = sparse.narrow_columns(own, number, len(columns))
        if isinstance(table, np.ndarray):
            table = np.ascontiguousarray(table[:, columns])  # rows in a row: a product copies any other order

        def score(queries: Histories) -> Singles:
            seen = sparse.weight_histories(queries, attributes.shape[0], settings.weights, settings.fade, settings.last)
            reached = attributes[seen.indices]
            weights = sp.csr_array((seen.data, np.arange(seen.nnz), seen.indptr), (len(queries), seen.nnz))
            if table is None:
                by_value = weights @ sparse.narrow_columns(reached, number, len(columns))
            elif isinstance(table, np.ndarray):  # all rows: to pick those that are reached copies most of them
                by_value = (weights @ reached) @ table
            else:
                values, column = np.unique(reached.indices, return_inverse=True)
                reached = sp.csr_array((reached.data, column, reached.indptr), (seen.nnz, len(values)))
                # Of these rows alone: a large log's whole table takes seconds to narrow, at each moment.
                by_value = (weights @ reached) @ sparse.narrow_columns(table[values], number, len(columns))
            return sum_values(ads, by_value)

        return score


def sum_values(ads: sparse.Sparse, by_value: Singles | sparse.Sparse) -> Singles:
    """``by_value`` [queries, values] summed over the values of each ad, csr [ads, values]: float32 [queries, ads].

    >>> sum_values(sp.csr_array(np.float32([[1, 2], [0, 1], [0, 0]])), np.float32([[10, 1]])).tolist()
    [[12.0, 1.0, 0.0]]
    """
    if isinstance(by_value, np.ndarray):
        columns = np.ascontiguousarray(by_value.T)
    else:  # into its cells at once: to fill an array and to turn it takes twice as long
        columns = np.zeros(by_value.shape[::-1], np.float32)
        columns[by_value.indices, np.repeat(np.arange(by_value.shape[0]), np.diff(by_value.indptr))] = by_value.data
    bags, values, weights = (torch.from_numpy(part) for part in (ads.indptr, ads.indices, ads.data))
    sums = functional.embedding_bag(
        values, torch.from_numpy(columns), bags, mode="sum", per_sample_weights=weights, include_last_offset=True
    )
    return np.ascontiguousarray(sums.numpy().T)


def fit(history: Histories, catalogue: Catalogue, exposures: bool) -> Tables:
    """Co-occurrence of the values of features: of those that have few with each other, of those that have many within
    the feature; more of it where the log has ``exposures``.
    """
    many = [sparse.one_feature(field) for field in catalogue.fields if field.size > PAIRED_VALUES]
    groups = {"": [sparse.attribute_matrix(catalogue, PAIRED_VALUES)]} | ({OF_MANY: many} if many else {})
    tables = dict[str, Sums]()
    for which, own in groups.items():
        tables[NAME + which] = first = fit_value_counts(history, own, ValueSettings())
        if exposures:  # with the first one's attributes: what is one object is stored once
            tables[SHOWN + which] = replace(fit_value_counts(history, own, BEHIND_SHOWN), attributes=first.attributes)
            tables[SAME + which] = ValueCounts(None, first.attributes, AGAIN)
    return Tables(tables)


def fit_value_counts(histories: Histories, groups: Sequence[sparse.Sparse], settings: ValueSettings) -> ValueCounts:
    """Count the pairs of these histories. ``groups`` of attributes, each csr [rows of the catalogue, values]: a value
    is counted with those of its own group alone, and a table has as many cells as pairs occur.
    """
    log = sparse.flatten_log(histories, settings.weights)
    if len(log.item) > MOST_EVENTS:
        step = -(-len(log.item) // MOST_EVENTS)
        log = sparse.flatten_log(histories.take(np.arange(0, len(histories), step)), settings.weights)
    columns = np.where(log.weight >= 1.0, log.item, np.int32(-1)) if settings.to_clicks else log.item
    tables = [sp.csr_array((group.shape[1],) * 2, dtype=np.float32) for group in groups]
    for first, pairs in sum_pairs(log, settings, columns, (groups[0].shape[0],) * 2, PART_PAIRS):
        pairs.data[first + sparse.index_rows(pairs) == pairs.indices] = 0  # no pairs of an ad with itself
        for at, group in enumerate(groups):
            tables[at] = tables[at] + group[first : first + pairs.shape[0]].T @ (pairs @ group)
    table = sp.csr_array(sp.block_diag(tables, format="csr", dtype=np.float32))
    # Both sums, so that neither a common value in the history nor one of many candidates outweighs the rest.
    sums = (np.asarray(table.sum(1)).ravel()[sparse.index_rows(table)], np.asarray(table.sum(0)).ravel()[table.indices])
    for each in sums:
        table.data /= np.where(each > 0, each, 1.0) ** np.float32(settings.power)
    return ValueCounts(unpack_full(table), sp.hstack(groups, format="csr", dtype=np.float32), settings)


PARTS = tuple(name + which for which in ("", OF_MANY) for name in (NAME, SHOWN, SAME))
CHANNEL = Channel(NAME, fit, ("history", "catalogue", "exposures"), PARTS)
