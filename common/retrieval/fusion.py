"""How much each channel's vote counts in reciprocal-rank fusion, learned from queries whose answer is known."""

from collections.abc import Mapping

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import minimize

from common.learning.features import lookup_rows
from common.learning.listwise_softmax import log_likelihoods, softmax_gradients
from common.retrieval.lists import frame_to_lists, pack_pairs

QUERIES = 3_000  # more change the weights by less than they change the lists
RIDGE = 1e-3  # on weights of votes between 0 and 1
Floats = NDArray[np.float64]


def learn_weights(
    channels: Mapping[str, pl.DataFrame], answers: pl.DataFrame, constant: float, seed: int
) -> dict[str, float]:
    """A weight of 0 or more for each channel, 1 on average, under which the answers are likeliest.

    ``channels`` as ``channels.fuse_channels`` takes them; ``answers`` (query, item) of queries to learn from, at
    most ``QUERIES`` of those whose answer a channel names. A conditional logit over the union, whose features are the
    channels' votes (constant + 1) / (constant + rank). Without any such answer every weight is 1.
    """
    votes, labels, sizes = gather_votes(channels, answers, constant, seed)
    if not len(sizes):
        return dict.fromkeys(channels, 1.0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = votes @ weights
        gradient, _ = softmax_gradients(scores, labels, sizes)
        likelihood = float(log_likelihoods(scores, labels, sizes).sum())
        penalty = RIDGE * len(sizes) * weights
        return float(penalty @ weights) / 2 - likelihood, votes.T @ gradient + penalty

    start = np.ones(votes.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(start)).x
    scale = found.mean() or 1.0
    return {name: float(weight / scale) for name, weight in zip(channels, found, strict=True)}


def gather_votes(
    channels: Mapping[str, pl.DataFrame], answers: pl.DataFrame, constant: float, seed: int
) -> tuple[sp.csr_array, NDArray[np.float32], NDArray[np.int32]]:
    """The union of the channels of some queries: votes (rows, channels), labels (rows,), rows of each query."""
    right = np.sort(pack_pairs(answers["query"].to_numpy(), answers["item"].to_numpy()))
    named = [pack_pairs(channel["query"].to_numpy(), channel["item"].to_numpy()) for channel in channels.values()]
    hits = np.unique(np.concatenate([pairs[lookup_rows(right, pairs) >= 0] for pairs in named]) >> 32)
    known = pl.Series("query", hits, pl.Int32)
    drawn = known.sample(min(QUERIES, len(known)), seed=seed).sort().to_numpy()
    lists = [frame_to_lists(drawn, channel) for channel in channels.values()]
    listed = np.concatenate([pack_pairs(drawn[each.rows], each.items) for each in lists])
    votes = np.concatenate([(constant + 1) / (constant + each.positions + 1) for each in lists])
    pairs, row = np.unique(listed, return_inverse=True)
    channel = np.repeat(np.arange(len(lists)), [len(each.items) for each in lists])
    labels = (lookup_rows(right, pairs) >= 0).astype(np.float32)
    sizes = np.bincount(np.searchsorted(drawn, pairs >> 32), minlength=len(drawn)).astype(np.int32)
    return sp.csr_array((votes, (row, channel)), (len(pairs), len(lists))), labels, sizes
