"""The ten best of all candidates, each of which is scored: what a rung without a first search does."""

from collections.abc import Callable

import torch
from torch import Tensor

from common.engine.errors import UserError
from common.engine.progress import track
from competitions.tencent.corpus import CatalogueRows, Int64s, number_rows
from competitions.tencent.sequences import Histories, blocks
from competitions.tencent.top_k import TopK, find_seen


@torch.inference_mode()
def rank_all(
    score: Callable[[Int64s], Tensor], queries: Histories, candidates: CatalogueRows, top: int, query_block: int = 512
) -> TopK:
    """The best of all ``candidates``, ascending: ``score`` (indices of queries) gives [block, candidates]; what a query
    has seen never wins.
    """
    best = TopK.empty(len(queries), top)
    size = max(int(queries.sequences.item.max(initial=0)), int(candidates.max(initial=0))) + 1
    position_of_row = number_rows(candidates, size)
    for block in track(list(blocks(len(queries), query_block)), "retrieving"):
        scores = score(block)
        if not bool(torch.isfinite(scores).all()):  # a ranking of NaNs would look like a perfect one
            raise UserError(
                "The model's scores are not finite, nothing can be ranked: training diverged. Lower its learning rate."
            )
        query, position = (torch.from_numpy(part) for part in find_seen(queries.take(block), position_of_row))
        scores[query, position] = -torch.inf
        ranked = scores.topk(min(top, scores.shape[1]), 1)
        best.put(block, CatalogueRows(candidates[ranked.indices.numpy()]), ranked.values.float().numpy())
    return best
