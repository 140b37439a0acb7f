"""Which feature value follows which: how much more often ads of one value are clicked next after ads of another."""

from dataclasses import dataclass

import numpy as np

from competitions.tencent.corpus import Bools, Catalogue, Floats, Int64s
from competitions.tencent.io import schema
from competitions.tencent.sequences import Histories

SHRINK = 20.0  # pairs that are added as chance would have them


@dataclass(frozen=True)
class Lift:
    """Pairs (a, b) of one feature's codes as sorted ``keys`` a x ``size`` + b, how often each was seen (``counts``),
    how often a came first (``first``), the share of b among all (``share``), whether there is any (``known``).
    """

    size: int
    keys: Int64s
    counts: Int64s
    first: Int64s
    share: Floats
    known: Bools

    def of(self, before: Int64s, after: Int64s) -> Floats:
        """log of P(after | before) / P(after), shrunk to 0; 0 where a code is missing or ``after`` was never clicked:
        of that nothing is known. ``before`` [queries] and ``after`` [queries, candidates] are codes; float32 [queries,
        candidates].
        """
        seen = self.count(before.astype(np.int64), after.astype(np.int64))
        share = self.share[after]
        # SHRINK pairs more, as chance would have them: P = (seen + SHRINK x share) / (first + SHRINK).
        lift = np.log((seen + SHRINK * share) / (self.first[before][:, None] + SHRINK) / share)
        return np.where((before > 0)[:, None] & (after > 0) & self.known[after], lift, 0.0).astype(np.float32)

    def count(self, before: Int64s, after: Int64s) -> Int64s:
        """How often each pair was seen, int64 [queries, candidates]. Only the pairs that begin with ``before`` are
        searched: they are few and lie side by side, where the keys of all pairs would not stay in the cache.
        """
        low = np.searchsorted(self.keys, before * self.size)
        length = np.searchsorted(self.keys, (before + 1) * self.size) - low
        row = np.repeat(np.arange(len(before)), length)
        begins = np.cumsum(length) - length
        pairs = np.arange(len(row)) - begins[row] + low[row]
        if not len(pairs):
            return np.zeros(after.shape, np.int64)
        # Of sorted pairs a x size + b those of one a lie side by side, sorted by b: numbered by query they stay sorted.
        keys = row * self.size + self.keys[pairs] % self.size
        wanted = np.arange(len(before))[:, None] * self.size + after
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[at] == wanted, self.counts[pairs][at], 0)


def fit_lifts(history: Histories, catalogue: Catalogue) -> list[Lift]:
    """One per feature, from consecutive clicks of these histories."""
    events = history.events()
    owner = np.repeat(np.arange(len(history)), history.lengths)
    clicked = history.sequences.action[events] >= schema.CLICK
    item, owner = history.sequences.item[events][clicked], owner[clicked]
    same = owner[1:] == owner[:-1]
    before, after = item[:-1][same], item[1:][same]
    codes = catalogue.features
    return [fit_lift(codes[before, at], codes[after, at], size + 2) for at, size in enumerate(catalogue.sizes) if size]


def fit_lift(before: Int64s, after: Int64s, size: int) -> Lift:
    """Of pairs of codes below ``size``; 0 is missing and does not count."""
    known = (before > 0) & (after > 0)
    before, after = before[known].astype(np.int64), after[known].astype(np.int64)
    keys, counts = np.unique(before * size + after, return_counts=True)
    times = np.bincount(after, minlength=size)
    share = (times + 0.5) / (len(after) + 0.5 * size)
    return Lift(size, keys, counts, np.bincount(before, minlength=size), share, times > 0)
