"""The users: what they like, how often they are about, when, and whether they click.

A user belongs to a segment, which shares its distribution over topics, and has four interests and a taste: a direction
in the ads' interest space. It also belongs to a group, which favours the same ads (``ad_inventory.People``) and has
nothing to do with the segment nor with any feature. How many events it has, the time between them and its share of
clicks follow the release's quantiles; the times between events are tied together by the user's pace (a Gaussian
copula), so that spans are spread as in the release. A gap of more than ``VISIT`` seconds ends a visit.

Every user gets ``LONGEST`` events; those before the first recorded one only lead up to it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from common.arrays import Floats, Ints, Singles
from competitions.tencent.io.schema import CLICK, EXPOSURE, NULL_ACTION
from competitions.tencent.simulator.topics import (
    BAND_SHARE,
    BANDS,
    DAY,
    DAYS_BACK,
    DIMENSIONS,
    FIRST,
    REFERENCE,
    SEGMENTS,
    SLOT,
    Topics,
    draw_topics,
    pick,
)

LONGEST = 100
LENGTH_QUANTILES = (0.0, 0.000516, 0.00547, 0.025238, 0.06, 0.146216, 0.25, 0.35, 0.5, 0.6, 0.75, 0.867432, 1.0)
LENGTHS = (10.0, 11.0, 21.0, 51.0, 67.0, 81.0, 87.0, 92.0, 95.0, 97.0, 98.0, 100.0, 101.0)
GAP_QUANTILES = (0.0, 0.0024, 0.02644, 0.25, 0.43649, 0.5, 0.75, 0.90043, 0.95, 0.99, 0.99595, 0.99965, 1.0)
# On the clock of ``_event_times``, fitted so that the gaps in seconds are the release's.
GAP_SECONDS = (0.5, 1.0, 80.0, 830.0, 4050.0, 7150.0, 42500.0, 84500.0, 133000.0, 350000.0, 590000.0, 2592000.0, 6e6)
PACE = 0.40  # correlation of a gap with the user's pace
VISIT = 21_600
MOST_DAYS = DAYS_BACK - 8
CLICKS, OTHERS = 2.8, 25.9  # Beta distribution of a user's share of clicks
ROUND2_OTHERS = 49.8  # the same of clicks and conversions: 5.37 % of the events with a known action
NULL_USERS, NULL_RATE = 0.40, 0.0235  # users whose actions may be null, and how many of theirs are
NULL_FIRST, NULL_LAST = 0.17, 2.2  # factors at the first and last event
SEGMENT_WILLING = 0.5**0.5  # what a segment shares of the willingness to convert
INTERESTS = 4


@dataclass(frozen=True)
class Users:
    """One entry a user. ``time`` and ``action`` are (users, LONGEST), oldest first; the last ``length`` are recorded.

    ``group``: that of the people with the same favourites. ``interest`` (users, INTERESTS): topics when the events
    begin; ``taste`` (users, dimensions): unit directions; ``pace``: events a day; ``clicks``: share of the events that
    are clicks or conversions; ``willing``: willingness to convert, standard normal (round 2, see ``conversions``).
    """

    length: Ints
    time: Ints
    action: NDArray[np.int8]
    segment: Ints
    group: Ints
    interest: Ints
    taste: Singles
    pace: Floats
    clicks: Floats
    willing: Floats

    def __len__(self) -> int:
        """How many."""
        return len(self.length)

    @property
    def recorded(self) -> NDArray[np.bool_]:
        """Which of the events are recorded (users, LONGEST)."""
        return np.asarray(np.arange(LONGEST) >= LONGEST - self.length[:, None])


def make_users(topics: Topics, count: int, seed: int, number: int, others: float = OTHERS, groups: int = 1) -> Users:
    """Draw ``count`` users of ``groups`` groups, the ``number``-th batch of them; ``others`` of the share of clicks."""
    rng = np.random.default_rng([31, seed, number])
    length = np.interp(rng.random(count), LENGTH_QUANTILES, LENGTHS).astype(np.int64)
    segment = rng.integers(SEGMENTS, size=count)
    interest = draw_topics(topics.segment_steps, segment[:, None], rng.random((count, INTERESTS)))
    taste = rng.standard_normal((count, DIMENSIONS), dtype=np.float32)
    taste /= np.linalg.norm(taste, axis=1, keepdims=True)
    gaps = _draw_gaps(count, rng)
    clicks = rng.beta(CLICKS, others, count)
    return Users(
        length=np.minimum(length, LONGEST),
        time=_event_times(gaps),
        action=_draw_actions(clicks, np.minimum(length, LONGEST), rng),
        segment=segment,
        group=np.random.default_rng([35, seed, number]).integers(groups, size=count),
        interest=interest,
        taste=taste,
        pace=DAY / gaps.mean(axis=1),
        clicks=clicks,
        willing=_draw_willing(segment, seed, number),
    )


def _draw_willing(segment: Ints, seed: int, number: int) -> Floats:
    """Each user's willingness to convert: its segment's and its own."""
    shared = np.random.default_rng([33, seed]).standard_normal(SEGMENTS)
    own = np.random.default_rng([34, seed, number]).standard_normal(len(segment))
    return np.asarray(SEGMENT_WILLING * shared[segment] + (1.0 - SEGMENT_WILLING**2) ** 0.5 * own)


def _draw_gaps(count: int, rng: np.random.Generator) -> Floats:
    """Seconds before each event's successor (users, LONGEST), the last one's being the reference time."""
    pace = rng.standard_normal((count, 1))
    level = PACE * pace + (1.0 - PACE**2) ** 0.5 * rng.standard_normal((count, LONGEST))
    gaps = np.exp(np.interp(ndtr(level), GAP_QUANTILES, np.log(GAP_SECONDS)))
    # The reference time falls into a gap by its length: so users are as active just before it as ever.
    row, cut = np.arange(count), pick(gaps, rng.random(count))
    last = gaps[row, cut] * rng.random(count)
    gaps[row, cut] = gaps[:, -1]
    gaps[:, -1] = last
    return np.asarray(gaps * np.minimum(1.0, MOST_DAYS * DAY / gaps.sum(axis=1, keepdims=True)))


def _event_times(gaps: Floats) -> Ints:
    """Times of the events, from the reference time backwards.

    The gaps run on a clock on which every hour is alike; it is slow by night and fast in the evening, so that the
    events of a day are spread over its bands by ``BAND_SHARE``.
    """
    back = np.cumsum(np.floor(gaps)[:, ::-1], axis=1)[:, ::-1]
    days, even = np.divmod(REFERENCE - FIRST - back, DAY)
    cumulative = DAY * np.append(0.0, np.cumsum(BAND_SHARE))
    clock = np.interp(even, cumulative, np.arange(BANDS + 1) * SLOT)
    time = FIRST + days * DAY + np.floor(clock)
    return np.clip(time.astype(np.int64), FIRST, REFERENCE - 1)


def _draw_actions(clicks: Floats, length: Ints, rng: np.random.Generator) -> NDArray[np.int8]:
    """Actions of the events: whether an event is a click depends on the user alone; what is clicked, on its state."""
    count = len(clicks)
    action = np.full((count, LONGEST), EXPOSURE, np.int8)
    null_rate = np.where(rng.random(count) < NULL_USERS, NULL_RATE, 0.0)[:, None] * np.ones(LONGEST)
    null_rate[np.arange(count), LONGEST - length] *= NULL_FIRST
    null_rate[:, -1] *= NULL_LAST
    action[rng.random(action.shape) < null_rate] = NULL_ACTION
    action[rng.random(action.shape) < clicks[:, None]] = CLICK
    return action
