"""The users: what they like, when they are about, how many events they have and which of these are clicks.

A user has four interests, drawn as topics are popular, and a taste: a direction in the ads' interest space. It also
belongs to a group, which favours the same ads (``ads.draw_favourites``) and has nothing to do with the interests. Every
user gets ``LONGEST`` events; those before the first recorded one only lead up to it.

The gaps between a user's events are tied together by the user's pace (a Gaussian copula), so that spans are spread as
in the release. The reference time is midnight of 24 May for most and later for others (``LATER``), as the clicks a day
of the release show; it falls into a gap by its length. The first click behind it is the target, and the history has the
exposures before that: their number k has the probability

    P(k) proportional to (1 - share of clicks) ** k,    k = 0 .. events within ``MOST_WAIT`` of the reference time

so a user who would not click within that time, or before the log closes, is none of the host's. The target follows the
last event by a gap like all others that ends within ``WINDOW`` of the last event, or of the reference time if the
last event is before it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from common.arrays import Bools, Floats, Ints, Singles
from common.simulation.sampling import draw_columns
from competitions.tencent.io.schema import CLICK, EXPOSURE, NULL_ACTION
from competitions.tencent.simulator.ads import (
    DAY,
    DAYS_BACK,
    DIMENSIONS,
    FIRST,
    REFERENCE,
    SLOT,
    TOPICS,
    Topics,
    slot_of,
)

LONGEST, INTERESTS = 100, 4
LENGTH_QUANTILES = (0.0, 0.00547, 0.025238, 0.06, 0.146216, 0.25, 0.35, 0.5, 0.6, 0.75, 0.867432, 1.0)
LENGTHS = (10.0, 21.0, 51.0, 67.0, 81.0, 87.0, 92.0, 95.0, 97.0, 98.0, 100.0, 101.0)
# Beta distribution of a user's share of clicks up to the reference time, fitted to the release's clicks a user.
CLICKS, OTHERS = 2.9, 25.0
ROUND2_OTHERS = 47.1  # the same of clicks and conversions: 5.37 % of the events with a known action
NULL_USERS, NULL_RATE = 0.40, 0.0235  # users whose actions may be null, and how many of theirs are

GAP_QUANTILES = (0.0, 0.0024, 0.02644, 0.25, 0.43649, 0.5, 0.75, 0.90043, 0.95, 0.99, 0.99595, 0.99965, 1.0)
GAP_SECONDS = (0.5, 1.0, 60.0, 732.0, 3600.0, 6449.0, 42078.0, 86267.0, 140454.0, 366449.0, 604800.0, 2592000.0, 6e6)
LOG_GAPS = np.log(GAP_SECONDS)
PACE = 0.40  # correlation of a gap with the user's pace
MOST_DAYS = DAYS_BACK - 8

# Share of the users whose reference time is later than so many days behind the common one.
LATER_DAYS = (0.0, 0.93, 1.93, 2.93, 3.93, 4.93, 5.5, 5.93, 6.93, 7.93, 8.93, 10.0)
LATER = (0.17, 0.166, 0.1325, 0.103, 0.0699, 0.0483, 0.0180, 0.0155, 0.0099, 0.005, 0.002, 0.0)
MOST_WAIT, CLOSES = 7 * DAY, REFERENCE + 11 * DAY  # no target is later than ``WINDOW`` behind either
MOST_AFTER = 40  # events behind the reference time
WINDOW = 2 * DAY
REACH = WINDOW // SLOT + 1  # slots in which a target may lie


@dataclass
class Users:
    """One entry a user. ``length``: the last so many events are recorded. ``interest`` (users, INTERESTS): topics;
    ``taste`` (users, dimensions): unit directions; ``pace``: standard normal, high for long gaps. ``end``: the last
    event, ``opens``: the later of that and the reference time, both in seconds.
    """

    length: Ints
    group: Ints
    interest: Ints
    taste: Singles
    pace: Floats
    end: Floats
    opens: Floats

    @property
    def first_slot(self) -> Ints:
        """The first slot in which each user's target may lie."""
        return slot_of(self.opens.astype(np.int64))

    @property
    def recorded(self) -> Bools:
        """Which of the events are recorded (users, LONGEST)."""
        return np.asarray(np.arange(LONGEST) >= LONGEST - self.length[:, None])


def make_users(
    topics: Topics, count: int, groups: int, round_two: bool, rng: np.random.Generator
) -> tuple[Users, Ints, NDArray[np.int8]]:
    """Draw ``count`` users of ``groups`` groups; beside them the times in seconds and the actions of their events
    (users, LONGEST), oldest first. All have one reference time in round 2.
    """
    length = np.minimum(np.interp(rng.random(count), LENGTH_QUANTILES, LENGTHS).astype(np.int64), LONGEST)
    taste = rng.standard_normal((count, DIMENSIONS), dtype=np.float32)
    taste /= np.linalg.norm(taste, axis=1, keepdims=True)
    interest = rng.choice(TOPICS, (count, INTERESTS), p=topics.share)
    clicks, pace = rng.beta(CLICKS, ROUND2_OTHERS if round_two else OTHERS, count), rng.standard_normal(count)
    later = np.interp(rng.random(count), LATER[::-1], LATER_DAYS[::-1])
    reference = REFERENCE + DAY * (np.zeros(count) if round_two else later)
    time, behind = _draw_times(reference, pace, clicks, rng)
    end = time[:, -1]
    users = Users(length, rng.integers(groups, size=count), interest, taste, pace, end, np.maximum(end, reference))
    return users, np.maximum(np.floor(time).astype(np.int64), FIRST), _draw_actions(clicks, behind, rng)


def _draw_times(reference: Floats, pace: Floats, clicks: Floats, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Seconds of the events before each target (users, LONGEST), oldest first; how many are behind ``reference``."""
    count = len(pace)
    gaps = _draw_gaps(pace, rng.random((count, LONGEST + MOST_AFTER)))
    gaps *= np.minimum(1.0, MOST_DAYS * DAY / gaps[:, :LONGEST].sum(axis=1))[:, None]
    # The reference time falls into a gap by its length; that gap becomes the one before the first event behind it.
    row, cut = np.arange(count), draw_columns(np.cumsum(gaps, axis=1), rng.random(count))
    gaps[row, cut], gaps[:, LONGEST] = gaps[:, LONGEST], gaps[row, cut]
    offset = np.cumsum(gaps, axis=1)
    offset -= (offset[:, LONGEST] - gaps[:, LONGEST] * rng.random(count))[:, None]
    wait = np.minimum(MOST_WAIT, CLOSES - reference)
    behind = _draw_behind(clicks, (offset[:, LONGEST:] <= wait[:, None]).sum(axis=1), rng)
    return reference[:, None] + np.take_along_axis(offset, behind[:, None] + np.arange(LONGEST), axis=1), behind


def _draw_behind(clicks: Floats, most: Ints, rng: np.random.Generator) -> Ints:
    """Exposures between the reference time and the target: a geometric number, at most ``most``."""
    log_stay = np.log1p(-clicks)
    at = rng.random(len(clicks)) * -np.expm1((most + 1) * log_stay)
    return np.minimum(np.floor(np.log1p(-at) / log_stay).astype(np.int64), most)


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


def _draw_gaps(pace: Floats, at: Floats) -> Floats:
    """Gaps in seconds of users of this pace (users) at ``at`` (users, any number), uniform numbers."""
    level = PACE * pace[:, None] + (1.0 - PACE**2) ** 0.5 * ndtri(at)
    return np.asarray(np.exp(np.interp(ndtr(level), GAP_QUANTILES, LOG_GAPS)))


def share_of_shorter(pace: Floats, gap: Floats) -> Floats:
    """P(a gap is at most ``gap`` seconds) of users of this ``pace`` (users); ``gap`` (users, any number)."""
    level = ndtri(np.interp(np.log(np.maximum(gap, 1e-9)), LOG_GAPS, GAP_QUANTILES))
    return np.asarray(ndtr((level - PACE * pace[:, None]) / (1.0 - PACE**2) ** 0.5))


def draw_target_times(users: Users, rng: np.random.Generator) -> Ints:
    """Seconds at which each user comes next, behind the reference time."""
    reach = np.column_stack([users.opens, users.opens + WINDOW]) - users.end[:, None]
    low, high = share_of_shorter(users.pace, reach).T
    at = low + (high - low) * rng.random(len(low))
    gap = _draw_gaps(users.pace, np.clip(at, 1e-12, 1.0 - 1e-12)[:, None])[:, 0]
    return np.asarray(users.end + np.clip(gap, reach[:, 0], reach[:, 1])).astype(np.int64)


def slot_probabilities(users: Users) -> Floats:
    """P(the user comes next in a slot) (users, REACH), from ``first_slot`` on: the law of ``draw_target_times``."""
    boundary = FIRST + SLOT * (np.arange(1, REACH) + users.first_slot[:, None])
    opens = users.opens[:, None]
    edges = np.column_stack([opens, np.clip(boundary, opens, opens + WINDOW), opens + WINDOW])
    chance = np.diff(share_of_shorter(users.pace, edges - users.end[:, None]), axis=1)
    return np.asarray(chance / np.maximum(chance.sum(axis=1, keepdims=True), 1e-300))
