"""Histories to vectors: a causal encoder over the vectors of ads.

Two encoders are here: ``hstu``, gated attention without softmax and with a bias by distance in steps (Zhai et al. 2024,
"Actions speak louder than words"), and ``transformer``, the causal Transformer of SASRec (Kang and McAuley 2018) with
learned positions.
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
        """The blocks of ``settings.encoder``."""
        super().__init__()
        width, tokens = settings.width, settings.length + 1
        self.start = nn.Parameter(torch.randn(width) * 0.1 * width**-0.5)
        self.gated = settings.encoder == "hstu"
        if self.gated:
            self.steps = nn.Parameter(torch.zeros(settings.blocks, settings.heads, tokens))
            self.blocks = nn.ModuleList(GatedAttention(settings) for _ in range(settings.blocks))
        else:
            self.positions = small_embedding(tokens, width)
            self.blocks = nn.ModuleList(TransformerBlock(settings) for _ in range(settings.blocks))
        self.dropout, self.norm = nn.Dropout(settings.dropout), nn.LayerNorm(width)

    def forward(self, events: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """See ``HistoryEncoder``."""
        tokens = torch.cat([self.start.expand(len(events), 1, -1), events], 1)
        if self.gated:
            position = torch.arange(tokens.shape[1], device=tokens.device)
            bias = self.steps[:, :, (position[:, None] - position).clamp(min=0)]
            tokens = self.dropout(tokens)
            for block, own in zip(self.blocks, bias, strict=True):
                tokens = block(tokens, own)
        else:
            tokens = self.dropout(tokens + self.positions.weight[: tokens.shape[1]])
            for block in self.blocks:
                tokens = block(tokens)
        return self.norm(tokens), mask


class GatedAttention(nn.Module):
    """A block of HSTU: SiLU instead of softmax, so that the strength of a preference counts, and a gate behind."""

    def __init__(self, settings: SequenceSettings) -> None:
        """Four projections of one normalised input."""
        super().__init__()
        width = settings.width
        self.heads, self.scale = settings.heads, (width // settings.heads) ** -0.5
        self.norm, self.norm_out = nn.LayerNorm(width), nn.LayerNorm(width)
        self.into, self.out = nn.Linear(width, 4 * width), nn.Linear(width, width)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, tokens: Tensor, bias: Tensor) -> Tensor:
        """[histories, tokens, width] -> the same; ``bias`` [heads, tokens, tokens]."""
        gate, value, query, key = functional.silu(self.into(self.norm(tokens))).chunk(4, -1)
        shape = *tokens.shape[:2], self.heads, -1
        query, key, value = (part.view(shape).transpose(1, 2) for part in (query, key, value))
        weights = functional.silu(query @ key.transpose(-1, -2) * self.scale + bias).tril()
        weights = weights / torch.arange(1, tokens.shape[1] + 1, device=tokens.device).unsqueeze(1)
        attended = (weights @ value).transpose(1, 2).flatten(2)
        added: Tensor = self.dropout(self.out(self.norm_out(attended) * gate))
        return tokens + added


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
