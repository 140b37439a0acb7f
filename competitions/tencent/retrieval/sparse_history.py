"""Histories as sparse rows of weights, the events of a log side by side with those around them; and what ads have in
common, their feature values as a sparse matrix.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from common.arrays import Singles
from common.retrieval.lists import count_up
from competitions.tencent.corpus import Bools, Catalogue, Field, Int32s, Int64s
from competitions.tencent.io.schema import CLICK
from competitions.tencent.sequences import Histories

Sparse = Any  # scipy's csr_array: it has no type to be named
POWER = 0.5
MOST_VALUES = 20_000  # a feature of more names nearly one ad each


class ActionWeights(NamedTuple):
    """What an event counts that was ``shown`` only, or whose action the host did not give; and one that was
    ``clicked``, or more. Events of weight 0 are left out first: distances and ages are those of the others.
    """

    shown: float
    clicked: float


EVENT_WEIGHTS, CLICK_WEIGHTS = ActionWeights(0.2, 1.0), ActionWeights(0.0, 1.0)


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


def flatten_log(histories: Histories, weights: ActionWeights) -> Log:
    """The events of these histories that weigh anything: 12 bytes each, and 24 of each event while they are picked."""
    events = histories.events()
    owner = np.repeat(np.arange(len(histories), dtype=np.int32), histories.lengths)
    is_click = histories.sequences.action[events] >= CLICK
    weight = np.where(is_click, np.float32(weights.clicked), np.float32(weights.shown))
    if not weight.all():
        events, owner, weight = events[weight > 0], owner[weight > 0], weight[weight > 0]
    return Log(count_up(np.bincount(owner, minlength=len(histories))), owner, histories.sequences.item[events], weight)


def number_items(log: Log, number: Int32s) -> Log:
    """The events alone whose item has a ``number`` [rows of the catalogue], which takes its stead; -1 is none."""
    item = number[log.item]
    known = item >= 0
    owner = log.owner[known]
    offsets = count_up(np.bincount(owner, minlength=len(log.offsets) - 1))
    return Log(offsets, owner, item[known], log.weight[known])


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


def index_rows(table: Sparse) -> Int64s:
    """The row of each cell of a csr table that is not empty.

    >>> index_rows(sp.csr_array(np.float32([[1, 2], [0, 0], [0, 3]]))).tolist()
    [0, 0, 2]
    """
    return np.repeat(np.arange(table.shape[0]), np.diff(table.indptr))


def narrow_columns(table: Sparse, number: Int32s, columns: int) -> Sparse:
    """The columns of a csr table that have a ``number``, which takes their stead; -1 is none.

    >>> narrow_columns(sp.csr_array(np.float32([[1, 2, 3]])), np.int32([1, -1, 0]), 2).toarray().tolist()
    [[3.0, 1.0]]
    """
    own = number[table.indices]
    kept = np.flatnonzero(own >= 0)
    offsets = np.searchsorted(kept, table.indptr).astype(table.indptr.dtype)  # of int64 scipy would copy the indices
    return sp.csr_array((table.data[kept], own[kept], offsets), (table.shape[0], columns))


def split_by_cost(cost: Int64s, most: int) -> Iterator[tuple[int, int]]:
    """Ranges of consecutive indices whose costs add up to ``most`` at most, or that hold one index."""
    total, start = count_up(cost), 0
    while start < len(cost):
        stop = int(np.searchsorted(total, total[start] + most, side="right")) - 1
        stop = min(max(stop, start + 1), len(cost))
        yield start, stop
        start = stop


def attribute_matrix(catalogue: Catalogue, most_values: int = MOST_VALUES) -> Sparse:
    """Attributes of every row of the catalogue, csr float32 [rows, values].

    A value (of one feature) that c ads have weighs c^-``POWER``, so that sharing what is common says little: at 0.5 the
    product with its transpose is the share of each attribute's ads. Missing and cold values are no attributes, and
    features of more than ``most_values`` values are left out.
    """
    parts = [one_feature(field) for field in catalogue.fields if field.size <= most_values]
    if not parts:
        return sp.csr_array((len(catalogue.oid), 0), dtype=np.float32)
    return sp.hstack(parts, format="csr", dtype=np.float32)


def one_feature(field: Field) -> Sparse:
    """The attributes of one feature, csr float32 [rows, its values]."""
    # Of int64 all tables that are made with these would be, and take half as much memory again.
    rows = np.flatnonzero((field.codes > 0) & (field.codes <= field.size)).astype(np.int32)
    values = field.codes[rows] - 1
    weight = np.maximum(np.bincount(values, minlength=field.size), 1.0) ** -POWER
    return sp.csr_array((weight[values].astype(np.float32), (rows, values)), (len(field.codes), field.size))
