"""The channels of content, one an embedding: candidates near any of what a user clicked, by a kernel over the history.

The logarithm of a sum over the history of w exp(width (cosine - 1)): an ad near any of the user's interests gets much,
where a mean of the history lies between them. ``score_kernel`` works on whole numbers, and reads the exponential off
their bits: some .02 nats off, in half of the time or less.

Embeddings come as their makers left them: strangers have a cosine of .8 or more where the vectors share a large mean.
They are centred, and of length 1.
"""

import math
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from common.arrays import Singles
from competitions.tencent.corpus import Catalogue, CatalogueRows, Halves
from competitions.tencent.io.embeddings import read_embedding
from competitions.tencent.retrieval.channel import Channel, Columns, Queries, Scorer, heaviest_events

WIDTHS = (6.0, 12.0, 24.0)  # of a kernel: the larger, the nearer an ad must be to count
BETA = 12.0  # its width before one is chosen
CACHED = 2**19  # similarities at a time, which stay in the processor's cache: a quarter of the time of all at once
EVENTS = 16  # of a history, those with the largest weights; of more the lists hold no more targets
NOW = 8  # events that are seen now
FLOOR = 1e-12  # of a kernel's sum
# The largest whole number of a vector. Processors without VNNI add two products in 16 bits, one side of them moved by
# 128: (128 + 77) x 77 x 2 < 2^15, so that no sum is cut off and all processors have the same.
LEVELS = 77
MANTISSA = 2**23  # of float32: what its exponent is multiplied by, in its bits
# Bits of 2^0, less the mean of log2(1 + m) - m for m in [0, 1), by which 2^x is above a line between powers of 2 ...
ONE = round((127 - 0.0573) * MANTISSA)
BLOCK = 65_536  # vectors at a time
TINY = 1e-6


@dataclass(frozen=True)
class Content:
    """``vectors`` float16 [rows of the catalogue, dimensions], of length 1, or 0 for an ad without one."""

    name: str
    vectors: Halves

    def prepare(self, candidates: CatalogueRows, width: float) -> Scorer:
        """The logarithm of the kernel over a history's heaviest events, and over what is seen now."""
        vectors = map_tensor(self.vectors)
        searched = quantize(vectors[torch.from_numpy(candidates)].float())
        kinds = {"recent": EVENTS, "now": NOW}

        def score(queries: Queries) -> Columns:
            scores = {}
            for name, (kind, events) in zip(name_parts(self.name), kinds.items(), strict=True):
                item, weights = heaviest_events(queries.past, events, kind)
                history = vectors[torch.from_numpy(item.reshape(-1))].float()
                scores[name] = score_kernel(history, weights, searched, width).numpy()
            return scores

        return score


def read_content(paths: tuple[Path, ...], catalogue: Catalogue, name: str) -> Content:
    """An embedding of the files, see ``read_embedding``, as channels and features take it."""
    return prepare_content(name, read_embedding(paths, catalogue, name))


def prepare_content(name: str, vectors: Halves) -> Content:
    """Centre on the mean vector, scale to length 1."""
    filled = np.concatenate([vectors[at : at + BLOCK].any(1) for at in range(0, len(vectors), BLOCK)])
    rows = np.flatnonzero(filled)
    parts = [rows[at : at + BLOCK] for at in range(0, len(rows), BLOCK)]
    sums = [vectors[part].sum(0, dtype=np.float64) for part in parts]
    centre = (np.sum(sums, 0) / max(len(rows), 1)).astype(np.float32)
    prepared = np.zeros(vectors.shape, np.float16)
    for part in parts:
        block = np.asarray(vectors[part], np.float32) - centre
        prepared[part] = block / (np.linalg.norm(block, axis=1, keepdims=True) + TINY)
    return Content(name, prepared)


def map_tensor(vectors: npt.NDArray[np.floating]) -> Tensor:
    """The same memory as a tensor, of a file that is mapped as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a mapped array is read-only, and nothing here writes
        return torch.from_numpy(vectors)


@dataclass(frozen=True)
class Quantized:
    """Vectors as whole numbers: ``values`` int8 [vectors, dimensions], which are the vectors times ``scale``."""

    values: Tensor
    scale: float


def quantize(vectors: Tensor) -> Quantized:
    """Of float32 [vectors, dimensions], each of length 1 or 0."""
    scale = LEVELS / max(float(vectors.abs().max()), 1e-6)
    return Quantized((vectors * scale).round_().to(torch.int8), scale)


def score_kernel(history: Tensor, weights: Singles, candidates: Quantized, beta: float = BETA) -> Tensor:
    """log of the sum over the history of w exp(beta (cosine - 1)), float32 [queries, candidates].

    ``history`` [queries x events, dimensions] and ``candidates`` [candidates, dimensions]: vectors of length 1 or 0;
    ``weights`` [queries, events]: w.

    A float32 of the bits 2^23 (127 + x) is 2^x on the line between two powers of 2: no more than 6 % off (Schraudolph
    1999, "A fast, compact approximation of the exponential function"). So the product in whole numbers, times a whole
    ``step`` for each event, plus ``ONE`` and what its weight adds, are the bits of what it counts.

    >>> history, ads = torch.eye(2), torch.tensor([[1.0, 0.0], [0.6, 0.8]])  # one user of two events
    >>> weights = torch.ones(1, 2).numpy()
    >>> score_kernel(history, weights, quantize(ads), beta=12.0).double().round(decimals=1).tolist()  # 0 and -2.31
    [[-0.0, -2.2]]
    """
    # exp(beta (cosine - 1)) = 2^(cosine beta / log 2) exp(-beta): what a query's events share goes into the weights.
    bits = beta / math.log(2) * MANTISSA / candidates.scale
    # Each event has its own step, the least that keeps its largest number within the levels; a vector of 0 has any.
    step = torch.ceil(history.abs().amax(1, keepdim=True) * (bits / LEVELS)).clamp_(min=1.0)
    values, step = (history * (bits / step)).round_().to(torch.int8), step.to(torch.int32)
    # An event's weight is added to its exponent. One that cannot reach the floor has the bits of 0.
    weight, least = torch.from_numpy(weights).reshape(-1, 1).double() * math.exp(-beta), FLOOR * math.exp(-beta)
    counts = weight > least
    start = torch.where(counts, (weight.clamp(min=least).log2() * MANTISSA).round() + ONE, 0.0).to(torch.int32)
    step = torch.where(counts, step, 0)
    total = torch.empty(len(weights), len(candidates.values))
    for part in range(0, len(candidates.values), width := max(CACHED // max(len(history), 1), 1)):
        near = torch._int_mm(values, candidates.values[part : part + width].T)
        near = near.mul_(step).add_(start).view(torch.float32).view(len(weights), -1, near.shape[1])
        torch.sum(near, 1, out=total[:, part : part + width])
    return torch.log_(total.add_(FLOOR))


CHANNEL = Channel("content", prepare_content, (), (), described=False, widths=WIDTHS)


def of_embedding(name: str) -> Channel:
    """The channel of one embedding."""
    return replace(CHANNEL, name=name, parts=name_parts(name))


def name_parts(name: str) -> tuple[str, str]:
    """The parts of a channel of content."""
    return name, f"{name} now"
