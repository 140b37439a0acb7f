"""Pairs of events that stand near each other in a history, added up by ad: what ``counts``, ``values``, ``behaviour``
and ``lifts`` make their tables of.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from common.arrays import Singles
from common.engine.progress import track
from competitions.tencent.corpus import Int32s, Int64s
from competitions.tencent.retrieval.sparse_history import CLICK_WEIGHTS, ActionWeights, Log, Sparse, split_by_cost

PART_PAIRS = 20_000_000  # pairs that are held at once, 16 bytes each and as much while they are added up


@dataclass(frozen=True, kw_only=True)
class PairSettings:
    """Which pairs of events count, and how much: those of one history at most ``reach`` events apart, one ``g`` events
    apart g^-``gap_decay`` times the ``weights`` of both events, times ``backward`` where the neighbour stood before.
    """

    reach: int
    gap_decay: float = 0.0
    backward: float = 1.0
    weights: ActionWeights = CLICK_WEIGHTS


def sum_pairs(
    log: Log, settings: PairSettings, columns: Int32s, shape: tuple[int, int], most: int = PART_PAIRS
) -> Iterator[tuple[int, Sparse]]:
    """How much the pairs of an ad and a neighbour count, an ad with itself included: a table of this ``shape``, csr
    float32, in parts, so that memory holds the log and ``most`` pairs. Of each part the first row, and its rows.
    ``columns`` int32 [events]: where an event counts as a neighbour, -1 for nowhere.

    >>> log = Log(np.array([0, 3]), np.int32([0, 0, 0]), np.int32([2, 0, 2]), np.float32([1, 1, 1]))  # one history
    >>> steps = PairSettings(reach=2, gap_decay=1.0, backward=0.0)
    >>> [(first, part.toarray().tolist()) for first, part in sum_pairs(log, steps, log.item, (3, 3))]
    [(0, [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.5]])]
    """
    order = np.argsort(log.item, kind="stable")
    count = np.bincount(log.item, minlength=shape[0])
    starts = np.concatenate([[0], np.cumsum(count)])
    cost = count * settings.reach * (2 if settings.backward else 1)
    for first, stop in track(list(split_by_cost(cost, most)), "counting pairs"):
        events = np.sort(order[starts[first] : starts[stop]])  # by history again, as they lie in memory
        ads, neighbours, weights = list_pairs(log, settings, columns, events)
        yield first, sp.coo_array((weights, (ads - first, neighbours)), (stop - first, shape[1])).tocsr()


def list_pairs(log: Log, settings: PairSettings, columns: Int32s, events: Int64s) -> tuple[Int32s, Int32s, Singles]:
    """Of these events every pair: the event's ad, the neighbour's column, and what the pair counts."""
    ads, neighbours, weights = [], [], []
    for gap in range(1, settings.reach + 1):
        for direction, factor in ((1, 1.0), (-1, settings.backward)):
            if factor:
                source, target = log.neighbours(events, gap * direction)
                counted = columns[target] >= 0
                source, target = source[counted], target[counted]
                ads.append(log.item[source])
                neighbours.append(columns[target])
                decay = np.float32(factor * gap**-settings.gap_decay)
                weights.append(decay * log.weight[source] * log.weight[target])
    return np.concatenate(ads), np.concatenate(neighbours), np.concatenate(weights)
