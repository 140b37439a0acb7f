"""The ranker: a small network from the features of a pair to a score, by the softmax over a query's candidates.

Without a hidden layer it is the conditional logit (McFadden 1974); one layer lets features act together.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from competitions.tencent.config import FitSettings
from competitions.tencent.corpus import Floats, Int64s

CLIP = 8.0  # standard deviations
MEASURED = 64  # queries whose features are read at once


@dataclass(frozen=True)
class LabelledLists:
    """Queries whose target was retrieved: ``features`` float32 [queries, candidates, columns], ``target`` int64
    [queries], its index among the candidates; ``names`` of the columns.
    """

    features: Floats
    target: Int64s
    names: tuple[str, ...]


@dataclass(frozen=True)
class Ranker:
    """``centre`` and ``scale`` [columns] standardise the features; ``weights`` by name; ``losses`` by epoch."""

    names: tuple[str, ...]
    centre: Floats
    scale: Floats
    weights: dict[str, np.ndarray]
    hidden: int
    losses: tuple[float, ...]

    @torch.inference_mode()
    def score(self, features: Floats) -> Floats:
        """float32 [queries, candidates, columns] -> scores [queries, candidates]."""
        network = build(len(self.names), self.hidden)
        network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in self.weights.items()})
        return np.asarray(network(self.standardise(features)).squeeze(-1).numpy())

    def summarise(self) -> dict[str, Any]:
        """How the fit went."""
        parameters = sum(int(value.size) for value in self.weights.values())
        return {"losses": list(self.losses), "parameters": parameters}

    def standardise(self, features: Floats) -> Tensor:
        """As the network takes them."""
        return torch.from_numpy(np.clip((features - self.centre) / self.scale, -CLIP, CLIP).astype(np.float32))


def build(columns: int, hidden: int) -> nn.Sequential:
    """A linear layer, or two."""
    if not hidden:
        return nn.Sequential(nn.Linear(columns, 1))
    return nn.Sequential(nn.Linear(columns, hidden), nn.SiLU(), nn.Linear(hidden, 1))


def measure_columns(features: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation (never 0) of each column, float32; sums are of float64, a block of queries at a time:
    those of float32 lose the digits of a column that lies far from 0.
    """
    pairs = features.shape[0] * features.shape[1]
    blocks = [features[start : start + MEASURED] for start in range(0, len(features), MEASURED)]
    centre = np.sum([block.sum((0, 1), dtype=np.float64) for block in blocks], 0) / pairs
    variance = np.sum([np.square(block - centre).sum((0, 1)) for block in blocks], 0) / pairs
    return centre.astype(np.float32), (np.sqrt(variance) + 1e-6).astype(np.float32)


def fit_ranker(lists: LabelledLists, settings: FitSettings, seed: int) -> Ranker:
    """Adam, its rate falling to 0 by a cosine."""
    centre, scale = measure_columns(lists.features)
    torch.manual_seed(seed)
    network = build(len(centre), settings.hidden)
    ranker = Ranker(lists.names, centre, scale, {}, settings.hidden, ())
    optimizer = torch.optim.AdamW(network.parameters(), settings.rate, weight_decay=settings.decay)
    steps = settings.epochs * -(-len(lists.target) // settings.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    losses = []
    for _ in range(settings.epochs):
        order, total = torch.randperm(len(lists.target)).numpy(), 0.0
        for start in range(0, len(order), settings.batch):
            rows = np.sort(order[start : start + settings.batch])
            scores = network(ranker.standardise(lists.features[rows])).squeeze(-1)
            loss = functional.cross_entropy(scores, torch.from_numpy(lists.target[rows]))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(rows)
        losses.append(total / len(order))
    weights = {name: value.detach().numpy().copy() for name, value in network.state_dict().items()}
    return Ranker(lists.names, centre, scale, weights, settings.hidden, tuple(losses))
