"""The ten best of 660,000 candidates by inner product, seen ads masked, beside the bare matrix product.

    python -m tests.benches.tencent_search --scale 1.0

4,096 queries that have seen 90 ads each, vectors 64 wide, blocks of the same sizes for the bare product.
"""

import sys
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch

from competitions.tencent.inference.retrieval import Seen, index_recall, search, search_approximately
from tests.benches.side_by_side import Ready, main

CANDIDATES, QUERIES, WIDTH, TOP, HISTORY = 660_000, 4_096, 64, 10, 90
QUERY_BLOCK, CANDIDATE_BLOCK = 256, 16_384


def prepare(folder: Path, scale: float) -> str:
    """Vectors in clusters, as learned ones are; what each query has seen."""
    candidates = max(round(CANDIDATES * scale), 1_000)
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((500, WIDTH), np.float32)
    for name, count in (("candidates", candidates), ("queries", QUERIES)):
        vectors = centres[rng.integers(0, 500, count)] + 0.7 * rng.standard_normal((count, WIDTH), np.float32)
        np.save(folder / f"{name}.npy", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    np.save(folder / "seen.npy", rng.integers(0, candidates, QUERIES * HISTORY))
    return f"{QUERIES:,} queries among {candidates:,} candidates of {WIDTH}, the {TOP} best"


def read(folder: Path) -> tuple[torch.Tensor, torch.Tensor, Seen]:
    """Queries, candidates, and what was seen."""
    starts = np.arange(0, QUERIES * HISTORY + 1, HISTORY)
    parts = [torch.from_numpy(np.load(folder / f"{name}.npy")) for name in ("queries", "candidates")]
    return parts[0], parts[1], Seen(starts, np.load(folder / "seen.npy"))


def exact(folder: Path) -> Ready:
    """The project's exact search."""
    queries, candidates, seen = read(folder)
    return lambda: search(queries, candidates, seen, TOP, QUERY_BLOCK, CANDIDATE_BLOCK).columns.size


def flat(folder: Path) -> Ready:
    """faiss's exact search for as many more as were seen, which are dropped afterwards."""
    queries, candidates, _ = read(folder)
    index = faiss.IndexFlatIP(WIDTH)
    index.add(candidates.numpy())
    return lambda: index.search(queries.numpy(), TOP + HISTORY)[0].size


def whole_sort(folder: Path) -> Ready:
    """The product in the same blocks, and torch's topk of each."""
    queries, candidates, _ = read(folder)

    def run() -> int:
        count = 0
        for start in range(0, len(queries), QUERY_BLOCK):
            for first in range(0, len(candidates), CANDIDATE_BLOCK):
                scores = queries[start : start + QUERY_BLOCK] @ candidates[first : first + CANDIDATE_BLOCK].T
                count += scores.topk(TOP, 1).indices.numel()
        return count

    return run


def approximate(folder: Path) -> Ready:
    """faiss's inverted lists, 32 of 1,024 looked at; building the index included."""
    queries, candidates, seen = read(folder)
    top = search(queries[:512], candidates, Seen(seen.starts[:513], seen.columns), TOP)
    part = search_approximately(queries[:512], candidates, Seen(seen.starts[:513], seen.columns), TOP, 1024, 32)
    print(f"  recall of the approximate index: {index_recall(part, top):.3f}", file=sys.stderr)
    return lambda: search_approximately(queries, candidates, seen, TOP, 1024, 32).columns.size


def bare(folder: Path) -> Ready:
    """The product in the same blocks, thrown away."""
    queries, candidates, _ = read(folder)

    def run() -> int:
        for start in range(0, len(queries), QUERY_BLOCK):
            for first in range(0, len(candidates), CANDIDATE_BLOCK):
                queries[start : start + QUERY_BLOCK] @ candidates[first : first + CANDIDATE_BLOCK].T
        return 0

    return run


def describe(count: int, seconds: float) -> dict[str, Any]:
    """How many ads came out."""
    return {"found": count, "queries_per_second": round(QUERIES / seconds)}


WAYS = {
    "search": exact,
    "topk of each block": whole_sort,
    "faiss, exact": flat,
    "faiss, lists": approximate,
    "bare product": bare,
}

if __name__ == "__main__":
    main("tests.benches.tencent_search", __doc__.splitlines()[0], WAYS, prepare, describe)
