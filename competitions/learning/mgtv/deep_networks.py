"""Three networks that score the rows of a list: wide and deep, DeepFM, and DIN.

All read the same ids as learned vectors and the same numbers; they differ in how these may meet. Scores are only
compared within a list.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

CROSSES = 16_384  # weights that the crossed ids share
START = 0.01  # deviation of a vector before training: an id that training never met then says nearly nothing


@dataclass(frozen=True)
class Batch:
    """Whole lists. ``numbers`` float [rows, d]; ``video`` ids [rows, video fields]; ``device`` ids [rows, device
    fields]; ``owner`` [rows]: the list; ``watched`` ids [lists, most, video fields]; ``completions`` [lists, most], -1
    unknown; ``mask`` [lists, most]: whether there is such a video.
    """

    numbers: Tensor
    video: Tensor
    device: Tensor
    owner: Tensor
    watched: Tensor
    completions: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Shape:
    """``numbers``: how many; ids of each field of the videos and of the devices; ``size`` of a vector; ``hidden``
    layers; ``dropout`` between them.
    """

    numbers: int
    video: tuple[int, ...]
    device: tuple[int, ...]
    size: int
    hidden: tuple[int, ...]
    dropout: float


class Vectors(nn.Module):
    """A vector for each id of several fields, in one table: ids [..., fields] -> [..., fields, size]."""

    first: Tensor

    def __init__(self, sizes: tuple[int, ...], size: int) -> None:
        """``sizes``: ids of each field."""
        super().__init__()
        self.table = nn.Embedding(max(sum(sizes), 1), size)
        nn.init.normal_(self.table.weight, std=START)
        self.register_buffer("first", torch.tensor([0, *sizes[:-1]] if sizes else [], dtype=torch.int64).cumsum(0))

    def forward(self, ids: Tensor) -> Tensor:
        """Look the ids up."""
        vectors: Tensor = self.table(ids + self.first)
        return vectors


def stack_layers(inputs: int, shape: Shape, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Hidden layers down to one number."""
    layers: list[nn.Module] = []
    for width in shape.hidden:
        layers += [nn.Linear(inputs, width), activation(), nn.Dropout(shape.dropout)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 1))


class WideAndDeep(nn.Module):
    """A linear model that memorises ids and crossed ids, plus layers that generalise over their vectors.

    Cheng et al. 2016, "Wide & deep learning for recommender systems": the score is the sum of both, trained together.
    Crossed are each profile name with the video's channel and with its programme.
    """

    def __init__(self, shape: Shape) -> None:
        """The layers of a ``shape``."""
        super().__init__()
        fields = len(shape.video) + len(shape.device)
        self.vectors = Vectors(shape.video + shape.device, shape.size)
        self.weights = Vectors(shape.video + shape.device, 1)
        self.crosses = nn.Embedding(CROSSES, 1)
        nn.init.zeros_(self.crosses.weight)
        self.wide = nn.Linear(shape.numbers, 1)
        self.deep = stack_layers(fields * shape.size + shape.numbers, shape)

    def forward(self, batch: Batch) -> Tensor:
        """Scores [rows]."""
        ids = torch.cat([batch.video, batch.device], 1)
        wide = self.weights(ids).sum((1, 2)) + self.wide(batch.numbers)[:, 0]
        wide = wide + self.crosses(cross(batch.video[:, 1:3], batch.device)).sum((1, 2))
        deep = self.deep(torch.cat([self.vectors(ids).flatten(1), batch.numbers], 1))
        scores: Tensor = wide + deep[:, 0]
        return scores


def cross(left: Tensor, right: Tensor) -> Tensor:
    """Each pair of a left and a right id as one id below ``CROSSES``: [rows, pairs]."""
    offsets = torch.arange(left.shape[1] * right.shape[1]) * 7_919
    pairs = left[:, :, None] * 1_000_003 + right[:, None, :] * 613
    return (pairs.flatten(1) + offsets) % CROSSES


class DeepFM(nn.Module):
    """A factorisation machine, in which any two inputs meet by their vectors' inner product, plus layers over the same.

    Guo et al. 2017, "DeepFM: a factorization-machine based neural network for CTR prediction"; the sum over all pairs
    is half the squared sum less the sum of squares (Rendle 2010). A number times a vector of its own is an input too.
    """

    def __init__(self, shape: Shape) -> None:
        """The layers of a ``shape``."""
        super().__init__()
        fields = len(shape.video) + len(shape.device)
        self.vectors = Vectors(shape.video + shape.device, shape.size)
        self.weights = Vectors(shape.video + shape.device, 1)
        self.linear = nn.Linear(shape.numbers, 1)
        self.factors = nn.Parameter(START * torch.randn(shape.numbers, shape.size))
        self.deep = stack_layers(fields * shape.size + shape.numbers, shape)

    def forward(self, batch: Batch) -> Tensor:
        """Scores [rows]."""
        ids = torch.cat([batch.video, batch.device], 1)
        vectors = self.vectors(ids)
        total = vectors.sum(1) + batch.numbers @ self.factors
        squares = (vectors**2).sum(1) + batch.numbers**2 @ self.factors**2
        met = 0.5 * (total**2 - squares).sum(1)
        first = self.weights(ids).sum((1, 2)) + self.linear(batch.numbers)[:, 0]
        deep = self.deep(torch.cat([vectors.flatten(1), batch.numbers], 1))
        scores: Tensor = first + met + deep[:, 0]
        return scores


class DIN(nn.Module):
    """Layers over the candidate and what the device watched last, each watched video weighed by how it bears on it.

    Zhou et al. 2018, "Deep interest network for click-through rate prediction": a small network looks at the watched
    video, the candidate, their difference and product, and gives the weight, which is not normalised, so that the
    sum tells how much there was of interest. Beside a watched video stands how much of it was played.
    """

    def __init__(self, shape: Shape) -> None:
        """The layers of a ``shape``."""
        super().__init__()
        width = len(shape.video) * shape.size
        self.vectors = Vectors(shape.video, shape.size)
        self.names = Vectors(shape.device, shape.size)
        self.attention = nn.Sequential(nn.Linear(4 * width + 3, 32), nn.PReLU(), nn.Linear(32, 1))
        inputs = 3 * width + 2 + len(shape.device) * shape.size + shape.numbers
        self.deep = stack_layers(inputs, shape, nn.PReLU)

    def forward(self, batch: Batch) -> Tensor:
        """Scores [rows]."""
        own = self.vectors(batch.video).flatten(1)
        interest = self.attend(own, batch)
        names = self.names(batch.device).flatten(1)
        scores: Tensor = self.deep(torch.cat([own, interest, names, batch.numbers], 1))[:, 0]
        return scores

    def attend(self, own: Tensor, batch: Batch) -> Tensor:
        """The weighed sum of the watched videos [rows, width], times the candidate, and the weights by rate."""
        watched = self.vectors(batch.watched).flatten(2)[batch.owner]
        known = (batch.completions >= 0).float()
        rates = torch.stack([batch.completions.clamp(min=0.0), known], 2)[batch.owner]
        recency = torch.linspace(1.0, 0.0, watched.shape[1]).expand(len(own), -1)[:, :, None]
        candidate = own[:, None].expand_as(watched)
        pairs = torch.cat([watched, candidate, watched - candidate, watched * candidate, rates, recency], 2)
        weight = self.attention(pairs)[:, :, 0] * batch.mask[batch.owner]
        pooled = (weight[:, :, None] * watched).sum(1)
        totals = torch.stack([weight.sum(1), (weight * rates[:, :, 0]).sum(1)], 1)
        return torch.cat([pooled, pooled * own, totals], 1)


NETWORKS: dict[str, type[nn.Module]] = {"wide and deep": WideAndDeep, "DeepFM": DeepFM, "DIN": DIN}
