"""The users: what they like, how many events they have, whether they click, and what the host says of them.

A user belongs to a segment, which shares its distribution over topics, and has four interests and a taste: a direction
in the ads' interest space. It also belongs to a group, which favours the same ads (``draw_favourites``) and has nothing
to do with the segment nor with any feature. How many events it has, when (``event_times``) and its share of clicks
follow the release's quantiles.

Every user gets ``LONGEST`` events; those before the first recorded one only lead up to it.

Of the host's eight features of a user some depend on the segment, some on the interests, some on nothing. 103 (age) and
105 lie around a middle of the segment, 104 is the segment's gender in seven of ten; 106 lists groups of the user's
interests, now and then a wrong one; 107 is that of the first interest where it is there. 108, 109 and 110 depend on
nothing. Fill rates and lengths of the lists are the release's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.arrays import Bools, Floats, Ints, Singles
from competitions.tencent.io.schema import CLICK, EXPOSURE, NULL_ACTION, USER_FEATURES, USER_LISTS
from competitions.tencent.simulator.event_times import Timeline, make_timeline
from competitions.tencent.simulator.topics import (
    DIMENSIONS,
    FEATURE_SIZES,
    FEATURES_FILLED,
    SEGMENTS,
    TOPICS,
    Codes,
    Topics,
)

LONGEST = 100
LENGTH_QUANTILES = (0.0, 0.000516, 0.00547, 0.025238, 0.06, 0.146216, 0.25, 0.35, 0.5, 0.6, 0.75, 0.867432, 1.0)
LENGTHS = (10.0, 11.0, 21.0, 51.0, 67.0, 81.0, 87.0, 92.0, 95.0, 97.0, 98.0, 100.0, 101.0)
# Beta distribution of a user's share of clicks up to the reference time, fitted to the release's clicks a user.
CLICKS, OTHERS = 2.9, 25.0
ROUND2_OTHERS = 47.1  # the same of clicks and conversions: 5.37 % of the events with a known action
NULL_USERS, NULL_RATE = 0.40, 0.0235  # users whose actions may be null, and how many of theirs are
SEGMENT_WILLING = 0.5**0.5  # what a segment shares of the willingness to convert
INTERESTS = 4
# The share of the lists that are at least so long: from 1 on.
LISTS_LONGER = {
    "106": (1.0, 0.45, 0.25, 0.13, 0.05, 0.02, 0.006, 0.002),
    "107": (1.0,),
    "108": (1.0, 0.008),
    "110": (1.0, 0.7),
}
AGE_SPREAD, MATE, WRONG = 9.0, 0.7, 0.2


@dataclass(frozen=True)
class Users:
    """One entry a user. ``action`` is (users, LONGEST), oldest first; the last ``length`` are recorded.

    ``group``: that of the people with the same favourites. ``interest`` (users, INTERESTS): topics when the events
    begin; ``taste`` (users, dimensions): unit directions; ``willing``: willingness to convert, standard normal (round
    2, see ``conversions``).
    """

    length: Ints
    action: NDArray[np.int8]
    segment: Ints
    group: Ints
    interest: Ints
    taste: Singles
    willing: Floats

    def __len__(self) -> int:
        """How many."""
        return len(self.length)

    @property
    def recorded(self) -> Bools:
        """Which of the events are recorded (users, LONGEST)."""
        return np.asarray(np.arange(LONGEST) >= LONGEST - self.length[:, None])


def make_users(
    topics: Topics, count: int, seed: int, number: int, groups: int, round_two: bool
) -> tuple[Users, Timeline]:
    """Draw ``count`` users of ``groups`` groups, the ``number``-th batch of them, and when they are about."""
    rng = np.random.default_rng([31, seed, number])
    length = np.minimum(np.interp(rng.random(count), LENGTH_QUANTILES, LENGTHS).astype(np.int64), LONGEST)
    segment = rng.integers(SEGMENTS, size=count)
    interest = topics.by_segment.draw(segment[:, None], rng.random((count, INTERESTS))) % TOPICS
    taste = rng.standard_normal((count, DIMENSIONS), dtype=np.float32)
    taste /= np.linalg.norm(taste, axis=1, keepdims=True)
    clicks = rng.beta(CLICKS, ROUND2_OTHERS if round_two else OTHERS, count)
    timeline = make_timeline(clicks, LONGEST, round_two, rng)
    users = Users(
        length=length,
        action=_draw_actions(clicks, timeline.asked, rng),
        segment=segment,
        group=np.random.default_rng([35, seed, number]).integers(groups, size=count),
        interest=interest,
        taste=taste,
        willing=_draw_willing(segment, seed, number),
    )
    return users, timeline


def _draw_willing(segment: Ints, seed: int, number: int) -> Floats:
    """Each user's willingness to convert: its segment's and its own."""
    shared = np.random.default_rng([33, seed]).standard_normal(SEGMENTS)
    own = np.random.default_rng([34, seed, number]).standard_normal(len(segment))
    return np.asarray(SEGMENT_WILLING * shared[segment] + (1.0 - SEGMENT_WILLING**2) ** 0.5 * own)


def _draw_actions(clicks: Floats, asked: Ints, rng: np.random.Generator) -> NDArray[np.int8]:
    """Actions of the events: whether an event is a click depends on the user alone; what is clicked, on its state.

    The last ``asked`` events, behind the reference time, are no clicks: else the first of them were the target.
    """
    count = len(clicks)
    action = np.full((count, LONGEST), EXPOSURE, np.int8)
    null_rate = np.where(rng.random(count) < NULL_USERS, NULL_RATE, 0.0)
    action[rng.random(action.shape) < null_rate[:, None]] = NULL_ACTION
    behind = np.arange(LONGEST) >= LONGEST - asked[:, None]
    action[(rng.random(action.shape) < clicks[:, None]) & ~behind] = CLICK
    return action


@dataclass(frozen=True)
class Profile:
    """A feature of users: ``value`` (users, width), numbered from 1; the first ``length`` count, the others are 0."""

    value: Codes
    length: Ints


def draw_profiles(users: Users, seed: int, number: int) -> dict[str, Profile]:
    """Every feature of the ``number``-th batch of users."""
    shared = np.random.default_rng([51, seed])
    middle, other = shared.integers(15, 70, SEGMENTS), shared.integers(1, FEATURE_SIZES["105"] + 1, SEGMENTS)
    group, kind = shared.integers(FEATURE_SIZES["106"], size=TOPICS), shared.integers(FEATURE_SIZES["107"], size=TOPICS)
    rng = np.random.default_rng([52, seed, number])
    count, segment = len(users), users.segment
    age = np.round(middle[segment] + AGE_SPREAD * rng.standard_normal(count)).clip(1, FEATURE_SIZES["103"])
    gender = (segment + (rng.random(count) >= MATE)) % 2 + 1
    band = np.where(rng.random(count) < MATE, other[segment], rng.integers(1, FEATURE_SIZES["105"] + 1, count))
    values = {
        "103": age[:, None],
        "104": gender[:, None],
        "105": band[:, None],
        "106": _list_groups(group[users.interest], rng),
        "107": kind[users.interest[:, :1]] + 1,
        "108": _list_any(FEATURE_SIZES["108"], count, rng),
        "109": rng.integers(1, FEATURE_SIZES["109"] + 1, (count, 1)),
        "110": _list_any(FEATURE_SIZES["110"], count, rng),
    }
    return {name: _cut(name, values[name].astype(np.int32), rng) for name in USER_FEATURES}


def _list_groups(group: Ints, rng: np.random.Generator) -> Ints:
    """Groups of the interests (users, INTERESTS) in a random order, then others, each once: (users, 14)."""
    order_key = rng.random((len(group), FEATURE_SIZES["106"]))
    named = rng.random(group.shape) >= WRONG
    row, at = np.nonzero(named)
    order_key[row, group[row, at]] -= 1.0 + (INTERESTS - at) / INTERESTS
    return np.argsort(order_key, axis=1, kind="stable") + 1


def _list_any(size: int, count: int, rng: np.random.Generator) -> Ints:
    """Values in a random order: (users, size)."""
    return np.argsort(rng.random((count, size)), axis=1) + 1


def _cut(name: str, values: Codes, rng: np.random.Generator) -> Profile:
    """The feature with its length and fill rate."""
    count, width = len(values), USER_FEATURES[name]
    length = np.ones(count, np.int64)
    if name in USER_LISTS:
        length = (rng.random(count)[:, None] < np.array(LISTS_LONGER[name])).sum(axis=1)
    length[rng.random(count) >= FEATURES_FILLED[name]] = 0
    kept = np.where(np.arange(width) < length[:, None], values[:, :width], 0)
    return Profile(kept.astype(np.int32), length)
