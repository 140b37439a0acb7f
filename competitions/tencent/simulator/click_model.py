"""The choice model of the next ad: what a user is shown and clicks, given the user's state.

The state: the topic that the user is at, the ad clicked last, four interests, the taste, the group. An event draws

1. the topic: the same as before (``STAY``), its successor (``MOVE``), else one of the interests. The longer the user
   was away, the likelier is the last: the other two halve with every ``HALF_LIFE``;
2. a reason, other for a click (``CLICKED``) than for an ad that is just shown (``SHOWN``): the topic, the group, or
   none but popularity;
3. an ad that runs, by weight: of the topic, of any, or one of the group's favourites.

An ad is clicked only if it is accepted. A favourite always is; the others with the probability

    exp(slope * (min(x, ACCEPTANCE_CAP) - ACCEPTANCE_CAP)),   x = preference . delta(ad),

``slope`` that of the scale (``acceptance_slope``) and preference ``TASTE_WEIGHT * taste + delta`` of the ad clicked
last. All three are drawn again until the ad is accepted and new to the user.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from common.arrays import Floats, Ints, Singles, take
from competitions.tencent.io.schema import CLICK
from competitions.tencent.simulator.ads import FAVOURITES, Ads, Codes, Topics, draw_by_topic, draw_by_weight, slot_of
from competitions.tencent.simulator.users import INTERESTS, LONGEST, Users, draw_target_times

STAY, MOVE, HALF_LIFE = 0.45, 0.25, 6.0  # half-life in slots
INTEREST_WEIGHT = (0.50, 0.26, 0.15, 0.09)  # of each interest
TOPIC, GROUP, BACKGROUND = range(3)
SHOWN, CLICKED = (0.67, 0.03, 0.30), (0.71, 0.06, 0.23)  # of the clicks about a quarter are favourites: always accepted
SHOWN_TRIES, CLICKED_TRIES, TARGET_TRIES = 3, 40, 200  # at most; the last one stands
# With one slope at every scale, a hundred times the ads would leave a third of the oracle's score, less than what was
# earned on the host's log: where more ads are to be had, people are choosier.
ACCEPTANCE_SLOPE, STEEPER, STEEPER_ABOVE = 2.5, 0.9, 0.01  # steeper by so much for every tenfold scale above this one
ACCEPTANCE_CAP, TASTE_WEIGHT = 0.6, 0.45


# An ad for each user; the topic that it was at; the chance that it is accepted.
Proposals: TypeAlias = tuple[Ints, Ints, Singles]


@dataclass(frozen=True)
class Environment:
    """What so many ``users`` have in common; ``favourites`` (slots, groups, FAVOURITES): ads; ``slope``: that of the
    acceptance; ``converts``: P(a click goes on to a conversion) by advertiser, None in round 1.
    """

    users: int
    topics: Topics
    ads: Ads
    favourites: Codes
    slope: float
    converts: Floats | None


@dataclass
class State(Users):
    """Users at some time of their histories: the ``slot`` of the event before and the ``topic`` that they were at; the
    ad clicked ``last``, -1 for none.
    """

    slot: Ints
    topic: Ints
    last: Ints


@dataclass
class Queries(State):
    """Users behind all of their events: ``past`` (users, LONGEST) their ads, -1 before the first recorded one. ``ad``,
    ``time`` (seconds), ``action``: what the user clicks first behind the reference time; ``tries``: how many it took
    until one was accepted.
    """

    past: Codes
    ad: Ints
    time: Ints
    tries: Ints
    action: NDArray[np.int8]


def browse(env: Environment, users: Users, time: Ints, action: NDArray[np.int8], rng: np.random.Generator) -> Queries:
    """The ads of events at a ``time`` and of an ``action`` (users, LONGEST), and the state that they lead to; targets
    are not drawn yet (-1).
    """
    count, slots = len(users.length), slot_of(time)
    none = np.full(count, -1)
    state = State(**vars(users), slot=slots[:, 0], topic=users.interest[:, 0].copy(), last=none.copy())
    past = np.full((count, LONGEST), -1, np.int32)
    for at in range(LONGEST):
        clicked = action[:, at] == CLICK
        for is_click, most in ((False, SHOWN_TRIES), (True, CLICKED_TRIES)):
            rows = np.flatnonzero(clicked == is_click)
            propose = partial(propose_ads, env, take(state, rows), slots[rows, at], is_click, rng)
            past[rows, at], state.topic[rows], _ = _draw_new(propose, past[rows, :at], most, rng)
        state.last[clicked], state.slot = past[clicked, at], slots[:, at]
    past[~users.recorded] = -1
    target = {"ad": none, "time": none.copy(), "tries": none + 1, "action": np.full(count, CLICK, np.int8)}
    return Queries(**vars(state), past=past, **target)


def draw_targets(env: Environment, queries: Queries, rng: np.random.Generator) -> None:
    """What each user clicks next: every try draws the time anew as well."""

    def propose(rows: Ints) -> Proposals:
        queries.time[rows] = draw_target_times(take(queries, rows), rng)
        return propose_ads(env, queries, slot_of(queries.time), True, rng, rows)

    queries.ad[:], _, queries.tries[:] = _draw_new(propose, queries.past, TARGET_TRIES, rng)


def _draw_new(
    propose: Callable[[Ints], Proposals], past: Codes, most: int, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """An ad that each user accepts and that is not of its ``past`` (users, events), the topic that the user was at, and
    how many tries it took. ``propose(rows)``: proposals for these users.
    """
    rows = np.arange(len(past))
    ad, topic, tries = np.zeros((3, len(past)), np.int64)
    for _ in range(most):
        ad[rows], topic[rows], accepted = propose(rows)
        tries[rows] += 1
        rows = rows[(rng.random(len(rows)) >= accepted) | (past[rows] == ad[rows, None]).any(axis=1)]
        if not len(rows):
            break
    return ad, topic, tries


def propose_ads(
    env: Environment, state: State, slot: Ints, is_click: bool, rng: np.random.Generator, rows: Ints
) -> Proposals:
    """An ad for each user of ``rows``, to be clicked in a slot, or to be shown, which all are (chances of 1)."""
    state, slot, count = take(state, rows), slot[rows], len(rows)
    move, keep = rng.random(count), hold(slot - state.slot)
    topic = state.interest[np.arange(count), rng.choice(INTERESTS, count, p=INTEREST_WEIGHT)]
    topic = np.where(move < (STAY + MOVE) * keep, env.topics.successor[state.topic], topic)
    topic = np.where(move < STAY * keep, state.topic, topic)
    reason = rng.choice(3, count, p=CLICKED if is_click else SHOWN)
    ad = np.empty(count, np.int64)
    rows = np.flatnonzero(reason == TOPIC)
    ad[rows] = draw_by_topic(env.ads, slot[rows], topic[rows], rng.random(len(rows)))
    rows = np.flatnonzero(reason == GROUP)
    ad[rows] = env.favourites[slot[rows], state.group[rows], rng.integers(FAVOURITES, size=len(rows))]
    rows = np.flatnonzero(reason == BACKGROUND)
    ad[rows] = draw_by_weight(env.ads, slot[rows], rng)
    if not is_click:
        return ad, topic, np.ones(count, np.float32)
    affinity = np.einsum("ij,ij->i", preference_direction(env, state), env.ads.delta[ad])
    return ad, topic, np.where(reason == GROUP, np.float32(1.0), acceptance_probability(affinity, env.slope))


def hold(away: Ints) -> Floats:
    """How much of ``STAY`` and ``MOVE`` is left to one who was ``away`` for so many slots."""
    return np.asarray(np.exp2(-away / HALF_LIFE))


def preference_direction(env: Environment, state: State) -> Singles:
    """The vector of each user's preference (users, dimensions)."""
    clicked = env.ads.delta[state.last] * (state.last >= 0)[:, None]
    return np.asarray(np.float32(TASTE_WEIGHT) * state.taste + clicked)


def acceptance_slope(scale: float) -> float:
    """How sharply people choose in a world of this scale."""
    return ACCEPTANCE_SLOPE + STEEPER * max(math.log10(scale / STEEPER_ABOVE), 0.0)


def acceptance_probability(x: Singles, slope: float) -> Singles:
    """The chance that an ad of affinity ``x`` is accepted as a click."""
    cap = np.float32(ACCEPTANCE_CAP)
    return np.asarray(np.exp(np.float32(slope) * (np.minimum(x, cap) - cap)))
