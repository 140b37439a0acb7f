"""Terms of the score besides the cosine of hidden vector and ad: the ad's age, how often it is about to be shown, and
how its content agrees with what the user has seen. All are inner products, so that one search finds the best of their
sum.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from competitions.tencent.io import schema
from competitions.tencent.lab.model.encoder import ACTIONS, DAY_S, Batch, ItemContent

PERIODS_S = tuple(2 * DAY_S * 2**octave for octave in range(8))
FORECAST_POWER = 0.9
DECAY, CLICKED, GAIN = 0.9, 5.0, 5.0  # where the ContentProfile's weights start


class AgeEncoding(nn.Module):
    """How an ad's score depends on its age: a sum of waves of periods from 2 to 256 days, with amplitudes learned.

    a cos(w (t - b)) + c sin(w (t - b)), t the query's time and b the ad's birth, is an inner product of a vector of t
    and a vector of b: so the search needs nothing else, and what was learned of one day holds for the next.
    """

    def __init__(self) -> None:
        """Both amplitudes start at 0: age has no weight."""
        super().__init__()
        self.amplitudes = nn.Parameter(torch.zeros(len(PERIODS_S), 2))

    def waves_at(self, time: Tensor) -> Tensor:
        """Seconds, int64 [n] -> cosine and sine of each wave, [n, waves, 2]."""
        angles = torch.stack([time % period for period in PERIODS_S], -1).float()
        angles = angles * (2 * torch.pi / torch.tensor(PERIODS_S, device=time.device))
        return torch.stack([angles.cos(), angles.sin()], -1)

    def encode_query(self, time: Tensor) -> Tensor:
        """The vector of a query's time, [n, 2 x waves]."""
        cosine, sine = self.waves_at(time).unbind(-1)
        even, odd = self.amplitudes.unbind(-1)
        return torch.cat([even * cosine + odd * sine, even * sine - odd * cosine], -1)

    def encode_item(self, birth: Tensor) -> Tensor:
        """The vector of an ad's birth, [n, 2 x waves]."""
        return torch.cat(self.waves_at(birth).unbind(-1), -1)


class ForecastTerm(nn.Module):
    """The forecast of an ad's popularity (ranking/forecast_table.py) with a power learned, of the time of the query.

    An ad's vector has the forecasts of all times, a query's the power at its own time and zeros elsewhere.
    """

    def __init__(self) -> None:
        """The power starts at that of the ranker's first search."""
        super().__init__()
        self.power = nn.Parameter(torch.tensor(FORECAST_POWER))

    def encode_query(self, time: Tensor, content: ItemContent) -> Tensor:
        """Seconds, int64 [n] -> [n, times]: the power at the latest time that does not lie behind it."""
        latest = torch.searchsorted(content.forecast_times, time, right=True) - 1
        return self.power * functional.one_hot(latest.clamp(min=0), len(content.forecast_times)).float()

    def encode_item(self, rows: Tensor, content: ItemContent) -> Tensor:
        """The forecasts of these ads, [n, times]."""
        return content.forecast[:, rows].T.float()


class ContentProfile(nn.Module):
    """The mean content of what a user has seen, later events and clicks weighing more, by cosine to an ad's content.

    A nearest-neighbour rule with weights learned: it holds from the first step on, and for ads that nobody has seen.
    """

    def __init__(self, length: int) -> None:
        """Weights by distance in steps and by action start at a rule that works."""
        super().__init__()
        self.steps = nn.Parameter(torch.arange(length + 1.0) * math.log(DECAY))
        action = torch.zeros(ACTIONS)
        action[schema.CLICK] = action[schema.CONVERSION] = math.log(CLICKED)
        self.action = nn.Parameter(action)
        self.gain = nn.Parameter(torch.tensor(GAIN))

    def forward(self, content: Tensor, batch: Batch) -> Tensor:
        """``content`` [histories, length, dimensions] of the events -> the profile at each token, one more token."""
        length = content.shape[1]
        position = torch.arange(length, device=content.device)
        apart = position[:, None] - position  # the token behind event i sees event k at this distance
        near = torch.where(apart >= 0, self.steps[apart.clamp(min=0)], -torch.inf)
        weights = torch.exp(near + self.action[batch.action % ACTIONS].unsqueeze(1)) * batch.mask.unsqueeze(1)
        profile = functional.normalize(weights @ content, dim=-1) * self.gain
        return functional.pad(profile, (0, 0, 1, 0))  # the user's token has seen nothing


def content_vectors(vectors: tuple[Tensor, ...], rows: Tensor) -> Tensor:
    """All embeddings of these ads side by side, of length 1; zero where an ad has none."""
    parts = [functional.normalize(part[rows].float(), dim=-1) for part in vectors]
    return functional.normalize(torch.cat(parts, -1), dim=-1)
