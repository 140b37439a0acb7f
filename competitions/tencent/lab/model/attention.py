"""The blocks of the encoders: HSTU's gated attention with its biases, and a Transformer's."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from competitions.tencent.lab.config import ModelSettings

GAP_BUCKETS = 26  # powers of two seconds, up to a year
NO_TIME = GAP_BUCKETS  # the bucket of a pair with the user's token


def bucket_seconds(seconds: Tensor) -> Tensor:
    """Whole powers of two: 0 for less than 2 s, 1 for 2 to 3 s, ..."""
    return torch.log2(seconds.clamp(min=1).float()).long().clamp(max=GAP_BUCKETS - 1)


class AttentionBias(nn.Module):
    """What attention adds for the distance of two tokens in steps and in time, for each block and head."""

    def __init__(self, settings: ModelSettings, tokens: int) -> None:
        """One table for all blocks, so that the buckets of a batch are looked up once."""
        super().__init__()
        self.shape = settings.blocks, settings.heads
        self.times = settings.times
        self.steps = nn.Parameter(torch.zeros(tokens, settings.blocks * settings.heads))
        if settings.times:
            self.gaps = nn.Embedding(GAP_BUCKETS + 1, settings.blocks * settings.heads)
            nn.init.zeros_(self.gaps.weight)

    def forward(self, time: Tensor) -> Tensor:
        """``time`` [histories, length] -> [histories or 1, blocks, heads, tokens, tokens]."""
        tokens = time.shape[1] + 1
        position = torch.arange(tokens, device=time.device)
        bias = self.steps[(position[:, None] - position).clamp(min=0)].unsqueeze(0)
        if self.times:
            apart = functional.pad(bucket_seconds(time[:, :, None] - time[:, None, :]), (1, 0, 1, 0), value=NO_TIME)
            bias = bias + self.gaps(apart)
        return bias.view(*bias.shape[:-1], *self.shape).permute(0, 3, 4, 1, 2)


class GatedAttention(nn.Module):
    """A block of HSTU: SiLU instead of softmax, so that the strength of a preference counts, and a gate behind."""

    def __init__(self, settings: ModelSettings) -> None:
        """Four projections of one normalised input."""
        super().__init__()
        self.heads, self.scale = settings.heads, (settings.width // settings.heads) ** -0.5
        self.norm, self.norm_out = nn.LayerNorm(settings.width), nn.LayerNorm(settings.width)
        self.into = nn.Linear(settings.width, 4 * settings.width)
        self.out = nn.Linear(settings.width, settings.width)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, tokens: Tensor, bias: Tensor) -> Tensor:
        """[histories, tokens, width] -> the same."""
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

    def __init__(self, settings: ModelSettings) -> None:
        """Attention, then a network of four times the width."""
        super().__init__()
        self.heads, self.rate = settings.heads, settings.dropout
        self.norm, self.norm_out = nn.LayerNorm(settings.width), nn.LayerNorm(settings.width)
        self.into, self.out = nn.Linear(settings.width, 3 * settings.width), nn.Linear(settings.width, settings.width)
        self.feed = nn.Sequential(
            nn.Linear(settings.width, 4 * settings.width), nn.GELU(), nn.Linear(4 * settings.width, settings.width)
        )
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, tokens: Tensor, visible: Tensor | None = None) -> Tensor:
        """[histories, tokens, width] -> the same. ``visible`` bool [histories, tokens]: what every token sees; None:
        what stands before it.
        """
        shape = *tokens.shape[:2], self.heads, -1
        query, key, value = (part.view(shape).transpose(1, 2) for part in self.into(self.norm(tokens)).chunk(3, -1))
        rate = self.rate if self.training else 0.0
        seen = None if visible is None else visible[:, None, None, :]
        attended = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=seen, is_causal=seen is None, dropout_p=rate
        )
        tokens = tokens + self.dropout(self.out(attended.transpose(1, 2).flatten(2)))
        added: Tensor = self.dropout(self.feed(self.norm_out(tokens)))
        return tokens + added
