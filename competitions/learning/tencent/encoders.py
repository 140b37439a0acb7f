"""Other encoders of histories, trained as the channel's is: HSTU, BERT4Rec, and the user's side of two towers. The
rungs of the ladder: the channel alone, with one encoder after the other.
"""

from dataclasses import replace
from typing import NamedTuple

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional

from competitions.learning.tencent.plain_rules import rank_all
from competitions.tencent.config import SequenceSettings
from competitions.tencent.corpus import Corpus, Int64s
from competitions.tencent.io.schema import TOP
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.sequence import BuildEncoder, SequenceTable, fit
from competitions.tencent.retrieval.sequence_model.encoder import (
    CausalEncoder,
    HistoryEncoder,
    TransformerBlock,
    small_embedding,
)
from competitions.tencent.split import Fold
from competitions.tencent.top_k import TopK

HIDDEN = 0.3  # of the events
LAST_ONLY = 0.5  # of the histories hide their last event and no other, see LOG.md
WITH_CONTENT = "sasrec-content"
QUERY_BLOCK = 256


class Hstu(HistoryEncoder):
    """Gated attention without softmax, with a bias by distance in steps (Zhai et al. 2024, "Actions speak louder than
    words"). Each position sees a start token and the events before it, as in ``CausalEncoder``.
    """

    def __init__(self, settings: SequenceSettings) -> None:
        """Gated blocks, and their biases."""
        super().__init__()
        width, tokens = settings.width, settings.length + 1
        self.start = nn.Parameter(torch.randn(width) * 0.1 * width**-0.5)
        self.steps = nn.Parameter(torch.zeros(settings.blocks, settings.heads, tokens))
        self.blocks = nn.ModuleList(GatedAttention(settings) for _ in range(settings.blocks))
        self.dropout, self.norm = nn.Dropout(settings.dropout), nn.LayerNorm(width)

    def forward(self, events: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """See ``HistoryEncoder``."""
        tokens = torch.cat([self.start.expand(len(events), 1, -1), events], 1)
        position = torch.arange(tokens.shape[1], device=tokens.device)
        bias = self.steps[:, :, (position[:, None] - position).clamp(min=0)]
        tokens = self.dropout(tokens)
        for block, own in zip(self.blocks, bias, strict=True):
            tokens = block(tokens, own)
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


class Bert4Rec(HistoryEncoder):
    """A Transformer that sees both sides of an event and learns to fill in what is hidden (Sun et al. 2019).

    One slot an event, and one behind the last. A hidden slot holds the mask's vector. Answering hides the slot behind
    the last event. A next event has nothing behind it, so that half of the histories hide their last event alone.
    Positions are counted from the last slot in use: the last one is the same in training and in answering.
    """

    def __init__(self, settings: SequenceSettings) -> None:
        """Transformer blocks, and the vector of what is hidden."""
        super().__init__()
        width, tokens = settings.width, settings.length + 1
        self.mask = nn.Parameter(torch.randn(width) * width**-0.5)
        self.positions = small_embedding(tokens, width)
        self.blocks = nn.ModuleList(TransformerBlock(settings) for _ in range(settings.blocks))
        self.dropout, self.norm = nn.Dropout(settings.dropout), nn.LayerNorm(width)

    def forward(self, events: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """See ``HistoryEncoder``; what was hidden may be learned from."""
        events, mask = functional.pad(events, (0, 0, 0, 1)), functional.pad(mask, (0, 1))
        hidden = draw_hidden(mask) if self.training else hide_next(mask)
        slots = torch.where(hidden.unsqueeze(-1), self.mask, events)
        used = mask | hidden
        back = used.sum(1, keepdim=True) - 1 - torch.arange(used.shape[1], device=used.device)
        tokens = self.dropout(slots + self.positions(back.clamp(min=0)))
        for block in self.blocks:
            tokens = block(tokens, used)
        return self.norm(tokens), (hidden & mask)[:, :-1]


def hide_next(mask: Tensor) -> Tensor:
    """The slot behind the last event of each history; ``mask`` bool [histories, slots].

    >>> hide_next(torch.tensor([[True, True, False], [False, False, False]])).long().tolist()
    [[0, 0, 1], [1, 0, 0]]
    """
    return torch.arange(mask.shape[1], device=mask.device) == mask.sum(1, keepdim=True)


def draw_hidden(mask: Tensor) -> Tensor:
    """The slots to hide in training, bool [histories, slots]: some of the events, or the last alone."""
    drawn = (torch.rand(mask.shape) < HIDDEN).to(mask.device) & mask
    last = torch.arange(mask.shape[1], device=mask.device) == mask.sum(1, keepdim=True) - 1
    last_only = (torch.rand(len(mask), 1) < LAST_ONLY).to(mask.device)
    return torch.where(last_only, last, drawn)


class TwoTower(HistoryEncoder):
    """A hidden layer over the mean of the events before (DSSM, Huang et al. 2013): it knows no order."""

    def __init__(self, settings: SequenceSettings) -> None:
        """Of four times the width."""
        super().__init__()
        width = settings.width
        self.hidden_layer = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.dropout, self.norm = nn.Dropout(settings.dropout), nn.LayerNorm(width)

    def forward(self, events: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """See ``HistoryEncoder``."""
        total, count = torch.cumsum(events * mask.unsqueeze(-1), 1), torch.cumsum(mask, 1)
        mean = functional.pad(total / count.clamp(min=1).unsqueeze(-1), (0, 0, 1, 0))
        return self.norm(mean + self.dropout(self.hidden_layer(mean))), mask


class SequenceRung(NamedTuple):
    """The ``title`` of a rung, its encoder, the settings of its training; whether ads have more than an id."""

    title: str
    build: BuildEncoder
    settings: SequenceSettings
    content: bool = False


IDS = SequenceSettings()
SEQUENCE_RUNGS = {
    "two-towers": SequenceRung("two towers, ids only", TwoTower, IDS),
    "bert4rec": SequenceRung("BERT4Rec, ids only", Bert4Rec, IDS),
    "hstu": SequenceRung("HSTU, ids only", Hstu, msgspec.structs.replace(IDS, blocks=2)),
    # The channel is SASRec: a dot product with one block's output; arXiv 2508.06450 for the loss.
    "sasrec": SequenceRung("SASRec with sampled softmax, ids only", CausalEncoder, IDS),
    WITH_CONTENT: SequenceRung("+ content", CausalEncoder, IDS, content=True),  # the channel, alone
}


def fit_rung(corpus: Corpus, contents: list[Content], fold: Fold, key: str, seed: int) -> SequenceTable:
    """The model of the rung of this ``key``, of what the fold shows."""
    rung, catalogue = SEQUENCE_RUNGS[key], corpus.catalogue
    if not rung.content:
        catalogue, contents = replace(catalogue, sizes=(0,) * len(catalogue.sizes)), []
    return fit(fold.history(corpus.train), catalogue, contents, rung.settings, seed, rung.build)


@torch.inference_mode()
def answer_rung(corpus: Corpus, fold: Fold, table: SequenceTable, key: str) -> TopK:
    """The ten candidates of the largest scores, seen ads masked."""
    tower, rows = table.load(SEQUENCE_RUNGS[key].build(table.settings)), fold.candidates
    queries, ads = fold.queries(corpus.train), table.take(rows).T

    def score(block: Int64s) -> Tensor:
        return table.encode(tower, queries.take(block), fold.condition[block]) @ ads

    return rank_all(score, queries, rows, TOP, QUERY_BLOCK)
