"""Retrieval: the few hundred candidates of each query that the channels put first, together.

Every channel says of every candidate of the pool how much speaks for it, as a logarithm; the sum, each with its vote
(``votes``), ranks them. ``content``, one an embedding, and ``behaviour``, vectors learned from the log: sums over the
history of w exp(width (cosine - 1)), of which an ad near any of the user's interests gets much (a mean of the history
lies between them). ``counts``: co-occurrence, with the features of ads, without, and from the ad clicked last.
``values``: the same of features. ``linear``: the closed-form regression. The forecast speaks for what will be shown.
"""

import numpy as np
import torch
from torch import Tensor

from competitions.tencent.corpus import Floats, Int64s
from competitions.tencent.features.forecast import CLICKS
from competitions.tencent.ids import CandidateIndices, CatalogueRows, PoolPositions
from competitions.tencent.retrieval.channels import (
    CLICK_RATE,
    FEATURE_COUNTS,
    FORECAST,
    LAST_COUNTS,
    LIFTED_COUNTS,
    LINEAR,
    PLAIN_COUNTS,
    VALUES,
)
from competitions.tencent.retrieval.context import FoldContext, Pairs, SearchedContent
from competitions.tencent.retrieval.counts import CountSettings, score_counts
from competitions.tencent.retrieval.histories import WeightedHistories, heaviest_events, weigh_events
from competitions.tencent.retrieval.kernel import score_kernel
from competitions.tencent.retrieval.regression import score_regression
from competitions.tencent.retrieval.values import score_value_counts

TINY = 1e-9
LEAST = 1e-2  # of a query's mean score, that every candidate has: a logarithm of 0 would outvote all other channels


@torch.inference_mode()
def retrieve(context: FoldContext, block: Int64s) -> Pairs:
    """The best of the pool for consecutive queries. Seen ads have the score -inf."""
    queries = context.queries.take(block)
    history = weigh_events(queries, context.settings.history)
    scores = score_tables(context, block)
    total = torch.zeros(len(block), len(context.rows))
    for name, evidence in weigh_evidence(context, history, scores).items():
        total.add_(evidence, alpha=context.votes.weights[name])
    row, column = context.seen.of(block)
    total[torch.from_numpy(row), torch.from_numpy(column)] = -torch.inf
    best = total.topk(min(context.list_length, total.shape[1]), 1)
    position = PoolPositions(best.indices.numpy())
    return Pairs(
        history=history,
        action=context.action[block],
        candidate=CandidateIndices(context.pool[position]),
        item=CatalogueRows(context.rows[position]),
        scores=best.values.numpy(),
        tables={name: summarise_scores(each, position) for name, each in scores.items()},
    )


def score_tables(context: FoldContext, block: Int64s) -> dict[str, Floats]:
    """The scores of the tables of counts and of the regression, float32 [queries, pool], 0 for seen ads."""
    queries, tables = context.queries.take(block), context.tables
    rows, shared = context.rows, context.attributes
    scores = {name_counts(table.settings): score_counts(table, queries, rows, shared) for table in tables.counts}
    if tables.values is not None:
        scores[VALUES] = score_value_counts(tables.values, queries, rows, context.paired_values)
    if tables.regression is not None:
        scores[LINEAR] = score_regression(tables.regression, queries, rows, shared)
    row, column = context.seen.of(block)
    for each in scores.values():
        each[row, column] = 0.0
    return scores


def name_counts(settings: CountSettings) -> str:
    """Of one of the tables."""
    if settings.history:
        return LAST_COUNTS
    if settings.lift:
        return LIFTED_COUNTS
    return FEATURE_COUNTS if settings.from_attributes else PLAIN_COUNTS


def weigh_evidence(context: FoldContext, history: WeightedHistories, scores: dict[str, Floats]) -> dict[str, Tensor]:
    """What every channel with a vote says, float32 [queries, pool], or [pool] where it says the same to all queries;
    ``scores``: those of ``score_tables``.
    """
    evidence = {each.name: score_content(context, each, history) for each in context.contents}
    for name, table in scores.items():
        evidence[name] = torch.from_numpy(weigh_scores(name, table))
    evidence[FORECAST] = torch.log(torch.from_numpy(context.rate[context.rows]) + 1e-3)
    if CLICKS in context.statistics.names:
        clicks = context.statistics.own[context.rows, context.statistics.names.index(CLICKS)]
        evidence[CLICK_RATE] = torch.from_numpy(clicks)
    return {name: each for name, each in evidence.items() if name in context.votes.weights}


def weigh_scores(name: str, scores: Floats) -> Floats:
    """A table's scores [queries, pool] as evidence."""
    if name == LIFTED_COUNTS:  # logarithms already
        return scores
    return scale_scores(scores) if name == LINEAR else take_logarithm(scores)


def take_logarithm(scores: Floats) -> Floats:
    """Of scores [queries, pool] as multiples of the query's mean."""
    shares: Floats = scores / (scores.mean(1, keepdims=True) + TINY)
    shares += np.float32(LEAST)
    np.log(shares, out=shares)
    return shares


def scale_scores(scores: Floats) -> Floats:
    """Scores [queries, pool] in standard deviations of the query's: those of a regression may be below 0."""
    return np.asarray(scores / (scores.std(1, keepdims=True) + TINY))


def score_content(context: FoldContext, content: SearchedContent, history: WeightedHistories) -> Tensor:
    """The logarithm of the kernel over the history, float32 [queries, pool]."""
    item, weights = heaviest_events(history, context.settings.search_events)
    vectors = content.vectors[torch.from_numpy(item.reshape(-1))].float()
    return score_kernel(vectors, weights, content.pool, content.width)


def summarise_scores(scores: Floats, position: PoolPositions) -> Floats:
    """A table's ``scores`` [queries, pool] of the retrieved candidates as three features each, float32 [queries,
    retrieved, 3]: in standard deviations, the logarithm of the share of the best, the logarithm of the rank among them.
    """
    own = np.take_along_axis(scores, position, 1)
    share = np.log(np.maximum(own, 0) / (scores.max(1, keepdims=True) + TINY) + 1e-3)
    rank = np.argsort(np.argsort(-own, 1, kind="stable"), 1)
    scaled = own / (scores.std(1, keepdims=True) + TINY)
    return np.stack([scaled, share, np.log1p(rank)], 2).astype(np.float32)
