"""The kernel over content vectors of a few bits a number, multiplied as whole numbers: what it saves and what it loses.

Each vector has one scale, so that two passes over events x candidates follow the products: short vectors save memory,
not time, as the rung measures. The search of the answers has one scale for all vectors (``retrieval/kernel.py``).
"""

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from competitions.tencent.corpus import Corpus, Embedding, Int64s
from competitions.tencent.io.schema import TOP
from competitions.tencent.lab.exhaustive import rank_all
from competitions.tencent.lab.plain_rules import BLOCK, EVENTS, log_around, stack_content
from competitions.tencent.retrieval.fusion import DEFAULT_WIDTH
from competitions.tencent.retrieval.histories import weigh_events
from competitions.tencent.retrieval.kernel import CACHED, FLOOR
from competitions.tencent.sequences import Histories, blocks
from competitions.tencent.split import Fold
from competitions.tencent.top_k import TopK

BITS = {"int8": 8, "int4": 4}  # of a number, by the key of the rung
Multiply = Callable[[Tensor, Tensor], Tensor]  # rows of the catalogue -> cosines, float32 [left rows, right rows]


def answer_in_bits(
    corpus: Corpus, embeddings: Sequence[Embedding], fold: Fold, bits: int
) -> tuple[TopK, dict[str, float]]:
    """The answer by vectors of so many ``bits`` a number, and further columns of the rung's row: MiB of the vectors, ms
    a query of the scoring, both of float32 too, and the share of float32's ten ads that these ten hold.
    """
    content, queries, rows = stack_content(embeddings), fold.queries(corpus.train), fold.candidates
    popular = log_around(corpus, fold)

    def answer(multiply: Multiply) -> tuple[TopK, float]:
        seconds = []

        def score(block: Int64s) -> Tensor:
            began = time.perf_counter()
            scores = score_history(multiply, queries.take(block), rows) + popular(block)
            seconds.append(time.perf_counter() - began)
            return scores

        return rank_all(score, queries, rows, TOP), 1e3 * sum(seconds) / max(len(queries), 1)

    exact, exact_ms = answer(lambda left, right: content[left] @ content[right].T)
    top, ms = answer(multiply_whole(content, bits))
    held = (exact.rows[:, :, None] == top.rows[:, None]).any(2)[exact.rows > 0]
    full = content.numel() * 4 / 2**20
    sizes = {"vectors MiB": full * bits / 32 + len(content) * 4 / 2**20, "vectors MiB in float32": full}
    times = {"ms a query": ms, "ms a query in float32": exact_ms}
    return top, {**sizes, **times, "share of float32's ten": float(held.mean())}


def multiply_whole(vectors: Tensor, bits: int) -> Multiply:
    """The products of ``vectors`` [rows, dimensions] in whole numbers; 4 bits are held as 8, which processors multiply.

    >>> multiply = multiply_whole(torch.tensor([[3.0, 4.0], [0.0, 7.0]]), 4)
    >>> multiply(torch.tensor([0, 1]), torch.tensor([1])).round().tolist()
    [[28.0], [49.0]]
    """
    values, scale = map(torch.from_numpy, round_off(vectors.numpy(), 2 ** (bits - 1) - 1))
    return lambda left, right: (torch._int_mm(values[left], values[right].T) * scale[left]).mul_(scale[right].T)


def round_off(vectors: NDArray[np.float32], largest: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Vectors [vectors, dimensions] as whole numbers from -``largest`` to ``largest``, at most 127, and the scale
    [vectors, 1] by which each is to be multiplied: no part is off by more than half of it.

    >>> round_off(np.float32([[0.6, -1.0]]), 7)[0].tolist()
    [[4, -7]]
    """
    scale = np.maximum(np.abs(vectors).max(1, keepdims=True), np.float32(1e-12)) / np.float32(largest)
    return (vectors / scale).round().astype(np.int8), scale


def score_history(multiply: Multiply, queries: Histories, rows: Int64s) -> Tensor:
    """The kernel of the rung before, see ``score_interests``, of these products, float32 [queries, candidates]."""
    scores = []
    for block in blocks(len(queries), BLOCK):
        past = weigh_events(queries.take(block), EVENTS)
        events, weights = torch.from_numpy(past.item.reshape(-1)), past.weights[:, :1] * math.exp(-DEFAULT_WIDTH)
        total = []
        for part in blocks(len(rows), max(CACHED // max(len(events), 1), 1)):
            near = multiply(events, torch.from_numpy(rows[part])).mul_(DEFAULT_WIDTH / math.log(2)).exp2_()
            total.append(torch.bmm(weights, near.view(len(block), -1, len(part)))[:, 0])
        scores.append(torch.cat(total, 1).add_(FLOOR).log_())
    return torch.cat(scores)
