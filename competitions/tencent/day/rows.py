"""The rows that Tencent's ranker ranks for the hold-out: for ``competitions.load``, for what carries the ranker, and
plain orders of the ads.
"""

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.answers import BLEND, Ranks, ValidationRows, average_rivals
from common.day.judged import Sample, measure_importance
from common.day.run_record import Row
from common.learning.dataset import RankingDataset
from common.learning.gbdt import Ranker
from common.learning.model_diagnostics import Importance
from competitions.tencent import metrics
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Corpus, Int64s
from competitions.tencent.features.pair_features import pair_features
from competitions.tencent.features.popularity import ALWAYS
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.ids import number_rows
from competitions.tencent.io.schema import TOP
from competitions.tencent.pipeline import Validated
from competitions.tencent.ranking import BLOCK, WAYS, find_hits, score_candidates, take_queries
from competitions.tencent.retrieval.search import Search
from competitions.tencent.sequences import blocks
from competitions.tencent.split import Fold
from competitions.tencent.top_k import find_seen

MOST_QUERIES = 2_000  # their features take about a gigabyte
SHUFFLED = Sample(queries=400, rows=80_000)
AROUND = ("events 24 h before", "events 24 h behind")  # columns of popularity


def list_rows(outcome: Validated, queries: int = MOST_QUERIES) -> ValidationRows:
    """One row per ad that is retrieved for a held-out user, of the first ``queries``. Features are made anew: the
    run holds those of a block of users at a time.
    """
    early, settings = outcome.early, outcome.config.ranker.features
    tables, ranker = early.tables.value, early.ranker.value
    return describe_queries(outcome.ready.corpus.value, early.fold.value, tables, ranker, settings, queries)


def describe_queries(
    corpus: Corpus, fold: Fold, tables: FoldTables, ranker: Ranker | None, settings: FeatureSettings, queries: int
) -> ValidationRows:
    """The rows of the first ``queries`` of a fold, see ``list_rows``."""
    assert fold.target is not None
    search, part = Search(tables, settings), slice(0, queries)
    users, target, names, parts = take_queries(corpus, fold, part), fold.target[part], tuple[str, ...](), []
    for rows in blocks(len(users), BLOCK):
        retrieved = search.retrieve(users.take(rows))
        possible = np.isfinite(retrieved.scores)  # ads that the user has seen are no candidates
        features, names = pair_features(tables, retrieved, settings.blocks)
        scores = np.stack([retrieved.scores, score_candidates(ranker, search, retrieved)], 2)
        marks = retrieved.item, find_hits(retrieved, target[rows])
        parts.append((possible.sum(1), *(column[possible] for column in (features, scores, *marks))))
    sizes, features, scores, items, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    owners = np.repeat(np.arange(len(sizes)), sizes)
    return ValidationRows(
        pl.DataFrame(
            {
                "query": pl.Series(corpus.users.names[fold.users[part]]).cast(pl.String).gather(owners),
                "item": corpus.catalogue.oid[items],
            }
        ),
        RankingDataset(names, features, labels.astype(np.float32), sizes.astype(np.int32)),
        pl.DataFrame(scores, schema=[WAYS[1], BLEND]),
    )


def measure_columns(
    corpus: Corpus, fold: Fold, tables: FoldTables, ranker: Ranker, settings: FeatureSettings
) -> list[Importance]:
    """Gain and shuffled likelihood (``measure_importance``) of each column of the ranker, by the first queries."""
    rows = describe_queries(corpus, fold, tables, ranker, settings, SHUFFLED.queries).rows
    return measure_importance(rows, [ranker], None, lambda _, scores, sizes: scores[:, 0], SHUFFLED)


def list_rivals(outcome: Validated) -> list[Row]:
    """What a random order of the ads scores on the same users, the most frequent ones at the query's time, and the
    first search.
    """
    corpus, fold, early = outcome.ready.corpus.value, outcome.ready.valid.value, outcome.early
    assert fold.target is not None
    weights = metrics.list_weights(fold, outcome.config.host)

    def earn(ranks: Ranks) -> Floats:
        return metrics.weigh_scores(metrics.score_answers(np.where(ranks <= TOP, ranks, 0)), weights)

    listed = np.isin(fold.target, fold.candidates)
    ranks = range(1, min(TOP, len(fold.candidates)) + 1)
    chance = np.sum([earn(np.where(listed, rank, 0)) for rank in ranks], 0) / len(fold.candidates)
    popular = f"Popularity: events {'within a day of the query' if outcome.ready.plan.value.times else 'of an ad'}"
    earned = {"Random order": chance, popular: earn(rank_popular(corpus, fold, early.tables.value))}
    return average_rivals(earned | {"First stage: retrieval": earn(early.answers.value.known_rank)})


def rank_popular(corpus: Corpus, fold: Fold, tables: FoldTables) -> Int64s:
    """The target's rank where each query is answered with the ads of the pool of most events within a day of its time
    (where times say nothing, of most events) that its user has not seen; 0 for a target that is not in the pool.
    """
    assert fold.target is not None
    popularity, index_of_row = tables.popularity, number_rows(tables.pool, len(corpus.catalogue.oid))
    columns = [at for at, name in enumerate(popularity.names) if name in AROUND] or [popularity.names.index(ALWAYS)]
    events = np.exp(popularity.table[:, :, columns].astype(np.float32)).sum(2)
    rank = np.argsort(np.argsort(-events, 1, kind="stable"), 1) + 1  # [slots, pool]
    slot, target = popularity.slots.find(fold.query_times), index_of_row[fold.target]
    own = np.where(target >= 0, rank[slot, target], 0)
    query, index = find_seen(fold.queries(corpus.train), index_of_row)
    ahead = rank[slot[query], index] < own[query]
    seen = np.unique(np.stack([query, index])[:, ahead], axis=1)[0]
    return np.asarray(own - np.bincount(seen, minlength=len(own)))
