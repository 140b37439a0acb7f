"""Semantic ids: an ad as a short word of codes, each level a finer cluster of its content (RQ-KMeans).

Level 1 is the nearest of K centroids, level 2 the nearest centroid of what is left of the vector, and so on (residual
quantisation; Rajput et al. 2023, "Recommender systems with generative retrieval", have it learned, k-means is simpler
and as good). Ads of equal words are told apart by one more digit: their place among them, the most frequent first. So
every ad, seen or not, has a word of its own, and ads of like content share its beginning.
"""

from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt

from competitions.tencent.corpus import Int64s

Floats = npt.NDArray[np.float32]
TRAIN_POINTS = 256  # vectors a centroid is fitted on at most
ROUNDS = 20


@dataclass(frozen=True)
class Codebooks:
    """One centroid table [codes, dimensions] a level, float32."""

    tables: tuple[Floats, ...]


def fit_codebooks(vectors: Floats, levels: int, codes: int, seed: int) -> Codebooks:
    """Residual k-means on these vectors, one row an ad."""
    tables = []
    left = np.ascontiguousarray(vectors, np.float32)
    for level in range(levels):
        means = faiss.Kmeans(
            left.shape[1],
            min(codes, len(left)),
            niter=ROUNDS,
            seed=seed + level,
            max_points_per_centroid=TRAIN_POINTS,
            min_points_per_centroid=1,
        )
        means.train(left)
        tables.append(np.array(means.centroids, np.float32))
        left = left - tables[-1][_nearest(left, tables[-1])]
    return Codebooks(tuple(tables))


def encode(vectors: Floats, books: Codebooks) -> Int64s:
    """The codes of each vector, int64 [rows, levels]."""
    left = np.ascontiguousarray(vectors, np.float32)
    codes = np.empty((len(left), len(books.tables)), np.int64)
    for level, table in enumerate(books.tables):
        codes[:, level] = _nearest(left, table)
        left = left - table[codes[:, level]]
    return codes


def _nearest(vectors: Floats, table: Floats) -> Int64s:
    index = faiss.IndexFlatL2(table.shape[1])
    index.add(table)
    found: Int64s = index.search(vectors, 1)[1][:, 0]
    return found


def tell_apart(codes: Int64s, frequency: npt.NDArray[np.float64]) -> Int64s:
    """The codes with one more column: the place among the rows of equal codes, the most frequent first."""
    order = np.lexsort((-frequency, *codes.T[::-1]))
    ordered = codes[order]
    fresh = np.ones(len(codes), bool)
    fresh[1:] = (ordered[1:] != ordered[:-1]).any(1)
    begins = np.flatnonzero(fresh)
    digit = np.empty(len(codes), np.int64)
    digit[order] = np.arange(len(codes)) - begins[np.cumsum(fresh) - 1]
    return np.column_stack([codes, digit])


@dataclass(frozen=True)
class Trie:
    """The words of candidates as a tree. For each level: ``code`` of every node, and where its children begin in the
    next level, ``children`` int64 [nodes + 1]. ``root`` is the number of nodes of the first level. The nodes of the
    last level are words; ``candidate`` says whose.
    """

    code: tuple[Int64s, ...]
    children: tuple[Int64s, ...]
    candidate: Int64s


def build_trie(words: Int64s) -> Trie:
    """The tree of distinct words, int64 [candidates, levels]. Nodes of a level are sorted by word."""
    order = np.lexsort(words.T[::-1])
    ordered = words[order]
    levels = words.shape[1]
    code, children, before = [], [], np.zeros(len(words), np.int64)
    for level in range(levels):
        fresh = np.ones(len(words), bool)
        fresh[1:] = (ordered[1:, : level + 1] != ordered[:-1, : level + 1]).any(1)
        node = np.cumsum(fresh) - 1
        code.append(ordered[fresh, level])
        parents = before[fresh]
        children.append(np.searchsorted(parents, np.arange(int(before[-1]) + 2)))
        before = node
    if len(code[-1]) != len(words):
        raise ValueError("two candidates have the same word")
    return Trie(tuple(code), tuple(children), order)
