"""The rows that Tencent's ranker ranks for the hold-out: for ``competitions.load``, for what carries the ranker, and
plain orders of the ads.
"""

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.answers import BLEND, Ranks, ValidationRows, average_rivals
from common.day.run_record import Row
from common.learning.dataset import Matrix, RankingDataset, pick_queries
from common.learning.listwise_softmax import log_likelihoods
from common.learning.model_diagnostics import Importance, list_importance, permute
from competitions.tencent import metrics
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Corpus, Int64s
from competitions.tencent.features.pair_features import pair_features
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.io.schema import TOP
from competitions.tencent.pipeline import Validated
from competitions.tencent.ranking import BLOCK, Ranker, find_hits, score_candidates, take_queries
from competitions.tencent.retrieval.search import Search
from competitions.tencent.sequences import blocks
from competitions.tencent.split import Fold, target_columns
from competitions.tencent.top_k import find_seen, number_columns

MOST_QUERIES = 2_000  # their features take about a gigabyte
SHUFFLED = 400


def list_rows(outcome: Validated, queries: int = MOST_QUERIES) -> ValidationRows:
    """One row per ad that is retrieved for a held-out user, of the first ``queries``. Features are made anew: the
    run holds those of a block of users at a time. ``blend``: -inf for what the ranker's cut left out.
    """
    early, settings = outcome.early, outcome.config.ranker.features
    tables, ranker = early.tables.value, early.ranker.value
    return describe_queries(outcome.ready.corpus.value, early.fold.value, tables, ranker, settings, queries)


def describe_queries(
    corpus: Corpus, fold: Fold, tables: FoldTables, ranker: Ranker, settings: FeatureSettings, queries: int
) -> ValidationRows:
    """The rows of the first ``queries`` of a fold, see ``list_rows``."""
    search, part = Search(tables, settings), slice(0, queries)
    users, target = take_queries(corpus, fold, part), target_columns(fold)[part]
    parts = []
    for rows in blocks(len(users), BLOCK):
        retrieved = search.retrieve(users.take(rows))
        possible = np.isfinite(retrieved.scores)  # ads that the user has seen are no candidates
        features = pair_features(tables, retrieved, settings.blocks)[0]
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


def measure_columns(
    corpus: Corpus, fold: Fold, tables: FoldTables, ranker: Ranker, settings: FeatureSettings
) -> list[Importance]:
    """Each column of the ranker, the one that is missed most first: what the log likelihood of the targets loses when
    it is shuffled (``permute``). Of the first ``SHUFFLED`` queries, those whose target is retrieved.
    """
    rows = describe_queries(corpus, fold, tables, ranker, settings, SHUFFLED).rows
    retrieved = np.bincount(rows.query_numbers, rows.labels, len(rows.group_sizes)) > 0
    if not retrieved.any():
        return []

    def score(features: Matrix) -> Floats:
        return ranker.score(features[:, None])[:, 0].astype(np.float64)

    def measure(scores: Floats, scored: RankingDataset) -> Floats:
        return log_likelihoods(scores, scored.labels, scored.group_sizes)

    losses = permute(score, pick_queries(rows, retrieved), measure, rows.names)
    measured = list_importance(dict.fromkeys(losses), losses)  # a network knows no gain
    return sorted(measured, key=lambda importance: -(importance["permutation"] or 0.0))


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
    return average_rivals(earned | {"First stage: retrieval": earn(outcome.early.answers.value.known_rank)})


def rank_popular(corpus: Corpus, fold: Fold) -> Int64s:
    """The target's rank where each query is answered with the candidates of most training events that its user has not
    seen; 0 for a target that is no candidate.
    """
    history, queries, rows = fold.history(corpus.train), fold.queries(corpus.train), fold.candidates
    events = np.bincount(corpus.train.item[history.events()], minlength=len(corpus.catalogue.oid))[rows]
    rank = np.empty(len(rows), np.int64)
    rank[np.argsort(-events, kind="stable")] = np.arange(1, len(rows) + 1)
    query, column = find_seen(queries, number_columns(rows, len(corpus.catalogue.oid)))
    target = target_columns(fold)
    own = np.where(target >= 0, rank[target], 0)
    ahead = np.unique(np.stack([query, column])[:, rank[column] < own[query]], axis=1)[0]
    return np.asarray(own - np.bincount(ahead, minlength=len(queries)))
