"""Re-ranking: five articles that are good together, chosen from the fifty that the ranker likes best.

A ranker scores each article alone, so that its first five may be five reports of one match. Both methods build the
list greedily, article by article, and trade the ranker's score against likeness to what is in the list already:

- MMR (Carbonell and Goldstein 1998, "The use of MMR, diversity-based reranking"): the next article has the largest
  ``trade_off * relevance - (1 - trade_off) * its largest likeness to the list``;
- DPP (Chen, Zhang and Zhou 2018, "Fast greedy MAP inference for determinantal point process"): the list whose vectors,
  as long as ``exp(strength * relevance)``, span the largest volume. Two like vectors span nearly none.

Arrays are [queries, candidates]; a candidate of relevance -inf is none and is chosen last.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from competitions.news.lookups import UnitVectors

Method = Literal["mmr", "dpp"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CANDIDATES = 50  # of a query that are looked at
BLOCK = 500  # queries whose likenesses are held at once
NO_CANDIDATE = -1e9  # the least relevance: chosen before nothing but what is in the list already
LEAST = 1e-10  # of a squared volume: below it nothing new is left


def scale_relevance(scores: Floats) -> Floats:
    """Scores of each query from 0, its least, to 1, its largest: what both methods weigh likeness against.

    >>> scale_relevance(np.array([[3.0, 1.0, 2.0, -np.inf]])).tolist()
    [[1.0, 0.0, 0.5, -inf]]
    """
    finite = np.isfinite(scores)
    least = np.where(finite, scores, np.inf).min(1, keepdims=True)
    largest = scores.max(1, keepdims=True)
    return np.asarray(np.where(finite, (scores - least) / np.maximum(largest - least, 1e-12), -np.inf))


def rerank_mmr(relevance: Floats, likeness: Floats, trade_off: float, count: int) -> Ints:
    """The candidates' numbers [queries, count], in the order chosen. ``likeness`` [queries, candidates, candidates].

    The second is nearly the first's twin; the third is less relevant, and another matter:

    >>> likeness = np.array([[[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.1, 1.0]]])
    >>> rerank_mmr(np.array([[1.0, 0.9, 0.6]]), likeness, 0.5, 2).tolist()
    [[0, 2]]
    >>> rerank_mmr(np.array([[1.0, 0.9, 0.6]]), likeness, 1.0, 2).tolist()
    [[0, 1]]
    """
    rows, nearest = np.arange(len(relevance)), np.zeros_like(relevance)
    free, chosen = np.ones(relevance.shape, bool), []
    for _ in range(count):
        value = np.maximum(trade_off * relevance, NO_CANDIDATE) - (1.0 - trade_off) * nearest
        best = np.where(free, value, -np.inf).argmax(1)
        chosen.append(best)
        free[rows, best] = False
        nearest = np.maximum(nearest, likeness[rows, best])
    return np.stack(chosen, 1)


def rerank_dpp(relevance: Floats, likeness: Floats, strength: float, count: int) -> Ints:
    """As ``rerank_mmr``, by the largest volume; the larger ``strength``, the more the ranker decides.

    >>> likeness = np.array([[[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.1, 1.0]]])
    >>> rerank_dpp(np.array([[1.0, 0.9, 0.6]]), likeness, 1.0, 2).tolist()
    [[0, 2]]
    """
    rows = np.arange(len(relevance))
    quality = np.where(np.isfinite(relevance), np.exp(strength * relevance), 0.0)
    kernel = quality[:, :, None] * likeness * quality[:, None, :]
    # What each candidate adds to the squared volume, and its part along those already chosen (a Cholesky factor that
    # grows by a row a step, so that no determinant is computed anew).
    volume = np.einsum("qii->qi", kernel).copy()
    factor, free, chosen = np.zeros((len(rows), 0, relevance.shape[1])), np.ones(relevance.shape, bool), []
    for _ in range(count):
        best = np.where(free, volume, -1.0).argmax(1)
        chosen.append(best)
        free[rows, best] = False
        along = np.einsum("qs,qsi->qi", factor[rows, :, best], factor)
        row = (kernel[rows, best] - along) / np.sqrt(np.maximum(volume[rows, best], LEAST))[:, None]
        factor = np.concatenate([factor, row[:, None]], 1)
        volume = np.maximum(volume - row**2, 0.0)
    return np.stack(chosen, 1)


def rerank_lists(ranked: pl.DataFrame, content: UnitVectors, method: Method, weight: float, count: int) -> pl.DataFrame:
    """Lists (query, item, score), each cut to ``count`` articles in the order that ``method`` gives.

    ``weight``: the trade-off of MMR, the strength of DPP. Returned: query, item, score, which falls by 1 a rank.
    """
    place = pl.int_range(pl.len(), dtype=pl.Int64).over("query")
    order = ranked.sort("query", "score", "item", descending=[False, True, False])
    first = order.with_columns(place=place, row=pl.col("query").rle_id()).filter(pl.col("place") < CANDIDATES)
    queries, items = first["query"].unique(maintain_order=True), first["item"].to_numpy()
    at = first["row"].to_numpy(), first["place"].to_numpy()
    shape = len(queries), CANDIDATES
    relevance, numbers, vectors = np.full(shape, -np.inf), np.full(shape, -1), np.full(shape, len(content.items))
    relevance[at], numbers[at], vectors[at] = first["score"].to_numpy(), np.arange(len(items)), content.rows(items)
    relevance, chosen = scale_relevance(relevance), []
    for start in range(0, len(queries), BLOCK):
        part = slice(start, start + BLOCK)
        points = content.vectors[vectors[part]].astype(np.float64)
        likeness = np.einsum("qid,qjd->qij", points, points)
        likeness[:, np.arange(CANDIDATES), np.arange(CANDIDATES)] = 1.0  # of one without a vector too
        chosen.append(RERANK[method](relevance[part], likeness, weight, count))
    listed = np.take_along_axis(numbers, np.concatenate(chosen), 1)
    frame = {
        "query": np.repeat(queries.to_numpy(), count),
        "number": listed.ravel(),
        "score": np.tile(-np.arange(count, dtype=np.float64), len(queries)),
    }
    made = pl.DataFrame(frame).filter(pl.col("number") >= 0)
    return made.select("query", "score", item=first["item"].gather(made["number"]))


def intra_list_distance(queries: NDArray[np.integer], vectors: Floats) -> float | None:
    """The mean of 1 - cosine over the pairs of each list, then over the lists; None where no list has a pair.

    ``queries`` [rows]: whose list a row is in; ``vectors`` [rows, width]: of length 1. Ziegler et al. 2005, "Improving
    recommendation lists through topic diversification".

    >>> vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> round(intra_list_distance(np.array([7, 7, 7]), vectors), 3)  # of pairs 0, 1 and 1 apart
    0.667
    """
    list_, sizes = np.unique(queries, return_inverse=True, return_counts=True)[1:]
    sums = np.zeros((len(sizes), vectors.shape[1]))
    np.add.at(sums, list_, vectors)
    # Of vectors of length 1 the cosines of all pairs add up to (|sum|^2 - n) / 2.
    paired = sizes > 1
    if not paired.any():
        return None
    cosines = ((sums**2).sum(1)[paired] - sizes[paired]) / (sizes[paired] * (sizes[paired] - 1.0))
    return float((1.0 - cosines).mean())


RERANK: dict[Method, Callable[[Floats, Floats, float, int], Ints]] = {"mmr": rerank_mmr, "dpp": rerank_dpp}
