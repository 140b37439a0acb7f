"""The choice model of the next ad: what a user is shown and clicks, given the user's state.

The state: four interests, the topic of the visit, the ad clicked last with its topic and advertiser, the
taste. Of what was shown but not clicked, nothing is kept; it depends on the interests nevertheless. An event draws

1. a reason: interest, visit topic, the topic clicked last, the one that follows it, its advertiser, or the background;
2. a topic by the reason (an advertiser has its own; where it runs no ad, the topic clicked last stands in);
3. an ad that runs in the slot, by weight, of the topic or the advertiser.

A click may have another reason before these six: people. ``OF_GROUP`` of ``People.share`` of the clicks fall on one of
the favourites of the user's group, each alike, the rest of that share on the companion of the ad clicked last. Where
that ad does not run, or was shown to the user before, one of the six takes its place. No acceptance is asked for, so
that the share is the same at every scale.

An ad shown so far to the user is drawn again. Reasons are other for a click (``CLICKED``) than for an ad that is just
shown (``SHOWN``), and an ad is clicked only if accepted, with the probability

    exp(slope * (min(x, ACCEPTANCE_CAP) - ACCEPTANCE_CAP)),   x = preference . delta(ad),

``slope`` that of the scale (``acceptance_slope``) and preference ``TASTE_WEIGHT * taste + LAST_CLICK_WEIGHT * delta``
of the ad clicked last. So the odds that an ad is clicked, given that it is shown, are the user's own times a ratio of
reasons times exp(slope * x): logistic in the affinity.
"""

import math
from dataclasses import dataclass

import numpy as np

from common.arrays import Ints, Singles, take
from competitions.tencent.io.schema import CLICK
from competitions.tencent.simulator.ad_inventory import (
    FAVOURITES,
    AdInventory,
    People,
    advertiser_weights,
    draw_by_topic,
    is_running,
)
from competitions.tencent.simulator.conversions import ConversionModel
from competitions.tencent.simulator.topics import BANDS, Codes, Topics, draw_topics, pick, slot_of
from competitions.tencent.simulator.users import INTERESTS, LONGEST, VISIT, Users

INTEREST, VISIT_TOPIC, LAST, NEXT, ADVERTISER, BACKGROUND = range(6)
SHOWN = (0.12, 0.14, 0.04, 0.02, 0.04, 0.64)
CLICKED = (0.24, 0.25, 0.07, 0.10, 0.09, 0.25)
# Calibrated by what was earned on the host's log, see LOG.md.
PEOPLE, OF_GROUP = 0.25, 0.85
SHOWN_TRIES, CLICK_TRIES = 2, 12
VISIT_TOPIC_FROM = (0.7, 0.1, 0.2)  # a new visit's topic: an interest, the topic clicked last, the one that follows it
INTEREST_WEIGHT = np.array([0.50, 0.26, 0.15, 0.09], np.float32)  # of each interest, before the topic's rhythm
# With one slope at every scale, a hundred times the ads would leave a third of the oracle's score (.333, .111), less
# than what was earned on the host's log (.137): where more ads are to be had, people are choosier.
ACCEPTANCE_SLOPE, STEEPER, STEEPER_ABOVE = 2.5, 0.9, 0.01  # steeper by so much for every tenfold scale above this one
ACCEPTANCE_CAP, TASTE_WEIGHT, LAST_CLICK_WEIGHT = 0.6, 0.5, 0.85
ADOPT, PROMOTE, DRIFT = 0.08, 0.03, 0.02  # chances: by click; by visit; by visit


@dataclass
class UserState:
    """One entry a user; changes event by event. ``last``: the ad clicked last, -1 for none; ``advertiser``: its own."""

    interest: Ints
    visit_topic: Ints
    topic: Ints
    advertiser: Ints
    last: Ints


@dataclass(frozen=True)
class Environment:
    """What the choice model depends on beside the state; ``slope``: that of the acceptance; ``conversions``: of round
    2, None in round 1.
    """

    topics: Topics
    inventory: AdInventory
    people: People
    seed: int
    slope: float = ACCEPTANCE_SLOPE
    conversions: ConversionModel | None = None


@dataclass(frozen=True)
class UserBatch:
    """Some users after their histories. ``start``: the first one's number; ``past`` (users, LONGEST): the ads of every
    event, -1 before the first recorded one; ``state``: what they lead to.
    """

    start: int
    users: Users
    past: Codes
    state: UserState

    def take(self, rows: Ints | slice) -> "UserBatch":
        """Some of them, any of them several times; ``start`` is the whole batch's."""
        return UserBatch(self.start, take(self.users, rows), self.past[rows], take(self.state, rows))


def browse(env: Environment, users: Users, rng: np.random.Generator) -> tuple[Codes, UserState]:
    """The ads of every event (users, LONGEST), -1 before the first recorded one, and the state that they lead to."""
    count = len(users)
    state = UserState(
        interest=users.interest.copy(),
        visit_topic=users.interest[:, 0].copy(),
        topic=users.interest[:, 0].copy(),
        advertiser=np.full(count, -1),
        last=np.full(count, -1),
    )
    past = np.full((count, LONGEST), -1, np.int32)
    for at in range(LONGEST):
        slot = slot_of(users.time[:, at])
        before = users.time[:, at - 1] if at else users.time[:, 0] - 2 * VISIT
        begin_visits(env, users, state, np.flatnonzero(users.time[:, at] - before > VISIT), slot, rng)
        clicked = users.action[:, at] == CLICK
        ad = np.empty(count, np.int64)
        for is_click in (False, True):
            rows = np.flatnonzero(clicked == is_click)
            chosen = take(users, rows), take(state, rows), past[rows, :at], slot[rows]
            ad[rows] = _draw_accepted(env, *chosen, is_click, rng)
        past[:, at] = ad
        update_clicked(env, state, np.flatnonzero(clicked), ad, rng)
    past[~users.recorded] = -1
    return past, state


def begin_visits(
    env: Environment,
    users: Users,
    state: UserState,
    rows: Ints,
    slot: Ints,
    rng: np.random.Generator,
) -> None:
    """A visit begins for some users: interests drift, and its topic is drawn."""
    count = len(rows)
    interest_index = rng.integers(1, INTERESTS, size=count)
    lift = rng.random(count) < PROMOTE
    who, where = rows[lift], interest_index[lift]
    state.interest[who, 0], state.interest[who, where] = state.interest[who, where], state.interest[who, 0]
    lost = rng.random(count) < DRIFT
    who, segment = rows[lost], users.segment[rows[lost]]
    state.interest[who, interest_index[lost]] = draw_topics(env.topics.segment_steps, segment, rng.random(len(who)))
    state.visit_topic[rows] = draw_visit_topic(env, take(state, rows), slot[rows], rng)


def draw_visit_topic(env: Environment, state: UserState, slot: Ints, rng: np.random.Generator) -> Ints:
    """The topic of each user's new visit."""
    source = np.searchsorted(np.cumsum(VISIT_TOPIC_FROM), rng.random(len(slot)), side="right")
    liked = draw_interest(env, state.interest, slot, rng)
    return np.select([source == 0, source == 1], [liked, state.topic], env.topics.successor[state.topic])


def interest_weights(env: Environment, interest: Ints, slot: Ints) -> Singles:
    """The chance of each interest (users, INTERESTS) in a slot, up to a factor a user."""
    return np.asarray(INTEREST_WEIGHT * env.topics.rhythm[slot[:, None], interest])


def draw_interest(env: Environment, interest: Ints, slot: Ints, rng: np.random.Generator) -> Ints:
    """One of the interests (users, INTERESTS) of each user."""
    drawn = pick(interest_weights(env, interest, slot), rng.random(len(slot), dtype=np.float32))
    return np.asarray(interest[np.arange(len(slot)), drawn])


def propose_ads(
    env: Environment, state: UserState, slot: Ints, reasons: tuple[float, ...], rng: np.random.Generator
) -> Ints:
    """An ad for each user, before acceptance."""
    inventory, count = env.inventory, len(slot)
    reason = np.minimum(np.searchsorted(np.cumsum(reasons), rng.random(count), side="right"), BACKGROUND)
    topic = state.topic.copy()
    for which, values in ((VISIT_TOPIC, state.visit_topic), (NEXT, env.topics.successor[state.topic])):
        topic = np.where(reason == which, values, topic)
    rows = np.flatnonzero(reason == INTEREST)
    topic[rows] = draw_interest(env, state.interest[rows], slot[rows], rng)
    rows = np.flatnonzero(reason == BACKGROUND)
    topic[rows] = draw_topics(env.topics.steps, slot[rows], rng.random(len(rows)))
    at = rng.random(count)
    ad = np.empty(count, np.int64)
    rows = np.flatnonzero(reason == ADVERTISER)
    before, weight = advertiser_weights(inventory, slot[rows], state.advertiser[rows])
    available = weight > 0
    owned = rows[available]
    ad[owned] = inventory.by_advertiser.draw(before[available] + at[owned] * weight[available])
    other = np.ones(count, bool)
    other[owned] = False
    ad[other] = draw_by_topic(inventory, slot[other], topic[other], at[other])
    return ad


def draw_people(env: Environment, users: Users, state: UserState, slot: Ints, rng: np.random.Generator) -> Ints:
    """The ad that each user clicks because of other people, -1 for none."""
    at, seat = rng.random(len(slot)), rng.integers(FAVOURITES, size=len(slot))
    favourite = env.people.favourites[slot // BANDS, users.group, seat].astype(np.int64)
    companion = np.where(state.last >= 0, env.people.companion[state.last], -1)
    share = env.people.share
    ad = np.select([at < share * OF_GROUP, at < share], [favourite, companion], -1)
    return np.where((ad >= 0) & is_running(env.inventory.ads, ad, slot), ad, -1)


def preference_direction(env: Environment, taste: Singles, last: Ints) -> Singles:
    """The vector of each user's preference (users, dimensions)."""
    clicked = env.inventory.ads.delta[np.maximum(last, 0)] * (last >= 0)[:, None]
    return np.asarray(np.float32(TASTE_WEIGHT) * taste + np.float32(LAST_CLICK_WEIGHT) * clicked)


def acceptance_slope(scale: float) -> float:
    """How sharply people choose in a world of this scale."""
    return ACCEPTANCE_SLOPE + STEEPER * max(math.log10(scale / STEEPER_ABOVE), 0.0)


def acceptance_probability(x: Singles, slope: float) -> Singles:
    """The chance that an ad of affinity ``x`` is accepted as a click."""
    cap = np.float32(ACCEPTANCE_CAP)
    return np.asarray(np.exp(np.float32(slope) * (np.minimum(x, cap) - cap)))


def update_clicked(env: Environment, state: UserState, rows: Ints, ad: Ints, rng: np.random.Generator) -> None:
    """Some users clicked: the ad is their last one, and may make its topic one of their interests."""
    clicked = ad[rows]
    topic = env.inventory.ads.topic[clicked].astype(np.int64)
    state.last[rows], state.topic[rows] = clicked, topic
    state.advertiser[rows] = env.inventory.ads.advertiser[clicked]
    keep = (rng.random(len(rows)) < ADOPT) & (state.interest[rows] != topic[:, None]).all(axis=1)
    state.interest[rows[keep], rng.integers(1, INTERESTS, size=int(keep.sum()))] = topic[keep]


def _draw_accepted(
    env: Environment,
    users: Users,
    state: UserState,
    past: Codes,
    slot: Ints,
    is_click: bool,
    rng: np.random.Generator,
) -> Ints:
    """An ad for each user: proposed until it is new to the user, and for a click accepted. The last try stands."""
    ad = draw_people(env, users, state, slot, rng) if is_click else np.full(len(slot), -1)
    rows = np.flatnonzero((ad < 0) | (past == ad[:, None]).any(axis=1))
    for _ in range(CLICK_TRIES if is_click else SHOWN_TRIES):
        ad[rows] = propose_ads(env, take(state, rows), slot[rows], CLICKED if is_click else SHOWN, rng)
        rejected = (past[rows] == ad[rows, None]).any(axis=1)
        if is_click:
            preference = preference_direction(env, users.taste[rows], state.last[rows])
            x = np.einsum("ij,ij->i", preference, env.inventory.ads.delta[ad[rows]])
            rejected |= rng.random(len(rows), dtype=np.float32) >= acceptance_probability(x, env.slope)
        rows = rows[rejected]
        if not len(rows):
            break
    return ad
