"""Sampled softmax with a correction for how the negatives were drawn.

The loss wants ``log p(target) = s(target) - log sum_j exp(s(j))`` over all ads j. The sum is estimated from a pool:
every ad j of it stands for 1 / pi(j) ads, pi(j) being the probability that it came into the pool (Horvitz and Thompson
1952; the "logQ correction" of sampled softmax). Without it an ad is punished for being frequent in batches.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from competitions.tencent.data import Int64s

Generator = np.random.Generator


def draw_pool(
    events: Int64s, frequency: Tensor, negatives: int, rng: Generator, *, whole_batch: bool = False
) -> tuple[Tensor, Tensor]:
    """The negatives of a batch, and log pi of each. ``events``: the ads of the batch's events, repeats included.

    Half of the pool are ads of the batch (all of them with ``whole_batch``), half are drawn evenly from those that
    training has seen (``frequency``, the share of all events, above 0). 0 negatives: all of these, and log pi = 0.
    """
    seen = np.flatnonzero(frequency.numpy() > 0)
    if not negatives or negatives >= len(seen):
        return torch.from_numpy(seen), torch.zeros(len(seen))
    half = negatives // 2
    drawn = events if whole_batch else rng.choice(events, min(half, len(events)), replace=False)
    even = seen[rng.integers(0, len(seen), negatives - half)]
    pool = torch.from_numpy(np.unique(np.concatenate([drawn, even])))
    return pool, log_inclusion(frequency[pool], len(drawn), negatives - half, len(seen))


def log_inclusion(share: Tensor, drawn: int, even: int, ads: int) -> Tensor:
    """The log probability that an ad is in a pool of ``drawn`` events of its ``share`` and ``even`` of all ``ads``."""
    missed = drawn * torch.log1p(-share.double().clamp(max=1 - 1e-12)) + even * np.log1p(-1.0 / ads)
    return torch.log(-torch.expm1(missed)).float()


def sampled_softmax(
    hidden: Tensor,
    target_vectors: Tensor,
    targets: Tensor,
    pool_vectors: Tensor,
    pool: Tensor,
    log_pi: Tensor,
    temperature: float,
    added: Tensor | None = None,
) -> Tensor:
    """The loss of each position, [positions]. Vectors are of length 1; ``targets`` and ``pool`` are rows, ``pool``
    ascending and without repeats. ``added`` [positions, pool]: more to the scores; then all targets are in the pool.

    The target itself enters with weight 1, and once: where it is in the pool, it is left out there. The one large
    array, positions x pool, is made by one product and changed in place.
    """
    scaled = hidden / temperature
    own = (scaled * target_vectors).sum(1).float()
    scores = functional.linear(scaled, pool_vectors, -log_pi)
    place = torch.searchsorted(pool, targets).clamp(max=len(pool) - 1)
    same = torch.nonzero(pool[place] == targets).squeeze(1)
    if added is not None:
        own = own + added[torch.arange(len(place), device=place.device), place]
        scores = scores + added
    scores[same, place[same]] = -torch.inf
    return torch.logaddexp(own, torch.logsumexp(scores.float(), 1)) - own


def cosine(vectors: Tensor) -> Tensor:
    """Vectors of length 1."""
    return functional.normalize(vectors.float(), dim=-1)
