"""Histories to vectors: the causal Transformer of SASRec (Kang and McAuley 2018), with learned positions, over the
vectors of ads with what was done, and when.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from common.time_units import DAY_S
from competitions.tencent.config import SequenceSettings
from competitions.tencent.corpus import Int64s
from competitions.tencent.io import schema
from competitions.tencent.sequences import Padded

ACTIONS = 4  # exposure, click, conversion, and -1 (null) laid on 3
BUCKETS = 64  # half octaves of seconds: the last begins at 97 years
KNOTS = 64


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
    """An encoder of what was seen, done and when. The inner product of its output and an ad's vector is a score."""

    def __init__(self, settings: SequenceSettings, encoder: HistoryEncoder) -> None:
        """What is added to the vectors of ads, and what is done with the encoder's outputs."""
        super().__init__()
        width = settings.width
        self.settings, self.encoder = settings, encoder
        self.action, self.time = small_embedding(ACTIONS, width), TimeEmbedding(width)
        self.query_time = QueryTime(width)
        self.by_action = nn.Embedding(schema.CONVERSION, 2 * width)
        nn.init.zeros_(self.by_action.weight)

    def forward(self, ads: Tensor, events: Padded, target_action: Tensor) -> tuple[Tensor, Tensor]:
        """The ``ads``' vectors [histories, length, width] with what is known of the ``events``, see ``HistoryEncoder``;
        ``target_action`` int64 [histories, length + 1]: the action of the event to predict, a click or more. Outputs
        are moved by the time of the query, which is that of the event before the one to predict, and by the action: a
        factor and a summand of each dimension (FiLM, Perez et al. 2018).
        """
        columns = events.action, events.time, events.mask
        action, time, mask = (torch.from_numpy(column).to(ads.device) for column in columns)
        hidden, learned = self.encoder(ads + self.action(action % ACTIONS) + self.time(time), mask)
        hidden = hidden + self.query_time(torch.cat([time[:, :1], time], 1))
        factor, summand = self.by_action(target_action.clamp(min=schema.CLICK) - schema.CLICK).chunk(2, -1)
        return hidden * (1 + factor) + summand, learned

    def encode_targets(self, ads: Tensor, events: Padded) -> tuple[Tensor, Tensor]:
        """What each of the ``events`` will be, of which only the action is known: [histories, length, width]; bool
        [histories, length]: see ``HistoryEncoder``.
        """
        action = torch.from_numpy(events.action).to(ads.device)
        hidden, learned = self(ads, events, functional.pad(action, (0, 1)))
        return hidden[:, :-1], learned

    def encode_last(self, ads: Tensor, events: Padded, target_action: Tensor) -> Tensor:
        """What the next event will be, of this ``target_action`` int64 [histories]: the output behind the last event,
        [histories, width].
        """
        hidden: Tensor = self(ads, events, target_action.unsqueeze(1))[0]
        return hidden[torch.arange(len(hidden)), torch.from_numpy(events.mask.sum(1))]


def small_embedding(rows: int, width: int) -> nn.Embedding:
    """Vectors that are added to those of ads, small at first so that those dominate."""
    table = nn.Embedding(rows, width)
    nn.init.normal_(table.weight, std=0.1 * width**-0.5)
    return table


def bucket_seconds(seconds: Tensor) -> Tensor:
    """Half octaves of int64 ``seconds``, below 0 as 0.

    >>> bucket_seconds(torch.tensor([-1, 0, 1, 60, 86_400])).tolist()
    [0, 0, 2, 11, 32]
    """
    octaves = torch.log2(seconds.clamp(min=0).float() + 1)
    return (2 * octaves).long().clamp(max=BUCKETS - 1)


class TimeEmbedding(nn.Module):
    """What is added to an event's vector: one for the time since the event before, and the hour (UTC) as waves."""

    def __init__(self, width: int) -> None:
        """Both start at 0. A history's first event has a row of its own."""
        super().__init__()
        self.gap, self.hour = nn.Embedding(BUCKETS + 1, width), nn.Linear(4, width, bias=False)
        nn.init.zeros_(self.gap.weight)
        nn.init.zeros_(self.hour.weight)

    def forward(self, time: Tensor) -> Tensor:
        """Seconds, int64 [histories, length] -> [histories, length, width]."""
        gaps = torch.cat([torch.full_like(time[:, :1], BUCKETS), bucket_seconds(time.diff(dim=1))], 1)
        angle = (time % DAY_S).float() * (2 * torch.pi / DAY_S)
        waves = torch.stack([angle.sin(), angle.cos(), (2 * angle).sin(), (2 * angle).cos()], -1)
        summed: Tensor = self.gap(gaps) + self.hour(waves)
        return summed


class QueryTime(nn.Module):
    """What is added to a query's vector by its time: what others are shown about then is what the ads are that are
    near it. Between ``KNOTS`` moments, quantiles of the times of the training's events, it goes in a straight line.
    """

    def __init__(self, width: int) -> None:
        """All vectors start at 0."""
        super().__init__()
        self.knots: Tensor
        self.register_buffer("knots", torch.zeros(KNOTS, dtype=torch.int64))
        self.table = nn.Embedding(KNOTS, width)
        nn.init.zeros_(self.table.weight)

    def set_knots(self, times: Int64s) -> None:
        """From the seconds of events; all queries are alike where there are none."""
        if len(times):
            self.knots.copy_(torch.from_numpy(np.quantile(times, np.linspace(0, 1, KNOTS)).astype(np.int64)))

    def forward(self, time: Tensor) -> Tensor:
        """Seconds, int64 of any shape -> [..., width]; before the first knot and behind the last: as there."""
        time = torch.clamp(time, self.knots[0], self.knots[-1])
        right = torch.searchsorted(self.knots, time).clamp(min=1)
        low, high = self.knots[right - 1], self.knots[right]
        share = ((time - low) / (high - low).clamp(min=1)).unsqueeze(-1)
        return torch.lerp(self.table(right - 1), self.table(right), share)
