"""What a channel of retrieval is: one way to say which ads a user may click next.

A channel is fitted on what lies before a cut and gives a table; the table is prepared for the candidates of a fold, and
then scores queries against all of them. ``fusion`` learns on earlier queries how much each channel counts for, and
leaves out what nobody misses. A new channel is its file, and one line in ``registry``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from common.arrays import Singles
from competitions.tencent.corpus import CatalogueRows, Int64s
from competitions.tencent.retrieval.histories import WeightedHistories
from competitions.tencent.sequences import Histories

TINY = 1e-9
LEAST = 1e-2  # of a query's mean score, that every candidate has: a logarithm of 0 would outvote all other channels


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
