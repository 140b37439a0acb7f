"""What is fixed before anyone is shown an ad: the calendar and the topics.

Time runs in slots of six hours, on the host's clock (UTC+8), up to the day on which the last user is queried.

Topics are what ads are about and users are interested in. They have a center in a latent space, a share of the ads and
a successor, which interest moves on to.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.arrays import Floats, Ints, Singles

Codes = NDArray[np.int32]

DAY, SLOT = 86_400, 21_600
REFERENCE = 1_748_016_000  # 2025-05-24 00:00 at UTC+8: a midnight, as is the first second
DAYS_BACK, DAYS_AFTER = 222, 14
FIRST = REFERENCE - DAYS_BACK * DAY
DAY_SLOTS = DAY // SLOT
SLOTS = (DAYS_BACK + DAYS_AFTER) * DAY_SLOTS

TOPICS, DIMENSIONS = 100, 16
SHARE_SHIFT, SHARE_SLOPE = 10.0, 0.8
APART = 1.25  # length of the centers; ads lie about 0.95 around them


@dataclass(frozen=True)
class Topics:
    """One entry a topic. ``center`` (topics, dimensions); ``successor``: the topic that interest moves on to."""

    share: Floats
    center: Singles
    successor: Ints


def slot_of(time: Ints) -> Ints:
    """The slot that each second lies in."""
    return (time - FIRST) // SLOT


def make_topics(seed: int) -> Topics:
    """Draw the topics."""
    rng = np.random.default_rng([11, seed])
    popular = 1.0 / (np.arange(TOPICS) + SHARE_SHIFT) ** SHARE_SLOPE
    share: Floats = rng.permutation(np.asarray(popular / popular.sum(), np.float64))
    center = rng.standard_normal((TOPICS, DIMENSIONS), dtype=np.float32)
    center *= np.float32(APART) / np.linalg.norm(center, axis=1, keepdims=True)
    ring = rng.permutation(TOPICS)
    successor = np.empty(TOPICS, np.int64)
    successor[ring] = np.roll(ring, 1)
    return Topics(share, center, successor)
