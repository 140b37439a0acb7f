"""Vectors of an export in fewer bits: kept as float16 or int8, plain float32 again once they are loaded.

The file is a half or a quarter, the loss is what search and features make of it; memory is not saved.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = ("float32", "float16", "int8")
LARGEST = 127


@dataclass(frozen=True)
class PackedVectors:
    """``values`` [vectors, dimensions] times ``scale`` [vectors, 1]; whoever loads it gets a float32 array."""

    values: NDArray[Any]
    scale: NDArray[np.float32]

    def __reduce__(self) -> tuple[Any, ...]:
        """Be stored as the parts, and be loaded as the whole."""
        return unpack, (self.values, self.scale)


def pack(vectors: NDArray[np.floating], kind: str) -> PackedVectors:
    """Vectors [vectors, dimensions] as one of ``KINDS``; of int8 each has a scale, by which its largest part is 127.

    >>> packed = pack(np.float32([[0.5, -1.0], [0.002, 0.004], [0.0, 0.0]]), "int8")
    >>> packed.values.tolist()
    [[64, -127], [64, 127], [0, 0]]
    >>> unpack(packed.values, packed.scale).astype(float).round(4).tolist()
    [[0.5039, -1.0], [0.002, 0.004], [0.0, 0.0]]
    >>> pack(np.float32([[0.1]]), "float16").values.dtype
    dtype('float16')
    """
    if kind == "int8":
        return round_off(vectors, LARGEST)
    return PackedVectors(vectors.astype(np.float32).astype(kind), np.ones((len(vectors), 1), np.float32))


def round_off(vectors: NDArray[np.floating], largest: int) -> PackedVectors:
    """Vectors [vectors, dimensions] as whole numbers from -``largest`` to ``largest``, at most 127: the largest part
    of each vector is that, and no part is off by more than half of the vector's scale.

    >>> round_off(np.float32([[0.6, -1.0]]), 7).values.tolist()
    [[4, -7]]
    """
    wide = vectors.astype(np.float32)
    scale = np.maximum(np.abs(wide).max(1, keepdims=True), np.float32(1e-12)) / np.float32(largest)
    return PackedVectors((wide / scale).round().astype(np.int8), scale)


def unpack(values: NDArray[Any], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors as float32."""
    return values.astype(np.float32) * scale
