"""The ranker: the lists of earlier folds, boosted trees fitted on these, the answers to a fold's queries.

The trees start from retrieval's score and learn, by the softmax over a query's candidates, what the features of a pair
add to it. Beside their answers stand retrieval's and a plain rule's: the hold-out says whether either is better.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np
import torch

from common.arrays import Singles, join, take
from common.engine.progress import track
from common.learning import gbdt
from common.learning.dataset import RankingDataset, gather
from common.learning.fitters import Recipe
from competitions.tencent.config import FeatureSettings, FitSettings
from competitions.tencent.corpus import Bools, CatalogueRows, Corpus, Halves, Int64s
from competitions.tencent.features.pair_features import SEARCH_SCORE, pair_features
from competitions.tencent.features.popularity import ALWAYS, AROUND, Pools, Popularity
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.io.schema import TOP
from competitions.tencent.retrieval.search import Candidates, Queries, Search, take_queries
from competitions.tencent.sequences import blocks
from competitions.tencent.split import Fold
from competitions.tencent.top_k import FoldAnswers, TopK

T = TypeVar("T")

BLOCK = 32  # queries whose features are held at once
WAYS = ("ranker", "first search", "popularity")  # to answer, the end of the chain first
KIND = "lightgbm_softmax"
FEWEST = 20  # lists, below which no trees are fitted


def each_block(work: Callable[[Int64s], T], queries: int, label: str) -> Iterator[T]:
    """What ``work`` makes of each block of queries, in their order; as many blocks side by side as torch has threads.

    Each block then has one thread: numpy, whose part is the larger, has no more, and what a block gives must not depend
    on how many there are. Both let others work during their loops.
    """
    workers = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(workers) as pool:
            yield from track(pool.map(work, blocks(queries, BLOCK)), label, -(-queries // BLOCK))
    finally:
        torch.set_num_threads(workers)


def list_candidates(
    corpus: Corpus, fold: Fold, tables: FoldTables, settings: FeatureSettings, seed: int
) -> RankingDataset | None:
    """The lists of an earlier fold's queries whose target was retrieved, a row a pair; None where none was.

    Of each list the target and an even draw of the others: to keep more of those that retrieval put first would teach
    that an unlikely one is the target more often than it is.
    """
    assert fold.target is not None
    parts, rng = list[RankingDataset](), np.random.default_rng([seed, 23])
    for group, own in enumerate(tables.pools.split(fold.query_times)):
        search, queries, target = Search(tables, settings, group), take_queries(corpus, fold, own), fold.target[own]
        draws = rng.random((len(own), tables.list_length), np.float32)
        list_block = partial(_list_block, search, queries, target, draws)
        described = each_block(list_block, len(own), "describing candidates")
        parts += [part for part in described if part is not None]
    return gather(parts) if parts else None


def _list_block(
    search: Search, queries: Queries, target: Int64s, draws: Singles, rows: Int64s
) -> RankingDataset | None:
    """The lists of some queries of a group."""
    candidates = search.retrieve(queries.take(rows))
    hit = find_hits(candidates, target[rows])
    retrieved = np.flatnonzero(hit.any(1))
    if not len(retrieved):
        return None
    kept = choose_rows(candidates.scores, hit, draws[rows], search.settings.negatives)[retrieved]
    chosen = candidates.take(retrieved, kept)
    possible = np.isfinite(chosen.scores)
    features, names = pair_features(search.tables, chosen, search.settings.blocks)
    labels = find_hits(chosen, target[rows][retrieved])[possible].astype(np.float32)
    return RankingDataset(names, features[possible], labels, possible.sum(1).astype(np.int32))


def choose_rows(scores: Singles, hit: Bools, draws: Singles, negatives: int) -> Int64s:
    """Which candidates of lists [queries, retrieved] are learned from, by their index, int64 [queries, at most 1 +
    ``negatives``]: see ``list_candidates``; seen ads (-inf) only where there are no others.
    """
    order = draws[:, : scores.shape[1]].copy()
    order[hit] = -1.0
    order[~np.isfinite(scores)] = 2.0
    length = min(negatives + 1, scores.shape[1])
    return np.sort(np.argpartition(order, length - 1, 1)[:, :length], 1)


def find_hits(candidates: Candidates, target: Int64s) -> Bools:
    """Where a query's ``target`` [queries], a row of the catalogue, stands in its list, bool [queries, retrieved]."""
    return np.asarray((candidates.item == target[:, None]) & np.isfinite(candidates.scores))


def count_lists(lists: Sequence[RankingDataset | None]) -> int:
    """How many there are: a query whose target was not retrieved has none."""
    return sum(len(part.group_sizes) for part in lists if part is not None)


def fit(lists: Sequence[RankingDataset | None], settings: FitSettings, seed: int) -> gbdt.Ranker | None:
    """The trees of all earlier folds' lists; None where there are too few: then retrieval's order is the answer."""
    parts = [each for each in lists if each is not None]
    if count_lists(parts) < FEWEST:
        return None
    parameters = {
        "learning_rate": settings.rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.least,
        "feature_fraction": settings.features,
        "lambda_l2": settings.l2,
        "max_bin": 63,
    }
    seeds = 1 if isinstance(settings.seeds, str) else settings.seeds  # the plan has put a number for "auto"
    recipe = Recipe(KIND, parameters, settings.rounds, 0, seed, base_margin=SEARCH_SCORE, seeds=seeds)
    return gbdt.fit(recipe, parts)


def answer(
    corpus: Corpus, fold: Fold, tables: FoldTables, ranker: gbdt.Ranker | None, settings: FeatureSettings, group: int
) -> FoldAnswers:
    """The ten best candidates of the queries of one group: a step each, so that hours of work survive a kill."""
    own = tables.pools.split(fold.query_times)[group]
    target = None if fold.target is None else fold.target[own]
    return answer_queries(Search(tables, settings, group), take_queries(corpus, fold, own), ranker, target)


def answer_queries(search: Search, queries: Queries, ranker: gbdt.Ranker | None, target: Int64s | None) -> FoldAnswers:
    """The ten best candidates of ``queries``, of ``target`` [queries], a row of the catalogue; None: nobody knows it.
    Features are held for one block of queries at a time.
    """
    ranked, retrieved, popular = (TopK.empty(len(queries), TOP) for _ in WAYS)
    rank, order = np.zeros(len(queries), np.int64), order_pool(search.popularity)

    def answer_block(rows: Int64s) -> None:
        candidates = search.retrieve(queries.take(rows))
        popular.put(rows, *take_popular(search, order, queries.take(rows)))
        retrieved.put(rows, CatalogueRows(candidates.item[:, :TOP]), candidates.scores[:, :TOP])
        ranked.put(rows, candidates.item, score_candidates(ranker, search, candidates))
        if target is not None:
            hit = find_hits(candidates, target[rows])
            rank[rows] = np.where(hit.any(1), hit.argmax(1) + 1, 0)

    for _ in each_block(answer_block, len(queries), "ranking"):
        pass
    return FoldAnswers(dict(zip(WAYS, (ranked, retrieved, popular), strict=True)), None if target is None else rank)


def order_pool(popularity: Popularity) -> Int64s:
    """The ads of the pool, by their index, by falling events within a day of each slot's time; where times say nothing,
    by all events: int64 [slots, ads].
    """
    return np.argsort(-count_events(popularity, popularity.table), 1, kind="stable")


def count_events(popularity: Popularity, columns: Halves | Singles) -> Singles:
    """Events within a day of a time, or all, from the ``columns`` of popularity [..., names]."""
    around = [window.name for window in AROUND if window.name in popularity.names] or [ALWAYS]
    chosen = [popularity.names.index(name) for name in around]
    return np.asarray(np.exp(columns[..., chosen].astype(np.float32)).sum(-1))


def take_popular(search: Search, order: Int64s, queries: Queries) -> tuple[CatalogueRows, Singles]:
    """The most popular ads at the time of each query, enough for ten that its user has not seen, and scores that fall
    by their order, -inf for seen ones; ``order``: see ``order_pool``.
    """
    seen = np.zeros((len(queries), order.shape[1]), bool)
    seen[search.find_seen(queries.histories)] = True
    length = min(TOP + int(seen.sum(1).max(initial=0)), order.shape[1])
    listed = order[search.popularity.slots.find(queries.time), :length]
    scores = np.where(np.take_along_axis(seen, listed, 1), -np.inf, -np.arange(length)).astype(np.float32)
    return CatalogueRows(search.pool[listed]), scores


def score_candidates(ranker: gbdt.Ranker | None, search: Search, candidates: Candidates) -> Singles:
    """The ranker's scores [queries, retrieved], retrieval's where there is none; -inf where retrieval's are, which are
    those of seen ads.
    """
    if ranker is None:
        return candidates.scores
    features, names = pair_features(search.tables, candidates, search.settings.blocks)
    scores = gbdt.predict(ranker, names, features.reshape(-1, features.shape[2])).astype(np.float32)
    return np.where(np.isfinite(candidates.scores), scores.reshape(candidates.scores.shape), np.float32(-np.inf))


def join_answers(fold: Fold, pools: Pools, parts: Sequence[FoldAnswers]) -> FoldAnswers:
    """The answers of all groups in the order of the queries."""
    order = np.argsort(np.concatenate(pools.split(fold.query_times)))
    ways = {name: take(join([part.ways[name] for part in parts]), order) for name in WAYS}
    ranks = [part.retrieval_rank for part in parts if part.retrieval_rank is not None]
    return FoldAnswers(ways, np.concatenate(ranks)[order] if ranks else None)
