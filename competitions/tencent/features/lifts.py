"""Which feature value follows which: how much more often ads of one value are clicked next after ads of another."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from common.arrays import Singles
from competitions.tencent.corpus import Bools, Catalogue
from competitions.tencent.retrieval.pairs import PairSettings, list_pairs
from competitions.tencent.retrieval.sparse_history import CLICK_WEIGHTS, Sparse, flatten_log, index_rows
from competitions.tencent.sequences import Histories

Codes = npt.NDArray[np.signedinteger]
NEXT = PairSettings(reach=1, backward=0.0)  # the click behind a click
SHRINK = 20.0  # pairs that are added as chance would have them


@dataclass(frozen=True)
class Lift:
    """Of one feature's codes log of P(b | a) / P(b), shrunk to 0: ``never`` [codes], where a and b were never seen in
    a row; ``more`` csr [codes, codes], what is added to it where they were. ``known``: whether a code was ever clicked
    after another.
    """

    never: Singles
    more: Sparse
    known: Bools

    def of(self, before: Codes, after: Codes) -> Singles:
        """The lifts of ``after`` [queries, candidates] behind ``before`` [queries], float32 [queries, candidates]; 0
        where a code is missing or ``after`` was never clicked: of that nothing is known.

        The rows of ``before`` are picked first: they are few, where all would not stay in the cache.
        """
        own, size = self.more[before], len(self.never)
        keys = np.append(index_rows(own) * size + own.indices, len(before) * size)
        pairs = np.arange(len(before))[:, None] * size + after
        at = np.searchsorted(keys, pairs)
        more = np.where(keys[at] == pairs, np.append(own.data, 0)[at], 0)
        lifts = self.never[before][:, None] + more.astype(np.float32)
        return np.where((before > 0)[:, None] & self.known[after], lifts, np.float32(0.0))


def fit_lifts(history: Histories, catalogue: Catalogue) -> list[Lift]:
    """One per feature, from consecutive clicks of these histories."""
    log = flatten_log(history, CLICK_WEIGHTS)
    before, after, _ = list_pairs(log, NEXT, log.item, np.arange(len(log.item)))
    return [fit_lift(field.codes[before], field.codes[after], field.size + 2) for field in catalogue.fields]


def fit_lift(before: Codes, after: Codes, size: int) -> Lift:
    """Of pairs of codes below ``size``; 0 is missing and does not count.

    >>> lift = fit_lift(np.array([1, 1, 2]), np.array([2, 2, 1]), size=3)
    >>> lift.of(np.array([1]), np.array([[1, 2]])).astype(float).round(2).tolist()  # after 1 there was only 2
    [[-0.1, 0.07]]
    """
    known = (before > 0) & (after > 0)
    before, after = before[known].astype(np.int64), after[known].astype(np.int64)
    keys, counts = np.unique(before * size + after, return_counts=True)
    times, first = np.bincount(after, minlength=size), np.bincount(before, minlength=size)
    share = (times + 0.5) / (len(after) + 0.5 * size)
    # P(b | a) = (count + SHRINK x share) / (first + SHRINK), of what never followed without the count.
    source, target = np.divmod(keys, size)
    more = np.log1p(counts / (SHRINK * share[target])).astype(np.float32)
    never = np.log(SHRINK / (first + SHRINK)).astype(np.float32)
    return Lift(never, sp.csr_array((more, (source, target)), (size, size)), times > 0)
