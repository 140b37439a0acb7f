"""Exact neighbours by embedding, beside the matrix product that they cannot do without.

    python -m tests.benches.embeddings --scale 1.0

31,000 queries among 295,141 vectors 250 wide, the 20 nearest. ``times`` is the ratio to the bare product.
"""

from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from common.learning.cooccurrence import find_nearest, normalise_rows
from tests.benches.side_by_side import Ready, main

ITEMS, QUERIES, WIDTH, TOP = 295_141, 31_000, 250, 20
BLOCK = 512  # queries at once: 600 MB of products at full scale


def prepare(folder: Path, scale: float) -> str:
    """Random vectors, and which of them are queries."""
    items, queries = max(round(ITEMS * scale), TOP + 1), max(round(QUERIES * scale), 1)
    vectors = np.random.default_rng(0).standard_normal((items, WIDTH), dtype=np.float32)
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "queries.npy", np.sort(np.random.default_rng(1).choice(items, queries, replace=False)))
    return f"{queries:,} queries among {items:,} vectors of {WIDTH}, the {TOP} nearest"


def read(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """The vectors, and which of them are queries."""
    return np.load(folder / "vectors.npy"), np.load(folder / "queries.npy").astype(np.int32)


def whole(folder: Path) -> Ready:
    """The project's function: normalise, index, search, list."""
    vectors, queries = read(folder)
    items = np.arange(len(vectors), dtype=np.int32)
    return lambda: find_nearest(items, vectors, queries, TOP).height


def search(folder: Path) -> Ready:
    """faiss alone, on vectors of length 1."""
    vectors, queries = read(folder)
    index = faiss.IndexFlatIP(WIDTH)
    index.add(normalise_rows(vectors))
    return lambda: index.search(vectors[queries], TOP + 1)[0].size


def partition(folder: Path) -> Ready:
    """The product in blocks, and numpy's partition of every row."""
    vectors, queries = read(folder)

    def run() -> int:
        listed = 0
        for start in range(0, len(queries), BLOCK):
            scores = vectors[queries[start : start + BLOCK]] @ vectors.T
            listed += np.argpartition(scores, -TOP - 1, axis=1)[:, -TOP - 1 :].size
        return listed

    return run


def bare(folder: Path) -> Ready:
    """The product in blocks, thrown away."""
    vectors, queries = read(folder)
    product = np.empty((BLOCK, len(vectors)), np.float32)

    def run() -> int:
        for start in range(0, len(queries), BLOCK):
            block = vectors[queries[start : start + BLOCK]]
            np.matmul(block, vectors.T, out=product[: len(block)])
        return 0

    return run


def describe(listed: int, seconds: float) -> dict[str, Any]:
    """How many neighbours came out."""
    return {"listed": listed}


if __name__ == "__main__":
    ways = {"find_nearest": whole, "faiss search alone": search, "numpy product and partition": partition}
    ways["bare numpy product"] = bare
    main("tests.benches.embeddings", "Exact neighbours by embedding", ways, prepare, describe)
