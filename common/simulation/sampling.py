"""Draw by weight: an item of a range, of a group, a column of a row. ``at`` is always uniform numbers below 1."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.arrays import Floats, Ints


def draw_between(steps: Floats, first: Ints | int, end: Ints | int, at: Floats) -> Ints:
    """An item of each range from ``first`` to ``end`` - 1; shapes broadcast.

    ``steps``: the weights summed up to each item, from 0 on, so that there is one more than there are items.

    >>> steps = np.array([0.0, 1.0, 4.0, 5.0, 6.0])
    >>> draw_between(steps, np.array([0, 2]), np.array([2, 4]), np.array([0.3, 0.4])).tolist()
    [1, 2]
    """
    level = steps[first] + at * (steps[end] - steps[first])
    return np.asarray(np.clip(np.searchsorted(steps, level, side="right") - 1, first, end - 1))


def draw_columns(steps: NDArray[np.floating], at: NDArray[np.floating]) -> Ints:
    """A column of each row of ``steps`` (rows, columns), cumulative weights; ``at`` (rows).

    >>> draw_columns(np.array([[1.0, 4.0], [1.0, 4.0]]), np.array([0.2, 0.3])).tolist()
    [0, 1]
    """
    drawn = (steps <= (at * steps[:, -1])[:, None]).sum(axis=1)
    return np.asarray(np.minimum(drawn, steps.shape[1] - 1))


@dataclass(frozen=True)
class Pool:
    """Items by group. ``order``: the items, group by group; ``steps``: as of ``draw_between``, in this order;
    ``bounds``: where each group begins in it, and the end.
    """

    order: Ints
    steps: Floats
    bounds: Ints

    @property
    def weights(self) -> Floats:
        """What each group weighs."""
        return np.diff(self.steps[self.bounds])

    def draw(self, group: Ints, at: Floats) -> Ints:
        """An item of each ``group``, of any where the group weighs nothing; shapes broadcast."""
        own = self.weights[group] > 0
        first, end = np.where(own, self.bounds[group], 0), np.where(own, self.bounds[group + 1], len(self.order))
        return self.order[draw_between(self.steps, first, end, at)]

    def draw_any(self, at: Floats) -> Ints:
        """Items of all groups."""
        return self.order[draw_between(self.steps, 0, len(self.order), at)]


def make_pool(group: Ints, groups: int, weight: Floats) -> Pool:
    """The pool of items of these groups (below ``groups``) and weights.

    >>> pool = make_pool(np.array([1, 0, 1]), 2, np.array([1.0, 2.0, 3.0]))
    >>> pool.draw(np.array([0, 1]), np.array([0.5, 0.5])).tolist()
    [1, 2]
    """
    order = np.argsort(group, kind="stable")
    steps = np.append(0.0, np.cumsum(weight[order]))
    return Pool(order, steps, np.append(0, np.cumsum(np.bincount(group, minlength=groups))))
