"""Counts of which ad stands near which in a history: tables without anything learned.

The counts are those of item-based neighbourhood methods (Sarwar et al. 2001, "Item-based collaborative filtering
recommendation algorithms"; for sequences: Garg et al. 2019, "Sequence and time aware neighborhood for session-based
recommendations"): distance in the history, direction, popularity of both ends and recency are weighed apart.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from common.engine.errors import UserError
from common.engine.progress import track
from competitions.tencent.corpus import Catalogue, Floats, Int64s
from competitions.tencent.ranking.attributes import smooth_scores
from competitions.tencent.ranking.sparse_history import (
    RANKER_WEIGHTS,
    ActionWeights,
    Log,
    Sparse,
    count_neighbour_pairs,
    flatten_log,
    split_by_cost,
    weight_histories,
)
from competitions.tencent.sequences import Histories

PART_PAIRS = 20_000_000  # pairs that are held at once, 16 bytes each and as much while they are added up
MOST_PAIRS = 4_000_000_000


@dataclass(frozen=True, kw_only=True)
class CountSettings:
    """Pairs of ads in one history, at most ``reach`` events apart. The defaults are those of the ranker.

    A pair ``g`` events apart adds g^-``gap_decay``, times ``backward`` where the neighbour stood before the ad; the sum
    is divided by events(ad)^``source_power`` and events(neighbour)^``target_power`` and raised to ``concavity``; the
    ``top`` neighbours of each ad are kept. A query is the sum of its last ``history`` events (0 for all), an event with
    ``a`` events behind it weighing ``fade``^a. ``from_attributes`` adds the counts of all ads that share attributes
    with those of the history, ``to_attributes`` lets scores spread to ads that share attributes.
    """

    reach: int = 60
    gap_decay: float = 0.6
    backward: float = 0.2
    source_power: float = 0.45
    target_power: float = 0.1
    concavity: float = 0.7
    top: int = 5_000
    history: int = 0
    fade: float = 0.6
    from_attributes: float = 1.0
    to_attributes: float = 0.3
    weights: ActionWeights = RANKER_WEIGHTS


# The ranker's three tables: as above, without attributes, and that from the last event alone.
WHOLE = CountSettings()
PLAIN = replace(WHOLE, from_attributes=0.0, to_attributes=0.0)
RANKER_COUNTS = (WHOLE, PLAIN, replace(PLAIN, history=1))


@dataclass(frozen=True)
class Counts:
    """``neighbours`` csr float32 [rows, rows]: the co-occurrence of an ad (row) with another (column).

    ``attributes`` csr [rows, values] as in ``attribute_matrix``; ``by_value`` csr [values, rows]: that of all
    ads with an attribute, None where ``from_attributes`` is 0.
    """

    neighbours: Sparse
    attributes: Sparse
    by_value: Sparse | None
    settings: CountSettings


def fit_counts(histories: Histories, catalogue: Catalogue, attributes: Sparse, settings: CountSettings) -> Counts:
    """Count the pairs of these histories.

    Ads are taken in parts of ``PART_PAIRS`` pairs, so that memory holds the log, one part and the result: at most
    8 * ``top`` bytes an ad. Refuses more than ``MOST_PAIRS`` pairs (``UserError``).
    """
    log = flatten_log(histories, settings.weights)
    pairs = count_neighbour_pairs(log.offsets, settings.reach) * (2 if settings.backward else 1)
    if pairs > MOST_PAIRS:
        raise UserError(
            f"The counts would go through {pairs:,} pairs of events, more than {MOST_PAIRS:,}: leave them out of"
            " ranker.channels."
        )
    rows = len(catalogue.oid)
    order = np.argsort(log.item, kind="stable")
    count = np.bincount(log.item, minlength=rows)
    starts = np.concatenate([[0], np.cumsum(count)])
    cost = count * settings.reach * (2 if settings.backward else 1)
    parts = [
        _count_part(log, order[starts[first] : starts[stop]], (first, stop), count, settings)
        for first, stop in track(list(split_by_cost(cost, PART_PAIRS)), "counting pairs")
    ]
    neighbours = sp.vstack(parts, format="csr")
    by_value = sp.csr_array(attributes.T @ neighbours) if settings.from_attributes and attributes.shape[1] else None
    return Counts(neighbours, attributes, by_value, settings)


def _count_part(log: Log, events: Int64s, part: tuple[int, int], count: Int64s, settings: CountSettings) -> Sparse:
    """The rows ``part`` of the table from all events with these ads."""
    sources, targets, weights = [], [], []
    for gap in range(1, settings.reach + 1):
        for direction, factor in ((1, 1.0), (-1, settings.backward)):
            if factor:
                source, target = log.neighbours(events, gap * direction)
                decay = factor * gap**-settings.gap_decay
                sources.append(log.item[source] - part[0])
                targets.append(log.item[target])
                weights.append(np.float32(decay) * log.weight[source] * log.weight[target])
    cells = (np.concatenate(sources), np.concatenate(targets))
    table = sp.coo_array((np.concatenate(weights), cells), (part[1] - part[0], len(count))).tocsr()
    return keep_top(_normalise(table, part[0], count, settings), settings.top)


def _normalise(table: Sparse, first: int, count: Int64s, settings: CountSettings) -> Sparse:
    """Without pairs of an ad with itself, divided by the events of both ends, made concave."""
    source = np.repeat(np.arange(table.shape[0]) + first, np.diff(table.indptr))
    target = table.indices
    events = np.maximum(count, 1).astype(np.float64)
    weight = table.data * events[source] ** -settings.source_power * events[target] ** -settings.target_power
    table.data = np.where(source == target, 0.0, weight**settings.concavity).astype(np.float32)
    table.eliminate_zeros()
    return table


def keep_top(table: Sparse, top: int) -> Sparse:
    """The ``top`` largest entries of each row, of equals the first columns."""
    lengths = np.diff(table.indptr)
    if lengths.max(initial=0) <= top:
        return table
    row = np.repeat(np.arange(table.shape[0]), lengths)
    order = np.lexsort((-table.data, row))  # stable: the columns of a row ascend
    kept = np.sort(order[np.arange(len(row)) - table.indptr[row] < top])
    shorter = np.concatenate([[0], np.cumsum(np.minimum(lengths, top))])
    return sp.csr_array((table.data[kept], table.indices[kept], shorter), table.shape)


def score_counts(model: Counts, queries: Histories, columns: Int64s) -> Floats:
    """Co-occurrence scores of each history with the ads in these rows of the catalogue, float32 [queries, columns].

    With ``from_attributes`` a query takes 4 bytes a row of the catalogue on the way, else 12 a neighbour.
    """
    settings = model.settings
    rows = model.neighbours.shape[0]
    seen = weight_histories(queries, rows, settings.weights, settings.fade, settings.history)
    scores = seen @ model.neighbours
    if model.by_value is not None:  # nearly every ad gets something: dense is faster from here on
        scores = scores.toarray()
        scores += np.float32(settings.from_attributes) * ((seen @ model.attributes) @ model.by_value).toarray()
    return smooth_scores(scores, None, model.attributes, settings.to_attributes, columns)
