"""Which feature value follows which: how much more often ads of one value are clicked next after ads of another."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from common.arrays import Singles
from competitions.tencent.corpus import Bools, Catalogue, Int32s, Int64s
from competitions.tencent.io import schema
from competitions.tencent.sequences import Histories

Codes = npt.NDArray[np.signedinteger]
SHRINK = 20.0  # pairs that are added as chance would have them
DIRECT_CODES = 10_000  # up to so many, a code is an index into the table of a query's pairs


@dataclass(frozen=True)
class Lift:
    """Pairs (a, b) of one feature's codes as sorted ``keys`` a x ``size`` + b, how often each was seen (``counts``),
    how often a came first (``first``), the share of b among all (``share``), whether there is any (``known``).
    """

    size: int
    keys: Int64s
    counts: Int64s
    first: Int64s
    share: Singles
    known: Bools

    @cached_property
    def pairs(self) -> tuple[Int32s, Singles]:
        """b of each pair, and log of P(b | a) / P(b): P(b | a) = (count + SHRINK x share) / (first + SHRINK)."""
        before, after = np.divmod(self.keys, self.size)
        share = self.share[after]
        lift = np.log((self.counts + SHRINK * share) / (self.first[before] + SHRINK) / share)
        return after.astype(np.int32), lift.astype(np.float32)

    def of(self, before: Codes, after: Codes) -> Singles:
        """log of P(after | before) / P(after), shrunk to 0; 0 where a code is missing or ``after`` was never clicked:
        of that nothing is known. ``before`` [queries] and ``after`` [queries, candidates] are codes; float32 [queries,
        candidates].

        Only the pairs that begin with ``before`` are looked at: they are few and lie side by side, where the keys of
        all would not stay in the cache. Few codes are indices into a table, among many a pair is searched.
        """
        before = before.astype(np.int64)
        low = np.searchsorted(self.keys, before * self.size)
        length = np.searchsorted(self.keys, (before + 1) * self.size) - low
        row = np.repeat(np.arange(len(before)), length)
        begins = np.cumsum(length) - length
        chosen = np.arange(len(row)) - begins[row] + low[row]
        code, lift = (column[chosen] for column in self.pairs)
        # What never followed: (0 + SHRINK x share) / (first + SHRINK) / share.
        never = np.log(SHRINK / (self.first[before] + SHRINK)).astype(np.float32)[:, None]
        if self.size <= DIRECT_CODES:
            table = np.repeat(never, self.size, 1)
            table[row, code] = lift
            lifts = np.take_along_axis(table, after, 1)
        else:
            lifts = search_pairs(
                row * self.size + code, lift, np.arange(len(before))[:, None] * self.size + after, never
            )
        return np.where((before > 0)[:, None] & self.known[after], lifts, np.float32(0.0))


def search_pairs(keys: Int64s, values: Singles, wanted: Int64s, default: Singles) -> Singles:
    """The values of the ``wanted`` among sorted ``keys``; the ``default``, of the same shape or a column, of others."""
    if not len(keys):
        return np.broadcast_to(default, wanted.shape)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], default)


def fit_lifts(history: Histories, catalogue: Catalogue) -> list[Lift]:
    """One per feature, from consecutive clicks of these histories."""
    events = history.events()
    owner = np.repeat(np.arange(len(history)), history.lengths)
    clicked = history.sequences.action[events] >= schema.CLICK
    item, owner = history.sequences.item[events][clicked], owner[clicked]
    same = owner[1:] == owner[:-1]
    before, after = item[:-1][same], item[1:][same]
    return [fit_lift(field.codes[before], field.codes[after], field.size + 2) for field in catalogue.fields]


def fit_lift(before: Int64s, after: Int64s, size: int) -> Lift:
    """Of pairs of codes below ``size``; 0 is missing and does not count.

    >>> lift = fit_lift(np.array([1, 1, 2]), np.array([2, 2, 1]), size=3)
    >>> lift.of(np.array([1]), np.array([[1, 2]])).astype(float).round(2).tolist()  # after 1 there was only 2
    [[-0.1, 0.07]]
    """
    known = (before > 0) & (after > 0)
    before, after = before[known].astype(np.int64), after[known].astype(np.int64)
    keys, counts = np.unique(before * size + after, return_counts=True)
    times = np.bincount(after, minlength=size)
    share = (times + 0.5) / (len(after) + 0.5 * size)
    return Lift(size, keys, counts, np.bincount(before, minlength=size), share, times > 0)
