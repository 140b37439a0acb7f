"""Vectors of thousands of numbers as ``WIDEST`` ones, while they are read: 4.8 million of 4,096 take 39 GB.

Of all directions those are kept along which vectors differ most, scaled towards one deviation (half a whitening: Su et
al. 2021, "Whitening sentence representations"; a whole one gives noise the room of what tells ads apart). They are
found on the first ``SAMPLE`` vectors: ids are in no order of what ads are about.
"""

from collections.abc import Iterator

import numpy as np
from scipy.linalg import eigh

from competitions.tencent.corpus import Floats, Halves, Int64s

WIDEST = 128  # numbers that are kept
SAMPLE = 20_000
TINY = 1e-6
Vectors = tuple[Int64s, Halves]  # original ids, their vectors


class Narrower:
    """Takes blocks of vectors and gives them no wider than ``WIDEST``; holds them until the directions are found."""

    def __init__(self) -> None:
        """Nothing is held yet."""
        self._held: list[Vectors] = []
        self._turn: tuple[Floats, Floats] | None = None  # the mean vector, the directions

    def take(self, oids: Int64s, vectors: Halves) -> Iterator[Vectors]:
        """The blocks that are ready, once this one is taken; all are of one width."""
        if vectors.shape[1] <= WIDEST:
            yield oids, vectors
            return
        self._held.append((oids, vectors))
        if self._turn is not None or sum(len(each) for _, each in self._held) >= SAMPLE:
            yield from self.rest()

    def rest(self) -> Iterator[Vectors]:
        """What is held still."""
        held, self._held = self._held, []
        if not held:
            return
        if self._turn is None:
            sample = np.concatenate([vectors for _, vectors in held]).astype(np.float32)
            centre = sample.mean(0)
            self._turn = centre, find_directions(sample - centre)
        centre, directions = self._turn
        for oids, vectors in held:
            yield oids, ((vectors.astype(np.float32) - centre) @ directions).astype(np.float16)


def find_directions(centred: Floats) -> Floats:
    """The ``WIDEST`` principal directions of vectors [vectors, dimensions], each divided by the root of the deviation
    along it; float32 [dimensions, at most ``WIDEST``].
    """
    width = centred.shape[1]
    covariance = centred.T @ centred / max(len(centred), 1)
    kept = (max(width - WIDEST, 0), width - 1)
    variance, directions = eigh(covariance, subset_by_index=kept, overwrite_a=True, check_finite=False)
    there = variance > TINY * max(float(variance.max()), TINY)
    return np.asarray(directions[:, there] / variance[there] ** 0.25, np.float32)
