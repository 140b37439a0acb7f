"""The best candidates of each query by inner product: exact and in blocks, or through an approximate index."""

from collections.abc import Callable
from dataclasses import dataclass

import faiss
import numpy as np
import torch
from torch import Tensor

from common.errors import UserError
from common.pipeline.progress import track
from competitions.tencent.corpus import Int64s
from competitions.tencent.sequences import Histories, blocks, list_seen

GROUP = 64  # candidates whose maximum is looked at first


@dataclass(frozen=True)
class Top:
    """The best candidates of each query, best first: ``columns`` int64 [queries, top] places in the candidates,
    ``scores`` float32. Where fewer candidates are left than asked for, the column is -1 and the score -inf.
    """

    columns: Int64s
    scores: np.ndarray


@dataclass(frozen=True)
class Seen:
    """Who has seen what, as pairs sorted by query: ``starts`` int64 [queries + 1] into ``columns``, the candidates."""

    starts: Int64s
    columns: Int64s

    def of(self, queries: Int64s) -> tuple[Int64s, Int64s]:
        """The pairs of a block of consecutive queries: its row in the block, the candidate."""
        first, last = self.starts[queries[0]], self.starts[queries[-1] + 1]
        lengths = np.diff(self.starts[queries[0] : queries[-1] + 2])
        return np.repeat(np.arange(len(queries)), lengths), self.columns[first:last]


def find_seen(histories: Histories, candidates: Int64s, rows: int) -> Seen:
    """What each query has seen of the candidates. ``rows`` of the catalogue."""
    place = np.full(rows, -1)
    place[candidates] = np.arange(len(candidates))
    query, row = list_seen(histories)
    column = place[row]
    kept = column >= 0
    counts = np.bincount(query[kept], minlength=len(histories))
    return Seen(np.concatenate([[0], np.cumsum(counts)]), column[kept])


def search(
    queries: Tensor, candidates: Tensor, seen: Seen, top: int, query_block: int = 1024, candidate_block: int = 16_384
) -> Top:
    """Exact. Memory is one block of scores, ``query_block`` x ``candidate_block`` floats, whatever the sizes."""
    check_finite(queries, candidates)
    columns = np.full((len(queries), top), -1)
    scores = np.full((len(queries), top), -np.inf, np.float32)
    for block in track(list(blocks(len(queries), query_block)), "retrieving"):
        masked = _Masked(*seen.of(block))
        parts = [
            _search_block(queries[block[0] : block[-1] + 1], candidates[at[0] : at[-1] + 1], masked, int(at[0]), top)
            for at in blocks(len(candidates), candidate_block)
        ]
        found = torch.cat([part[0] for part in parts], 1).topk(min(top, len(candidates)), 1)
        place = torch.cat([part[1] for part in parts], 1).gather(1, found.indices)
        best = found.values.float().cpu().numpy()
        width = best.shape[1]
        columns[block, :width] = np.where(np.isfinite(best), place.cpu().numpy(), -1)
        scores[block, :width] = best
    return Top(columns, scores)


@torch.inference_mode()
def search_scores(score: Callable[[Int64s], Tensor], queries: int, seen: Seen, top: int, query_block: int = 512) -> Top:
    """Exact, where scores are no inner products: ``score`` (places of queries) gives [block, candidates]."""
    columns = np.full((queries, top), -1)
    values = np.full((queries, top), -np.inf, np.float32)
    for block in track(list(blocks(queries, query_block)), "retrieving"):
        scores = score(block)
        check_finite(scores)
        row, column = (torch.from_numpy(part).to(scores.device) for part in seen.of(block))
        scores[row, column] = -torch.inf
        found = scores.topk(min(top, scores.shape[1]), 1)
        best = found.values.float().cpu().numpy()
        columns[block, : best.shape[1]] = np.where(np.isfinite(best), found.indices.cpu().numpy(), -1)
        values[block, : best.shape[1]] = best
    return Top(columns, values)


class _Masked:
    """The seen pairs of a block of queries, sorted by candidate, so that each block of candidates finds its own."""

    def __init__(self, rows: Int64s, columns: Int64s) -> None:
        order = np.argsort(columns, kind="stable")
        self.rows, self.columns = rows[order], columns[order]

    def within(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        low, high = np.searchsorted(self.columns, [start, stop])
        return torch.from_numpy(self.rows[low:high]), torch.from_numpy(self.columns[low:high] - start)


def _search_block(queries: Tensor, candidates: Tensor, masked: _Masked, start: int, top: int) -> tuple[Tensor, Tensor]:
    """Scores and places of the best of one block.

    The ten best lie in the ten groups of the largest maxima: one pass finds the maxima, and only these groups are
    sorted. (A full ``topk`` of the block costs more than the product.)
    """
    scores = queries @ candidates.T
    row, column = masked.within(start, start + len(candidates))
    scores[row.to(scores.device), column.to(scores.device)] = -torch.inf
    groups = len(candidates) // GROUP
    if groups <= top:
        found = scores.topk(min(top, len(candidates)), 1)
        return found.values, found.indices + start
    whole = groups * GROUP
    grouped = scores[:, :whole].reshape(-1, groups, GROUP)
    chosen = grouped.amax(2).topk(top, 1).indices
    values = grouped.gather(1, chosen.unsqueeze(2).expand(-1, -1, GROUP)).flatten(1)
    places = (chosen.unsqueeze(2) * GROUP + torch.arange(GROUP, device=scores.device)).flatten(1)
    if whole < len(candidates):
        values = torch.cat([values, scores[:, whole:]], 1)
        rest = torch.arange(whole, len(candidates), device=scores.device)
        places = torch.cat([places, rest.expand(len(queries), -1)], 1)
    found = values.topk(top, 1)
    return found.values, places.gather(1, found.indices) + start


def search_approximately(queries: Tensor, candidates: Tensor, seen: Seen, top: int, lists: int, probes: int) -> Top:
    """Through faiss's inverted lists: ``probes`` of ``lists`` clusters are looked at. Seen ads are dropped afterwards,
    so that as many more are fetched as the longest history holds.
    """
    check_finite(queries, candidates)
    lists = max(1, min(lists, len(candidates) // 39))  # faiss asks for 39 points a cluster
    quantizer = faiss.IndexFlatIP(candidates.shape[1])
    index = faiss.IndexIVFFlat(quantizer, candidates.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
    vectors = candidates.float().cpu().numpy()
    index.train(vectors)
    index.add(vectors)
    index.nprobe = probes
    columns = np.full((len(queries), top), -1)
    scores = np.full((len(queries), top), -np.inf, np.float32)
    for block in blocks(len(queries), 4096):
        row, column = seen.of(block)
        fetched = min(top + int(np.bincount(row, minlength=1).max()), len(candidates))
        value, place = index.search(queries[block[0] : block[-1] + 1].float().cpu().numpy(), fetched)
        known = np.isin(np.arange(len(block))[:, None] * len(candidates) + place, row * len(candidates) + column)
        value = np.where(known | (place < 0), -np.inf, value)
        best = np.argsort(-value, axis=1, kind="stable")[:, :top]
        value, place = np.take_along_axis(value, best, 1), np.take_along_axis(place, best, 1)
        columns[block, : value.shape[1]] = np.where(np.isfinite(value), place, -1)
        scores[block, : value.shape[1]] = value
    return Top(columns, scores)


def check_finite(*vectors: Tensor) -> None:
    """Refuse what is no number: a ranking of NaNs would look like a perfect one."""
    if not all(bool(torch.isfinite(part).all()) for part in vectors):
        raise UserError(
            "The model gives vectors that are no numbers, so that nothing can be ranked: training diverged. Lower"
            " train.rate or set train.precision to fp32."
        )


def recall(found: Top, exact: Top) -> float:
    """The share of the exact answer that another search found."""
    same = (found.columns[:, :, None] == exact.columns[:, None, :]) & (exact.columns >= 0)[:, None, :]
    return float(same.any(1).sum() / max(1, (exact.columns >= 0).sum()))
