"""What is fixed before anyone is shown an ad: sizes at a scale, the calendar, topics, and the numbers assumed.

Time runs in slots of six hours, on the host's clock (UTC+8), up to the day on which the last user is queried. A day's
four slots are its bands. The clock by which users act is even: every hour of it has as many events. ``to_clock`` turns
even seconds into seconds of the host's clock, on which the night is slow and the evening fast.

Topics are what ads are about and users are interested in. They have a vector in a latent space, a share of the ads, a
rhythm (by band, workdays and weekends apart), a trend (by day) and a successor, which interest moves on to.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Floats, Ints, Singles
from common.io.tables import read_csv
from common.simulation.sampling import Pool, make_pool

Codes = NDArray[np.int32]

# The public release TencentGR-1M.
USERS, ITEMS, CANDIDATES, ADVERTISERS = 1_001_845, 4_783_154, 660_000, 100_000
LEAST_CANDIDATES, LEAST_ADVERTISERS = 400, 400
GROUP_USERS = 600  # of a group of people that click the same ads
UNSEEN_CANDIDATES = 148_971 / 660_000
# Ads that exist for each that is seen before the reference time, at scale 1; fewer in a smaller world, by this power.
WORLD_ITEMS, GROWTH = 4.2, 0.1

DAY, SLOT, BANDS = 86_400, 21_600, 4
REFERENCE = 1_748_016_000  # 2025-05-24 00:00 at UTC+8: a midnight, as is the first second
DAYS_BACK, DAYS_AFTER = 222, 14
FIRST = REFERENCE - DAYS_BACK * DAY
NOW = DAYS_BACK * BANDS  # the slot that the reference time opens
SLOTS = NOW + DAYS_AFTER * BANDS
BAND_SHARE = np.array([0.09, 0.25, 0.31, 0.35])  # of the events of a day; assumed
BAND_ENDS = DAY * np.append(0.0, np.cumsum(BAND_SHARE))  # even seconds of the day at which bands begin and end
FIRST_WEEKDAY = 0  # of the first day, Monday: the reference time is a Saturday

TOPICS, DIMENSIONS = 100, 16
SHARE_SHIFT, SHARE_SLOPE = 10.0, 0.8
APART = 1.25  # length of the centers; ads lie about 0.95 around them
RHYTHM, TREND, TREND_KEPT = 0.45, 0.35, 0.9
SEGMENTS, SEGMENT_LIKING = 12, 1.0  # of the users, see ``users``
# By feature of ads and users: values that it may take in the world (102, 121, 122: as many as there are), and the
# share of those that have one.
_FEATURES = read_csv(Path(__file__).with_name("features.csv"), schema_overrides={"feature": pl.String})
FEATURE_SIZES: dict[str, int] = dict(_FEATURES.select("feature", "values").iter_rows())
FEATURES_FILLED: dict[str, float] = dict(_FEATURES.select("feature", "filled").iter_rows())


@dataclass(frozen=True)
class Sizes:
    """Numbers of users, their groups, ads in the world, advertisers and candidates at a scale."""

    users: int
    groups: int
    ads: int
    advertisers: int
    candidates: int


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
        candidates=max(LEAST_CANDIDATES, round(CANDIDATES * scale)),
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


def to_even(clock: Floats) -> Floats:
    """Even seconds at seconds of the host's clock: the inverse of ``to_clock``."""
    days, within = np.divmod(clock - FIRST, DAY)
    return np.asarray(FIRST + days * DAY + np.interp(within, np.arange(BANDS + 1) * SLOT, BAND_ENDS))


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
    weekend = ((slot // BANDS + FIRST_WEEKDAY) % 7 >= 5).astype(np.int64)
    beats = np.exp(RHYTHM * rng.standard_normal((2, BANDS, TOPICS)))
    rhythm = beats[weekend, slot % BANDS]
    background: Floats = share * rhythm * np.exp(_walk(rng))[slot // BANDS]
    background /= background.sum(axis=1, keepdims=True)
    liked = share * np.exp(SEGMENT_LIKING * np.random.default_rng([32, seed]).standard_normal((SEGMENTS, TOPICS)))
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
    days = SLOTS // BANDS
    step = TREND * (1.0 - TREND_KEPT**2) ** 0.5
    walk = np.empty((days, TOPICS))
    walk[0] = TREND * rng.standard_normal(TOPICS)
    for day in range(1, days):
        walk[day] = TREND_KEPT * walk[day - 1] + step * rng.standard_normal(TOPICS)
    return walk
