"""The choice model of the next ad: what a user is shown and clicks, given the user's state.

The state: four interests, the topic of the visit, the ad clicked last with its topic and time, the taste. Of what was
shown but not clicked nothing is kept; it depends on the interests and the visit nevertheless. An event draws

1. a reason: interest, visit topic, the topic clicked last, the one that follows it, the user's group, the background;
2. an ad by the reason: one that runs in the slot, of the topic, by weight; for the group, one of its favourites.

An ad shown so far to the user is drawn again; where a favourite has stopped, the background takes its place. Reasons
are other for a click (``CLICKED``) than for an ad that is just shown (``SHOWN``), and an ad is clicked only if it is
accepted. A favourite always is; the others with the probability

    exp(slope * (min(x, ACCEPTANCE_CAP) - ACCEPTANCE_CAP)),   x = preference . delta(ad),

``slope`` that of the scale (``acceptance_slope``) and preference ``TASTE_WEIGHT * taste + LAST_CLICK_WEIGHT * hold *
delta`` of the ad clicked last. So the odds that an ad is clicked, given that it is shown, are the user's own times a
ratio of reasons times exp(slope * x): logistic in the affinity.

Time: a new visit has a new topic, which follows that of the visit before more often than by chance. What was clicked
last has a ``hold`` on the next event that halves with every ``HALF_LIFE`` that the user went on browsing since, and is
``NEW_VISIT_HOLD`` of that at the beginning of a visit. Where it has no hold, the interests take its place.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from common.arrays import Bools, Floats, Ints, Singles, join, take
from common.simulation.sampling import draw_columns
from competitions.tencent.io.schema import CLICK
from competitions.tencent.simulator.ad_inventory import FAVOURITES, AdInventory, draw_by_topic, is_running
from competitions.tencent.simulator.conversions import ConversionModel
from competitions.tencent.simulator.event_times import (
    VISIT,
    Timeline,
    draw_targets_times,
    starts_visit,
)
from competitions.tencent.simulator.topics import BANDS, TOPICS, Codes, Topics, slot_of
from competitions.tencent.simulator.users import INTERESTS, LONGEST, Users, make_users

INTEREST, VISIT_TOPIC, LAST, NEXT, GROUP, BACKGROUND = range(6)
SHOWN = (0.13, 0.42, 0.06, 0.06, 0.03, 0.30)
# Favourites are always accepted: of the clicks about a fifth have this reason.
CLICKED = (0.09, 0.32, 0.15, 0.20, 0.05, 0.19)
TRIES, TARGET_TRIES = 12, 200
VISIT_TOPIC_FROM = (0.45, 0.10, 0.45)  # a new visit's topic: an interest, the topic clicked last, the visit's successor
INTEREST_WEIGHT = np.array([0.50, 0.26, 0.15, 0.09], np.float32)  # of each interest, before the topic's rhythm
HALF_LIFE, NEW_VISIT_HOLD = 129_600.0, 0.6  # seconds
# With one slope at every scale, a hundred times the ads would leave a third of the oracle's score, less than what was
# earned on the host's log: where more ads are to be had, people are choosier.
ACCEPTANCE_SLOPE, STEEPER, STEEPER_ABOVE = 2.5, 0.9, 0.01  # steeper by so much for every tenfold scale above this one
ACCEPTANCE_CAP, TASTE_WEIGHT, LAST_CLICK_WEIGHT = 0.6, 0.45, 1.0
ADOPT = 0.08  # chance that the topic of a click becomes one of the interests


@dataclass
class UserState:
    """One entry a user; changes event by event. ``last``: the ad clicked last, -1 for none; ``topic``: its topic;
    ``clicked_at``: its time in seconds.
    """

    interest: Ints
    visit_topic: Ints
    topic: Ints
    last: Ints
    clicked_at: Ints


@dataclass(frozen=True)
class Environment:
    """What the choice model depends on beside the state; ``favourites`` (days, groups, FAVOURITES): ads; ``slope``:
    that of the acceptance; ``conversions``: of round 2, None in round 1.
    """

    topics: Topics
    inventory: AdInventory
    favourites: Codes
    seed: int
    slope: float = ACCEPTANCE_SLOPE
    conversions: ConversionModel | None = None


@dataclass(frozen=True)
class Targets:
    """One entry a user: ``ad``, what the user clicks first behind the reference time, its ``time`` in seconds, and how
    many ``tries`` it took until one was accepted.
    """

    ad: Ints
    time: Ints
    tries: Ints


@dataclass(frozen=True)
class UserBatch:
    """Some users with their histories and targets. ``start``: the first one's number; ``past`` (users, LONGEST): the
    ads of every event, -1 before the first recorded one; ``state``: what they lead to.
    """

    start: int
    users: Users
    timeline: Timeline
    past: Codes
    state: UserState
    targets: Targets

    def take(self, rows: Ints | slice) -> "UserBatch":
        """Some of them, any of them several times; ``start`` is the whole batch's."""
        return UserBatch(
            self.start,
            take(self.users, rows),
            take(self.timeline, rows),
            self.past[rows],
            take(self.state, rows),
            take(self.targets, rows),
        )


def join_batches(batches: Sequence[UserBatch]) -> UserBatch:
    """The users of all ``batches``; ``start`` is the first one's."""
    return UserBatch(
        batches[0].start,
        join([batch.users for batch in batches]),
        join([batch.timeline for batch in batches]),
        np.concatenate([batch.past for batch in batches]),
        join([batch.state for batch in batches]),
        join([batch.targets for batch in batches]),
    )


def simulate_users(env: Environment, start: int, count: int) -> UserBatch:
    """The users from ``start`` on, what they are shown, and what they click then."""
    groups = env.favourites.shape[1]
    users, timeline = make_users(env.topics, count, env.seed, start, groups, env.conversions is not None)
    rng = np.random.default_rng([72, env.seed, start])
    past, state = browse(env, users, timeline, rng)
    targets = draw_targets(env, users, timeline, past, state, rng)
    return UserBatch(start, users, timeline, past, state, targets)


def browse(env: Environment, users: Users, timeline: Timeline, rng: np.random.Generator) -> tuple[Codes, UserState]:
    """The ads of every event (users, LONGEST), -1 before the first recorded one, and the state that they lead to."""
    count = len(users)
    state = UserState(
        interest=users.interest.copy(),
        visit_topic=users.interest[:, 0].copy(),
        topic=users.interest[:, 0].copy(),
        last=np.full(count, -1),
        clicked_at=np.zeros(count, np.int64),
    )
    past = np.full((count, LONGEST), -1, np.int32)
    before = timeline.time[:, 0] - 2 * VISIT
    for at in range(LONGEST):
        time = timeline.time[:, at]
        slot, new = slot_of(time), time - before > VISIT
        state.visit_topic = choose_visit_topic(env, state, new, slot, rng)
        hold = hold_of_last(state, before, new)
        clicked = users.action[:, at] == CLICK
        for is_click in (False, True):
            rows = np.flatnonzero(clicked == is_click)
            chosen = take(users, rows), take(state, rows), hold[rows], past[rows, :at], slot[rows]
            past[rows, at] = _draw_ads(env, *chosen, is_click, rng)
        update_clicked(env, state, np.flatnonzero(clicked), past[:, at].astype(np.int64), time, rng)
        before = time
    past[~users.recorded] = -1
    return past, state


def draw_targets(
    env: Environment, users: Users, timeline: Timeline, past: Codes, state: UserState, rng: np.random.Generator
) -> Targets:
    """What each user clicks next: the time and the ad are drawn anew as a whole until accepted, the last try stands."""
    count = len(users)
    targets = Targets(np.full(count, -1), np.zeros(count, np.int64), np.zeros(count, np.int64))
    rows = np.arange(count)
    for _ in range(TARGET_TRIES):
        when, now = take(timeline, rows), take(state, rows)
        time = draw_targets_times(when, rng)
        new, slot = starts_visit(when, time), slot_of(time.astype(np.int64))
        now = replace(now, visit_topic=choose_visit_topic(env, now, new, slot, rng))
        hold = hold_of_last(now, when.time[:, -1], new)
        ad, accepted = propose_ads(env, take(users, rows), now, hold, slot, True, rng)
        targets.ad[rows], targets.time[rows] = ad, time.astype(np.int64)
        targets.tries[rows] += 1
        rows = rows[~accepted | (past[rows] == ad[:, None]).any(axis=1)]
        if not len(rows):
            break
    return targets


def choose_visit_topic(env: Environment, state: UserState, new: Bools, slot: Ints, rng: np.random.Generator) -> Ints:
    """The topic of each user's visit, drawn where it is ``new``."""
    rows = np.flatnonzero(new)
    source = np.searchsorted(np.cumsum(VISIT_TOPIC_FROM), rng.random(len(rows)), side="right")
    liked = draw_interest(env, state.interest[rows], slot[rows], rng)
    following = env.topics.successor[state.visit_topic[rows]]
    topic = state.visit_topic.copy()
    topic[rows] = np.select([source == 0, source == 1], [liked, state.topic[rows]], following)
    return topic


def hold_of_last(state: UserState, before: Ints, new: Bools) -> Floats:
    """The hold of each user's last click on an event that follows one at ``before`` (seconds); 0 without a click."""
    hold = np.exp2(-(before - state.clicked_at) / HALF_LIFE) * np.where(new, NEW_VISIT_HOLD, 1.0)
    return np.where(state.last >= 0, hold, 0.0)


def draw_interest(env: Environment, interest: Ints, slot: Ints, rng: np.random.Generator) -> Ints:
    """One of the interests (users, INTERESTS) of each user."""
    weight = INTEREST_WEIGHT * env.topics.rhythm[slot[:, None], interest]
    drawn = draw_columns(np.cumsum(weight, axis=1), rng.random(len(slot), dtype=np.float32))
    return np.asarray(interest[np.arange(len(slot)), drawn])


def propose_ads(
    env: Environment, users: Users, state: UserState, hold: Floats, slot: Ints, is_click: bool, rng: np.random.Generator
) -> tuple[Ints, Bools]:
    """An ad that runs for each user, and whether it is accepted if it is new to the user: to be clicked, or to be
    shown, which all are.
    """
    count = len(slot)
    reasons = np.cumsum((CLICKED if is_click else SHOWN)[:BACKGROUND])
    reason = np.searchsorted(reasons, rng.random(count), side="right")
    reason[((reason == LAST) | (reason == NEXT)) & (rng.random(count) >= hold)] = INTEREST
    ad = env.favourites[slot // BANDS, users.group, rng.integers(FAVOURITES, size=count)].astype(np.int64)
    favoured = (reason == GROUP) & is_running(env.inventory.ads, ad, slot)
    topic = np.select(
        [reason == VISIT_TOPIC, reason == NEXT], [state.visit_topic, env.topics.successor[state.topic]], state.topic
    )
    rows = np.flatnonzero(reason == INTEREST)
    topic[rows] = draw_interest(env, state.interest[rows], slot[rows], rng)
    rows = np.flatnonzero((reason == BACKGROUND) | ((reason == GROUP) & ~favoured))
    topic[rows] = env.topics.by_slot.draw(slot[rows], rng.random(len(rows))) % TOPICS
    rows = np.flatnonzero(~favoured)
    ad[rows] = draw_by_topic(env.inventory, slot[rows], topic[rows], rng.random(len(rows)))
    if not is_click:
        return ad, np.ones(count, bool)
    preference = preference_direction(env, users.taste, state.last, hold)
    x = np.einsum("ij,ij->i", preference, env.inventory.ads.delta[ad])
    return ad, favoured | (rng.random(count, dtype=np.float32) < acceptance_probability(x, env.slope))


def preference_direction(env: Environment, taste: Singles, last: Ints, hold: Floats) -> Singles:
    """The vector of each user's preference (users, dimensions)."""
    clicked = env.inventory.ads.delta[last] * hold[:, None].astype(np.float32)
    return np.asarray(np.float32(TASTE_WEIGHT) * taste + np.float32(LAST_CLICK_WEIGHT) * clicked)


def acceptance_slope(scale: float) -> float:
    """How sharply people choose in a world of this scale."""
    return ACCEPTANCE_SLOPE + STEEPER * max(math.log10(scale / STEEPER_ABOVE), 0.0)


def acceptance_probability(x: Singles, slope: float) -> Singles:
    """The chance that an ad of affinity ``x`` is accepted as a click."""
    cap = np.float32(ACCEPTANCE_CAP)
    return np.asarray(np.exp(np.float32(slope) * (np.minimum(x, cap) - cap)))


def update_clicked(
    env: Environment, state: UserState, rows: Ints, ad: Ints, time: Ints, rng: np.random.Generator
) -> None:
    """Some users clicked: the ad is their last one, and may make its topic one of their interests."""
    clicked = ad[rows]
    topic = env.inventory.ads.topic[clicked].astype(np.int64)
    state.last[rows], state.topic[rows], state.clicked_at[rows] = clicked, topic, time[rows]
    keep = (rng.random(len(rows)) < ADOPT) & (state.interest[rows] != topic[:, None]).all(axis=1)
    state.interest[rows[keep], rng.integers(1, INTERESTS, size=int(keep.sum()))] = topic[keep]


def _draw_ads(
    env: Environment,
    users: Users,
    state: UserState,
    hold: Floats,
    past: Codes,
    slot: Ints,
    is_click: bool,
    rng: np.random.Generator,
) -> Ints:
    """An ad for each user: proposed until it is new to the user, and for a click accepted. The last try stands."""
    ad = np.full(len(slot), -1)
    rows = np.arange(len(slot))
    for _ in range(TRIES):
        chosen = take(users, rows), take(state, rows), hold[rows], slot[rows]
        ad[rows], accepted = propose_ads(env, *chosen, is_click, rng)
        rows = rows[~accepted | (past[rows] == ad[rows, None]).any(axis=1)]
        if not len(rows):
            break
    return ad
