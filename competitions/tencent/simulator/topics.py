"""What is fixed before anyone is shown an ad: sizes at a scale, the calendar, and the topics.

Time runs in slots of six hours, on the host's clock (UTC+8), up to the day on which the last user is queried. A day's
four slots are its bands. The clock by which users act is even: every hour of it has as many events. ``to_clock`` turns
even seconds into seconds of the host's clock, on which the night is slow and the evening fast.

Topics are what ads are about and users are interested in. They have a center in a latent space, a share of the ads, a
rhythm (by band, workdays and weekends apart), a trend (by day) and a successor, which interest moves on to.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.arrays import Floats, Ints, Singles
from common.simulation.sampling import Pool, make_pool

Codes = NDArray[np.int32]

# The public release TencentGR-1M.
USERS, ITEMS, ADVERTISERS = 1_001_845, 4_783_154, 90_000
LEAST_ADVERTISERS = 400
GROUP_USERS = 600  # of a group of people that click the same ads
# Ads that exist for each that is shown to anybody, at scale 1. A popular ad of a smaller world fills its topic, which
# leaves more to the others: there are fewer of them, by this power.
WORLD_ITEMS, GROWTH = 2.6, 0.085

DAY, SLOT, BANDS = 86_400, 21_600, 4
REFERENCE = 1_748_016_000  # 2025-05-24 00:00 at UTC+8: a midnight, as is the first second
DAYS_BACK, DAYS_AFTER = 222, 14
FIRST = REFERENCE - DAYS_BACK * DAY
NOW = DAYS_BACK * BANDS  # the slot that the reference time opens
SLOTS = NOW + DAYS_AFTER * BANDS
BAND_SHARE = np.array([0.09, 0.25, 0.31, 0.35])  # of the events of a day; assumed
BAND_ENDS = DAY * np.append(0.0, np.cumsum(BAND_SHARE))  # even seconds of the day at which bands begin and end

TOPICS, DIMENSIONS = 100, 16
SHARE_SHIFT, SHARE_SLOPE = 10.0, 0.8
APART = 1.25  # length of the centers; ads lie about 0.95 around them
RHYTHM, TREND, TREND_KEPT = 0.45, 0.35, 0.9
SEGMENTS, SEGMENT_LIKING = 12, 1.0  # of the users


@dataclass(frozen=True)
class Sizes:
    """Numbers of users, their groups, ads in the world and advertisers at a scale."""

    users: int
    groups: int
    ads: int
    advertisers: int


@dataclass(frozen=True)
class Topics:
    """One entry a topic.

    ``center`` (topics, dimensions); ``successor``: the topic that interest moves on to; ``rhythm`` (slots, topics):
    the factor on interest in a slot; ``background`` (slots, topics): P(topic) among ads shown for no reason but
    popularity; ``by_slot``: the same to draw from, and ``by_segment``: the interests of each segment of the users. Of
    what is drawn from them the topic is the remainder by ``TOPICS``.
    """

    share: Floats
    center: Singles
    successor: Ints
    rhythm: Singles
    background: Floats
    by_slot: Pool
    by_segment: Pool


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


def to_clock(even: Floats) -> Floats:
    """Seconds of the host's clock at even seconds, both since the epoch.

    >>> to_clock(np.array([REFERENCE, REFERENCE + 0.09 * DAY])) - REFERENCE
    array([    0., 21600.])
    """
    days, within = np.divmod(even - FIRST, DAY)
    return np.asarray(FIRST + days * DAY + np.interp(within, BAND_ENDS, np.arange(BANDS + 1) * SLOT))


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
    slot = np.arange(SLOTS)
    weekend = (slot // BANDS % 7 >= 5).astype(np.int64)  # the first day is a Monday
    rhythm = np.exp(RHYTHM * rng.standard_normal((2, BANDS, TOPICS)))[weekend, slot % BANDS]
    background: Floats = share * rhythm * np.exp(_walk(rng))[slot // BANDS]
    background /= background.sum(axis=1, keepdims=True)
    liked = share * np.exp(SEGMENT_LIKING * rng.standard_normal((SEGMENTS, TOPICS)))
    return Topics(
        share=share,
        center=center,
        successor=successor,
        rhythm=rhythm.astype(np.float32),
        background=background,
        by_slot=make_pool(np.repeat(slot, TOPICS), SLOTS, background.ravel()),
        by_segment=make_pool(np.repeat(np.arange(SEGMENTS), TOPICS), SEGMENTS, liked.ravel()),
    )


def _walk(rng: np.random.Generator) -> Floats:
    """The logarithm of every topic's trend by day (days, topics): a stationary random walk."""
    walk = TREND * rng.standard_normal((SLOTS // BANDS, TOPICS))
    for day in range(1, len(walk)):
        walk[day] = TREND_KEPT * walk[day - 1] + (1.0 - TREND_KEPT**2) ** 0.5 * walk[day]
    return walk
