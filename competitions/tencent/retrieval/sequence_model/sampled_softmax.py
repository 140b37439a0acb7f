"""Sampled softmax with a correction for how the negatives were drawn.

The loss wants ``log p(target) = s(target) - log sum_j exp(s(j))`` over all ads j. The sum is estimated from negatives:
every one stands for 1 / pi(j) ads, pi(j) being the probability that it was drawn (Horvitz and Thompson 1952; the "logQ
correction", Yi et al. 2019, "Sampling-bias-corrected neural modeling"). Without it an ad is punished for being frequent
in batches. What the same user has in the same batch is no negative of its positions: mostly it is right, only later.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from competitions.tencent.corpus import Int64s

EVEN_SHARE = 0.5  # of the negatives: drawn evenly, the others from the batch
POSITIONS = 256  # whose scores are worked on at once: they stay in the processor's cache


@dataclass(frozen=True)
class Frequencies:
    """How often ads stand in the windows that are trained on: ``rows`` int64, those that do, and the ``share`` of all
    events of these windows, float64 [rows of the catalogue].
    """

    rows: Int64s
    share: npt.NDArray[np.float64]

    @classmethod
    def count(cls, items: npt.NDArray[np.signedinteger], ads: int) -> "Frequencies":
        """Of these events' ``items``, rows of a catalogue of so many ``ads``."""
        counts = np.bincount(items, minlength=ads)
        return cls(np.flatnonzero(counts), counts / max(1, len(items)))


def sample_negatives(
    events: Int64s, known: Frequencies, negatives: int, rng: np.random.Generator
) -> tuple[Int64s, Tensor]:
    """The negatives of a batch, rows of the catalogue, ascending without repeats, and the logarithm of each one's
    probability of being drawn, float32. ``events``: the ads of the batch's events, repeats included.

    A part of them are drawn evenly from the ads ``known``, the others are ads of the batch. All known ads, pi = 1,
    where these are no more than so many ``negatives``.

    pi(j) is the probability that ad j is among a step's negatives at all, drawn either way, over the draw of the batch
    too: events of a batch count as draws by ``known.share``, which holds as long as both are of the same windows.
    """
    if negatives >= len(known.rows):
        return known.rows, torch.zeros(len(known.rows))
    even = math.ceil(negatives * EVEN_SHARE)
    in_batch = rng.choice(events, min(negatives - even, len(events)), replace=False)
    drawn = known.rows[rng.integers(0, len(known.rows), even)]
    rows = np.unique(np.concatenate([in_batch, drawn]))
    missed = len(in_batch) * np.log1p(-np.minimum(known.share[rows], 1 - 1e-12))
    missed += even * np.log1p(-1.0 / len(known.rows))
    return rows, torch.from_numpy(np.log(-np.expm1(missed)).astype(np.float32))


def sampled_softmax(queries: Tensor, targets: Tensor, vectors: Tensor, log_inclusion: Tensor, masked: Tensor) -> Tensor:
    """The sum of the positions' losses. The score of an ad is the inner product of its vector with that of the query.

    ``queries`` and ``targets`` float32 [positions, dimensions]; ``vectors`` [negatives, dimensions]; ``masked`` int64
    [positions, any]: columns of the negatives that are none of a position's (what its user has, the target among
    it); one behind the last stands for nothing. The target enters with weight 1, and once.

    >>> one = torch.tensor([[1.0, 0.0]])
    >>> loss = sampled_softmax(one, one, torch.eye(2), torch.zeros(2), torch.tensor([[0]]))  # ads of scores 1 and 0
    >>> round(float(loss), 4)
    0.3133
    """
    own = (queries * targets).sum(1, keepdim=True)
    # One more, of score -inf: what masked columns that stand for nothing point at.
    ads, bias = functional.pad(vectors, (0, 0, 0, 1)), functional.pad(-log_inclusion, (0, 1), value=-torch.inf)
    total = queries.new_zeros(())
    for start in range(0, len(own), POSITIONS):
        rows = slice(start, start + POSITIONS)
        scores = torch.addmm(bias, queries[rows], ads.T).scatter_(1, masked[rows], -torch.inf)
        first = torch.zeros(len(scores), dtype=torch.int64, device=scores.device)
        total = total + functional.cross_entropy(torch.cat([own[rows], scores], 1), first, reduction="sum")
    return total
