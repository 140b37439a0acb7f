"""The rows that Tencent's ranker ranks for the hold-out, for ``competitions.load``."""

from dataclasses import replace

import numpy as np
import polars as pl

from common.day.loaded import BLEND, ValidationRows
from common.engine.errors import UserError
from common.learning.dataset import RankingDataset
from competitions.tencent.pipeline import Validated
from competitions.tencent.ranking.context import build_context
from competitions.tencent.ranking.pair_features import pair_features
from competitions.tencent.ranking.ranker import BLOCK, find_hits, score_pairs, take_queries
from competitions.tencent.ranking.retrieval import retrieve
from competitions.tencent.sequences import blocks
from competitions.tencent.split import target_columns

MOST_QUERIES = 2_000  # their features take about a gigabyte


def list_rows(outcome: Validated) -> ValidationRows:
    """One row per ad that is retrieved for a held-out user, of the first ``MOST_QUERIES``. Features are made anew: the
    run holds those of a block of users at a time. ``blend``: -inf for what the ranker's cut left out.
    """
    ranked, settings, corpus = outcome.early.ranked, outcome.config.ranker.features, outcome.ready.corpus.value
    if ranked is None:
        raise UserError('A run by method = "network" has no candidates and features to load: it scores every ad.')
    fold, ranker = take_queries(ranked.inputs.value.fold, slice(0, MOST_QUERIES)), ranked.ranker.value
    context, target = build_context(replace(ranked.inputs.value, fold=fold), settings), target_columns(fold)
    parts = []
    for block in blocks(len(fold.users), BLOCK):
        pairs = retrieve(context, block)
        possible = np.isfinite(pairs.scores)  # ads that the user has seen are no candidates
        matrices = pair_features(context, pairs)[0], np.stack([pairs.scores, score_pairs(ranker, context, pairs)], 2)
        marks = pairs.candidate, find_hits(pairs, target[block])
        parts.append((possible.sum(1), *(column[possible] for column in (*matrices, *marks))))
    sizes, features, scores, candidates, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    owners = np.repeat(np.arange(len(sizes)), sizes)
    return ValidationRows(
        pl.DataFrame(
            {
                "query": pl.Series(corpus.users.names[fold.users]).cast(pl.String).gather(owners),
                "item": corpus.catalogue.oid[fold.candidates.rows.values[candidates]],
            }
        ),
        RankingDataset(ranker.names, features, labels.astype(np.float32), sizes.astype(np.int32)),
        pl.DataFrame(scores, schema=["first search", BLEND]),
    )
