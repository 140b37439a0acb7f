"""The ranker: the lists of earlier folds, boosted trees fitted on these, the answers to a fold's queries.

The trees start from retrieval's score and learn, by the softmax over a query's candidates, what the features of a pair
add to it. Beside their answers stand retrieval's and a plain rule's: the hold-out says whether either is better.
"""

from collections.abc import Sequence

import numpy as np

from common.arrays import Singles, join, take
from common.learning import gbdt
from common.learning.dataset import RankingDataset, gather
from common.learning.fitters import Recipe
from competitions.tencent.config import FeatureSettings, FitSettings
from competitions.tencent.corpus import Bools, CatalogueRows, Corpus, Int64s
from competitions.tencent.features.pair_features import pair_features
from competitions.tencent.features.popularity import ALWAYS, AROUND, MOMENTS
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.io.schema import TOP
from competitions.tencent.retrieval.channel import Columns
from competitions.tencent.retrieval.search import SEARCH_SCORE, Candidates, Moment, Search, take_queries
from competitions.tencent.sequences import Histories
from competitions.tencent.split import Fold
from competitions.tencent.top_k import FoldAnswers, TopK, find_seen

PART_QUERIES = 125_000  # of a step, at most
WAYS = ("ranker", "retrieval", "popularity")  # to answer, the end of the chain first
KIND = "lightgbm_softmax"
FEWEST = 20  # lists, below which no trees are fitted


def list_candidates(
    corpus: Corpus, fold: Fold, tables: FoldTables, settings: FeatureSettings, seed: int
) -> RankingDataset | None:
    """The lists of an earlier fold's queries whose target was retrieved, a row a pair; None where none was.

    Of each list the target and an even draw of the others: to keep more of those that retrieval put first would teach
    that an unlikely one is the target more often than it is.
    """
    assert fold.target is not None
    search, queries, target = Search(tables, settings), take_queries(corpus, fold, settings.history), fold.target
    draws = np.random.default_rng([seed, 23]).random((len(queries), tables.list_length), np.float32)

    def list_block(moment: Moment, rows: Int64s) -> RankingDataset | None:
        candidates = moment.retrieve(queries.take(rows))
        hit = find_hits(candidates, target[rows])
        retrieved = np.flatnonzero(hit.any(1))
        if not len(retrieved):
            return None
        kept = choose_rows(candidates.scores, hit, draws[rows], settings.negatives)[retrieved]
        chosen = candidates.take(retrieved, kept)
        possible = np.isfinite(chosen.scores)
        features, names = pair_features(tables, chosen, settings.blocks)
        labels = find_hits(chosen, target[rows][retrieved])[possible].astype(np.float32)
        return RankingDataset(names, features[possible], labels, possible.sum(1).astype(np.int32))

    parts = [part for part in search.each_block(queries, list_block, "describing candidates") if part is not None]
    return gather(parts) if parts else None


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


def split_parts(fold: Fold) -> list[Int64s]:
    """The queries of each part of a fold, by their index, in order of time: what a part is answered with is a step of
    its own, so that hours of work survive a kill.
    """
    return np.array_split(np.argsort(fold.query_times, kind="stable"), max(1, -(-len(fold.users) // PART_QUERIES)))


def answer(
    corpus: Corpus, fold: Fold, tables: FoldTables, ranker: gbdt.Ranker | None, settings: FeatureSettings, part: int = 0
) -> FoldAnswers:
    """The ten best candidates of the queries of one part, in order of time. Features are held for one block of queries
    at a time.
    """
    parts = split_parts(fold)
    queries, most = take_queries(corpus, fold, settings.history, parts[part]), max(1, MOMENTS // len(parts))
    target = None if fold.target is None else fold.target[parts[part]]
    ranked, retrieved, popular = (TopK.empty(len(queries), TOP) for _ in WAYS)
    rank = np.zeros(0 if target is None else len(queries), np.int64)

    def answer_block(moment: Moment, rows: Int64s) -> None:
        candidates = moment.retrieve(queries.take(rows))
        popular.put(rows, *take_popular(moment, queries.take(rows).histories))
        retrieved.put(rows, CatalogueRows(candidates.item[:, :TOP]), candidates.scores[:, :TOP])
        ranked.put(rows, candidates.item, score_candidates(ranker, moment, candidates))
        if target is not None:
            hit = find_hits(candidates, target[rows])
            missed = np.where(moment.pool.index[target[rows]] < 0, -1, 0)
            rank[rows] = np.where(hit.any(1), hit.argmax(1) + 1, missed)

    for _ in Search(tables, settings).each_block(queries, answer_block, "ranking", most):
        pass
    return FoldAnswers(dict(zip(WAYS, (ranked, retrieved, popular), strict=True)), rank)


def count_events(columns: Columns) -> Singles:
    """Events within a day of a moment, or all where times say nothing, from the ``columns`` of popularity."""
    around = [columns[window.name] for window in AROUND if window.name in columns] or [columns[ALWAYS]]
    return np.asarray(np.exp(around).sum(0), np.float32)


def take_popular(moment: Moment, histories: Histories) -> tuple[CatalogueRows, Singles]:
    """The most popular ads at a moment, enough for ten that each of these users has not seen, and scores that fall by
    their order, -inf for seen ones; [queries, ads] both.
    """
    seen = np.zeros((len(histories), len(moment.pool.rows)), bool)
    seen[find_seen(histories, moment.pool.index)] = True
    length = min(TOP + int(seen.sum(1).max(initial=0)), seen.shape[1])
    listed = np.argsort(-count_events(moment.columns), kind="stable")[:length]
    scores = np.where(seen[:, listed], -np.inf, -np.arange(length)).astype(np.float32)
    return CatalogueRows(np.broadcast_to(moment.pool.rows[listed], scores.shape)), scores


def score_candidates(ranker: gbdt.Ranker | None, moment: Moment, candidates: Candidates) -> Singles:
    """The ranker's scores [queries, retrieved], retrieval's where there is none; -inf where retrieval's are, which are
    those of seen ads.
    """
    if ranker is None:
        return candidates.scores
    features, names = pair_features(moment.tables, candidates, moment.settings.blocks)
    scores = gbdt.predict(ranker, names, features.reshape(-1, features.shape[2])).astype(np.float32)
    return np.where(np.isfinite(candidates.scores), scores.reshape(candidates.scores.shape), np.float32(-np.inf))


def join_answers(fold: Fold, parts: Sequence[FoldAnswers]) -> FoldAnswers:
    """The answers of all parts in the order of the queries."""
    order = np.argsort(np.concatenate(split_parts(fold)))
    ways = {name: take(join([part.ways[name] for part in parts]), order) for name in WAYS}
    ranks = np.concatenate([part.known_rank for part in parts])
    return FoldAnswers(ways, ranks[order] if len(ranks) else ranks)
