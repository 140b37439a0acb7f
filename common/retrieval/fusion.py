"""Reciprocal-rank fusion of the channels, and how much each channel's vote counts in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Floats, lookup_rows
from common.learning.conditional_logit import fit_choices
from common.learning.dataset import Matrix
from common.learning.split import Fold
from common.retrieval.lists import (
    Int64s,
    Ints,
    ScoredLists,
    count_up,
    cut_rows,
    frame_to_lists,
    pack_pairs,
    take_lists,
    unpack_pairs,
    work_side_by_side,
)
from common.retrieval.sort_keys import sort_best

CONSTANT = 20.0  # of reciprocal ranks: the larger, the less the first ranks count
LEARN_QUERIES = 3_000  # more change the weights by less than they change the lists
RIDGE = 1e-3  # on weights of votes between 0 and 1
FUSED_ROWS = 128  # at once: so few that their cells stay near the processor


@dataclass(frozen=True)
class FusedLists:
    """The union of channels: each row's ``items`` (ids, ascending) and ``fusion``, and of each channel (rows of
    ``ranks`` and ``scores``) the rank, 1 = best, and the score that it gave an item; NaN where it did not name it.
    """

    starts: Int64s
    items: Ints
    fusion: NDArray[np.float32]
    ranks: NDArray[np.float32]
    scores: NDArray[np.float32]

    @cached_property
    def rows(self) -> Int64s:
        """The row of each item."""
        return np.repeat(np.arange(len(self.starts) - 1), self.starts[1:] - self.starts[:-1])


def fuse_channels(
    channels: Mapping[str, pl.DataFrame], top: int, weights: Mapping[str, float] | None = None
) -> pl.DataFrame:
    """``fuse_lists`` of channels' frames; ``weights`` by channel, each 1 where there are none.

    One row per (query, item), sorted by both: ``fusion``, and of each channel ``rank_NAME`` (1 = best) and
    ``score_NAME``, null where the channel did not name the item.
    """
    ids = pl.concat([channel.select("query") for channel in channels.values()])["query"].unique().sort().to_numpy()
    lists = [frame_to_lists(ids, channel) for channel in channels.values()]
    votes = np.array([(weights or {}).get(name, 1.0) for name in channels])
    fused = fuse_lists(lists, top, votes)
    return fused_to_frame(ids, fused, list(channels))


def fused_to_frame(ids: NDArray[np.int32], fused: FusedLists, channels: Sequence[str]) -> pl.DataFrame:
    """The union as ``fuse_channels`` returns it."""
    columns = {"query": np.repeat(ids, np.diff(fused.starts)), "item": fused.items, "fusion": fused.fusion}
    for name, ranks, scores in zip(channels, fused.ranks, fused.scores, strict=True):
        columns |= {f"rank_{name}": ranks, f"score_{name}": scores}
    return pl.DataFrame(columns, nan_to_null=True)


def fuse_lists(channels: Sequence[ScoredLists], top: int, weights: Floats) -> FusedLists:
    """The best ``top`` a row by reciprocal-rank fusion: sum of weight / (CONSTANT + rank), ties by item.

    ``weights`` (channels,) of the votes (``learn_weights``). (Cormack, Clarke and Buettcher 2009.)
    """

    def fuse(first: int, last: int) -> FusedLists:
        return _fuse_part([take_lists(channel, np.arange(first, last)) for channel in channels], top, weights)

    parts = work_side_by_side(fuse, cut_rows(len(channels[0].starts) - 1, FUSED_ROWS))
    if len(parts) == 1:
        return parts[0]
    items, fusion = (np.concatenate([getattr(part, name) for part in parts]) for name in ("items", "fusion"))
    ranks, scores = (np.hstack([getattr(part, name) for part in parts]) for name in ("ranks", "scores"))
    return FusedLists(count_up(np.concatenate([np.diff(part.starts) for part in parts])), items, fusion, ranks, scores)


def _fuse_part(channels: Sequence[ScoredLists], top: int, weights: Floats) -> FusedLists:
    union, ranks, scores = unite_lists(channels)
    rows, items = unpack_pairs(union)
    fusion = np.nansum(weights[:, None] / (CONSTANT + ranks), axis=0).astype(np.float32)
    starts = count_up(np.bincount(rows, minlength=len(channels[0].starts) - 1))
    position = np.arange(len(rows)) - starts[rows]  # in its row, where the best stand first
    kept = np.sort(sort_best(rows, items, fusion)[position < top])
    sizes = np.minimum(np.diff(starts), top)
    return FusedLists(count_up(sizes), items[kept], fusion[kept], ranks[:, kept], scores[:, kept])


def unite_lists(channels: Sequence[ScoredLists]) -> tuple[Int64s, NDArray[np.float32], NDArray[np.float32]]:
    """The union of lists: row and item of each candidate, packed, ascending; and its rank, 1 = best, and its score in
    each of the ``channels`` (channels, candidates), NaN where that does not name it.

    >>> one, other = (
    ...     ScoredLists(np.array([0, len(items)]), np.array(items), np.ones(len(items), np.float32))
    ...     for items in ([8, 5], [5])
    ... )
    >>> union, ranks, _ = unite_lists([one, other])
    >>> unpack_pairs(union)[1].tolist(), ranks.tolist()
    ([5, 8], [[2.0, 1.0], [1.0, nan]])
    """
    listed = np.concatenate([pack_pairs(channel.rows, channel.items) for channel in channels])
    union, candidate = np.unique(listed, return_inverse=True)
    owner = np.repeat(np.arange(len(channels)), [len(channel.items) for channel in channels])
    ranks, scores = np.full((2, len(channels), len(union)), np.nan, np.float32)
    ranks[owner, candidate] = np.concatenate([channel.positions for channel in channels]) + 1
    scores[owner, candidate] = np.concatenate([channel.scores for channel in channels])
    return union, ranks, scores


def learn_fusion(
    fold: Fold, channels: Mapping[str, pl.DataFrame], kind: Literal["learned", "equal"], seed: int
) -> dict[str, float]:
    """The weight of each channel's vote, from the training queries; 1 each where fusion is to be equal."""
    if kind == "equal":
        return dict.fromkeys(channels, 1.0)
    assert fold.answers is not None
    train = fold.queries.filter(role="train").select("query")
    return learn_weights(channels, fold.answers.join(train, on="query", how="semi"), seed)


def learn_weights(channels: Mapping[str, pl.DataFrame], answers: pl.DataFrame, seed: int) -> dict[str, float]:
    """A weight of 0 or more for each channel, 1 on average, under which the answers are likeliest.

    ``channels`` as ``fuse_channels`` takes them; ``answers`` (query, item) of queries to learn from, at most
    ``LEARN_QUERIES`` of those whose answer a channel names. A conditional logit over the union, whose features are
    the channels' votes (CONSTANT + 1) / (CONSTANT + rank). Without any such answer every weight is 1.
    """
    votes, labels, sizes = gather_votes(channels, answers, seed)
    if not len(sizes):
        return dict.fromkeys(channels, 1.0)
    bounds = [(0.0, None)] * votes.shape[1]
    weights = fit_choices(votes, sizes, labels, RIDGE, "the votes of the channels", bounds=bounds)
    if not weights.any():  # where the worse an answer is placed the likelier it is, no vote is better than another
        return dict.fromkeys(channels, 1.0)
    return {name: float(weight / weights.mean()) for name, weight in zip(channels, weights, strict=True)}


def gather_votes(
    channels: Mapping[str, pl.DataFrame], answers: pl.DataFrame, seed: int
) -> tuple[Matrix, NDArray[np.float32], NDArray[np.int32]]:
    """The union of the channels of some queries: votes (rows, channels), labels (rows,), rows of each query."""
    right = np.sort(pack_pairs(answers["query"].to_numpy(), answers["item"].to_numpy()))
    named = [pack_pairs(channel["query"].to_numpy(), channel["item"].to_numpy()) for channel in channels.values()]
    hits = np.unique(np.concatenate([pairs[lookup_rows(right, pairs) >= 0] for pairs in named]) >> 32)
    known = pl.Series("query", hits, pl.Int32)
    drawn = known.sample(min(LEARN_QUERIES, len(known)), seed=seed).sort().to_numpy()
    union, ranks, _ = unite_lists([frame_to_lists(drawn, channel) for channel in channels.values()])
    rows, items = unpack_pairs(union)
    labels = (lookup_rows(right, pack_pairs(drawn[rows], items)) >= 0).astype(np.float32)
    sizes = np.bincount(rows, minlength=len(drawn)).astype(np.int32)
    votes = np.nan_to_num((CONSTANT + 1) / (CONSTANT + ranks))
    return np.ascontiguousarray(votes.T), labels, sizes
