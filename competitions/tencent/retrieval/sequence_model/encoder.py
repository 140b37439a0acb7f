"""Histories to vectors: the causal Transformer of SASRec (Kang and McAuley 2018), with learned positions, over the
vectors of ads.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from competitions.tencent.retrieval.sequence_model.settings import SequenceSettings

ACTIONS = 4  # exposure, click, conversion, and -1 (null) laid on 3


class HistoryEncoder(nn.Module):
    """The contract of an encoder: one output a position, of which number i says what event i will be."""

    def forward(self, events: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """``events`` [histories, length, width], ``mask`` bool [histories, length]: where there is one, no gaps ->
        [histories, length + 1, width], and bool [histories, length]: the positions that may be learned from, since
        their output has not seen the event itself.
        """
        raise NotImplementedError


class CausalEncoder(HistoryEncoder):
    """Each position sees a start token, which stands for what is known of nobody, and the events before it."""

    def __init__(self, settings: SequenceSettings) -> None:
        """Transformer blocks, and a vector for each position."""
        super().__init__()
        width = settings.width
        self.start = nn.Parameter(torch.randn(width) * 0.1 * width**-0.5)
        self.positions = small_embedding(settings.length + 1, width)
        self.blocks = nn.ModuleList(TransformerBlock(settings) for _ in range(settings.blocks))
        self.dropout, self.norm = nn.Dropout(settings.dropout), nn.LayerNorm(width)

    def forward(self, events: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """See ``HistoryEncoder``."""
        tokens = torch.cat([self.start.expand(len(events), 1, -1), events], 1)
        tokens = self.dropout(tokens + self.positions.weight[: tokens.shape[1]])
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens), mask


class TransformerBlock(nn.Module):
    """A block of a Transformer, normalised before each part."""

    def __init__(self, settings: SequenceSettings) -> None:
        """Attention, then a network of four times the width."""
        super().__init__()
        width = settings.width
        self.heads = settings.heads
        self.norm, self.norm_out = nn.LayerNorm(width), nn.LayerNorm(width)
        self.into, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, tokens: Tensor, visible: Tensor | None = None) -> Tensor:
        """[histories, tokens, width] -> the same. ``visible`` bool [histories, tokens]: what every token sees; None:
        what stands before it.
        """
        shape = *tokens.shape[:2], self.heads, -1
        query, key, value = (part.view(shape).transpose(1, 2) for part in self.into(self.norm(tokens)).chunk(3, -1))
        seen = None if visible is None else visible[:, None, None, :]
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen, is_causal=seen is None)
        tokens = tokens + self.dropout(self.out(attended.transpose(1, 2).flatten(2)))
        added: Tensor = self.dropout(self.feed(self.norm_out(tokens)))
        return tokens + added


class QueryTower(nn.Module):
    """An encoder of what was seen and done. The inner product of its output and an ad's vector is a score."""

    def __init__(self, settings: SequenceSettings, encoder: HistoryEncoder) -> None:
        """What was done with an ad is added to its vector."""
        super().__init__()
        self.settings, self.encoder = settings, encoder
        self.action = small_embedding(ACTIONS, settings.width)

    def forward(self, ads: Tensor, action: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The ``ads``' vectors [histories, length, width] with the ``action`` on each, see ``HistoryEncoder``."""
        hidden, learned = self.encoder(ads + self.action(action % ACTIONS), mask)
        return hidden, learned

    def encode_last(self, ads: Tensor, action: Tensor, mask: Tensor) -> Tensor:
        """What the next event will be: the output behind the last event, [histories, width]."""
        hidden: Tensor = self(ads, action, mask)[0]
        return hidden[torch.arange(len(hidden), device=hidden.device), mask.sum(1)]


def small_embedding(rows: int, width: int) -> nn.Embedding:
    """Vectors that are added to those of ads, small at first so that those dominate."""
    table = nn.Embedding(rows, width)
    nn.init.normal_(table.weight, std=0.1 * width**-0.5)
    return table
