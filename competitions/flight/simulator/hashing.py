"""Hashed numbers: functions of their keys and the seed alone, so that no table of them is kept."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from common.arrays import Floats


def hashed(seed: int, *keys: ArrayLike) -> Floats:
    """Uniform numbers in (0, 1), a function of ``seed`` and the keys (integers of one shape, or scalars).

    Each key is stirred in by the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
    """
    state = np.atleast_1d(np.uint64(seed))
    for key in keys:
        state = _stir(state ^ np.atleast_1d(np.asarray(key)).astype(np.uint64))
    return ((state >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def hashed_normal(seed: int, *keys: ArrayLike) -> Floats:
    """Standard normal numbers, a function of ``seed`` and the keys."""
    return np.asarray(ndtri(hashed(seed, *keys)))


def _stir(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
