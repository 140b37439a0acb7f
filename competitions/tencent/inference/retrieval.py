"""The best candidates of each query by inner product, exact and in blocks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from common.engine.errors import UserError
from common.engine.progress import track
from competitions.tencent.corpus import Int64s
from competitions.tencent.sequences import Histories, blocks

GROUP = 64  # candidates whose maximum is looked at first
Pairs = tuple[Int64s, Int64s]  # row of the query in a block, column of the candidate


@dataclass(frozen=True)
class TopK:
    """The best candidates of each query, best first: ``columns`` int64 [queries, top], indices into the candidates,
    ``scores`` float32. Where fewer candidates are left than ``top``, the column is -1 and the score -inf.
    """

    columns: Int64s
    scores: np.ndarray

    @classmethod
    def empty(cls, queries: int, top: int) -> "TopK":
        """Nothing retrieved yet."""
        return cls(np.full((queries, top), -1), np.full((queries, top), -np.inf, np.float32))

    @classmethod
    def join(cls, parts: Sequence["TopK"]) -> "TopK":
        """Several parts' queries, one after the other."""
        return cls(np.concatenate([part.columns for part in parts]), np.concatenate([part.scores for part in parts]))

    def put(self, queries: Int64s, columns: Int64s, scores: np.ndarray) -> None:
        """Set some queries to the best of these candidates [queries, n]; one of score -inf does not count."""
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self.columns.shape[1]]
        columns, scores = np.take_along_axis(columns, best, 1), np.take_along_axis(scores, best, 1)
        self.columns[queries, : best.shape[1]] = np.where(np.isfinite(scores), columns, -1)
        self.scores[queries, : best.shape[1]] = scores


@dataclass(frozen=True)
class Seen:
    """Who has seen what, as pairs sorted by query: ``starts`` int64 [queries + 1] into ``columns``, the candidates."""

    starts: Int64s
    columns: Int64s

    def of(self, queries: Int64s) -> Pairs:
        """The pairs of a block of consecutive queries."""
        first, last = self.starts[queries[0]], self.starts[queries[-1] + 1]
        lengths = np.diff(self.starts[queries[0] : queries[-1] + 2])
        return np.repeat(np.arange(len(queries)), lengths), self.columns[first:last]


def find_seen(histories: Histories, candidates: Int64s, rows: int) -> Seen:
    """What each query has seen of the candidates. ``rows`` of the catalogue."""
    column_of_row = np.full(rows, -1)
    column_of_row[candidates] = np.arange(len(candidates))
    query = np.repeat(np.arange(len(histories)), histories.lengths)
    column = column_of_row[histories.sequences.item[histories.events()]]
    kept = column >= 0
    counts = np.bincount(query[kept], minlength=len(histories))
    return Seen(np.concatenate([[0], np.cumsum(counts)]), column[kept])


def mask_seen(scores: np.ndarray, columns: Int64s, seen: Pairs, candidates: int) -> np.ndarray:
    """Scores [block, n] of candidates ``columns``, -inf where one was seen or is none (-1)."""
    row, column = seen
    known = np.isin(np.arange(len(columns))[:, None] * candidates + columns, row * candidates + column)
    return np.where(known | (columns < 0), -np.inf, scores)


def search(
    queries: Tensor, candidates: Tensor, seen: Seen, top: int, query_block: int = 1024, candidate_block: int = 16_384
) -> TopK:
    """Exact. Memory is one block of scores, ``query_block`` x ``candidate_block`` floats, whatever the sizes."""
    check_finite(queries, candidates)
    best = TopK.empty(len(queries), top)
    for block in track(list(blocks(len(queries), query_block)), "retrieving"):
        row, column = seen.of(block)
        order = np.argsort(column, kind="stable")  # by candidate, so that each block of candidates finds its own
        pairs = row[order], column[order]
        parts = [
            _search_block(queries[block[0] : block[-1] + 1], candidates[at[0] : at[-1] + 1], pairs, int(at[0]), top)
            for at in blocks(len(candidates), candidate_block)
        ]
        merged = torch.cat([scores for scores, _ in parts], 1).topk(min(top, len(candidates)), 1)
        columns = torch.cat([columns for _, columns in parts], 1).gather(1, merged.indices)
        best.put(block, columns.cpu().numpy(), merged.values.float().cpu().numpy())
    return best


@torch.inference_mode()
def search_scores(
    score: Callable[[Int64s], Tensor], queries: int, seen: Seen, top: int, query_block: int = 512
) -> TopK:
    """Exact, where scores are no inner products: ``score`` (indices of queries) gives [block, candidates]."""
    best = TopK.empty(queries, top)
    for block in track(list(blocks(queries, query_block)), "retrieving"):
        scores = score(block)
        check_finite(scores)
        row, column = (torch.from_numpy(part).to(scores.device) for part in seen.of(block))
        scores[row, column] = -torch.inf
        ranked = scores.topk(min(top, scores.shape[1]), 1)
        best.put(block, ranked.indices.cpu().numpy(), ranked.values.float().cpu().numpy())
    return best


def _search_block(queries: Tensor, candidates: Tensor, seen: Pairs, start: int, top: int) -> tuple[Tensor, Tensor]:
    """Scores and columns of the best of one block; ``seen`` is sorted by candidate.

    The ten best lie in the ten groups of the largest maxima: one pass finds the maxima, and only these groups are
    sorted. (A full ``topk`` of the block costs more than the product.)
    """
    scores = queries @ candidates.T
    low, high = np.searchsorted(seen[1], [start, start + len(candidates)])
    row, column = torch.from_numpy(seen[0][low:high]), torch.from_numpy(seen[1][low:high] - start)
    scores[row.to(scores.device), column.to(scores.device)] = -torch.inf
    groups = len(candidates) // GROUP
    if groups <= top:
        best = scores.topk(min(top, len(candidates)), 1)
        return best.values, best.indices + start
    whole = groups * GROUP
    grouped = scores[:, :whole].reshape(-1, groups, GROUP)
    chosen = grouped.amax(2).topk(top, 1).indices
    values = grouped.gather(1, chosen.unsqueeze(2).expand(-1, -1, GROUP)).flatten(1)
    columns = (chosen.unsqueeze(2) * GROUP + torch.arange(GROUP, device=scores.device)).flatten(1)
    if whole < len(candidates):
        values = torch.cat([values, scores[:, whole:]], 1)
        rest = torch.arange(whole, len(candidates), device=scores.device)
        columns = torch.cat([columns, rest.expand(len(queries), -1)], 1)
    best = values.topk(top, 1)
    return best.values, columns.gather(1, best.indices) + start


def check_finite(*vectors: Tensor) -> None:
    """Refuse what is no number: a ranking of NaNs would look like a perfect one."""
    if not all(bool(torch.isfinite(part).all()) for part in vectors):
        raise UserError(
            "The model gives vectors that are no numbers, so that nothing can be ranked: training diverged. Lower"
            " train.rate."
        )
