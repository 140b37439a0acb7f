"""Sampled softmax with a correction for how the negatives were drawn.

The loss wants ``log p(target) = s(target) - log sum_j exp(s(j))`` over all ads j. The sum is estimated from a pool:
every ad j of it stands for 1 / pi(j) ads, pi(j) being the probability that it came into the pool (Horvitz and Thompson
1952; the "logQ correction" of sampled softmax). Without it an ad is punished for being frequent in batches.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from competitions.tencent.corpus import Int64s

Generator = np.random.Generator
POSITIONS = 256  # whose scores are held at once: they stay in the processor's cache


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
    weights: Tensor,
    added: Tensor | None = None,
) -> Tensor:
    """The sum of the positions' losses times ``weights``. The score of an ad is the inner product with ``hidden``.

    ``targets`` and ``pool`` are rows, ``pool`` ascending and without repeats. ``added`` [positions, pool]: more to the
    scores; then all targets must be in the pool.

    The target itself enters with weight 1, and once: where it is in the pool, it is left out there.
    """
    own = (hidden * target_vectors).sum(1).float()
    place = torch.searchsorted(pool, targets).clamp(max=len(pool) - 1)
    same = pool[place] == targets
    if added is not None:
        own = own + added[torch.arange(len(place), device=place.device), place]
    total: Tensor = _Softmax.apply(  # type: ignore[no-untyped-call]
        hidden, own, pool_vectors, log_pi, torch.where(same, place, -1), weights, added
    )
    return total


class _Softmax(torch.autograd.Function):
    """The loss, and its gradient in the same pass, so that scores are never held for all positions: the one array of
    positions x pool would be written and read ten times by the plain operations.
    """

    @staticmethod
    def forward(
        ctx: Any,
        scaled: Tensor,
        own: Tensor,
        pool: Tensor,
        log_pi: Tensor,
        hit: Tensor,
        weights: Tensor,
        added: Tensor | None,
    ) -> Tensor:
        """``hit`` [positions]: the place of the target in the pool, -1 for none."""
        total = own.new_zeros(())
        by_scaled, by_own, by_pool = torch.empty_like(scaled), torch.empty_like(own), torch.zeros_like(pool)
        by_added = None if added is None else torch.empty_like(added)
        for start in range(0, len(own), POSITIONS):
            rows = slice(start, start + POSITIONS)
            scores = torch.addmm(-log_pi, scaled[rows], pool.T).float()
            if added is not None:
                scores += added[rows]
            inside = torch.nonzero(hit[rows] >= 0).squeeze(1)
            scores[inside, hit[rows][inside]] = -torch.inf
            top = torch.maximum(scores.amax(1), own[rows])
            scores.sub_(top.unsqueeze(1)).exp_()
            mine = torch.exp(own[rows] - top)
            whole = scores.sum(1) + mine
            total += (weights[rows] * (torch.log(whole) + top - own[rows])).sum()
            scores.mul_((weights[rows] / whole).unsqueeze(1))
            by_scaled[rows] = scores.to(pool.dtype) @ pool
            by_pool += scores.T.to(pool.dtype) @ scaled[rows]
            by_own[rows] = weights[rows] * (mine / whole - 1)
            if by_added is not None:
                by_added[rows] = scores
        ctx.gradients = by_scaled, by_own, by_pool, by_added
        return total

    @staticmethod
    def backward(ctx: Any, *above: Tensor) -> Any:
        """Everything was found on the way."""
        by_scaled, by_own, by_pool, by_added = ctx.gradients
        by_added = None if by_added is None else by_added * above[0]
        return by_scaled * above[0], by_own * above[0], by_pool * above[0], None, None, None, by_added


def cosine(vectors: Tensor) -> Tensor:
    """Vectors of length 1."""
    return functional.normalize(vectors.float(), dim=-1)
