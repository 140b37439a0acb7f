"""What a channel of retrieval is: one way to say which ads a user may click next.

A channel is fitted on what lies before a cut and gives a table; the table is prepared for candidates, and then scores
some queries at a time against all of them, in columns that are logarithms. ``fusion`` learns on earlier queries how
much each column counts for in their sum, and leaves out channels that nobody misses. A new channel is its file, and one
line in ``registry``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from common.arrays import Singles
from common.time_units import HOUR_S
from competitions.tencent.corpus import CatalogueRows, Int64s
from competitions.tencent.sequences import Histories, Padded, pad

TINY = 1e-9
LEAST = 1e-2  # of a query's mean score, that every candidate has: a logarithm of 0 would outvote all other channels
RECENT, LASTING = 0.9, 0.97  # what an event counts for each event behind it
CLICKED = 60.0  # a click, in events that were shown only
HALF_LIFE_H, CLICKED_NOW = 6.0, 3.0  # of what is seen now: the hours by which it counts a half, and a click's weight


@dataclass(frozen=True)
class WeightedHistories(Padded):
    """The last events of queries. ``recency`` int64 [queries, events]: 0 for the last event, 1 for the one before it;
    ``weights`` float32 [queries, kinds, events] of ``KINDS``; ``last_click`` int64 [queries]: the row of the ad
    clicked last, 0 for none; ``last_position`` its index among the events, -1 for none.
    """

    recency: Int64s
    weights: Tensor
    last_click: Int64s
    last_position: Int64s


KINDS = ("recent", "clicked", "shown", "now")


def weigh_events(queries: Histories, events: int) -> WeightedHistories:
    """The last ``events`` events of each query."""
    padded = pad(queries, events)
    mask, clicked = padded.mask, padded.clicked
    width = mask.shape[1]
    back = np.maximum(mask.sum(1)[:, None] - 1 - np.arange(width), 0)
    recent = RECENT**back * np.where(clicked, CLICKED, 1.0) * mask
    lasting = LASTING**back
    last = np.take_along_axis(padded.time, np.maximum(mask.sum(1) - 1, 0)[:, None], 1)
    fresh = np.exp2(-np.maximum(last - padded.time, 0) / (HOUR_S * HALF_LIFE_H))
    now = fresh * np.where(clicked, CLICKED_NOW, 1.0) * mask
    weights = np.stack([recent, lasting * clicked, lasting * (mask & ~clicked), now], 1).astype(np.float32)
    position = np.where(clicked.any(1), width - 1 - clicked[:, ::-1].argmax(1), -1)
    last_click = np.where(position >= 0, padded.item[np.arange(len(position)), np.maximum(position, 0)], 0)
    return WeightedHistories(
        **vars(padded), recency=back, weights=torch.from_numpy(weights), last_click=last_click, last_position=position
    )


def heaviest_events(history: WeightedHistories, events: int, kind: str = "recent") -> tuple[Int64s, Singles]:
    """The events that weigh most by a ``kind``: their rows and weights, [queries, at most ``events``]."""
    weights = history.weights[:, KINDS.index(kind)].numpy()
    if weights.shape[1] <= events:
        return history.item, weights
    chosen = np.argpartition(-weights, events - 1, 1)[:, :events]
    return np.take_along_axis(history.item, chosen, 1), np.take_along_axis(weights, chosen, 1)


@dataclass(frozen=True)
class Queries:
    """``histories`` of users, the ``time`` of each query, and the ``action`` that its target will get, int64 [queries]
    each; ``events``: how many last ones of a history are weighed.
    """

    histories: Histories
    time: Int64s
    action: Int64s
    events: int

    def __len__(self) -> int:
        """How many."""
        return len(self.action)

    def take(self, rows: Int64s) -> "Queries":
        """These queries."""
        return Queries(self.histories.take(rows), self.time[rows], self.action[rows], self.events)

    @cached_property
    def past(self) -> WeightedHistories:
        """The last events of each, weighed."""
        return weigh_events(self.histories, self.events)


Columns = dict[
    str, Singles
]  # by name a number for each query and ad, float32 [queries, ads]: a logarithm, to be summed
Scorer = Callable[[Queries], Columns]


class Table(Protocol):
    """What a channel is once it is fitted. It is stored by the step that fits it."""

    def prepare(self, candidates: CatalogueRows, width: float) -> Scorer:
        """What scores queries against these rows of the catalogue, ascending; ``width``: of a kernel, if there is one.

        All that does not depend on the query is done here, once.
        """


class Sums(Protocol):
    """A table that adds up what each event of a history says of an ad."""

    def prepare_sums(self, candidates: CatalogueRows) -> Callable[[Histories], Singles]:
        """What scores histories against these rows of the catalogue, float32 [histories, candidates]."""


@dataclass(frozen=True)
class Tables:
    """A channel of several ``tables`` of sums, by the name of the column; those of ``logs`` are logarithms already."""

    tables: dict[str, Sums]
    logs: tuple[str, ...] = ()

    def prepare(self, candidates: CatalogueRows, width: float) -> Scorer:
        """See ``Table``, there is no kernel."""
        scorers = {name: table.prepare_sums(candidates) for name, table in self.tables.items()}

        def score_queries(queries: Queries) -> Columns:
            sums = {name: score(queries.histories) for name, score in scorers.items()}
            return {name: own if name in self.logs else log_share(own) for name, own in sums.items()}

        return score_queries


def log_share(scores: Singles) -> Singles:
    """The logarithm of scores [queries, candidates] as multiples of the query's mean.

    >>> log_share(np.array([[0.0, 1.0, 3.0, 0.0]], np.float32)).astype(float).round(2).tolist()  # mean 1
    [[-4.61, 0.01, 1.1, -4.61]]
    """
    shares: Singles = scores / (scores.mean(1, keepdims=True) + TINY)
    shares += np.float32(LEAST)
    np.log(shares, out=shares)
    return shares


def compare_retrieved(scores: Singles, retrieved: Int64s) -> Columns:
    """What the ranker gets of a column of ``scores`` [queries, candidates]: of the ``retrieved`` [queries, retrieved],
    indices of candidates, the score itself, how far it lies below the best of these, the logarithm of its rank.

    >>> found = compare_retrieved(np.array([[0.0, 1.0, 3.0, 0.0]], np.float32), np.array([[2, 1]]))
    >>> {name: column.astype(float).round(2).tolist() for name, column in found.items()}
    {'score': [[3.0, 1.0]], 'below the best': [[0.0, -2.0]], 'rank': [[0.0, 0.69]]}
    """
    own = np.take_along_axis(scores, retrieved, 1)
    rank = np.argsort(np.argsort(-own, 1, kind="stable"), 1)
    return {"score": own, "below the best": own - own.max(1, keepdims=True), "rank": np.log1p(rank, dtype=np.float32)}


@dataclass(frozen=True)
class Channel:
    """One way to retrieve. ``name``: in settings, steps and pages. ``fit`` gives a ``Table`` of what it ``takes``, in
    this order: some of "history" (``Histories``), "catalogue", "candidates" (of the fold, rows of the catalogue,
    ascending), "contents" (all embeddings), "counted" and "exposures" (see ``Plan``), "settings" (of the sequence
    channel) and "seed".

    ``parts``: the columns that its table can have. ``described``: whether the ranker gets these, see
    ``compare_retrieved``; not where a block of features says more. ``widths``: of a kernel, tried by ``fusion``.
    """

    name: str
    fit: Callable[..., Table]
    takes: tuple[str, ...]
    parts: tuple[str, ...]
    described: bool = True
    widths: tuple[float, ...] = ()
