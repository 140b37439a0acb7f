"""The users: what they like, when they are about, how many events they have and which of these are clicks.

A user has four interests, drawn as topics are popular, and a taste: a direction in the ads' interest space. It also
belongs to a group, which favours the same ads (``ads.draw_favourites``) and has nothing to do with the interests. Every
user gets ``LONGEST`` events; those before the first recorded one only lead up to it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.arrays import Bools, Floats, Ints, Singles
from competitions.tencent.io.schema import CLICK, EXPOSURE, NULL_ACTION
from competitions.tencent.simulator.sessions import Ends, draw_times
from competitions.tencent.simulator.topics import DIMENSIONS, TOPICS, Topics

LONGEST, INTERESTS = 100, 4
LENGTH_QUANTILES = (0.0, 0.00547, 0.025238, 0.06, 0.146216, 0.25, 0.35, 0.5, 0.6, 0.75, 0.867432, 1.0)
LENGTHS = (10.0, 21.0, 51.0, 67.0, 81.0, 87.0, 92.0, 95.0, 97.0, 98.0, 100.0, 101.0)
# Beta distribution of a user's share of clicks up to the reference time, fitted to the release's clicks a user.
CLICKS, OTHERS = 2.9, 25.0
ROUND2_OTHERS = 47.1  # the same of clicks and conversions: 5.37 % of the events with a known action
NULL_USERS, NULL_RATE = 0.40, 0.0235  # users whose actions may be null, and how many of theirs are


@dataclass(frozen=True)
class Users:
    """One entry a user. ``time`` (seconds) and ``action`` are (users, LONGEST), oldest first; the last ``length`` are
    recorded. ``interest`` (users, INTERESTS): topics; ``taste`` (users, dimensions): unit directions.
    """

    length: Ints
    time: Ints
    action: NDArray[np.int8]
    group: Ints
    interest: Ints
    taste: Singles

    @property
    def recorded(self) -> Bools:
        """Which of the events are recorded (users, LONGEST)."""
        return np.asarray(np.arange(LONGEST) >= LONGEST - self.length[:, None])


def make_users(
    topics: Topics, count: int, groups: int, round_two: bool, rng: np.random.Generator
) -> tuple[Users, Ends]:
    """Draw ``count`` users of ``groups`` groups, and how each history ends."""
    length = np.minimum(np.interp(rng.random(count), LENGTH_QUANTILES, LENGTHS).astype(np.int64), LONGEST)
    taste = rng.standard_normal((count, DIMENSIONS), dtype=np.float32)
    taste /= np.linalg.norm(taste, axis=1, keepdims=True)
    clicks = rng.beta(CLICKS, ROUND2_OTHERS if round_two else OTHERS, count)
    time, behind, ends = draw_times(clicks, LONGEST, round_two, rng)
    interest = rng.choice(TOPICS, (count, INTERESTS), p=topics.share)
    action = _draw_actions(clicks, behind, rng)
    return Users(length, time, action, rng.integers(groups, size=count), interest, taste), ends


def _draw_actions(clicks: Floats, behind: Ints, rng: np.random.Generator) -> NDArray[np.int8]:
    """Actions of the events: whether an event is a click depends on the user alone; what is clicked, on its state.

    The last ``behind`` events, behind the reference time, are no clicks: else the first of them were the target.
    """
    action = np.full((len(clicks), LONGEST), EXPOSURE, np.int8)
    null_rate = np.where(rng.random(len(clicks)) < NULL_USERS, NULL_RATE, 0.0)
    action[rng.random(action.shape, np.float32) < null_rate[:, None]] = NULL_ACTION
    before = np.arange(LONGEST) < LONGEST - behind[:, None]
    action[(rng.random(action.shape, np.float32) < clicks[:, None]) & before] = CLICK
    return action
