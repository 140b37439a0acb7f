"""The channel ``behaviour``: vectors of ads learned from the log alone; ads that the same people click lie near.

First a truncated singular value decomposition of the shifted positive pointwise mutual information of clicks that stand
near each other, which is what skip-grams factorise (Levy and Goldberg 2014, "Neural word embedding as implicit matrix
factorization"). Then an ad's vector is that of its audience: the mean of what those who clicked it have clicked. That
reaches ads of few clicks, and people who never clicked near each other. The kernel over the history takes them as it
takes any embedding.
"""

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from common.arrays import Singles, normalise_rows
from competitions.tencent.corpus import Catalogue, number_rows
from competitions.tencent.retrieval.channel import Channel
from competitions.tencent.retrieval.content import WIDTHS, Content, name_parts
from competitions.tencent.retrieval.pairs import PairSettings, sum_pairs
from competitions.tencent.retrieval.sparse_history import (
    CLICK_WEIGHTS,
    Log,
    Sparse,
    flatten_log,
    index_rows,
    number_items,
)
from competitions.tencent.sequences import Histories

NAME = "behaviour"
DIMENSIONS = 64
STEPS = PairSettings(reach=5, gap_decay=1.0, backward=0.0)  # between clicks
SHIFT = 1.0  # nats that a pair must be likelier than chance
MOST_ADS = 100_000  # those with most clicks; of the others too little is known


def fit(history: Histories, catalogue: Catalogue) -> Content:
    """Vectors of length 1 by row of the catalogue; 0 for an ad that nobody clicked who clicked an ad with a clicked
    neighbour.
    """
    log, rows = flatten_log(history, CLICK_WEIGHTS), len(catalogue.oid)
    weight = np.bincount(log.item, log.weight, minlength=rows)
    heaviest = np.argsort(-weight, kind="stable")[:MOST_ADS]  # of equals the first rows
    kept = np.sort(heaviest[weight[heaviest] > 0])
    vectors = np.zeros((rows, DIMENSIONS), np.float32)
    near = weigh_pairs(number_items(log, number_rows(kept, rows)), len(kept)) if len(kept) else None
    if near is not None and near.nnz:
        factors = factorise(near)
        vectors[kept, : factors.shape[1]] = factors
        vectors = average_audience(log, vectors)
    return Content(NAME, vectors.astype(np.float16))


def average_audience(log: Log, vectors: Singles) -> Singles:
    """For every ad the mean of the profiles, of length 1, of those who clicked it; a profile is the sum of the vectors
    [rows, dimensions] of all that somebody clicked. Of length 1, or 0.
    """
    clicks = sp.csr_array(
        (np.ones(len(log.item), np.float32), log.item, log.offsets), (len(log.offsets) - 1, len(vectors))
    )
    return normalise_rows(clicks.T @ normalise_rows(clicks @ vectors))


def weigh_pairs(log: Log, items: int) -> Sparse:
    """The shifted mutual information of two ads, csr float32 [items, items]."""
    pairs = sp.vstack([part for _, part in sum_pairs(log, STEPS, log.item, (items, items))], format="csr")
    pairs = sp.csr_array(pairs + pairs.T)
    total = np.asarray(pairs.sum(1)).ravel() + 1.0  # one more: a pair that was seen once proves little
    row = index_rows(pairs)
    likelier = np.log(pairs.data * total.sum() / (total[row] * total[pairs.indices]))
    pairs.data = np.where(row == pairs.indices, 0, np.maximum(likelier - SHIFT, 0)).astype(np.float32)
    pairs.eliminate_zeros()
    return pairs


def factorise(near: Sparse) -> Singles:
    """The left singular vectors, each times the root of its value, of length 1; [items, at most ``DIMENSIONS``]."""
    from sklearn.utils.extmath import randomized_svd  # here: it takes long to import

    size = min(DIMENSIONS, near.shape[0] - 1)
    with threadpool_limits(1, "blas"):  # which rounds by the number of its threads
        left, values, _ = randomized_svd(sp.csr_matrix(near), size, random_state=0)
    return normalise_rows(left * np.sqrt(values))


CHANNEL = Channel(NAME, fit, ("history", "catalogue"), name_parts(NAME), described=False, widths=WIDTHS)
