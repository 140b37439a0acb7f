"""Semantic IDs: an ad as a short sequence of codes, each level a finer cluster of its vector (RQ-KMeans).

Level 1 is the nearest of K centroids, level 2 the nearest centroid of what is left of the vector, and so on (residual
quantisation; Rajput et al. 2023, "Recommender systems with generative retrieval", have it learned, k-means is simpler
and as good). Ads of equal codes differ by one more digit: their rank among them, the most frequent first. So every
ad, seen or not, has a semantic ID of its own, and like ads share its beginning.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt

from common.arrays import Singles
from competitions.tencent.corpus import Int64s

LEVELS, CODES = 3, 256
TRAIN_POINTS = 256  # vectors a centroid is fitted on at most
ROUNDS = 20


def fit_codebooks(vectors: Singles, levels: int, codes: int, seed: int) -> list[Singles]:
    """Residual k-means on these vectors, one row an ad: a table of centroids [codes, dimensions] a level, float32."""
    tables = []
    residual = np.ascontiguousarray(vectors, np.float32)
    for level in range(levels):
        means = faiss.Kmeans(
            residual.shape[1],
            min(codes, len(residual)),
            niter=ROUNDS,
            seed=seed + level,
            max_points_per_centroid=TRAIN_POINTS,
            min_points_per_centroid=1,
        )
        means.train(residual)
        tables.append(np.array(means.centroids, np.float32))
        residual = residual - tables[-1][_nearest(residual, tables[-1])]
    return tables


def encode(vectors: Singles, tables: Sequence[Singles]) -> Int64s:
    """The codes of each vector by the ``tables`` of ``fit_codebooks``, int64 [rows, levels]."""
    residual = np.ascontiguousarray(vectors, np.float32)
    codes = np.empty((len(residual), len(tables)), np.int64)
    for level, table in enumerate(tables):
        codes[:, level] = _nearest(residual, table)
        residual = residual - table[codes[:, level]]
    return codes


def _nearest(vectors: Singles, table: Singles) -> Int64s:
    index = faiss.IndexFlatL2(table.shape[1])
    index.add(table)
    return np.asarray(index.search(vectors, 1)[1][:, 0])


def add_tie_digit(codes: Int64s, frequency: npt.NDArray[np.float64]) -> Int64s:
    """The codes with one more column: the rank among the rows of equal codes, the most frequent first."""
    order = np.lexsort((-frequency, *codes.T[::-1]))
    ordered = codes[order]
    first = np.ones(len(codes), bool)
    first[1:] = (ordered[1:] != ordered[:-1]).any(1)
    first_rows = np.flatnonzero(first)
    digit = np.empty(len(codes), np.int64)
    digit[order] = np.arange(len(codes)) - first_rows[np.cumsum(first) - 1]
    return np.column_stack([codes, digit])


@dataclass(frozen=True)
class Trie:
    """The semantic IDs of candidates as a tree. For each level: ``code`` of every node, and where its children begin in
    the next level, ``children`` int64 [nodes + 1]. The nodes of the last level are semantic IDs; ``candidate`` says
    whose.
    """

    code: tuple[Int64s, ...]
    children: tuple[Int64s, ...]
    candidate: Int64s


def build_trie(semantic_ids: Int64s) -> Trie:
    """The tree of distinct semantic IDs, int64 [candidates, levels]. Nodes of a level are sorted by it."""
    order = np.lexsort(semantic_ids.T[::-1])
    ordered = semantic_ids[order]
    levels = semantic_ids.shape[1]
    code, children, before = [], [], np.zeros(len(semantic_ids), np.int64)
    for level in range(levels):
        first = np.ones(len(semantic_ids), bool)
        first[1:] = (ordered[1:, : level + 1] != ordered[:-1, : level + 1]).any(1)
        node = np.cumsum(first) - 1
        code.append(ordered[first, level])
        parents = before[first]
        children.append(np.searchsorted(parents, np.arange(int(before[-1]) + 2)))
        before = node
    return Trie(tuple(code), tuple(children), order)
