"""An embedding as the kernel and the features take it: centred, of length 1.

Embeddings come as their makers left them: strangers have a cosine of .8 or more where the vectors share a large mean.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from competitions.tencent.corpus import Embedding, Halves

BLOCK = 65_536  # vectors at a time
TINY = 1e-6


@dataclass(frozen=True)
class Content:
    """``vectors`` float16 [rows of the catalogue, dimensions], of length 1, or 0 for an ad without one."""

    name: str
    vectors: Halves


def prepare_content(embedding: Embedding) -> Content:
    """Centre on the mean vector, scale to length 1."""
    vectors = embedding.vectors
    filled = np.concatenate([vectors[at : at + BLOCK].any(1) for at in range(0, len(vectors), BLOCK)])
    rows = np.flatnonzero(filled)
    parts = [rows[at : at + BLOCK] for at in range(0, len(rows), BLOCK)]
    sums = [vectors[part].sum(0, dtype=np.float64) for part in parts]
    centre = (np.sum(sums, 0) / max(len(rows), 1)).astype(np.float32)
    prepared = np.zeros(vectors.shape, np.float16)
    for part in parts:
        block = np.asarray(vectors[part], np.float32) - centre
        prepared[part] = block / (np.linalg.norm(block, axis=1, keepdims=True) + TINY)
    return Content(embedding.name, prepared)


def map_tensor(vectors: npt.NDArray[np.floating]) -> torch.Tensor:
    """The same memory as a tensor, of a file that is mapped as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a mapped array is read-only, and nothing here writes
        return torch.from_numpy(vectors)
