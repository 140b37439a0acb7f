"""The generative answer: the word of the next ad, code after code, and a beam search that only spells candidates."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from competitions.tencent.corpus import Int64s
from competitions.tencent.inference.retrieval import Seen, Top
from competitions.tencent.model.semantic_ids import Trie


class CodeHead(nn.Module):
    """The next code, from the hidden vector of a history and the codes before it."""

    def __init__(self, width: int, sizes: tuple[int, ...]) -> None:
        """``sizes``: how many codes each level has."""
        super().__init__()
        self.sizes = sizes
        self.spelled = nn.ModuleList(nn.Embedding(size, width) for size in sizes[:-1])
        self.steps = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, size))
            for size in sizes
        )
        for table in self.spelled:
            nn.init.normal_(table.weight, std=width**-0.5)  # type: ignore[arg-type]

    def state(self, hidden: Tensor, codes: Tensor) -> Tensor:
        """``hidden`` [n, width] with the ``codes`` spelled so far, [n, levels so far]."""
        for level in range(codes.shape[1]):
            hidden = hidden + self.spelled[level](codes[:, level])
        return hidden

    def loss(self, hidden: Tensor, words: Tensor) -> Tensor:
        """The mean over levels of the cross-entropy of each word, [n]."""
        losses = [
            functional.cross_entropy(
                self.steps[level](self.state(hidden, words[:, :level])).float(), words[:, level], reduction="none"
            )
            for level in range(words.shape[1])
        ]
        return torch.stack(losses).mean(0)

    def log_probabilities(self, hidden: Tensor, codes: Tensor) -> Tensor:
        """Of every code of the next level, [n, size]."""
        return functional.log_softmax(self.steps[codes.shape[1]](self.state(hidden, codes)).float(), 1)


@torch.inference_mode()
def search_words(head: CodeHead, hidden: Tensor, trie: Trie, seen: Seen, top: int, beam: int, block: int = 256) -> Top:
    """The likeliest words of each query among the candidates' own; seen ones are dropped at the last code.

    Memory: ``block`` x ``beam`` x codes floats.
    """
    columns = np.full((len(hidden), top), -1)
    scores = np.full((len(hidden), top), -np.inf, np.float32)
    for start in range(0, len(hidden), block):
        places = np.arange(start, min(start + block, len(hidden)))
        nodes, found = _spell(head, hidden[places[0] : places[-1] + 1], trie, beam)
        candidate = np.where(nodes >= 0, trie.candidate[nodes], -1)
        row, column = seen.of(places)
        count = len(trie.candidate)
        known = np.isin(np.arange(len(places))[:, None] * count + candidate, row * count + column)
        found = np.where(known | (candidate < 0), -np.inf, found)
        best = np.argsort(-found, axis=1, kind="stable")[:, :top]
        columns[places, : best.shape[1]] = np.take_along_axis(candidate, best, 1)
        scores[places, : best.shape[1]] = np.take_along_axis(found, best, 1)
    return Top(np.where(np.isfinite(scores), columns, -1), scores)


def _spell(head: CodeHead, hidden: Tensor, trie: Trie, beam: int) -> tuple[Int64s, np.ndarray]:
    """The best nodes of the last level, [queries, beam], -1 where there are fewer, and their log probabilities."""
    queries = len(hidden)
    nodes = torch.zeros(queries, 1, dtype=torch.int64)  # the root
    scores = torch.zeros(queries, 1)
    spelled = torch.zeros(queries, 1, 0, dtype=torch.int64)
    for level in range(len(trie.code)):
        width = nodes.shape[1]
        repeated = hidden.repeat_interleave(width, 0)
        chances = head.log_probabilities(repeated, spelled.flatten(0, 1).to(hidden.device)).cpu()
        chances = chances.view(queries, width, -1)
        begins = torch.from_numpy(trie.children[level])
        first, last = begins[nodes.clamp(min=0)], begins[nodes.clamp(min=0) + 1]
        most = int((last - first).max())
        child = first.unsqueeze(2) + torch.arange(most)
        there = (child < last.unsqueeze(2)) & (nodes >= 0).unsqueeze(2)
        child = torch.where(there, child, 0)
        code = torch.from_numpy(trie.code[level])[child]
        grown = torch.where(there, scores.unsqueeze(2) + chances.gather(2, code), -torch.inf).flatten(1)
        best = grown.topk(min(beam, grown.shape[1]), 1)
        scores, parent = best.values, best.indices // most
        code = code.flatten(1).gather(1, best.indices)
        spelled = torch.cat([spelled.gather(1, parent.unsqueeze(2).expand(-1, -1, level)), code.unsqueeze(2)], 2)
        nodes = torch.where(torch.isfinite(scores), child.flatten(1).gather(1, best.indices), -1)
    return nodes.numpy(), scores.numpy()
