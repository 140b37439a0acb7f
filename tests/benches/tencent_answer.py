"""Answering Tencent's users, at the host's sizes but for the log: ``python -m tests.benches.tencent_answer``.

Each way searches 60,000 candidates by content, describes 600, ranks 200 and keeps ten. ``times`` compares a user's
seconds with those of the bare product of 32 events and all candidates, of float32 and in blocks that stay in the cache.
"""

import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from competitions.tencent.competition import COMPETITION
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Catalogue, Corpus, Embedding, Sequences, Users
from competitions.tencent.features.forecast import Forecast, compute_statistics
from competitions.tencent.features.lifts import fit_lifts
from competitions.tencent.features.pair_features import describe as describe_columns
from competitions.tencent.fold_tables import FoldTables, make_pool
from competitions.tencent.ids import CatalogueRows
from competitions.tencent.ranking import BLOCK, Ranker, answer_queries, build, take_queries
from competitions.tencent.retrieval import kernel
from competitions.tencent.retrieval.content import of_embedding, prepare_content
from competitions.tencent.retrieval.fusion import weigh_evenly
from competitions.tencent.retrieval.search import Queries, Search
from competitions.tencent.split import build_test_fold
from tests.benches.side_by_side import Ready, Way, main

USERS, ADS, CANDIDATES, EVENTS, DIMENSIONS = 20_000, 480_000, 66_000, 90, 32
SIZES = (30, 90, 500, 5, 3_000, 20, 9, 40_000, 200, 40, 6_000, 120, 15)  # values of each feature
ANSWERED = 2_048
CONFIG: TencentConfig = COMPETITION.load_config([], tuned=False)


def prepare(folder: Path, scale: float) -> str:
    """Random users, ads by a power law, features and vectors; at scale 1 a tenth of the host's ads."""
    rng, users, ads = np.random.default_rng(0), round(USERS * scale), round(ADS * scale)
    features = np.column_stack([(size * rng.random(ads + 1) ** 3).astype(np.int32) + 1 for size in SIZES])
    catalogue = Catalogue(np.arange(ads + 1), features, ads, SIZES)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(EVENTS - 20, EVENTS + 21, users))])
    item = (ads * rng.random(offsets[-1]) ** 3).astype(np.int32) + 1
    clicks = (rng.random(len(item)) < 0.1).astype(np.int8)
    log = Sequences(offsets, item, clicks, np.sort(rng.integers(0, 10**6, len(item))))
    names = Users(np.zeros(users, "S1"), np.zeros((users, 0), np.int32), ())
    candidates = CatalogueRows(np.sort(rng.choice(ads, min(CANDIDATES, ads // 2), replace=False)) + 1)
    vectors = rng.normal(size=(ads + 1, DIMENSIONS)).astype(np.float16)
    corpus = Corpus(catalogue, log, names, log, names, candidates, None, ())
    fold = build_test_fold(log, log, candidates, None, CONFIG.host)
    history = fold.history(log)
    statistics = compute_statistics(history, catalogue, False)
    tables = FoldTables(
        catalogue=catalogue,
        statistics=statistics,
        pool=make_pool(fold, statistics, [Forecast("")], 0, CONFIG.ranker.features.pool),
        tables={"81": prepare_content(Embedding("81", vectors))},
        lifts=fit_lifts(history, catalogue),
        action_rates=None,
        fusion=weigh_evenly({"81": of_embedding("81")}),
        list_length=600,
    )
    queries = take_queries(corpus, fold, slice(0, ANSWERED))
    (folder / "inputs.pickle").write_bytes(pickle.dumps((tables, queries), protocol=5))
    return f"{min(ANSWERED, users):,} of {users:,} users, {ads:,} ads, {len(candidates):,} candidates"


def open_search(folder: Path) -> tuple[Search, Queries]:
    """What ``prepare`` wrote: the users to answer, and what their candidates are found and described by."""
    tables, queries = pickle.loads((folder / "inputs.pickle").read_bytes())
    return Search(tables, CONFIG.ranker.features), queries


def draw_ranker(search: Search, queries: Queries) -> Ranker:
    """Of random weights, which take as long as any."""
    candidates, blocks = search.retrieve(queries.take(np.arange(BLOCK))), CONFIG.ranker.features.blocks
    cheap, dear = (tuple(describe_columns(search.tables, candidates, blocks, expensive=each)) for each in (False, True))
    return replace(draw(cheap + dear, CONFIG.ranker.fit.hidden), cut=draw(cheap, 0))


def draw(names: tuple[str, ...], hidden: int) -> Ranker:
    """Of one network."""
    weights = {name: value.detach().numpy().copy() for name, value in build(len(names), hidden).state_dict().items()}
    ones = np.ones(len(names), np.float32)
    return Ranker(names, np.zeros_like(ones), ones, weights, hidden, ())


def answer(folder: Path, *, threads: int, exact: bool = False, cut: bool = True) -> Ready:
    """As the pipeline does, so many blocks side by side; ``exact``: with a search of float32; without ``cut`` all
    600 are ranked.
    """
    torch.set_num_threads(threads)
    if exact:
        kernel.MANY = CANDIDATES
    search, queries = open_search(folder)
    ranker = draw_ranker(search, queries)
    ranker = ranker if cut else replace(ranker, cut=None)

    def run() -> int:
        answer_queries(search, queries, ranker, None)
        return len(queries)

    return run


def multiply(folder: Path) -> Ready:
    """The bare product, one thread."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    events = CONFIG.ranker.features.search_events
    candidates = torch.randn(len(open_search(folder)[0].rows), DIMENSIONS, generator=generator)
    history = torch.randn(BLOCK * events, DIMENSIONS, generator=generator)
    width = kernel.CACHED // len(history)

    def run() -> int:
        for _ in range(ANSWERED // BLOCK // 4):
            for start in range(0, len(candidates), width):
                torch.mm(history, candidates[start : start + width].T)
        return ANSWERED // BLOCK // 4 * BLOCK

    return run


def describe(users: int, seconds: float) -> dict[str, Any]:
    """Users a second."""
    return {"users/s": users / seconds, "units": users}


if __name__ == "__main__":
    ways: dict[str, Way] = {
        "answer, exact search, all ranked": partial(answer, threads=1, exact=True, cut=False),
        "answer, all ranked": partial(answer, threads=1, cut=False),
        "answer": partial(answer, threads=1),
        "answer, two threads": partial(answer, threads=2),
        "bare product, one thread": multiply,
    }
    main("tests.benches.tencent_answer", "Answers to Tencent's users", ways, prepare, describe)
