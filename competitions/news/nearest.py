"""Nearest articles by the cosine of their embeddings, exact."""

import faiss
import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.learning.cooccurrence import keep_top
from competitions.news.arrays import lookup_rows

FloatArray = NDArray[np.float32]


def find_nearest(items: NDArray[np.int32], vectors: FloatArray, queries: NDArray[np.int32], top: int) -> pl.DataFrame:
    """Nearest neighbours by cosine, exact: for each item of ``queries`` that has a vector, its ``top`` nearest others.

    ``vectors`` (n, d) belongs to ``items`` (n,), ascending. Memory: one normalised copy of the vectors.

    >>> vectors = np.array([[1, 0], [5, 0], [0, 1]], np.float32)
    >>> find_nearest(np.array([7, 8, 9], np.int32), vectors, np.array([7], np.int32), top=1).rows()
    [(7, 8, 1.0)]
    """
    rows = lookup_rows(items, queries)
    rows = rows[rows >= 0]
    if not len(rows):
        return pl.DataFrame(schema={"item": pl.Int32, "neighbour": pl.Int32, "weight": pl.Float32})
    unit = normalise_rows(vectors)
    index = faiss.IndexFlatIP(unit.shape[1])
    index.add(unit)
    weight, near = index.search(unit[rows], min(top + 1, len(items)))
    table = pl.DataFrame(
        {"item": np.repeat(items[rows], near.shape[1]), "neighbour": items[near.ravel()], "weight": weight.ravel()}
    )
    return keep_top(table.lazy().filter(pl.col("item") != pl.col("neighbour")), "item", "neighbour", "weight", top)


def normalise_rows(vectors: FloatArray) -> FloatArray:
    """Rows scaled to length 1, as contiguous float32; a row of zeros stays zero.

    >>> normalise_rows(np.array([[3, 4], [0, 0]], np.float32)).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    return np.ascontiguousarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)
