"""The ten best of all candidates, each of which is scored: what a rung without a first search does."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from common.engine.errors import UserError
from common.engine.progress import track
from competitions.tencent.corpus import Int64s
from competitions.tencent.ids import CatalogueRows
from competitions.tencent.sequences import Histories, blocks
from competitions.tencent.top_k import SeenPairs, TopK, find_seen, number_positions


@dataclass(frozen=True)
class Seen:
    """Who has seen what, as pairs sorted by query: ``starts`` int64 [queries + 1] into ``positions`` among the
    candidates that ``list_seen`` was given.
    """

    starts: Int64s
    positions: Int64s

    def of(self, queries: Int64s) -> SeenPairs:
        """The pairs of a block of consecutive queries."""
        first, last = self.starts[queries[0]], self.starts[queries[-1] + 1]
        lengths = np.diff(self.starts[queries[0] : queries[-1] + 2])
        return np.repeat(np.arange(len(queries)), lengths), self.positions[first:last]


def list_seen(histories: Histories, candidates: CatalogueRows, rows: int) -> Seen:
    """What each query has seen of the ``candidates``, rows of a catalogue of so many ``rows``."""
    query, position = find_seen(histories, number_positions(candidates, rows))
    counts = np.bincount(query, minlength=len(histories))
    return Seen(np.concatenate([[0], np.cumsum(counts)]), position)


@torch.inference_mode()
def rank_all(
    score: Callable[[Int64s], Tensor], candidates: CatalogueRows, seen: Seen, top: int, query_block: int = 512
) -> TopK:
    """The best of all candidates: ``score`` (indices of queries) gives [block, candidates]; seen ads never win."""
    queries = len(seen.starts) - 1
    best = TopK.empty(queries, top)
    for block in track(list(blocks(queries, query_block)), "retrieving"):
        scores = score(block)
        check_finite(scores)
        query, position = (torch.from_numpy(part).to(scores.device) for part in seen.of(block))
        scores[query, position] = -torch.inf
        ranked = scores.topk(min(top, scores.shape[1]), 1)
        rows = CatalogueRows(candidates[ranked.indices.cpu().numpy()])
        best.put(block, rows, ranked.values.float().cpu().numpy())
    return best


def check_finite(*vectors: Tensor) -> None:
    """Refuse what is no number: a ranking of NaNs would look like a perfect one."""
    if not all(bool(torch.isfinite(part).all()) for part in vectors):
        raise UserError(
            "The model's vectors are not finite, so nothing can be ranked: training diverged. Lower its learning rate."
        )
