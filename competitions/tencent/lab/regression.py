"""The rung ``linear``: a model from past to future in closed form, SLIT without its users (Choi et al. 2021,
"Session-aware linear item-item models for session-based recommendation").

At every position of every history, S is the past (each ad before it) and T the future (each ad behind it), weighted by
their distance. B minimises |T - S B|^2 + ridge |B|^2, which gives B = (S'S + ridge I)^-1 S'T. S and T, with one row for
each position, are never built: pairs of events give S'S and S'T directly.
"""

import numpy as np
import scipy.sparse as sp
from scipy.linalg import solve

from common.arrays import Singles
from competitions.tencent.corpus import Int64s, number_rows
from competitions.tencent.retrieval import sparse_history as sparse
from competitions.tencent.sequences import Histories

MOST_ITEMS = 20_000  # a matrix of items x items is inverted: n^3 steps
REACH = 60  # events between those of a pair, at most
PAST, FUTURE = 0.5, 0.2  # what an event counts for each step between it and the position
RIDGE = 100.0
FADE = 0.65  # what an event of a query counts for each event behind it


def fit_regression(histories: Histories, rows: int) -> tuple[Int64s, Singles]:
    """The ads with events, int64 [n], of a catalogue of so many ``rows``; what each adds to the score of each, float32
    [n, n].
    """
    log = sparse.flatten_log(histories, sparse.RANKER_WEIGHTS)
    ads = np.unique(log.item).astype(np.int64)
    log = sparse.number_items(log, number_rows(ads, rows))
    past, follows = multiply_positions(log, len(ads), PAST, FUTURE)
    system = past.toarray() + RIDGE * np.eye(len(ads), dtype=np.float32)
    return ads, solve(system, follows.toarray(), assume_a="pos", overwrite_a=True, overwrite_b=True)


def multiply_positions(log: sparse.Log, rows: int, past: float, future: float) -> tuple[sparse.Sparse, sparse.Sparse]:
    """S'S and S'T, csr float32 [rows, rows], from pairs of events at most ``REACH`` events apart.

    With decays p and f of past and future, an event at position b that r more events follow, and one g events before
    it: S'S gains p^g * sum over the r positions behind b of p^2t = p^g (1 - p^2r) / (1 - p^2), and
    S'T gains the sum over the g positions between the two of p^t f^(g - 1 - t).
    """
    events = np.arange(len(log.item))
    lasting = (1 - past ** (2.0 * (log.offsets[log.owner + 1] - 1 - events))) / (1 - past**2)
    gram = _add_up(log, events, events, lasting * 0.5, rows)  # half, for the transpose is added
    follows = sp.csr_array((rows, rows), dtype=np.float32)
    for gap in range(1, REACH + 1):
        before, after = log.neighbours(events, gap)
        if not len(before):
            break
        gram = gram + _add_up(log, before, after, past**gap * lasting[after], rows)
        between = sum(past**step * future ** (gap - 1 - step) for step in range(gap))
        follows = follows + _add_up(log, before, after, np.full(len(before), between), rows)
    return sp.csr_array(gram + gram.T), follows


def _add_up(log: sparse.Log, before: Int64s, after: Int64s, decay: np.ndarray, rows: int) -> sparse.Sparse:
    weight = decay * log.weight[before] * log.weight[after]
    cells = (log.item[before], log.item[after])
    return sp.coo_array((weight.astype(np.float32), cells), (rows, rows)).tocsr()


def score_regression(ads: Int64s, coefficients: Singles, queries: Histories, rows: int) -> Singles:
    """The scores of every row of a catalogue of so many ``rows``, float32 [queries, rows]; see ``fit_regression``."""
    scores = np.zeros((len(queries), rows), np.float32)
    scores[:, ads] = sparse.weight_histories(queries, rows, sparse.RANKER_WEIGHTS, FADE)[:, ads] @ coefficients
    return scores
