"""The channel ``values``: which feature value is clicked near which, which says something of ads nobody has seen.

Counts of ads are empty where ads are rare. Here a pair of clicks counts for every pair of their ads' feature values,
and an ad scores by its own. ``lifts`` looks at the last click and at one feature alone, as a column of the ranker.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from common.arrays import Singles
from competitions.tencent.corpus import Catalogue, Int64s
from competitions.tencent.ids import CatalogueRows
from competitions.tencent.retrieval.attributes import attribute_matrix
from competitions.tencent.retrieval.channel import Channel, Scorer, log_share
from competitions.tencent.retrieval.sparse_history import (
    CLICK_WEIGHTS,
    ActionWeights,
    Log,
    Sparse,
    flatten_log,
    split_by_cost,
    weight_histories,
)
from competitions.tencent.sequences import Histories

NAME = "values"
PAIRED_VALUES = 2_000  # a feature of more names nearly one ad each, and the table is values x values
MOST_EVENTS = 1_000_000  # of more, evenly spaced histories are counted
PART_EVENTS = 100_000


@dataclass(frozen=True, kw_only=True)
class ValueSettings:
    """As in ``CountSettings``, of values: a pair of events ``g`` apart adds g^-``gap_decay`` times the weights of both
    in ``attribute_matrix``, times ``backward`` where the neighbour stood before; the sum for two values is divided by
    (sum of the one x sum of the other)^``power``. Of a query an event with ``a`` events behind it weighs ``fade``^a.
    """

    reach: int = 3
    gap_decay: float = 1.0
    backward: float = 0.2
    power: float = 0.5
    fade: float = 0.5
    weights: ActionWeights = CLICK_WEIGHTS


@dataclass(frozen=True)
class ValueCounts:
    """``table`` float32 [values, values]: the co-occurrence of a value (row) with another (column); ``attributes`` csr
    [rows of the catalogue, values] as in ``attribute_matrix``.
    """

    table: Singles
    attributes: Sparse
    settings: ValueSettings

    def prepare(self, candidates: CatalogueRows, width: float) -> Scorer:
        """See ``score_value_counts``."""
        shared = self.attributes[candidates]
        return lambda block: {NAME: score_value_counts(self, block.histories, candidates, shared)}


def fit(history: Histories, catalogue: Catalogue) -> ValueCounts:
    """Co-occurrence of the values of features that have few."""
    return fit_value_counts(history, attribute_matrix(catalogue, PAIRED_VALUES), ValueSettings())


def fit_value_counts(histories: Histories, attributes: Sparse, settings: ValueSettings) -> ValueCounts:
    """Count the pairs of these histories.

    ``attributes``: ``attribute_matrix(catalogue, PAIRED_VALUES)``, that of features of few values; the table takes 4
    bytes a pair of values.
    """
    log = flatten_log(histories, settings.weights)
    if len(log.item) > MOST_EVENTS:
        step = -(-len(log.item) // MOST_EVENTS)
        log = flatten_log(histories.take(np.arange(0, len(histories), step)), settings.weights)
    table = np.zeros((attributes.shape[1],) * 2, np.float32)
    lengths = np.diff(log.offsets)
    for first, stop in split_by_cost(lengths, PART_EVENTS):
        table += _count_part(log, np.arange(log.offsets[first], log.offsets[stop]), attributes, settings)
    # Both sums, so that neither a common value in the history nor one of many candidates outweighs the rest.
    share = np.outer(table.sum(1), table.sum(0)) ** settings.power
    table /= np.where(share > 0, share, 1.0).astype(np.float32)
    return ValueCounts(table, attributes, settings)


def _count_part(log: Log, events: Int64s, attributes: Sparse, settings: ValueSettings) -> Singles:
    """The table of consecutive events, whole histories, float32 [values, values]."""
    if not len(events):
        return np.zeros((attributes.shape[1],) * 2, np.float32)
    sources, targets, weights = [], [], []
    for gap in range(1, settings.reach + 1):
        before, after = log.neighbours(events, gap)
        different = log.item[before] != log.item[after]
        before, after = before[different], after[different]
        weight = gap**-settings.gap_decay * log.weight[before] * log.weight[after]
        sources += [before, after]
        targets += [after, before]
        weights += [weight, weight * settings.backward]
    cells = (np.concatenate(sources) - events[0], np.concatenate(targets) - events[0])
    pairs = sp.coo_array((np.concatenate(weights).astype(np.float32), cells), (len(events),) * 2).tocsr()
    values = attributes[log.item[events]]
    counted: Singles = (values.T @ (pairs @ values)).toarray()
    return counted


def score_value_counts(
    model: ValueCounts, queries: Histories, columns: Int64s, shared: Sparse | None = None
) -> Singles:
    """What the values of each history's ads give to those of the ads in these rows of the catalogue, float32 [queries,
    columns]. ``shared``: ``model.attributes[columns]`` of a caller that has it.
    """
    seen = weight_histories(queries, model.attributes.shape[0], model.settings.weights, model.settings.fade)
    by_value = (seen @ model.attributes) @ model.table
    own = model.attributes[columns] if shared is None else shared
    return np.ascontiguousarray((own @ by_value.T).T, np.float32)


CHANNEL = Channel(NAME, fit, {NAME: log_share})
