"""How much each channel's vote counts in reciprocal-rank fusion, learned from queries whose answer is known."""

from collections.abc import Mapping

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import minimize

from common.ranking.listwise_softmax import log_likelihoods, softmax_gradients

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
    right = answers.select("query", "item").with_columns(label=pl.lit(1.0, pl.Float32))
    hits = [channel.select("query", "item").join(right, on=["query", "item"]) for channel in channels.values()]
    known = pl.concat(hits).select("query").unique().sort("query")
    drawn = known.sample(min(QUERIES, known.height), seed=seed).sort("query")
    parts = []
    for number, channel in enumerate(channels.values()):
        listed = channel.select("query", "item", rank=pl.int_range(1, pl.len() + 1).over("query"))
        vote = (constant + 1) / (constant + pl.col("rank"))
        kept = listed.join(drawn, on="query", how="semi")
        parts.append(kept.select("query", "item", channel=pl.lit(number, pl.Int32), vote=vote))
    long = pl.concat(parts)
    rows = long.select("query", "item").unique().sort("query", "item").with_row_index("row")
    placed = long.join(rows, on=["query", "item"])
    cells = placed["row"].to_numpy(), placed["channel"].to_numpy()
    votes = sp.csr_array((placed["vote"].to_numpy(), cells), (rows.height, len(channels)))
    labels = rows.join(right, on=["query", "item"], how="left", maintain_order="left")["label"].fill_null(0.0)
    sizes = rows.group_by("query", maintain_order=True).len()["len"].to_numpy().astype(np.int32)
    return votes, labels.to_numpy(), sizes
