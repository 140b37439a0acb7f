"""The generative head: a semantic ID predicted code after code from the hidden vector of a history."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class SemanticIdHead(nn.Module):
    """The next code, from the hidden vector of a history and the codes before it."""

    def __init__(self, width: int, sizes: tuple[int, ...]) -> None:
        """``sizes``: how many codes each level has."""
        super().__init__()
        self.sizes = sizes
        self.code_embeddings = nn.ModuleList(nn.Embedding(size, width) for size in sizes[:-1])
        self.levels = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, size))
            for size in sizes
        )
        for table in self.code_embeddings:
            nn.init.normal_(table.weight, std=width**-0.5)  # type: ignore[arg-type]

    def state(self, hidden: Tensor, codes: Tensor) -> Tensor:
        """``hidden`` [n, width] with the ``codes`` so far, [n, levels so far]."""
        for level in range(codes.shape[1]):
            hidden = hidden + self.code_embeddings[level](codes[:, level])
        return hidden

    def loss(self, hidden: Tensor, semantic_ids: Tensor) -> Tensor:
        """The mean over levels of the cross-entropy of each semantic ID's codes, [n]."""
        losses = []
        for level in range(semantic_ids.shape[1]):
            logits = self.levels[level](self.state(hidden, semantic_ids[:, :level])).float()
            losses.append(functional.cross_entropy(logits, semantic_ids[:, level], reduction="none"))
        return torch.stack(losses).mean(0)

    def log_probabilities(self, hidden: Tensor, codes: Tensor) -> Tensor:
        """Of every code of the next level, [n, size]."""
        return functional.log_softmax(self.levels[codes.shape[1]](self.state(hidden, codes)).float(), 1)
