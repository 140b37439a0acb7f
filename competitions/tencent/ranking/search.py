"""The first search: the few hundred candidates of each query that plain rules put first.

Two rules, each where its data are there. ``content``: the sum over the history of w exp(beta (cosine - 1)), of which an
ad near any of the user's interests gets much (a mean of the history lies between them), times the ad's forecast.
``counts`` and ``linear``: co-occurrence and the closed-form regression, for sets without embeddings.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from competitions.tencent.config import CountSettings, FeatureSettings
from competitions.tencent.corpus import Corpus, Embedding, Int64s
from competitions.tencent.ensemble.linear import Linear, fit_linear, score_linear
from competitions.tencent.inference.retrieval import Seen, find_seen
from competitions.tencent.model.cooccurrence import Counts, fit_counts, score_counts
from competitions.tencent.model.item_attributes import tabulate
from competitions.tencent.model.sparse_history import Floats
from competitions.tencent.ranking.histories import gather_past, heaviest
from competitions.tencent.sequences import Histories
from competitions.tencent.split import Fold

BETA = 12.0  # the width of the content rule's kernel
FORECAST_POWER = 0.9
TINY = 1e-9
CACHED = 2**19  # similarities at a time, which stay in the processor's cache: a quarter of the time of all at once
Found = tuple[Int64s, Floats, list[Floats]]  # of a block of queries, see search_block


@dataclass(frozen=True)
class Tables:
    """What is counted on a fold's history: ``counts`` with and without attributes and from the last event alone, and
    the regression; empty and None for sets whose embeddings make them needless.
    """

    counts: tuple[Counts, ...]
    linear: Linear | None


@dataclass(frozen=True)
class Search:
    """The candidates of a fold and the rules. ``pool`` int64: the columns that are searched, the most promising by
    forecast where there are more than ``ranker.pool``; ``rows`` of the catalogue of these; ``content`` float32 (in a
    service also float16) [rows of the catalogue, dimensions], of length 1 or 0; ``pool_content`` float32 those of
    ``rows``, side by side, for gathering them takes as long as the rest of a request; ``rate`` of every row;
    ``list_length``: how many are found.
    """

    queries: Histories
    pool: Int64s
    rows: Int64s
    seen: Seen
    content: Tensor | None
    pool_content: Tensor | None
    rate: Floats
    tables: Tables
    settings: FeatureSettings
    list_length: int


def fit_tables(corpus: Corpus, fold: Fold, channels: Sequence[str], settings: FeatureSettings) -> Tables:
    """Count what the fold shows, for the ``channels`` that need it."""
    history, catalogue = fold.history(corpus.train), corpus.catalogue
    attributes = tabulate(catalogue, settings.attributes)
    counts: tuple[Counts, ...] = ()
    if "counts" in channels:
        counts = tuple(fit_counts(history, catalogue, attributes, each) for each in vary_counts(settings))
    linear = fit_linear(history, catalogue, attributes, settings.linear) if "linear" in channels else None
    return Tables(counts, linear)


def vary_counts(settings: FeatureSettings) -> list[CountSettings]:
    """The counts as they are set, without attributes, and from the last event alone."""
    plain = msgspec.structs.replace(settings.counts, from_attributes=0.0, to_attributes=0.0)
    return [settings.counts, plain, msgspec.structs.replace(plain, history=1)]


def stack_content(embeddings: Sequence[Embedding]) -> Tensor | None:
    """All embeddings side by side, each of length 1, the whole of length 1; zero for an ad without any."""
    parts = [functional.normalize(torch.from_numpy(np.array(each.vectors, np.float32)), dim=1) for each in embeddings]
    return functional.normalize(torch.cat(parts, 1), dim=1) if parts else None


def open_search(
    corpus: Corpus,
    fold: Fold,
    content: Tensor | None,
    rate: Floats,
    tables: Tables,
    settings: FeatureSettings,
    list_length: int,
) -> Search:
    """Make a fold's queries and candidates ready."""
    sequences = corpus.test if fold.target is None else corpus.train
    queries, rows = fold.queries(sequences), fold.candidates.rows.values
    pool = np.arange(len(rows))
    if len(rows) > settings.pool:
        pool = np.sort(np.argpartition(-rate[rows], settings.pool)[: settings.pool])
    rows = rows[pool]
    return Search(
        queries=queries,
        pool=pool,
        rows=rows,
        seen=find_seen(queries, rows, len(rate)),
        content=content,
        pool_content=gather_content(content, rows),
        rate=rate,
        tables=tables,
        settings=settings,
        list_length=list_length,
    )


def gather_content(content: Tensor | None, rows: Int64s) -> Tensor | None:
    """The vectors of these rows, float32."""
    return None if content is None else content[torch.from_numpy(rows)].float()


def replace_queries(search: Search, queries: Histories) -> Search:
    """The same candidates and rules for other queries, of the same catalogue."""
    return dataclasses.replace(search, queries=queries, seen=find_seen(queries, search.rows, len(search.rate)))


@torch.inference_mode()
def search_block(search: Search, block: Int64s) -> Found:
    """The best of the pool for consecutive queries, best first: places in the pool int64 [block, found], their scores,
    and those of each table in ``Tables``. Seen ads have the score -inf.
    """
    queries = search.queries.take(block)
    total = torch.zeros(len(block), len(search.rows))
    if search.content is not None:
        total += score_content(search, queries)
    tables = score_tables(search.tables, queries, search.rows)
    row, column = search.seen.of(block)
    for at, scores in enumerate(tables):
        scores[row, column] = 0.0
        scaled = scores / (scores.std(1, keepdims=True) + TINY)
        if search.tables.linear is not None and at == len(tables) - 1:
            total += torch.from_numpy(scaled)
        elif at == 0:
            total += torch.from_numpy(np.log(scores / (scores.mean(1, keepdims=True) + TINY) + 1e-2))
    total[torch.from_numpy(row), torch.from_numpy(column)] = -torch.inf
    best = total.topk(min(search.list_length, total.shape[1]), 1)
    places = best.indices.numpy()
    return places, best.values.numpy(), [describe_scores(scores, places) for scores in tables]


def score_content(search: Search, queries: Histories) -> Tensor:
    """The content rule: the kernel over the history, plus the forecast's logarithm."""
    assert search.content is not None
    assert search.pool_content is not None
    item, weights = heaviest(gather_past(queries, search.settings.history), search.settings.search_events)
    history = search.content[torch.from_numpy(item.reshape(-1))].float()
    promising = FORECAST_POWER * torch.log(torch.from_numpy(search.rate[search.rows]) + 1e-3)
    return score_kernel(history, weights, search.pool_content) + promising


def score_kernel(history: Tensor, weights: Floats, candidates: Tensor, beta: float = BETA) -> Tensor:
    """log of the sum over the history of w exp(beta (cosine - 1)), float32 [queries, candidates].

    ``history`` [queries x events, dimensions] and ``candidates`` [candidates, dimensions]: vectors of length 1 or 0;
    ``weights`` [queries, events]: w.
    """
    total = torch.empty(len(weights), len(candidates))
    history, summed = history * beta, (torch.from_numpy(weights) * math.exp(-beta)).unsqueeze(1)
    for part in range(0, len(candidates), width := max(CACHED // max(len(history), 1), 1)):
        near = torch.mm(history, candidates[part : part + width].T).exp_()
        total[:, part : part + width] = torch.bmm(summed, near.view(*weights.shape, -1)).squeeze(1)
    return torch.log_(total.add_(1e-12))


def score_tables(tables: Tables, queries: Histories, rows: Int64s) -> list[Floats]:
    """The scores of each table for these rows of the catalogue, float32 [queries, rows]."""
    scores = [score_counts(each, queries, rows) for each in tables.counts]
    return scores if tables.linear is None else [*scores, score_linear(tables.linear, queries, rows)]


def describe_scores(scores: Floats, places: Int64s) -> Floats:
    """A table's scores of the candidates at ``places`` [block, found] as three features each, float32 [block, found,
    3]: in standard deviations, the logarithm of the share of the best, the logarithm of the place among them.
    """
    found = np.take_along_axis(scores, places, 1)
    share = np.log(np.maximum(found, 0) / (scores.max(1, keepdims=True) + TINY) + 1e-3)
    place = np.argsort(np.argsort(-found, 1, kind="stable"), 1)
    scaled = found / (scores.std(1, keepdims=True) + TINY)
    return np.stack([scaled, share, np.log1p(place)], 2).astype(np.float32)
