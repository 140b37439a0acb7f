"""Two towers (DSSM, Huang et al. 2013): what the user has seen on one side, an ad on the other, and a cosine.

The ads' tower is that of all networks here. The user's is a hidden layer over the mean of the ads before and the user's
features: it knows no order and no time. Trained as the others are, by a sampled softmax with the logQ correction (Yi et
al. 2019, "Sampling-bias-corrected neural modeling").
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from competitions.tencent.lab.config import ModelSettings
from competitions.tencent.lab.model.encoder import ACTIONS, Batch, FieldEmbeddings, ItemContent, small_embedding


class TwoTower(nn.Module):
    """Histories to hidden vectors, one a token, each from the mean of what stands before it."""

    def __init__(self, settings: ModelSettings, content: ItemContent) -> None:
        """A hidden layer of four times the width."""
        super().__init__()
        self.settings = settings
        width = settings.width
        self.users = FieldEmbeddings(content.user_sizes, settings.field_width, settings.feature_buckets)
        self.user = nn.Linear(len(content.user_sizes) * settings.field_width, width)
        if settings.actions:
            self.action = small_embedding(ACTIONS, width)
        if settings.condition:
            self.next_action = small_embedding(ACTIONS, width)
        self.hidden_layer = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, items: Tensor, batch: Batch) -> Tensor:
        """``items`` [histories, length, width], the ads' vectors -> [histories, length + 1, width]."""
        settings, events = self.settings, items
        if settings.actions:
            events = events + self.action(batch.action % ACTIONS)
        total = torch.cumsum(events * batch.mask.unsqueeze(-1), 1)
        count = torch.cumsum(batch.mask, 1).clamp(min=1).unsqueeze(-1)
        tokens = functional.pad(total / count, (0, 0, 1, 0)) + self.user(self.users(batch.users)).unsqueeze(1)
        if settings.condition:
            tokens = tokens + self.next_action(batch.next_action % ACTIONS)
        hidden: Tensor = self.norm(tokens + self.dropout(self.hidden_layer(tokens)))
        return hidden
