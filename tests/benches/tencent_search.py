"""Tencent's search by content beside faiss: ``python -m tests.benches.tencent_search [--scale 0.1]``.

For each user the 600 candidates with the largest sum over 32 events of w exp(12 (cosine - 1)). The pipeline sums over
all candidates; with an index of nearest neighbours (Johnson et al. 2019, "Billion-scale similarity search with GPUs"),
each event finds its nearest, and the sum runs over what any of them found. The vectors are random, the hardest case for
inverted lists; those of the host's embeddings lie in clusters. ``same`` is the share of the exact search's 600 that a
way lists; ``times`` compares a user's seconds with those of the bare product of events and candidates.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import faiss
import numpy as np
import torch

from common.day.stamp import make_stamp
from common.engine.console import print_table, wide_console
from competitions.tencent.competition import COMPETITION
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Catalogue, CatalogueRows, Corpus, Sequences
from competitions.tencent.features.lifts import fit_lifts
from competitions.tencent.features.popularity import choose_pools, measure_popularity
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.ranking import BLOCK, take_queries
from competitions.tencent.retrieval import kernel
from competitions.tencent.retrieval.content import map_tensor, of_embedding, prepare_content
from competitions.tencent.retrieval.fusion import weigh_evenly
from competitions.tencent.retrieval.search import Queries, Search
from competitions.tencent.split import build_test_fold

USERS, ADS, CANDIDATES, EVENTS, DIMENSIONS = 20_000, 480_000, 66_000, 90, 32
SIZES = (30, 90, 500, 5, 3_000, 20, 9, 40_000, 200, 40, 6_000, 120, 15)  # values of each feature
CONFIG: TencentConfig = COMPETITION.load_config([], tuned=False)
LISTED, NEAREST, CELLS, PROBED, SEARCHED = 600, 200, 256, 16, 512
Lists = np.ndarray[Any, np.dtype[np.int64]]
Score = Callable[[torch.Tensor, np.ndarray], torch.Tensor]  # vectors and weights of events -> scores [users, pool]


def open_search(scale: float) -> tuple[Search, Queries]:
    """Random users, ads by a power law, features and vectors; at scale 1 a tenth of the host's ads."""
    rng, users, ads = np.random.default_rng(0), round(USERS * scale), round(ADS * scale)
    features = np.column_stack([(size * rng.random(ads + 1) ** 3).astype(np.int32) + 1 for size in SIZES])
    catalogue = Catalogue(np.arange(ads + 1), features, ads, SIZES)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(EVENTS - 20, EVENTS + 21, users))])
    item = (ads * rng.random(offsets[-1]) ** 3).astype(np.int32) + 1
    clicks = (rng.random(len(item)) < 0.1).astype(np.int8)
    log = Sequences(offsets, item, clicks, np.sort(rng.integers(0, 10**6, len(item))))
    names = np.zeros(users, "S1")
    candidates = CatalogueRows(np.sort(rng.choice(ads, min(CANDIDATES, ads // 2), replace=False)) + 1)
    vectors = rng.normal(size=(ads + 1, DIMENSIONS)).astype(np.float16)
    corpus = Corpus(catalogue, log, names, log, names, candidates, None, ())
    fold = build_test_fold(log, log, candidates, None)
    history = fold.history(log)
    pools = choose_pools(history, catalogue, fold, CONFIG.ranker.features.pool, {}, ())
    tables = FoldTables(
        catalogue=catalogue,
        pools=pools,
        popularity=measure_popularity(history, catalogue, fold, pools, ()),
        tables={"81": prepare_content("81", vectors)},
        lifts=fit_lifts(history, catalogue),
        fusion=weigh_evenly({"81": of_embedding("81")}),
        list_length=LISTED,
    )
    return Search(tables, CONFIG.ranker.features), take_queries(corpus, fold, slice(0, SEARCHED))


def search(opened: Search, queries: Queries, make: Callable[[torch.Tensor], Score]) -> tuple[Lists, float]:
    """What each user gets by the search that ``make`` prepares from the candidates' vectors, and the seconds of it."""
    vectors = map_tensor(opened.tables.contents[0][0].vectors)
    score, lists = make(vectors[torch.from_numpy(opened.pool)].float()), []
    begun = time.process_time()
    for start in range(0, len(queries), BLOCK):
        block = opened.block(queries.take(np.arange(start, min(start + BLOCK, len(queries)))))
        item, weights = block.heaviest
        scores = score(vectors[torch.from_numpy(item.reshape(-1))].float(), weights)
        lists.append(scores.topk(min(LISTED, scores.shape[1]), 1).indices.numpy())
    return np.concatenate(lists), time.process_time() - begun


def sum_all(vectors: torch.Tensor, *, exact: bool) -> Score:
    """The pipeline's: over all candidates, of float32 or in whole numbers."""
    candidates = vectors if exact else kernel.quantize(vectors)
    return lambda events, weights: kernel.score_kernel(events, weights, candidates)


def sum_nearest(vectors: torch.Tensor, *, inverted: bool) -> Score:
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


def multiply(candidates: int, queries: int) -> float:
    """The seconds of the bare product for so many users."""
    generator = torch.Generator().manual_seed(0)
    pool = torch.randn(candidates, DIMENSIONS, generator=generator)
    history = torch.randn(BLOCK * CONFIG.ranker.features.search_events, DIMENSIONS, generator=generator)
    width, begun = kernel.CACHED // len(history), time.process_time()
    for _ in range(0, queries, BLOCK):
        for start in range(0, len(pool), width):
            torch.mm(history, pool[start : start + width].T)
    return time.process_time() - begun


def main() -> None:
    """Print a row for each way: users a second of processor time on one thread, and what it lists."""
    parser = argparse.ArgumentParser(prog="python -m tests.benches.tencent_search", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    scale = parser.parse_args().scale
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    opened, queries = open_search(scale)
    bare = multiply(len(opened.pool), len(queries))
    exact, exact_seconds = search(opened, queries, partial(sum_all, exact=True))
    ways = {
        "faiss, inverted lists": search(opened, queries, partial(sum_nearest, inverted=True)),
        "faiss, flat": search(opened, queries, partial(sum_nearest, inverted=False)),
        "this pipeline, exact": (exact, exact_seconds),
        "this pipeline, in whole numbers": search(opened, queries, partial(sum_all, exact=False)),
    }
    rows = [
        {
            "way": name,
            "users a second": len(lists) / seconds,
            "same": np.mean([np.isin(own, true).mean() for own, true in zip(lists, exact, strict=True)]),
            "times": seconds / bare,
        }
        for name, (lists, seconds) in ways.items()
    ]
    print_table(
        wide_console(), f"{len(queries):,} users, {len(opened.pool):,} candidates, {make_stamp().machine}", rows
    )


if __name__ == "__main__":
    main()
