"""Time as an input: of each event the seconds since the one before and the hour of the day, and the time of the query.

Where times only say the order, one step apart each, the first two are constants, and the third is left out.
"""

import numpy as np
import torch
from torch import Tensor, nn

from common.time_units import DAY_S
from competitions.tencent.corpus import Int64s

BUCKETS = 64  # half octaves of seconds: the last begins at 97 years
KNOTS = 64


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
