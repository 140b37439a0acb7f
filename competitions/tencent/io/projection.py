"""Project vectors of thousands of numbers to ``WIDEST``, while they are read: 4.8 million of 4,096 take 39 GB.

Of all directions those are kept along which vectors differ most, scaled towards one deviation (half a whitening: Su et
al. 2021, "Whitening sentence representations"; a whole one gives noise the room of what tells ads apart). They are
fitted on the first ``SAMPLE`` vectors: ids are in no order of what ads are about.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
from scipy.linalg import eigh

from common.arrays import Singles
from competitions.tencent.corpus import Halves, Int64s

WIDEST = 128  # numbers that are kept
SAMPLE = 20_000
TINY = 1e-6
Vectors = tuple[Int64s, Halves]  # original ids, their vectors


def project(blocks: Iterable[Vectors]) -> Iterator[Vectors]:
    """Blocks of vectors of one width as they come, no wider than ``WIDEST``: narrower ones stay as they are.

    Blocks are held until there are enough of them to fit the projection.
    """
    blocks, held, count = iter(blocks), [], 0
    for oids, vectors in blocks:
        if vectors.shape[1] <= WIDEST:
            yield oids, vectors
            continue
        held.append((oids, vectors))
        count += len(vectors)
        if count >= SAMPLE:
            break
    if held:
        sample = np.concatenate([vectors for _, vectors in held]).astype(np.float32)
        centre = sample.mean(0)
        directions = fit_directions(sample - centre)
        del sample
        for oids, vectors in chain(held, blocks):
            yield oids, ((vectors.astype(np.float32) - centre) @ directions).astype(np.float16)


def fit_directions(centred: Singles) -> Singles:
    """The ``WIDEST`` principal directions of vectors [vectors, dimensions], each divided by the root of the deviation
    along it; float32 [dimensions, at most ``WIDEST``].
    """
    width = centred.shape[1]
    covariance = centred.T @ centred / max(len(centred), 1)
    kept = (max(width - WIDEST, 0), width - 1)
    variance, directions = eigh(covariance, subset_by_index=kept, overwrite_a=True, check_finite=False)
    varies = variance > TINY * max(float(variance.max()), TINY)
    return np.asarray(directions[:, varies] / variance[varies] ** 0.25, np.float32)
