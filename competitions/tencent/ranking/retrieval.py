"""Retrieval: the few hundred candidates of each query that plain rules put first.

Two rules, each where its data are there. ``content``: the sum over the history of w exp(beta (cosine - 1)), of which an
ad near any of the user's interests gets much (a mean of the history lies between them), times the ad's forecast.
``counts`` and ``linear``: co-occurrence and the closed-form regression, for sets without embeddings.
"""

import numpy as np
import torch
from torch import Tensor

from competitions.tencent.corpus import Floats, Int64s
from competitions.tencent.ids import CandidateIndices, CatalogueRows, PoolPositions
from competitions.tencent.ranking.context import FoldContext, Pairs
from competitions.tencent.ranking.counts import score_counts
from competitions.tencent.ranking.histories import WeightedHistories, heaviest_events, weigh_events
from competitions.tencent.ranking.kernel import score_kernel
from competitions.tencent.ranking.regression import score_regression

FORECAST_POWER = 0.9
TINY = 1e-9


@torch.inference_mode()
def retrieve(context: FoldContext, block: Int64s) -> Pairs:
    """The best of the pool for consecutive queries. Seen ads have the score -inf."""
    queries = context.queries.take(block)
    history = weigh_events(queries, context.settings.history)
    total = torch.zeros(len(block), len(context.rows))
    if context.content is not None:
        total += score_content(context, history)
    tables = [score_counts(each, queries, context.rows) for each in context.counts]
    row, column = context.seen.of(block)
    for at, scores in enumerate(tables):
        scores[row, column] = 0.0
        if at == 0:  # the other tables are columns of the ranker alone
            total += torch.from_numpy(np.log(scores / (scores.mean(1, keepdims=True) + TINY) + 1e-2))
    if context.regression is not None:
        scores = score_regression(context.regression, queries, context.rows)
        scores[row, column] = 0.0
        total += torch.from_numpy(scores / (scores.std(1, keepdims=True) + TINY))
        tables.append(scores)
    total[torch.from_numpy(row), torch.from_numpy(column)] = -torch.inf
    best = total.topk(min(context.list_length, total.shape[1]), 1)
    position = PoolPositions(best.indices.numpy())
    return Pairs(
        history=history,
        action=context.action[block],
        candidate=CandidateIndices(context.pool[position]),
        item=CatalogueRows(context.rows[position]),
        scores=best.values.numpy(),
        tables=[summarise_scores(scores, position) for scores in tables],
    )


def score_content(context: FoldContext, history: WeightedHistories) -> Tensor:
    """The content rule: the kernel over the history, plus the forecast's logarithm; float32 [queries, pool]."""
    assert context.content is not None
    assert context.pool_content is not None
    item, weights = heaviest_events(history, context.settings.search_events)
    vectors = context.content[torch.from_numpy(item.reshape(-1))].float()
    promising = FORECAST_POWER * torch.log(torch.from_numpy(context.rate[context.rows]) + 1e-3)
    return score_kernel(vectors, weights, context.pool_content) + promising


def summarise_scores(scores: Floats, position: PoolPositions) -> Floats:
    """A table's ``scores`` [queries, pool] of the retrieved candidates as three features each, float32 [queries,
    retrieved, 3]: in standard deviations, the logarithm of the share of the best, the logarithm of the rank among them.
    """
    own = np.take_along_axis(scores, position, 1)
    share = np.log(np.maximum(own, 0) / (scores.max(1, keepdims=True) + TINY) + 1e-3)
    rank = np.argsort(np.argsort(-own, 1, kind="stable"), 1)
    scaled = own / (scores.std(1, keepdims=True) + TINY)
    return np.stack([scaled, share, np.log1p(rank)], 2).astype(np.float32)
