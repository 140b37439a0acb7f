"""A term of the score for users of several interests: a kernel over the history, its weights learned.

An ad's score is the logarithm of the sum over the history of w exp(beta (cosine - 1)), of which an ad near any of the
user's interests gets much; the mean of the history (score_terms.py) lies between them. It is no inner product.
"""

import math

import torch
from torch import Tensor, nn

from competitions.tencent.io import schema
from competitions.tencent.lab.model.encoder import Batch

BETA, RECENT, CLICKED = 12.0, 0.9, 60.0  # where the weights start: those of the ranker's first search
FLOOR = 1e-12


class InterestKernel(nn.Module):
    """``beta``, the weight of an event for each event behind it, that of a click, and the term's power are learned."""

    def __init__(self) -> None:
        """The weights start at a rule that works; all are positive, so that their logarithms are the parameters."""
        super().__init__()
        self.log_beta = nn.Parameter(torch.tensor(math.log(BETA)))
        self.log_fade = nn.Parameter(torch.tensor(math.log(-math.log(RECENT))))
        self.log_click = nn.Parameter(torch.tensor(math.log(CLICKED)))
        self.power = nn.Parameter(torch.tensor(1.0))

    def weigh(self, back: Tensor, action: Tensor, mask: Tensor) -> Tensor:
        """The weights of events that have ``back`` events behind them, 0 below 0; float of the shape of all three."""
        weights = torch.exp(-self.log_fade.exp() * back.clamp(min=0)) * (mask & (back >= 0))
        clicked = (action == schema.CLICK) | (action == schema.CONVERSION)
        return weights * torch.where(clicked, self.log_click.exp(), 1.0)

    def forward(self, history: Tensor, ads: Tensor, batch: Batch, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The terms of the ``targets`` (bool [histories, length]) themselves [targets], and of ``ads`` [targets, ads].

        ``history`` [histories, length, dimensions] and ``ads`` [ads, dimensions]: content of length 1 or 0. A target's
        weights are those of the events before it.
        """
        position = torch.arange(history.shape[1], device=history.device)
        weights = self.weigh(position[:, None] - 1 - position, batch.action.unsqueeze(1), batch.mask.unsqueeze(1))
        own = (weights * self.near(history, history)).sum(2)[targets]
        others = (weights @ self.near(history, ads))[targets]
        return self.power * torch.log(own + FLOOR), self.power * torch.log(others + FLOOR)

    def near(self, history: Tensor, ads: Tensor) -> Tensor:
        """exp(beta (cosine - 1)) of every event and every ad, [histories, length, ads]."""
        return torch.exp(self.log_beta.exp() * (history @ ads.transpose(-1, -2) - 1))

    def weigh_all(self, action: Tensor, mask: Tensor) -> Tensor:
        """The weights of whole histories, [histories, length], as at the token behind the last event."""
        back = mask.sum(1, keepdim=True) - 1 - torch.arange(mask.shape[1], device=mask.device)
        return self.weigh(back, action, mask)
