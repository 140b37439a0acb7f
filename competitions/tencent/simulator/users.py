"""The users: what they like, how many events they have, and whether they click.

A user belongs to a segment, which shares its distribution over topics, and has four interests and a taste: a direction
in the ads' interest space. It also belongs to a group, which favours the same ads (``draw_favourites``) and has nothing
to do with the segment nor with any feature. How many events it has, when (``event_times``) and its share of clicks
follow the release's quantiles.

Every user gets ``LONGEST`` events; those before the first recorded one only lead up to it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.arrays import Bools, Floats, Ints, Singles
from competitions.tencent.io.schema import CLICK, EXPOSURE, NULL_ACTION
from competitions.tencent.simulator.event_times import Timeline, make_timeline
from competitions.tencent.simulator.topics import DIMENSIONS, SEGMENTS, Topics, draw_topics

LONGEST = 100
LENGTH_QUANTILES = (0.0, 0.000516, 0.00547, 0.025238, 0.06, 0.146216, 0.25, 0.35, 0.5, 0.6, 0.75, 0.867432, 1.0)
LENGTHS = (10.0, 11.0, 21.0, 51.0, 67.0, 81.0, 87.0, 92.0, 95.0, 97.0, 98.0, 100.0, 101.0)
# Beta distribution of a user's share of clicks up to the reference time, fitted to the release's clicks a user.
CLICKS, OTHERS = 2.9, 25.0
ROUND2_OTHERS = 47.1  # the same of clicks and conversions: 5.37 % of the events with a known action
NULL_USERS, NULL_RATE = 0.40, 0.0235  # users whose actions may be null, and how many of theirs are
SEGMENT_WILLING = 0.5**0.5  # what a segment shares of the willingness to convert
INTERESTS = 4


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
    interest = draw_topics(topics.segment_steps, segment[:, None], rng.random((count, INTERESTS)))
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
