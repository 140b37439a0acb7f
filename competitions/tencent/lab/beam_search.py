"""Generative retrieval: a beam search over the codes of semantic IDs, along the trie of the candidates' own."""

import numpy as np
import torch
from torch import Tensor

from competitions.tencent.corpus import CatalogueRows, Int64s
from competitions.tencent.io.schema import TOP
from competitions.tencent.lab.generative import SemanticIdHead
from competitions.tencent.lab.semantic_ids import Trie
from competitions.tencent.sequences import Histories, blocks, pad
from competitions.tencent.top_k import TopK

BEAM = 32  # semantic IDs followed at a time
BLOCK = 256  # queries


@torch.inference_mode()
def beam_search(
    head: SemanticIdHead, hidden: Tensor, trie: Trie, queries: Histories, candidates: CatalogueRows, beam: int = BEAM
) -> TopK:
    """The ten likeliest semantic IDs of each query among those of the ``candidates``, which the ``trie`` holds; seen
    ads are dropped at the last code.

    Memory: ``BLOCK`` x ``beam`` x codes floats.
    """
    best, longest = TopK.empty(len(hidden), TOP), int(queries.lengths.max(initial=1))
    for block in blocks(len(hidden), BLOCK):
        nodes, scores = _search_block(head, hidden[block[0] : block[-1] + 1], trie, beam)
        rows = candidates[trie.candidate[nodes]]
        seen = (rows[:, :, None] == pad(queries.take(block), longest).item[:, None]).any(2)
        best.put(block, CatalogueRows(rows), np.where(seen | (nodes < 0), -np.inf, scores))
    return best


def _search_block(head: SemanticIdHead, hidden: Tensor, trie: Trie, beam: int) -> tuple[Int64s, np.ndarray]:
    """The best nodes of the last level, [queries, beam], -1 where there are fewer, and their log probabilities."""
    queries = len(hidden)
    nodes = torch.zeros(queries, 1, dtype=torch.int64)  # the root
    scores = torch.zeros(queries, 1)
    codes = torch.zeros(queries, 1, 0, dtype=torch.int64)
    for level in range(len(trie.code)):
        width = nodes.shape[1]
        repeated = hidden.repeat_interleave(width, 0)
        log_p = head.log_probabilities(repeated, codes.flatten(0, 1).to(hidden.device)).cpu()
        log_p = log_p.view(queries, width, -1)
        first_child = torch.from_numpy(trie.children[level])
        first, last = first_child[nodes.clamp(min=0)], first_child[nodes.clamp(min=0) + 1]
        most = int((last - first).max())
        child = first.unsqueeze(2) + torch.arange(most)
        mask = (child < last.unsqueeze(2)) & (nodes >= 0).unsqueeze(2)
        child = torch.where(mask, child, 0)
        code = torch.from_numpy(trie.code[level])[child]
        extended = torch.where(mask, scores.unsqueeze(2) + log_p.gather(2, code), -torch.inf).flatten(1)
        best = extended.topk(min(beam, extended.shape[1]), 1)
        scores, parent = best.values, best.indices // most
        code = code.flatten(1).gather(1, best.indices)
        codes = torch.cat([codes.gather(1, parent.unsqueeze(2).expand(-1, -1, level)), code.unsqueeze(2)], 2)
        nodes = torch.where(torch.isfinite(scores), child.flatten(1).gather(1, best.indices), -1)
    return nodes.numpy(), scores.numpy()
