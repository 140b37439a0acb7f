"""The kernel over content vectors of a few bits a number: what memory that saves, and what it loses.

Each vector has one scale. It is multiplied as float32 again, so that nothing but the rounding is measured; the search
of the answers multiplies whole numbers, with one scale for all vectors (``retrieval/kernel.py``).
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from competitions.tencent.corpus import Corpus
from competitions.tencent.io.schema import TOP
from competitions.tencent.lab.exhaustive import rank_all
from competitions.tencent.lab.plain_rules import KERNEL, fit_content_rule, stack_content
from competitions.tencent.retrieval.content import Content
from competitions.tencent.split import Fold
from competitions.tencent.top_k import TopK

BITS = {"int8": 8, "int4": 4}  # of a number, by the key of the rung


def answer_in_bits(corpus: Corpus, contents: Sequence[Content], fold: Fold, bits: int) -> tuple[TopK, dict[str, float]]:
    """The answer by vectors of so many ``bits`` a number, and further columns of the rung's row: MiB of the vectors, of
    float32 too, and the share of float32's ten ads that these ten hold.
    """
    content = stack_content(contents)
    values, scale = round_off(content.numpy(), 2 ** (bits - 1) - 1)
    exact, top = (
        rank_all(fit_content_rule(vectors, corpus, fold, KERNEL), fold.queries(corpus.train), fold.candidates, TOP)
        for vectors in (content, torch.from_numpy(values * scale))
    )
    held = (exact.rows[:, :, None] == top.rows[:, None]).any(2)[exact.rows > 0]
    full = content.numel() * 4 / 2**20
    return top, {
        "vectors MiB": full * bits / 32 + scale.nbytes / 2**20,
        "vectors MiB in float32": full,
        "share of float32's ten": float(held.mean()),
    }


def round_off(vectors: NDArray[np.float32], largest: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Vectors [vectors, dimensions] as whole numbers from -``largest`` to ``largest``, at most 127, and the scale
    [vectors, 1] by which each is to be multiplied: no part is off by more than half of it.

    >>> round_off(np.float32([[0.6, -1.0]]), 7)[0].tolist()
    [[4, -7]]
    """
    scale = np.maximum(np.abs(vectors).max(1, keepdims=True), np.float32(1e-12)) / np.float32(largest)
    return (vectors / scale).round().astype(np.int8), scale
