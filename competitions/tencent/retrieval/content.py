"""The channels of content, one an embedding: candidates near any of what a user clicked, by a kernel over the history.

A sum over the history of w exp(width (cosine - 1)): an ad near any of the user's interests gets much, where a mean of
the history lies between them. Embeddings come as their makers left them: strangers have a cosine of .8 or more where
the vectors share a large mean. They are centred, and of length 1.
"""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from competitions.tencent.corpus import Catalogue, CatalogueRows, Halves
from competitions.tencent.io.embeddings import read_embedding
from competitions.tencent.retrieval.channel import Channel, QueryBlock, Scorer, Scores, as_it_is
from competitions.tencent.retrieval.kernel import prepare_search, score_kernel

WIDTHS = (6.0, 12.0, 24.0)  # of a kernel: the larger, the nearer an ad must be to count
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
        searched = prepare_search(vectors[torch.from_numpy(candidates)].float())

        def score(block: QueryBlock) -> Scores:
            scores = {}
            for name, (item, weights) in zip(name_parts(self.name), (block.heaviest, block.now), strict=True):
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


def map_tensor(vectors: npt.NDArray[np.floating]) -> torch.Tensor:
    """The same memory as a tensor, of a file that is mapped as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a mapped array is read-only, and nothing here writes
        return torch.from_numpy(vectors)


CHANNEL = Channel("content", prepare_content, (), {}, features=None, widths=WIDTHS)


def of_embedding(name: str) -> Channel:
    """The channel of one embedding."""
    return replace(CHANNEL, name=name, parts=dict.fromkeys(name_parts(name), as_it_is))


def name_parts(name: str) -> tuple[str, str]:
    """The parts of a channel of content."""
    return name, f"{name} now"
