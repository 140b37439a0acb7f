"""Tencent's search by content beside faiss: ``python -m tests.benches.tencent_search``.

For each user the 600 candidates with the largest sum over 32 events of w exp(12 (cosine - 1)). The pipeline sums over
all candidates; with an index of nearest neighbours (Johnson et al. 2019, "Billion-scale similarity search with GPUs"),
each event finds its nearest, and the sum runs over what any of them found. The vectors are random, the hardest case for
inverted lists; those of the host's embeddings lie in clusters. ``same`` is the share of the exact search's 600 that a
way lists; ``times`` compares a user's seconds with those of the bare product of events and candidates.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch

from competitions.tencent.ranking import BLOCK
from competitions.tencent.retrieval import kernel
from competitions.tencent.retrieval.content import map_tensor
from tests.benches import tencent_answer
from tests.benches.side_by_side import Ready, Row, Way, main

LISTED, NEAREST, CELLS, PROBED, USERS = 600, 200, 256, 16, 512
EXACT = "exact.npy"
Lists = np.ndarray[Any, np.dtype[np.int64]]
Search = Callable[[torch.Tensor, np.ndarray], torch.Tensor]  # vectors and weights of events -> scores [users, pool]


def prepare(folder: Path, scale: float) -> str:
    """The data of ``tencent_answer``, and what the exact search lists."""
    text = tencent_answer.prepare(folder, scale)
    np.save(folder / EXACT, search_exactly(folder)()[0])
    return text


def search(folder: Path, make: Callable[[torch.Tensor], Search]) -> Ready:
    """Every block of users by the search that ``make`` prepares from the candidates' vectors."""
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    opened, queries = tencent_answer.open_search(folder)
    vectors = map_tensor(opened.tables.contents[0][0].vectors)
    score = make(vectors[torch.from_numpy(opened.rows)].float())
    count = min(USERS, len(queries))

    def run() -> tuple[Lists, Lists]:
        lists = []
        for start in range(0, count, BLOCK):
            block = opened.block(queries.take(np.arange(start, min(start + BLOCK, count))))
            item, weights = block.heaviest
            scores = score(vectors[torch.from_numpy(item.reshape(-1))].float(), weights)
            lists.append(scores.topk(min(LISTED, scores.shape[1]), 1).indices.numpy())
        return np.concatenate(lists), np.load(folder / EXACT) if (folder / EXACT).exists() else np.empty(0)

    return run


def sum_all(vectors: torch.Tensor, *, exact: bool) -> Search:
    """The pipeline's: over all candidates, of float32 or in whole numbers."""
    candidates = vectors if exact else kernel.quantize(vectors)
    return lambda events, weights: kernel.score_kernel(events, weights, candidates)


def sum_nearest(vectors: torch.Tensor, *, inverted: bool) -> Search:
    """Over the ``NEAREST`` of every event by faiss: of all, or of ``PROBED`` of ``CELLS`` inverted lists."""
    index: Any = faiss.IndexFlatIP(vectors.shape[1])
    if inverted:
        index = faiss.IndexIVFFlat(index, vectors.shape[1], CELLS, faiss.METRIC_INNER_PRODUCT)
        index.train(vectors.numpy())
        index.nprobe = PROBED
    index.add(vectors.numpy())

    def score(events: torch.Tensor, weights: np.ndarray) -> torch.Tensor:
        cosine, found = index.search(events.numpy(), min(NEAREST, len(vectors)))
        user = np.repeat(np.arange(len(weights)), weights.shape[1])[:, None] * len(vectors)
        near = np.exp(kernel.BETA * (cosine - 1)) * weights.reshape(-1, 1) * (found >= 0)
        cell = (user + np.maximum(found, 0)).ravel()
        return torch.from_numpy(np.bincount(cell, near.ravel(), weights.shape[0] * len(vectors))).view(len(weights), -1)

    return score


def describe(result: Any, seconds: float) -> Row:
    """Users a second, and what the exact search lists too."""
    if isinstance(result, int):
        return {"users/s": result / seconds, "same": "", "units": result}
    lists, exact = result
    same = np.mean([np.isin(own, true).mean() for own, true in zip(lists, exact, strict=True)])
    return {"users/s": len(lists) / seconds, "same": float(same), "units": len(lists)}


search_exactly: Way = partial(search, make=partial(sum_all, exact=True))

if __name__ == "__main__":
    ways: dict[str, Way] = {
        "faiss, inverted lists": partial(search, make=partial(sum_nearest, inverted=True)),
        "faiss, flat": partial(search, make=partial(sum_nearest, inverted=False)),
        "this pipeline, exact": search_exactly,
        "this pipeline, in whole numbers": partial(search, make=partial(sum_all, exact=False)),
        "bare product, one thread": tencent_answer.multiply,
    }
    main("tests.benches.tencent_search", "Tencent's search by content", ways, prepare, describe)
