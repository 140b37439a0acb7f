"""What is fixed before anyone is shown an ad: sizes at a scale, the calendar, and the topics.

Time runs in slots of six hours, on the host's clock (UTC+8), up to the day on which the last user is queried.

Topics are what ads are about and users are interested in. They have a center in a latent space, a share of the ads and
a successor, which interest moves on to.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.arrays import Floats, Ints, Singles

Codes = NDArray[np.int32]

# The public release TencentGR-1M.
USERS, ITEMS, ADVERTISERS, LEAST_ADVERTISERS = 1_001_845, 4_783_154, 90_000, 400
GROUP_USERS = 600  # of a group of people that click the same ads
# Ads that exist for each that is shown to anybody, at scale 1. A popular ad of a smaller world fills its topic, which
# leaves more to the others: there are fewer of them, by this power.
WORLD_ITEMS, GROWTH = 2.6, 0.085

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
class Sizes:
    """Numbers of users, their groups, ads in the world and advertisers at a scale."""

    users: int
    groups: int
    ads: int
    advertisers: int


@dataclass(frozen=True)
class Topics:
    """One entry a topic. ``center`` (topics, dimensions); ``successor``: the topic that interest moves on to."""

    share: Floats
    center: Singles
    successor: Ints


def sizes_at_scale(scale: float) -> Sizes:
    """Sizes at a scale; 1.0 gives the release's."""
    return Sizes(
        users=round(USERS * scale),
        groups=max(1, round(USERS * scale / GROUP_USERS)),
        ads=round(WORLD_ITEMS * ITEMS * scale ** (1.0 + GROWTH)),
        advertisers=max(LEAST_ADVERTISERS, round(ADVERTISERS * scale)),
    )


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
