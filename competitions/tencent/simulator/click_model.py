"""The choice model of the next ad: what a user is shown and clicks, given the user's state.

The state: four interests, the topic of the session, the ad clicked last, the taste. An event draws

1. a reason: interest, session's topic, the topic clicked last, the one that follows it, the group, the background;
2. an ad by the reason: one that runs in the slot, of the topic, by weight; for the group, one of its favourites.

Reasons are other for a click (``CLICKED``) than for an ad that is just shown (``SHOWN``), and an ad is clicked only if
it is accepted. A favourite always is; the others with the probability

    exp(slope * (min(x, ACCEPTANCE_CAP) - ACCEPTANCE_CAP)),   x = preference . delta(ad),

``slope`` that of the scale (``acceptance_slope``) and preference ``TASTE_WEIGHT * taste + LAST_CLICK_WEIGHT * hold *
delta`` of the ad clicked last. It is drawn again until the ad is accepted and new to the user.

Time: a session is a slot. A new one has a new topic, which follows that of the session before as often as not. What
was clicked last has a ``hold`` that halves with every ``HALF_LIFE`` that the user went on browsing since; where it has
none, the interests take its place.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from common.arrays import Bools, Floats, Ints, Singles, take
from competitions.tencent.io.schema import CLICK
from competitions.tencent.simulator.ads import FAVOURITES, Ads, draw_by_topic, draw_by_weight
from competitions.tencent.simulator.topics import Codes, Topics, slot_of
from competitions.tencent.simulator.users import INTERESTS, LONGEST, Users, draw_target_times

INTEREST, SESSION, LAST, NEXT, GROUP, BACKGROUND = range(6)
SHOWN = (0.13, 0.42, 0.06, 0.06, 0.03, 0.30)
# Favourites are always accepted: of the clicks about a quarter have this reason.
CLICKED = (0.09, 0.31, 0.14, 0.17, 0.06, 0.23)
SESSION_FOLLOWS = 0.5  # chance that a new session's topic follows that of the one before; else it is an interest
INTEREST_WEIGHT = (0.50, 0.26, 0.15, 0.09)  # of each interest
HALF_LIFE = 129_600.0  # seconds
SHOWN_TRIES, CLICKED_TRIES, TARGET_TRIES = 3, 40, 200  # at most; the last one stands
# With one slope at every scale, a hundred times the ads would leave a third of the oracle's score, less than what was
# earned on the host's log: where more ads are to be had, people are choosier.
ACCEPTANCE_SLOPE, STEEPER, STEEPER_ABOVE = 2.5, 0.9, 0.01  # steeper by so much for every tenfold scale above this one
ACCEPTANCE_CAP, TASTE_WEIGHT, LAST_CLICK_WEIGHT = 0.6, 0.45, 1.0


@dataclass(frozen=True)
class Environment:
    """What so many ``users`` have in common; ``favourites`` (slots, groups, FAVOURITES): ads; ``slope``: that of the
    acceptance; ``converts``: P(a click goes on to a conversion) by advertiser, None in round 1.
    """

    users: int
    topics: Topics
    ads: Ads
    favourites: Codes
    slope: float = ACCEPTANCE_SLOPE
    converts: Floats | None = None


@dataclass
class State(Users):
    """Users at some time of their histories: the topic of the ``session``; the ad clicked ``last``, -1 for none, and
    its ``hold`` on the next event, 0 for none.
    """

    session: Ints
    last: Ints
    hold: Floats


@dataclass
class Queries(State):
    """Users behind all of their events: ``past`` (users, LONGEST) their ads, -1 before the first recorded one;
    ``last_slot`` the slot of the last. ``ad``, ``time`` (seconds), ``action``: what the user clicks first behind the
    reference time; ``tries``: how many it took until one was accepted.
    """

    past: Codes
    last_slot: Ints
    ad: Ints
    time: Ints
    tries: Ints
    action: NDArray[np.int8]


def browse(env: Environment, users: Users, time: Ints, action: NDArray[np.int8], rng: np.random.Generator) -> Queries:
    """The ads of events at a ``time`` and of an ``action`` (users, LONGEST), and the state that they lead to; targets
    are not drawn yet (-1).
    """
    count = len(users.length)
    none = np.full(count, -1)
    state = State(**vars(users), session=users.interest[:, 0], last=none.copy(), hold=np.zeros(count))
    past = np.full((count, LONGEST), -1, np.int32)
    slots, before = slot_of(time), none
    for at in range(LONGEST):
        slot = slots[:, at]
        state.session = choose_session(env, state, slot != before, rng)
        clicked = action[:, at] == CLICK
        for is_click, most in ((False, SHOWN_TRIES), (True, CLICKED_TRIES)):
            rows = np.flatnonzero(clicked == is_click)
            propose = partial(_propose_at, env, take(state, rows), slot[rows], is_click, rng)
            past[rows, at] = _draw_new(propose, past[rows, :at], most, rng)[0]
        state.hold *= np.exp2(-(time[:, at] - time[:, max(at - 1, 0)]) / HALF_LIFE)
        state.last[clicked], state.hold[clicked] = past[clicked, at], 1.0
        before = slot
    past[~users.recorded] = -1
    target = {"ad": none, "time": none.copy(), "tries": none + 1, "action": np.full(count, CLICK, np.int8)}
    return Queries(**vars(state), past=past, last_slot=before, **target)


def draw_targets(env: Environment, queries: Queries, rng: np.random.Generator) -> None:
    """What each user clicks next: every try draws the time and the ad anew."""

    def propose(rows: Ints) -> tuple[Ints, Singles]:
        now = take(queries, rows)
        queries.time[rows] = time = draw_target_times(now, rng)
        slot = slot_of(time)
        session = choose_session(env, now, slot != now.last_slot, rng)
        return propose_ads(env, replace(now, session=session), slot, True, rng)

    queries.ad[:], queries.tries[:] = _draw_new(propose, queries.past, TARGET_TRIES, rng)


def _draw_new(
    propose: Callable[[Ints], tuple[Ints, Singles]], past: Codes, most: int, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """An ad that each user accepts and that is not of its ``past`` (users, events), and how many tries it took.
    ``propose(rows)``: ads for these users, the chances that they are accepted.
    """
    ad, tries, rows = (np.zeros(len(past), np.int64), np.zeros(len(past), np.int64), np.arange(len(past)))
    for _ in range(most):
        ad[rows], accepted = propose(rows)
        tries[rows] += 1
        rows = rows[(rng.random(len(rows)) >= accepted) | (past[rows] == ad[rows, None]).any(axis=1)]
        if not len(rows):
            break
    return ad, tries


def _propose_at(
    env: Environment, state: State, slot: Ints, is_click: bool, rng: np.random.Generator, rows: Ints
) -> tuple[Ints, Singles]:
    """``propose_ads`` for some of the users."""
    return propose_ads(env, take(state, rows), slot[rows], is_click, rng)


def choose_session(env: Environment, state: State, new: Bools, rng: np.random.Generator) -> Ints:
    """The topic of each user's session, drawn where it is ``new``."""
    rows, topic = np.flatnonzero(new), state.session.copy()
    liked = draw_interest(state.interest[rows], rng)
    topic[rows] = np.where(rng.random(len(rows)) < SESSION_FOLLOWS, env.topics.successor[topic[rows]], liked)
    return topic


def draw_interest(interest: Ints, rng: np.random.Generator) -> Ints:
    """One of the interests (users, INTERESTS) of each user."""
    return np.asarray(interest[np.arange(len(interest)), rng.choice(INTERESTS, len(interest), p=INTEREST_WEIGHT)])


def propose_ads(
    env: Environment, state: State, slot: Ints, is_click: bool, rng: np.random.Generator
) -> tuple[Ints, Singles]:
    """An ad that runs for each user, and the chance that it is accepted: to be clicked, or to be shown, which all are
    (ones).
    """
    count = len(slot)
    reason = rng.choice(len(CLICKED), count, p=CLICKED if is_click else SHOWN)
    reason[((reason == LAST) | (reason == NEXT)) & (rng.random(count) >= state.hold)] = INTEREST
    clicked = env.ads.topic[state.last]  # of any topic where there is none: that has no hold
    topic = np.select([reason == SESSION, reason == LAST], [state.session, clicked], env.topics.successor[clicked])
    rows = np.flatnonzero(reason == INTEREST)
    topic[rows] = draw_interest(state.interest[rows], rng)
    ad = np.empty(count, np.int64)
    rows = np.flatnonzero(reason == BACKGROUND)
    ad[rows] = draw_by_weight(env.ads, slot[rows], rng)
    rows = np.flatnonzero(reason < GROUP)
    ad[rows] = draw_by_topic(env.ads, slot[rows], topic[rows], rng.random(len(rows)))
    rows = np.flatnonzero(reason == GROUP)
    ad[rows] = env.favourites[slot[rows], state.group[rows], rng.integers(FAVOURITES, size=len(rows))]
    if not is_click:
        return ad, np.ones(count, np.float32)
    preference = preference_direction(env, state.taste, state.last, state.hold)
    accepted = acceptance_probability(np.einsum("ij,ij->i", preference, env.ads.delta[ad]), env.slope)
    return ad, np.where(reason == GROUP, np.float32(1.0), accepted)


def preference_direction(env: Environment, taste: Singles, last: Ints, hold: Floats) -> Singles:
    """The vector of each user's preference (users, dimensions)."""
    clicked = env.ads.delta[last] * hold[:, None].astype(np.float32)
    return np.asarray(np.float32(TASTE_WEIGHT) * taste + np.float32(LAST_CLICK_WEIGHT) * clicked)


def acceptance_slope(scale: float) -> float:
    """How sharply people choose in a world of this scale."""
    return ACCEPTANCE_SLOPE + STEEPER * max(math.log10(scale / STEEPER_ABOVE), 0.0)


def acceptance_probability(x: Singles, slope: float) -> Singles:
    """The chance that an ad of affinity ``x`` is accepted as a click."""
    cap = np.float32(ACCEPTANCE_CAP)
    return np.asarray(np.exp(np.float32(slope) * (np.minimum(x, cap) - cap)))
