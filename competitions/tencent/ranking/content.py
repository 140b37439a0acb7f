"""An embedding as the kernel and the features take it: centred, no wider than ``WIDEST``, of length 1.

Embeddings come as their makers left them. Strangers have a cosine of .8 or more where the vectors share a large mean,
and some are thousands of numbers wide, which no laptop multiplies by a million histories.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from competitions.tencent.corpus import Embedding, Floats, Halves

WIDEST = 128  # dimensions that are kept of a wider one
SAMPLE = 50_000  # vectors that the directions are found on
BLOCK = 65_536  # vectors at a time
TINY = 1e-6


@dataclass(frozen=True)
class Content:
    """``vectors`` float16 [rows of the catalogue, dimensions], of length 1, or 0 for an ad without one."""

    name: str
    vectors: Halves


def prepare_content(embedding: Embedding) -> Content:
    """Centre on the mean vector; of more than ``WIDEST`` dimensions keep the principal ones, scaled towards one
    variance (half a whitening: Su et al. 2021, "Whitening sentence representations"); scale to length 1.
    """
    vectors = embedding.vectors
    filled = np.concatenate([vectors[at : at + BLOCK].any(1) for at in range(0, len(vectors), BLOCK)])
    rows = np.flatnonzero(filled)
    sample = np.asarray(vectors[rows[:: max(len(rows) // SAMPLE, 1)]], np.float32)
    centre = sample.mean(0) if len(sample) else np.zeros(vectors.shape[1], np.float32)
    turn = find_directions(sample - centre) if vectors.shape[1] > WIDEST else None
    prepared = np.zeros((len(vectors), vectors.shape[1] if turn is None else turn.shape[1]), np.float16)
    for at in range(0, len(rows), BLOCK):
        block = np.asarray(vectors[rows[at : at + BLOCK]], np.float32) - centre
        block = block if turn is None else block @ turn
        prepared[rows[at : at + BLOCK]] = block / (np.linalg.norm(block, axis=1, keepdims=True) + TINY)
    return Content(embedding.name, prepared)


def find_directions(centred: Floats) -> Floats:
    """The ``WIDEST`` principal directions of vectors [vectors, dimensions], divided by the root of the deviation along
    each: a whole whitening gives noise the room of what tells ads apart. float32 [dimensions, at most ``WIDEST``].
    """
    covariance = centred.T @ centred / max(len(centred), 1)
    variance, directions = np.linalg.eigh(covariance.astype(np.float64))
    kept = np.argsort(-variance, kind="stable")[:WIDEST]
    kept = kept[variance[kept] > TINY * max(float(variance.max()), TINY)]
    return np.asarray(directions[:, kept] / variance[kept] ** 0.25, np.float32)


def map_tensor(vectors: npt.NDArray[np.floating]) -> torch.Tensor:
    """The same memory as a tensor, of a file that is mapped as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a mapped array is read-only, and nothing here writes
        return torch.from_numpy(vectors)
