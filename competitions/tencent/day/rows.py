"""The rows that Tencent's ranker ranks for the hold-out, for ``competitions.load``, and plain orders of the ads."""

import numpy as np
import polars as pl

from common.day.answers import BLEND, Ranks, ValidationRows, average_rivals
from common.day.run_record import Row
from common.learning.dataset import RankingDataset
from competitions.tencent import metrics
from competitions.tencent.corpus import Corpus, Int64s
from competitions.tencent.features.pair_features import pair_features
from competitions.tencent.io.schema import TOP
from competitions.tencent.metrics import Floats
from competitions.tencent.pipeline import Validated
from competitions.tencent.ranking import BLOCK, find_hits, score_candidates, take_queries
from competitions.tencent.retrieval.search import Search
from competitions.tencent.sequences import blocks
from competitions.tencent.split import Fold, target_columns
from competitions.tencent.top_k import find_seen

MOST_QUERIES = 2_000  # their features take about a gigabyte


def list_rows(outcome: Validated, queries: int = MOST_QUERIES) -> ValidationRows:
    """One row per ad that is retrieved for a held-out user, of the first ``queries``. Features are made anew: the
    run holds those of a block of users at a time. ``blend``: -inf for what the ranker's cut left out.
    """
    early, blocks_of = outcome.early, outcome.config.ranker.features.blocks
    corpus, fold, ranker = outcome.ready.corpus.value, early.fold.value, early.ranker.value
    search, part = Search(early.tables.value, outcome.config.ranker.features), slice(0, queries)
    users, target = take_queries(corpus, fold, part), target_columns(fold)[part]
    parts = []
    for rows in blocks(len(users), BLOCK):
        retrieved = search.retrieve(users.take(rows))
        possible = np.isfinite(retrieved.scores)  # ads that the user has seen are no candidates
        features = pair_features(search.tables, retrieved, blocks_of)[0]
        scores = np.stack([retrieved.scores, score_candidates(ranker, search, retrieved)], 2)
        marks = retrieved.candidate, find_hits(retrieved, target[rows])
        parts.append((possible.sum(1), *(column[possible] for column in (features, scores, *marks))))
    sizes, features, scores, candidates, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    owners = np.repeat(np.arange(len(sizes)), sizes)
    return ValidationRows(
        pl.DataFrame(
            {
                "query": pl.Series(corpus.users.names[fold.users[part]]).cast(pl.String).gather(owners),
                "item": corpus.catalogue.oid[fold.candidates[candidates]],
            }
        ),
        RankingDataset(ranker.names, features, labels.astype(np.float32), sizes.astype(np.int32)),
        pl.DataFrame(scores, schema=["first search", BLEND]),
    )


def list_rivals(outcome: Validated) -> list[Row]:
    """What a random order of the ads scores on the same users, the most frequent ones, and the first search."""
    corpus, fold = outcome.ready.corpus.value, outcome.ready.valid.value
    assert fold.target_action is not None
    weights = np.array(outcome.config.host.weights)[np.maximum(fold.target_action, 0)]

    def earn(ranks: Ranks) -> Floats:
        return metrics.weigh_scores(metrics.score_answers(np.where(ranks <= TOP, ranks, 0)), weights)

    every, ads, listed = np.ones(len(weights), np.int64), len(fold.candidates), target_columns(fold) >= 0
    chance = sum(
        (earn(np.where(listed, rank * every, 0)) for rank in range(1, min(TOP, ads) + 1)), np.zeros(len(every))
    )
    earned = {"Random order": chance / ads, "Popularity: events of an ad": earn(rank_popular(corpus, fold))}
    first = outcome.early.answers.value.retrieval_rank
    return average_rivals(earned if first is None else earned | {"First stage: retrieval": earn(first)})


def rank_popular(corpus: Corpus, fold: Fold) -> Int64s:
    """The target's rank where each query is answered with the candidates of most training events that its user has not
    seen; 0 for a target that is no candidate.
    """
    history, queries, rows = fold.history(corpus.train), fold.queries(corpus.train), fold.candidates
    events = np.bincount(corpus.train.item[history.events()], minlength=len(corpus.catalogue.oid))[rows]
    rank = np.empty(len(rows), np.int64)
    rank[np.argsort(-events, kind="stable")] = np.arange(1, len(rows) + 1)
    seen, target = find_seen(queries, rows, len(corpus.catalogue.oid)), target_columns(fold)
    own = np.where(target >= 0, rank[target], 0)
    query = np.repeat(np.arange(len(queries)), np.diff(seen.starts))
    ahead = np.unique(np.stack([query, seen.columns])[:, rank[seen.columns] < own[query]], axis=1)[0]
    return np.asarray(own - np.bincount(ahead, minlength=len(queries)))
