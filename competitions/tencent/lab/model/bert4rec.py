"""BERT4Rec (Sun et al. 2019): a Transformer that sees both sides of an event and learns to fill in what is hidden.

One slot an event, and one behind the last. A hidden slot holds the mask's vector, and the action of its ad where the
condition is on, but no time: behind the end of a history it is not known. Answering hides the slot behind the last
event. A next event has nothing behind it, so that half of the histories hide their last event alone. Positions are
counted from the last slot in use, as if histories were filled up at the front: the last one is the same in training and
in answering.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from competitions.tencent.lab.config import ModelSettings
from competitions.tencent.lab.model.encoder import ACTIONS, Batch, Encoder, ItemContent

HIDDEN = 0.3  # of the events
LAST_ONLY = 0.5  # of the histories hide their last event and no other, see LOG.md


class Bert4Rec(Encoder):
    """Histories to hidden vectors, one a slot, each from all other events."""

    def __init__(self, settings: ModelSettings, content: ItemContent) -> None:
        """The Transformer of ``Encoder``, and the vector of what is hidden."""
        super().__init__(settings, content)
        self.mask = nn.Parameter(torch.randn(settings.width) * settings.width**-0.5)

    def forward(self, items: Tensor, batch: Batch, hidden: Tensor | None = None) -> Tensor:
        """``items`` [histories, length, width], the ads' vectors; ``hidden`` bool [histories, length + 1]: the slots to
        be filled in, None for the one behind each history -> [histories, length + 1, width].
        """
        mask = functional.pad(batch.mask, (0, 1))
        slot = torch.arange(mask.shape[1], device=mask.device)
        if hidden is None:
            hidden = slot == mask.sum(1, keepdim=True)
        query = self.mask.expand(*mask.shape, -1)
        if self.settings.condition:
            query = query + self.next_action(batch.next_action % ACTIONS)
        slots = functional.pad(self.embed_events(items, batch), (0, 0, 0, 1))
        slots = torch.where(hidden.unsqueeze(-1), query, slots)
        used = mask | hidden
        back = (used.sum(1, keepdim=True) - 1 - slot).clamp(0, self.settings.length - 1)
        tokens = self.dropout(torch.cat([self.embed_users(batch), slots + self.positions(back)], 1))
        visible = functional.pad(used, (1, 0), value=True)
        for block in self.blocks:
            tokens = block(tokens, visible)
        filled: Tensor = self.norm(tokens[:, 1:])
        return filled


def draw_hidden(mask: Tensor) -> Tensor:
    """The slots to hide in training, bool [histories, length + 1]; ``mask`` [histories, length]: where events are."""
    drawn = (torch.rand(mask.shape) < HIDDEN).to(mask.device)
    last = torch.arange(mask.shape[1], device=mask.device) == mask.sum(1, keepdim=True) - 1
    last_only = (torch.rand(len(mask), 1) < LAST_ONLY).to(mask.device)
    return functional.pad(torch.where(last_only, last, drawn & mask), (0, 1))
