"""The channel ``values``: which feature value is clicked near which, which says something of ads nobody has seen.

Counts of ads are empty where ads are rare. Here a pair of clicks counts for every pair of their ads' feature values,
and an ad scores by its own. A second table has what is clicked behind what was shown or clicked just before, since
what is shown says what a visit is about. ``lifts`` looks at the last click and at one feature alone, as a column of the
ranker.
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

NAME, SHOWN, SAME = "values", "values shown", "values again"
PAIRED_VALUES = 2_000  # a feature of more names nearly one ad each, and the table is values x values
MOST_EVENTS = 1_000_000  # of more, evenly spaced histories are counted
PART_EVENTS = 100_000


@dataclass(frozen=True, kw_only=True)
class ValueSettings:
    """As in ``CountSettings``, of values: a pair of events ``g`` apart adds g^-``gap_decay`` times the weights of both
    in ``attribute_matrix``, times ``backward`` where the neighbour stood before; the sum for two values is divided by
    (sum of the one x sum of the other)^``power``. Of a query an event with ``a`` events behind it weighs ``fade``^a.
    ``to_clicks``: only pairs count whose later event weighs 1, a click.
    """

    reach: int = 3
    gap_decay: float = 1.0
    backward: float = 0.2
    power: float = 0.5
    fade: float = 0.5
    weights: ActionWeights = CLICK_WEIGHTS
    to_clicks: bool = False


BEHIND_SHOWN = ValueSettings(
    gap_decay=0.0,
    backward=0.0,
    fade=0.75,
    weights=ActionWeights(exposure=0.5, click=1.0, conversion=1.0, null=0.5),
    to_clicks=True,
)
# What a user is shown keeps to a few topics: what was seen often is seen and clicked again.
AGAIN = ValueSettings(fade=0.97, weights=ActionWeights(exposure=1.0, click=3.0, conversion=3.0, null=1.0))


@dataclass(frozen=True)
class ValueCounts:
    """``table`` float32 [values, values]: the co-occurrence of a value (row) with another (column), None where each
    speaks for itself alone; ``attributes`` csr [rows of the catalogue, values] as in ``attribute_matrix``.
    """

    table: Singles | None
    attributes: Sparse
    settings: ValueSettings


@dataclass(frozen=True)
class ValueTables:
    """The tables of the channel, by part."""

    tables: dict[str, ValueCounts]

    def prepare(self, candidates: CatalogueRows, width: float) -> Scorer:
        """See ``score_value_counts``. All tables have the same attributes."""
        shared = next(iter(self.tables.values())).attributes[candidates]
        return lambda block: {
            name: score_value_counts(table, block.histories, candidates, shared) for name, table in self.tables.items()
        }


def fit(history: Histories, catalogue: Catalogue, exposures: bool) -> ValueTables:
    """Co-occurrence of the values of features that have few; more of it where the log has ``exposures``."""
    attributes = attribute_matrix(catalogue, PAIRED_VALUES)
    tables = {NAME: fit_value_counts(history, attributes, ValueSettings())}
    if exposures:
        tables[SHOWN] = fit_value_counts(history, attributes, BEHIND_SHOWN)
        tables[SAME] = ValueCounts(None, attributes, AGAIN)
    return ValueTables(tables)


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
    for sums, across in ((table.sum(1), (slice(None), None)), (table.sum(0), (None, slice(None)))):
        table /= np.where(sums > 0, sums, 1.0)[across] ** np.float32(settings.power)
    return ValueCounts(table, attributes, settings)


def _count_part(log: Log, events: Int64s, attributes: Sparse, settings: ValueSettings) -> Singles:
    """The table of consecutive events, whole histories, float32 [values, values]."""
    if not len(events):
        return np.zeros((attributes.shape[1],) * 2, np.float32)
    sources, targets, weights = [], [], []
    for gap in range(1, settings.reach + 1):
        before, after = log.neighbours(events, gap)
        kept = log.item[before] != log.item[after]
        if settings.to_clicks:
            kept &= log.weight[after] >= 1.0
        before, after = before[kept], after[kept]
        weight = gap**-settings.gap_decay * log.weight[before] * log.weight[after]
        sources += [before, after]
        targets += [after, before]
        weights += [weight, weight * settings.backward]
    cells = (np.concatenate(sources) - events[0], np.concatenate(targets) - events[0])
    pairs = sp.coo_array((np.concatenate(weights).astype(np.float32), cells), (len(events),) * 2).tocsr()
    values = attributes[log.item[events]]
    table: Singles = (values.T @ (pairs @ values)).toarray()
    return table


def score_value_counts(
    model: ValueCounts, queries: Histories, candidates: Int64s, shared: Sparse | None = None
) -> Singles:
    """What the values of each history's ads give to those of the ads in these rows of the catalogue, float32 [queries,
    candidates]. ``shared``: ``model.attributes[candidates]`` of a caller that has it.
    """
    seen = weight_histories(queries, model.attributes.shape[0], model.settings.weights, model.settings.fade)
    values = seen @ model.attributes
    by_value = values.toarray() if model.table is None else values @ model.table
    own = model.attributes[candidates] if shared is None else shared
    return np.ascontiguousarray((own @ by_value.T).T, np.float32)


CHANNEL = Channel(NAME, fit, dict.fromkeys((NAME, SHOWN, SAME), log_share))
