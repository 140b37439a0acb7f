"""What a channel of retrieval is: one way to say which ads a user may click next.

A channel is fitted on what lies before a cut and gives a table; the table is prepared for the candidates of a fold, and
then scores queries against all of them. ``fusion`` learns on earlier queries how much each channel counts for, and
leaves out what nobody misses. A new channel is its file, and one line in ``registry``. It takes a block of queries as
padded arrays, with the weights that recent events and clicks have.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from common.arrays import Singles
from common.time_units import HOUR_S
from competitions.tencent.corpus import Bools, CatalogueRows, Int64s
from competitions.tencent.sequences import Histories, pad

TINY = 1e-9
LEAST = 1e-2  # of a query's mean score, that every candidate has: a logarithm of 0 would outvote all other channels
RECENT, LASTING = 0.9, 0.97  # what an event counts for each event behind it
CLICKED = 60.0  # a click, in events that were shown only
HALF_LIFE_H, CLICKED_NOW = 6.0, 3.0  # of what is seen now: the hours by which it counts a half, and a click's weight
NOW = 8  # events


@dataclass(frozen=True)
class WeightedHistories:
    """The last events of queries: ``item`` int64 [queries, events], rows of the catalogue, 0 for none.

    ``time`` int64 [queries, events], seconds; ``recency`` int64: 0 for the last event, 1 for the one before it.
    ``weights`` float32 [queries, kinds, events] of ``KINDS``; ``last_click`` int64 [queries]: the row of the ad
    clicked last, 0 for none; ``last_position`` its index among the events, -1 for none.
    """

    item: Int64s
    mask: Bools
    clicked: Bools
    time: Int64s
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
    kinds = torch.from_numpy(weights)
    return WeightedHistories(padded.item, mask, clicked, padded.time, back, kinds, last_click, position)


def heaviest_events(history: WeightedHistories, events: int, kind: str = "recent") -> tuple[Int64s, Singles]:
    """The events that weigh most by a ``kind``: their rows and weights, [queries, at most ``events``]."""
    weights = history.weights[:, KINDS.index(kind)].numpy()
    if weights.shape[1] <= events:
        return history.item, weights
    chosen = np.argpartition(-weights, events - 1, 1)[:, :events]
    return np.take_along_axis(history.item, chosen, 1), np.take_along_axis(weights, chosen, 1)


@dataclass(frozen=True)
class QueryBlock:
    """Some queries: their ``histories``; the last events of these ``weighted``; of those that weigh most ``heaviest``,
    rows of the catalogue and weights, both [queries, events]; of those that weigh most ``now`` the same; the ``action``
    that each target will get, int64.
    """

    histories: Histories
    weighted: WeightedHistories
    heaviest: tuple[Int64s, Singles]
    now: tuple[Int64s, Singles]
    action: Int64s


Scores = dict[str, Singles]  # by the part of a channel, float32 [queries, candidates]
Scorer = Callable[[QueryBlock], Scores]
Scale = Callable[[Singles], Singles]


class Table(Protocol):
    """What a channel is once it is fitted. It is stored by the step that fits it."""

    def prepare(self, candidates: CatalogueRows, width: float) -> Scorer:
        """What scores queries against these rows of the catalogue, ascending; ``width``: of a kernel, if there is one.

        All that does not depend on the query is done here, once.
        """


class PartTable(Protocol):
    """What a part of a channel scores histories by."""

    def prepare(self, candidates: CatalogueRows) -> Callable[[Histories], Singles]:
        """What gives the scores of these rows of the catalogue, float32 [queries, candidates]."""


PartOf = TypeVar("PartOf", bound=PartTable)


@dataclass(frozen=True)
class PartTables(Generic[PartOf]):
    """A channel of several ``tables``, by part."""

    tables: dict[str, PartOf]

    def prepare(self, candidates: CatalogueRows, width: float) -> Scorer:
        """See ``Table``. There is no kernel."""
        own = {name: table.prepare(candidates) for name, table in self.tables.items()}
        return lambda block: {name: score(block.histories) for name, score in own.items()}


def as_it_is(scores: Singles) -> Singles:
    """Scores that are logarithms already."""
    return scores


def log_share(scores: Singles) -> Singles:
    """The logarithm of scores [queries, candidates] as multiples of the query's mean.

    >>> log_share(np.array([[0.0, 1.0, 3.0, 0.0]], np.float32)).astype(float).round(2).tolist()  # mean 1
    [[-4.61, 0.01, 1.1, -4.61]]
    """
    shares: Singles = scores / (scores.mean(1, keepdims=True) + TINY)
    shares += np.float32(LEAST)
    np.log(shares, out=shares)
    return shares


def compute_shares(scores: Singles, retrieved: Int64s) -> Singles:
    """Three features of the ``retrieved`` [queries, retrieved], indices of candidates, from the ``scores`` [queries,
    candidates], float32 [queries, retrieved, 3]: in standard deviations, the logarithm of the share of the best, the
    logarithm of the rank among them.

    >>> scores = np.array([[0.0, 1.0, 3.0, 0.0]], np.float32)
    >>> compute_shares(scores, np.array([[2, 1]])).astype(float).round(2).tolist()
    [[[2.45, 0.0, 0.0], [0.82, -1.1, 0.69]]]
    """
    own = np.take_along_axis(scores, retrieved, 1)
    share = np.log(np.maximum(own, 0) / (scores.max(1, keepdims=True) + TINY) + 1e-3)
    scaled = own / (deviation(scores) + TINY)
    return np.stack([scaled, share, np.log1p(rank_scores(own))], 2).astype(np.float32)


def compute_logits(scores: Singles, retrieved: Int64s) -> Singles:
    """The same of ``scores`` that are logarithms: how far they lie below the best, in place of the share."""
    own = np.take_along_axis(scores, retrieved, 1)
    scaled = (own - scores.mean(1, keepdims=True)) / (deviation(scores) + TINY)
    return np.stack([scaled, own - own.max(1, keepdims=True), np.log1p(rank_scores(own))], 2).astype(np.float32)


def deviation(scores: Singles) -> Singles:
    """The standard deviation of each row, [queries, 1]: a tenth of numpy's time, which makes an array of differences.

    >>> deviation(np.array([[0.0, 1.0, 3.0, 0.0]], np.float32)).astype(float).round(3).tolist()
    [[1.225]]
    """
    squares = np.vecdot(scores, scores)[:, None] / scores.shape[1]
    return np.asarray(np.sqrt(np.maximum(squares - scores.mean(1, keepdims=True) ** 2, 0.0)))


def rank_scores(scores: Singles) -> Int64s:
    """The rank of each score [queries, candidates] in its row, 0 the highest."""
    return np.argsort(np.argsort(-scores, 1, kind="stable"), 1)


class ScoreFeatures(NamedTuple):
    """What the ranker gets of a channel's scores: the ``names`` of the features, and what computes them."""

    names: tuple[str, ...]
    compute: Callable[[Singles, Int64s], Singles]


SHARES = ScoreFeatures(("score", "share of the best", "rank"), compute_shares)
LOGITS = ScoreFeatures(("score", "below the best", "rank"), compute_logits)


@dataclass(frozen=True)
class Channel:
    """One way to retrieve. ``name``: in settings, steps and pages. ``fit`` gives a ``Table`` of what it ``takes``, in
    this order: some of "history" (``Histories``), "catalogue", "candidates" (of the fold, rows of the catalogue,
    ascending), "contents" (all embeddings), "counted" and "exposures" (see ``Plan``), "settings" (of the sequence
    channel) and "seed".

    ``parts``: what the table can give scores of, each with the ``Scale`` that makes of its scores logarithms, up to a
    factor. ``features``: what the ranker gets of the scores; None where a block of features says more. ``widths``: of
    a kernel, tried by ``fusion``.
    """

    name: str
    fit: Callable[..., Table]
    takes: tuple[str, ...]
    parts: Mapping[str, Scale]
    features: ScoreFeatures | None = SHARES
    widths: tuple[float, ...] = ()
