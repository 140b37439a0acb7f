"""Sampled softmax with a correction for how the negatives were drawn.

The loss wants ``log p(target) = s(target) - log sum_j exp(s(j))`` over all ads j. The sum is estimated from negatives:
every one stands for 1 / pi(j) ads, pi(j) being the probability that it was drawn (Horvitz and Thompson
1952; the "logQ correction" of sampled softmax). Without it an ad is punished for being frequent in batches.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from competitions.tencent.corpus import Int64s

Generator = np.random.Generator
POSITIONS = 256  # whose scores are held at once: they stay in the processor's cache


@dataclass(frozen=True)
class Negatives:
    """The negatives of a batch: ``rows`` int64 [negatives], ascending without repeats, and the ``log_inclusion``
    probability of each, float [negatives].
    """

    rows: Tensor
    log_inclusion: Tensor


class Added(NamedTuple):
    """Terms of the scores that are no inner products: ``targets`` [positions], ``negatives`` [positions, negatives]."""

    targets: Tensor
    negatives: Tensor


def sample_negatives(
    events: Int64s,
    shares: Tensor,
    negatives: int,
    rng: Generator,
    *,
    even_share: float = 0.5,
) -> Negatives:
    """The negatives of a batch. ``events``: the ads of the batch's events, repeats included.

    A share ``even_share`` of them are drawn evenly from those that training has seen (``shares`` of all events above
    0), the others are ads of the batch. 0 negatives: all that training has seen, pi = 1.
    """
    seen = np.flatnonzero(shares.numpy() > 0)
    if not negatives or negatives >= len(seen):
        return Negatives(torch.from_numpy(seen), torch.zeros(len(seen)))
    even = math.ceil(negatives * even_share)
    in_batch = rng.choice(events, min(negatives - even, len(events)), replace=False)
    drawn = seen[rng.integers(0, len(seen), even)]
    rows = torch.from_numpy(np.unique(np.concatenate([in_batch, drawn])))
    return Negatives(rows, log_inclusion(shares[rows], len(in_batch), even, len(seen)))


def log_inclusion(share: Tensor, in_batch: int, even: int, ads: int) -> Tensor:
    """The log probability that an ad is in ``in_batch`` events of its ``share`` or ``even`` draws of all ``ads``."""
    missed = in_batch * torch.log1p(-share.double().clamp(max=1 - 1e-12)) + even * np.log1p(-1.0 / ads)
    return torch.log(-torch.expm1(missed)).float()


def sampled_softmax(
    queries: Tensor,
    target_vectors: Tensor,
    targets: Tensor,
    negative_vectors: Tensor,
    negatives: Negatives,
    weights: Tensor,
    added: Added | None = None,
) -> Tensor:
    """The sum of the positions' losses times ``weights``. The score of an ad is the inner product with ``queries``.

    ``targets``: rows. ``added``: more to the scores.

    The target itself enters with weight 1, and once: where it is among the negatives, it is left out there.
    """
    own = (queries * target_vectors).sum(1).float()
    column = torch.searchsorted(negatives.rows, targets).clamp(max=len(negatives.rows) - 1)
    same = negatives.rows[column] == targets
    others = None
    if added is not None:
        own, others = own + added.targets, added.negatives
    fixed = _Fixed(negatives.log_inclusion, torch.where(same, column, -1), weights)
    total: Tensor = _Softmax.apply(queries, own, negative_vectors, others, fixed)  # type: ignore[no-untyped-call]
    return total


def one_negative(
    queries: Tensor,
    target_vectors: Tensor,
    targets: Tensor,
    negative_vectors: Tensor,
    negatives: Negatives,
    weights: Tensor,
) -> Tensor:
    """The sum of the positions' binary cross-entropies times ``weights``: the target against one negative,
    drawn for each position among ``negatives``, whose probabilities are not corrected for (Kang and McAuley 2018).

    Arguments as in ``sampled_softmax``. A negative that is the target counts nothing.
    """
    drawn = torch.randint(0, len(negatives.rows), (len(targets),)).to(targets.device)
    own = (queries * target_vectors).sum(1).float()
    other = (queries * negative_vectors[drawn]).sum(1).float()
    losses = functional.softplus(-own) + functional.softplus(other) * (negatives.rows[drawn] != targets)
    return (losses * weights).sum()


class _Fixed(NamedTuple):
    """Inputs of the loss without a gradient. ``hit`` [positions]: the target's column in the negatives, -1 for none."""

    log_inclusion: Tensor
    hit: Tensor
    weights: Tensor


class _Softmax(torch.autograd.Function):
    """The loss, and its gradient in the same pass, so that scores are never held for all positions: the one array of
    positions x negatives would be written and read ten times by the plain operations.
    """

    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, own: Tensor, negatives: Tensor, added: Tensor | None, fixed: _Fixed
    ) -> Tensor:
        """``own`` [positions]: the targets' scores; ``negatives``: vectors."""
        log_inclusion, hit, weights = fixed
        total = own.new_zeros(())
        by_query, by_own, by_negative = torch.empty_like(queries), torch.empty_like(own), torch.zeros_like(negatives)
        by_added = None if added is None else torch.empty_like(added)
        for start in range(0, len(own), POSITIONS):
            rows = slice(start, start + POSITIONS)
            scores = torch.addmm(-log_inclusion, queries[rows], negatives.T).float()
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
            by_query[rows] = scores.to(negatives.dtype) @ negatives
            by_negative += scores.T.to(negatives.dtype) @ queries[rows]
            by_own[rows] = weights[rows] * (mine / whole - 1)
            if by_added is not None:
                by_added[rows] = scores
        ctx.gradients = by_query, by_own, by_negative, by_added
        return total

    @staticmethod
    def backward(ctx: Any, *above: Tensor) -> Any:
        """The gradients were computed in the forward pass."""
        by_query, by_own, by_negative, by_added = ctx.gradients
        by_added = None if by_added is None else by_added * above[0]
        return by_query * above[0], by_own * above[0], by_negative * above[0], by_added, None


def cosine(vectors: Tensor) -> Tensor:
    """Vectors of length 1."""
    return functional.normalize(vectors.float(), dim=-1)
