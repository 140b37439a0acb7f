"""What the ranker knows of a query and a candidate: one row of numbers a pair.

Blocks, each of which can be left out (``ranker.blocks``):

- ``search``: the first search's score below the best, the logarithm of the place; the tables' scores.
- ``content``: log sums over the history of w exp(beta (cosine - 1)) for three widths and the three kinds of weights of
  ``histories.KINDS``; the cosine to the ad clicked last, the largest to any clicked and to any shown.
- ``shares``: for each feature, the share of the history, by each kind of weights, that has the candidate's value.
- ``follows``: for each feature, how much more often the candidate's value follows that of the ad clicked last.
- ``actions``: where queries say what their users will do (round 2), how often clicks on the candidate, and on ads with
  its value of each feature, end so (``action_rates``).
- ``popularity``: the forecast, and what ``AdStatistics`` knows of the ad itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from competitions.tencent.corpus import Catalogue, Int64s
from competitions.tencent.io import schema
from competitions.tencent.model.sparse_history import Floats
from competitions.tencent.ranking.action_rates import ActionRates, look_up
from competitions.tencent.ranking.ad_statistics import AdStatistics
from competitions.tencent.ranking.histories import KINDS, Past, gather_past
from competitions.tencent.ranking.lifts import Lift
from competitions.tencent.ranking.search import Found, Search

BETAS = (4.0, 12.0, 30.0)
FLOOR = 1e-6
DIRECT_CODES = 5_000
Columns = dict[str, Floats]


@dataclass(frozen=True)
class Knowledge:
    """What a fold's pairs are described by, beside its ``Search``; ``rates`` None where queries say no action."""

    catalogue: Catalogue
    statistics: AdStatistics
    lifts: list[Lift]
    rates: ActionRates | None = None

    @property
    def fields(self) -> list[int]:
        """The features that have values, by their place in ``schema.ITEM_FEATURES``."""
        return [at for at, size in enumerate(self.catalogue.sizes) if size]


@dataclass(frozen=True)
class Pairs:
    """Queries and their candidates: ``item`` int64 [queries, found], rows of the catalogue; ``scores`` of the search;
    ``tables``: float32 [queries, found, 3] of each table; ``action`` int64 [queries] that each query says.
    """

    past: Past
    action: Int64s
    item: Int64s
    scores: Floats
    tables: Sequence[Floats]


def describe_pairs(search: Search, knowledge: Knowledge, pairs: Pairs, blocks: Sequence[str]) -> Columns:
    """The columns of ``blocks`` by name, float32 [queries, found] each."""
    makers: dict[str, Callable[[Search, Knowledge, Pairs], Columns]] = {
        "search": describe_search,
        "content": describe_content,
        "shares": describe_shares,
        "follows": describe_follows,
        "actions": describe_actions,
        "popularity": describe_popularity,
    }
    columns: Columns = {}
    for block in blocks:
        columns |= makers[block](search, knowledge, pairs)
    return columns


def describe_search(search: Search, knowledge: Knowledge, pairs: Pairs) -> Columns:
    """The block ``search``."""
    scores = pairs.scores
    finite = np.where(np.isfinite(scores), scores, scores[:, :1] - 100.0)
    place = np.broadcast_to(np.log1p(np.arange(scores.shape[1])), scores.shape)
    columns = {"search score": finite - finite[:, :1], "search place": place}
    for at, table in enumerate(pairs.tables):
        for part, name in enumerate(("score", "share of the best", "place")):
            columns[f"table {at} {name}"] = table[:, :, part]
    return columns


def describe_content(search: Search, knowledge: Knowledge, pairs: Pairs) -> Columns:
    """The block ``content``; nothing without embeddings."""
    if search.content is None:
        return {}
    past = pairs.past
    history = search.content[torch.from_numpy(past.item)].float()
    cosine = torch.bmm(history, search.content[torch.from_numpy(pairs.item)].float().transpose(1, 2))
    columns = {}
    for beta in BETAS:
        near = torch.log(torch.bmm(past.weights, torch.exp(beta * (cosine - 1.0))) + FLOOR)
        for at, kind in enumerate(KINDS):
            columns[f"content {beta:g} {kind}"] = near[:, at].numpy()
    near_events = cosine.numpy()
    rows = np.arange(len(past.item))
    last = near_events[rows, np.maximum(past.last_place, 0)]
    columns["cosine to the last click"] = np.where(past.last_place[:, None] >= 0, last, 0.0)
    columns["cosine to a click"] = np.where(past.clicked[:, :, None], near_events, -1.0).max(1)
    columns["cosine to an event"] = np.where(past.mask[:, :, None], near_events, -1.0).max(1)
    return columns


def describe_shares(search: Search, knowledge: Knowledge, pairs: Pairs) -> Columns:
    """The block ``shares``."""
    past, codes = pairs.past, np.asarray(knowledge.catalogue.features)
    weights = past.weights / past.weights.sum(2, keepdim=True).clamp(min=FLOOR)
    columns = {}
    for field in knowledge.fields:
        shares = share_values(weights, codes[past.item, field], codes[pairs.item, field])
        for at, kind in enumerate(KINDS):
            columns[f"share of {schema.ITEM_FEATURES[field]} {kind}"] = shares[:, at]
    return columns


def share_values(weights: Tensor, before: np.ndarray, own: np.ndarray) -> Floats:
    """The ``weights`` float32 [queries, kinds, events] of the events whose code ``before`` [queries, events] is that of
    a candidate, ``own`` [queries, candidates]; 0 where that is 0, none. float32 [queries, kinds, candidates].

    The weights are summed by code, and looked up: quicker than to compare every event with every candidate. Few codes
    are places in the table themselves, many are numbered first.
    """
    kinds, most = weights.shape[1], int(max(before.max(initial=0), own.max(initial=0)))
    slot, at = before, own
    if most > DIRECT_CODES:
        values, slot = np.unique(np.append(0, before), return_inverse=True)
        slot, at = slot[1:].reshape(before.shape), np.minimum(np.searchsorted(values, own), len(values) - 1)
        at[values[at] != own] = 0
        most = len(values)
    table = torch.zeros(len(own), kinds, most + 1)
    table.scatter_add_(2, torch.from_numpy(slot.astype(np.int64)).unsqueeze(1).expand(-1, kinds, -1), weights)
    table[:, :, 0] = 0.0
    return np.asarray(table.gather(2, torch.from_numpy(at.astype(np.int64)).unsqueeze(1).expand(-1, kinds, -1)).numpy())


def describe_follows(search: Search, knowledge: Knowledge, pairs: Pairs) -> Columns:
    """The block ``follows``."""
    codes, last = np.asarray(knowledge.catalogue.features), pairs.past.last_click
    return {
        f"{schema.ITEM_FEATURES[field]} follows": lift.of(codes[last, field], codes[pairs.item, field])
        for field, lift in zip(knowledge.fields, knowledge.lifts, strict=True)
    }


def describe_actions(search: Search, knowledge: Knowledge, pairs: Pairs) -> Columns:
    """The block ``actions``; nothing where queries say none."""
    rates, codes = knowledge.rates, knowledge.catalogue.features
    if rates is None:
        return {}
    columns = {"ends so": look_up(rates.own, pairs.item, pairs.action)}
    for field, table in zip(knowledge.fields, rates.values, strict=True):
        values = codes[pairs.item, field]
        columns[f"{schema.ITEM_FEATURES[field]} ends so"] = look_up(table, values, pairs.action)
    return columns


def describe_popularity(search: Search, knowledge: Knowledge, pairs: Pairs) -> Columns:
    """The block ``popularity``."""
    own = knowledge.statistics.own[pairs.item]
    columns = {name: own[:, :, at] for at, name in enumerate(knowledge.statistics.names)}
    return columns | {"forecast": np.log(search.rate[pairs.item] + 1e-3)}


def gather_pairs(search: Search, block: Int64s, action: Int64s, found: Found) -> Pairs:
    """The pairs of a block of queries, and the ``action`` of each, with what ``search_block`` found."""
    places, scores, tables = found
    past = gather_past(search.queries.take(block), search.settings.history)
    return Pairs(past, action, search.rows[places], scores, tables)
