"""The features of a query and a candidate: one row of numbers a pair.

Blocks, each of which can be left out (``ranker.features.blocks``); one that is registered in ``BLOCKS`` is on:

- ``search``: the logarithm of retrieval's rank, the scores of the channels (retrieval's own is always there).
- ``content``: for each embedding with a fusion weight, log sums over the history of w exp(width (cosine - 1)) for three
  widths and the three kinds of weights of ``channel.KINDS``; the cosine to the ad clicked last, the largest to any
  clicked and any shown.
- ``shares``: for each feature, the share of the history, by each kind of weights, that has the candidate's value.
- ``follows``: for each feature, how much more often the candidate's value follows that of the ad clicked last.
- ``popularity``: what ``popularity.describe`` knows of the ad at the query's time.
- ``query``: the same for all candidates of a query, for the trees to go by: how long the history is, how much of it was
  clicked, hours since the last click and over the last events, the hour of the day.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from common.arrays import Singles, lookup_rows
from common.engine.decisions import choose_names
from common.time_units import DAY_S, HOUR_S
from competitions.tencent.features.popularity import squeeze
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.retrieval.channel import KINDS, Columns
from competitions.tencent.retrieval.content import Content, map_tensor
from competitions.tencent.retrieval.search import SEARCH_SCORE, Candidates

WIDTH_FACTORS = (1 / 3, 1.0, 2.5)  # of the search's kernel: the larger, the nearer an ad must be to count
FLOOR = 1e-6
CACHED = 4  # queries whose cosines of events and candidates are held at once


def pair_features(tables: FoldTables, candidates: Candidates, blocks: Sequence[str]) -> tuple[Singles, tuple[str, ...]]:
    """The features of ``candidates``, float32 [queries, retrieved, columns], and their names."""
    columns = {SEARCH_SCORE: candidates.search[SEARCH_SCORE]}  # whatever the blocks
    for block in choose_names(blocks, tuple(BLOCKS)):
        columns |= BLOCKS[block](tables, candidates)
    return np.stack([np.asarray(column, np.float32) for column in columns.values()], 2), tuple(columns)


def search_columns(tables: FoldTables, candidates: Candidates) -> Columns:
    """The block ``search``."""
    return candidates.search


def content_columns(tables: FoldTables, candidates: Candidates) -> Columns:
    """The block ``content``, of every embedding with a weight."""
    columns: Columns = {}
    for content, width in tables.contents:
        compared = compare_content(content, width, candidates)
        columns |= {f"{content.name} {name}": column for name, column in compared.items()}
    return columns


def compare_content(content: Content, width: float, candidates: Candidates) -> Columns:
    """The columns of one embedding."""
    past, vectors = candidates.queries.past, map_tensor(content.vectors)
    names = [f"kernel {factor:.3g} {kind}" for factor in WIDTH_FACTORS for kind in KINDS]
    names += ["cosine to the last click", "cosine to a click", "cosine to an event"]
    values = torch.empty(len(past.item), len(names), candidates.item.shape[1])
    # Arrays that the system gives, and takes back each time, page by page, take longer than what is done with them.
    held = torch.empty(2, min(CACHED, len(past.item)), past.item.shape[1], candidates.item.shape[1])
    for start in range(0, len(past.item), CACHED):
        rows = slice(start, min(start + CACHED, len(past.item)))
        describe_content(vectors, width, candidates, rows, held[:, : rows.stop - start], values[rows])
    return {name: values[:, at].numpy() for at, name in enumerate(names)}


def describe_content(
    vectors: Tensor, width: float, candidates: Candidates, rows: slice, held: Tensor, values: Tensor
) -> None:
    """Fill ``values`` [queries, columns, candidates] for the few queries of these ``rows``: their events x candidates,
    in ``held`` [2, queries, events, candidates], stay in the processor's cache; those of a block take thrice as long.
    """
    past, weights, (cosine, made) = candidates.queries.past, candidates.queries.past.weights[rows], held
    history, ads = (
        functional.embedding(torch.from_numpy(item[rows]), vectors).float() for item in (past.item, candidates.item)
    )
    torch.bmm(history, ads.transpose(1, 2), out=cosine)
    sums = len(WIDTH_FACTORS) * len(KINDS)
    for at, factor in enumerate(WIDTH_FACTORS):
        torch.sub(cosine, 1.0, out=made).mul_(factor * width / math.log(2)).exp2_()  # a third of exp's time
        torch.bmm(weights, made, out=values[:, at * len(KINDS) : (at + 1) * len(KINDS)])
    values[:, :sums].add_(FLOOR).log_()
    position = torch.from_numpy(past.last_position[rows])
    last = cosine[torch.arange(len(position)), position.clamp(min=0)]
    values[:, sums] = torch.where(position[:, None] >= 0, last, 0.0)
    for at, among in enumerate((past.clicked, past.mask), sums + 1):
        # Padding, and events of another kind, are 2 lower: below any cosine. Who has nothing else has -1.
        lower = torch.from_numpy(np.where(among[rows], 0.0, -2.0).astype(np.float32)).unsqueeze(2)
        values[:, at] = torch.amax(torch.add(cosine, lower, out=made), 1).clamp_(min=-1.0)


def shares_columns(tables: FoldTables, candidates: Candidates) -> Columns:
    """The block ``shares``."""
    past = candidates.queries.past
    weights = past.weights / past.weights.sum(2, keepdim=True).clamp(min=FLOOR)
    columns = {}
    for field in tables.catalogue.fields:
        shares = share_values(weights, field.codes[past.item], field.codes[candidates.item])
        for at, kind in enumerate(KINDS):
            columns[f"share of {field.name} {kind}"] = shares[:, at]
    return columns


def share_values(weights: Tensor, before: np.ndarray, own: np.ndarray) -> Singles:
    """The ``weights`` float32 [queries, kinds, events] of the events whose code ``before`` [queries, events] is that of
    a candidate, ``own`` [queries, candidates]; 0 where that is 0, none. float32 [queries, kinds, candidates].

    >>> weights = torch.tensor([[[0.7, 0.2, 0.1]]])  # one query, one kind of weights, three events
    >>> share_values(weights, np.array([[4, 9, 4]]), np.array([[4, 5, 0]])).astype(float).round(2).tolist()
    [[[0.8, 0.0, 0.0]]]

    The weights are summed by code, and looked up: quicker than to compare every event with every candidate.
    """
    values, slot = np.unique(np.append(0, before), return_inverse=True)
    slots, at = (
        torch.from_numpy(each).unsqueeze(1).expand(-1, weights.shape[1], -1)
        for each in (slot[1:].reshape(before.shape), lookup_rows(values, own, missing=0))
    )
    table = torch.zeros(*weights.shape[:2], len(values))
    table.scatter_add_(2, slots, weights)
    table[:, :, 0] = 0.0
    return np.asarray(table.gather(2, at).numpy())


def follows_columns(tables: FoldTables, candidates: Candidates) -> Columns:
    """The block ``follows``."""
    return {
        f"{field.name} follows": lift.of(field.codes[candidates.queries.past.last_click], field.codes[candidates.item])
        for field, lift in zip(tables.catalogue.fields, tables.lifts, strict=True)
    }


def popularity_columns(tables: FoldTables, candidates: Candidates) -> Columns:
    """The block ``popularity``."""
    return candidates.popularity


def query_columns(tables: FoldTables, candidates: Candidates) -> Columns:
    """The block ``query``."""
    past, time = candidates.queries.past, candidates.queries.time[:, None]
    hours, events = (time - past.time) / HOUR_S, past.mask.sum(1)
    clicked = np.where(past.clicked, hours, np.inf).min(1)
    values = {
        "events of the query": np.log1p(events),
        "clicks of the query": past.clicked.sum(1) / np.maximum(events, 1),
        "hours since the last click": np.where(np.isfinite(clicked), squeeze(clicked), np.nan),
        "hours of the last ten events": squeeze(np.where(past.mask & (past.recency < 10), hours, 0.0).max(1)),
        "hour of the day": time[:, 0] % DAY_S / HOUR_S,
    }
    shape = candidates.scores.shape
    return {name: np.broadcast_to(column[:, None], shape) for name, column in values.items()}


BLOCKS: dict[str, Callable[[FoldTables, Candidates], Columns]] = {
    "search": search_columns,
    "content": content_columns,
    "shares": shares_columns,
    "follows": follows_columns,
    "popularity": popularity_columns,
    "query": query_columns,
}
