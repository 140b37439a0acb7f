"""Histories as sparse rows of weights, and the events of a log side by side with those around them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from competitions.tencent.corpus import Floats, Int8s, Int32s, Int64s
from competitions.tencent.io import schema
from competitions.tencent.sequences import Histories

Sparse = Any  # scipy's csr_array: it has no type to be named


@dataclass(frozen=True)
class ActionWeights:
    """What an event of each action counts; ``null``: where the host gave none."""

    exposure: float
    click: float
    conversion: float
    null: float


RANKER_WEIGHTS = ActionWeights(exposure=0.2, click=1.0, conversion=1.0, null=0.2)


@dataclass(frozen=True)
class Log:
    """Events one after another, user by user, oldest first: ``item`` and ``weight`` of each, ``owner`` its history.

    Events of history h stand at ``offsets[h]:offsets[h + 1]``.
    """

    offsets: Int64s
    owner: Int32s
    item: Int32s
    weight: Floats

    def neighbours(self, events: Int64s, gap: int) -> tuple[Int64s, Int64s]:
        """Of these events those that have another ``gap`` events later (earlier, where negative), and that one."""
        others = events + gap
        owner = self.owner[events]
        inside = (others < self.offsets[owner + 1]) if gap > 0 else (others >= self.offsets[owner])
        return events[inside], others[inside]


def weight_actions(action: Int8s, weights: ActionWeights) -> Floats:
    """The weight of each event, float32."""
    table = np.zeros(4, np.float32)
    table[schema.NULL_ACTION] = weights.null  # -1: the last entry
    table[schema.EXPOSURE], table[schema.CLICK], table[schema.CONVERSION] = (
        weights.exposure,
        weights.click,
        weights.conversion,
    )
    return np.asarray(table[action])


def flatten_log(histories: Histories, weights: ActionWeights) -> Log:
    """The events of these histories: 13 bytes each, and 8 while they are picked."""
    events = histories.events()
    lengths = histories.lengths
    return Log(
        np.concatenate([[0], np.cumsum(lengths)]),
        np.repeat(np.arange(len(histories), dtype=np.int32), lengths),
        histories.sequences.item[events],
        weight_actions(histories.sequences.action[events], weights),
    )


def count_neighbour_pairs(offsets: Int64s, reach: int) -> int:
    """How many pairs of events of one history are at most ``reach`` events apart."""
    lengths = np.diff(offsets)
    near = np.minimum(lengths, reach + 1)  # events that have all those before them within reach
    return int((near * (near - 1) // 2 + (lengths - near) * reach).sum())


def weight_histories(
    histories: Histories, rows: int, weights: ActionWeights, fade: float = 1.0, last: int = 0
) -> Sparse:
    """Each history as a row of weights over the catalogue, csr float32 [histories, rows].

    Its ``last`` events (0 for all), the one with ``a`` events behind it at ``fade``^a times the weight of its action;
    an ad that occurs several times gets the sum.
    """
    kept = np.minimum(histories.lengths, last) if last else histories.lengths
    offsets = np.concatenate([[0], np.cumsum(kept)])
    age = np.repeat(offsets[1:], kept) - 1 - np.arange(offsets[-1])
    events = np.repeat(histories.ends, kept) - 1 - age
    sequences = histories.sequences
    weight = fade**age * weight_actions(sequences.action[events], weights)
    matrix = sp.csr_array((weight.astype(np.float32), sequences.item[events], offsets), (len(histories), rows))
    matrix.sum_duplicates()
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
