"""Histories as sparse rows of weights, and the events of a log side by side with those around them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from common.arrays import Singles
from competitions.tencent.corpus import Bools, Int8s, Int32s, Int64s
from competitions.tencent.sequences import Histories

Sparse = Any  # scipy's csr_array: it has no type to be named


@dataclass(frozen=True)
class ActionWeights:
    """What an event of each action counts; ``null``: where the host gave none.

    Actions of weight 0 are left out before anything is counted: distances and ages are those of the other events.
    """

    exposure: float
    click: float
    conversion: float
    null: float


RANKER_WEIGHTS = ActionWeights(exposure=0.2, click=1.0, conversion=1.0, null=0.2)
CLICK_WEIGHTS = ActionWeights(exposure=0.0, click=1.0, conversion=1.0, null=0.0)


@dataclass(frozen=True)
class Log:
    """Events one after another, user by user, oldest first: ``item`` and ``weight`` of each, ``owner`` its history.

    Events of history h stand at ``offsets[h]:offsets[h + 1]``.
    """

    offsets: Int64s
    owner: Int32s
    item: Int32s
    weight: Singles

    def neighbours(self, events: Int64s, gap: int) -> tuple[Int64s, Int64s]:
        """Of these events those that have another ``gap`` events later (earlier, where negative), and that one."""
        inside = self.has_neighbour(events, gap)
        return events[inside], events[inside] + gap

    def has_neighbour(self, events: Int64s, gap: int) -> Bools:
        """Which of these events have another of their history ``gap`` events later (earlier, where negative)."""
        owner, other = self.owner[events], events + gap
        return np.asarray(other < self.offsets[owner + 1] if gap > 0 else other >= self.offsets[owner])


def weight_actions(action: Int8s, weights: ActionWeights) -> Singles:
    """The weight of each event, float32."""
    # In the order of the actions 0, 1, 2 of ``schema``, and -1 behind them.
    table = np.array([weights.exposure, weights.click, weights.conversion, weights.null], np.float32)
    return np.asarray(table[action])


def flatten_log(histories: Histories, weights: ActionWeights) -> Log:
    """The events of these histories that weigh anything: 12 bytes each, and 24 of each event while they are picked."""
    events = histories.events()
    owner = np.repeat(np.arange(len(histories), dtype=np.int32), histories.lengths)
    weight = weight_actions(histories.sequences.action[events], weights)
    if not weight.all():
        events, owner, weight = events[weight > 0], owner[weight > 0], weight[weight > 0]
    return Log(_offsets(owner, len(histories)), owner, histories.sequences.item[events], weight)


def number_items(log: Log, number: Int32s) -> Log:
    """The events alone whose item has a ``number`` [rows of the catalogue], which takes its stead; -1 is none."""
    item = number[log.item]
    known = item >= 0
    owner = log.owner[known]
    return Log(_offsets(owner, len(log.offsets) - 1), owner, item[known], log.weight[known])


def _offsets(owner: Int32s, histories: int) -> Int64s:
    return np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=histories))])


def count_neighbour_pairs(lengths: Int64s, reach: int) -> int:
    """How many pairs of events are at most ``reach`` events apart in histories of these ``lengths``.

    >>> count_neighbour_pairs(np.array([4, 1]), reach=2)  # of four events 0-1, 0-2, 1-2, 1-3, 2-3; of one none
    5
    """
    near = np.minimum(lengths, reach + 1)  # events that have all those before them within reach
    return int((near * (near - 1) // 2 + (lengths - near) * reach).sum())


def weight_histories(
    histories: Histories, rows: int, weights: ActionWeights, fade: float = 1.0, last: int = 0
) -> Sparse:
    """Each history as a row of weights over the catalogue, csr float32 [histories, rows].

    Its ``last`` events that weigh anything (0 for all), the one with ``a`` of them behind it at ``fade``^a times the
    weight of its action; an ad that occurs several times gets the sum.

    >>> from competitions.tencent.corpus import Sequences
    >>> log = Sequences(np.array([0, 3]), np.int32([2, 1, 2]), np.int8([1, 1, 1]), np.zeros(3, np.int64))
    >>> history = Histories(log, np.array([0]), np.array([3]))
    >>> weight_histories(history, 4, CLICK_WEIGHTS, fade=0.5).toarray().tolist()  # ad 2: 1 now, .25 two clicks ago
    [[0.0, 0.5, 1.25, 0.0]]
    """
    log = flatten_log(histories, weights)
    age = log.offsets[log.owner + 1] - 1 - np.arange(len(log.item))
    weight = fade**age * log.weight
    if last:
        weight[age >= last] = 0.0
    matrix = sp.csr_array((weight.astype(np.float32), log.item, log.offsets), (len(histories), rows))
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def split_by_cost(cost: Int64s, most: int) -> Iterator[tuple[int, int]]:
    """Ranges of consecutive indices whose costs add up to ``most`` at most, or that hold one index."""
    total = np.concatenate([[0], np.cumsum(cost)])
    start = 0
    while start < len(cost):
        stop = int(np.searchsorted(total, total[start] + most, side="right")) - 1
        stop = min(max(stop, start + 1), len(cost))
        yield start, stop
        start = stop
