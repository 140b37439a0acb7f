"""The law of the next ad: what a user is shown and clicks, given its state.

The state: four interests, the mood of the visit (a topic), the ad clicked last with its topic and advertiser, the
taste. Of what was shown but not clicked, nothing is kept; it tells of the interests nevertheless. An event draws

1. a reason: interest, mood, the topic clicked last, the topic that follows it, its advertiser, or the background;
2. a topic by the reason (an advertiser has its own; where it runs no ad, the topic clicked last stands in);
3. an ad that runs in the slot, by weight, of the topic or the advertiser.

An ad shown so far to the user is drawn again. Reasons are other for a click (``CLICKED``) than for an ad that is just
shown (``SHOWN``), and an ad is clicked only where it pleases: it is accepted with the chance

    exp(KEEN * (min(x, PLEASED) - PLEASED)),   x = direction . delta(ad),

direction being ``TASTE * taste + AFTER * delta of the ad clicked last``. So the odds that an ad is clicked, given that
it is shown, are the user's own times a ratio of reasons times exp(KEEN * x): logistic in the affinity.
"""

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from competitions.tencent.io.schema import CLICK
from competitions.tencent.simulator.ad_inventory import Market, draw_by_advertiser, draw_by_topic, weigh_advertiser
from competitions.tencent.simulator.topics import (
    TOPICS,
    Bools,
    Codes,
    Floats,
    Ints,
    Singles,
    Topics,
    draw_background,
    pick,
    slot_of,
)
from competitions.tencent.simulator.users import INTERESTS, LONGEST, SEGMENTS, VISIT, People, like_topics

INTEREST, MOOD, LAST, NEXT, ADVERTISER, BACKGROUND = range(6)
SHOWN = (0.12, 0.14, 0.04, 0.02, 0.04, 0.64)
CLICKED = (0.24, 0.25, 0.07, 0.10, 0.09, 0.25)
MOOD_FROM = (0.7, 0.1, 0.2)  # a new visit's mood: an interest, the topic clicked last, the one that follows it
INTEREST_WEIGHT = np.array([0.50, 0.26, 0.15, 0.09], np.float32)  # of each place, before the topic's rhythm
KEEN, PLEASED, TASTE, AFTER = 2.5, 0.6, 0.5, 0.85
ADOPT, PROMOTE, DRIFT = 0.08, 0.03, 0.02  # chances: by click; by visit; by visit
TRIES_SHOWN, TRIES_CLICKED = 2, 12  # draws of an event of the past; the last one stands

Kind = TypeVar("Kind", "State", People)


@dataclass
class State:
    """One entry a user; changes event by event. ``last``: the ad clicked last, -1 for none; ``advertiser``: its own."""

    interest: Ints
    mood: Ints
    topic: Ints
    advertiser: Ints
    last: Ints


@dataclass(frozen=True)
class Scene:
    """What the law looks at beside the state."""

    topics: Topics
    market: Market
    seed: int


def take(rows: Kind, at: Ints | Bools | slice) -> Kind:
    """The same for some of the users."""
    return type(rows)(**{field.name: getattr(rows, field.name)[at] for field in fields(rows)})


def browse(scene: Scene, people: People, rng: np.random.Generator) -> tuple[Codes, State]:
    """The ads of every event (users, LONGEST), -1 before the first recorded one, and the state that they lead to."""
    count = len(people)
    state = State(
        interest=people.interest.copy(),
        mood=people.interest[:, 0].copy(),
        topic=people.interest[:, 0].copy(),
        advertiser=np.full(count, -1),
        last=np.full(count, -1),
    )
    liking = like_topics(scene.topics, scene.seed)
    past = np.full((count, LONGEST), -1, np.int32)
    for at in range(LONGEST):
        slot = slot_of(people.time[:, at])
        before = people.time[:, at - 1] if at else people.time[:, 0] - 2 * VISIT
        begin_visits(scene, people, state, np.flatnonzero(people.time[:, at] - before > VISIT), slot, liking, rng)
        clicked = people.action[:, at] == CLICK
        ad = np.empty(count, np.int64)
        for mask, reasons, tries in ((~clicked, SHOWN, TRIES_SHOWN), (clicked, CLICKED, TRIES_CLICKED)):
            rows = np.flatnonzero(mask)
            ad[rows] = _settle(
                scene, take(people, rows), take(state, rows), past[rows, :at], slot[rows], reasons, tries, rng
            )
        past[:, at] = ad
        remember(scene, state, np.flatnonzero(clicked), ad, rng)
    past[~people.recorded] = -1
    return past, state


def begin_visits(
    scene: Scene, people: People, state: State, rows: Ints, slot: Ints, liking: Floats, rng: np.random.Generator
) -> None:
    """A visit begins for some users: interests drift, and a mood is found."""
    count = len(rows)
    place = rng.integers(1, INTERESTS, size=count)
    lift = rng.random(count) < PROMOTE
    who, where = rows[lift], place[lift]
    state.interest[who, 0], state.interest[who, where] = state.interest[who, where], state.interest[who, 0]
    lost = rng.random(count) < DRIFT
    who, segment = rows[lost], people.segment[rows[lost]]
    steps = np.cumsum(liking, axis=1) + np.arange(SEGMENTS)[:, None]
    found = np.searchsorted(steps.ravel(), segment + rng.random(len(who))) - segment * TOPICS
    state.interest[who, place[lost]] = np.clip(found, 0, TOPICS - 1)
    state.mood[rows] = draw_mood(scene, take(state, rows), slot[rows], rng)


def draw_mood(scene: Scene, state: State, slot: Ints, rng: np.random.Generator) -> Ints:
    """The mood of each user's new visit."""
    source = np.searchsorted(np.cumsum(MOOD_FROM), rng.random(len(slot)), side="right")
    liked = draw_interest(scene, state.interest, slot, rng)
    return np.select([source == 0, source == 1], [liked, state.topic], scene.topics.successor[state.topic])


def weigh_interests(scene: Scene, interest: Ints, slot: Ints) -> Singles:
    """The chance of each interest (users, INTERESTS) in a slot, up to a factor a user."""
    return np.asarray(INTEREST_WEIGHT * scene.topics.rhythm[slot[:, None], interest])


def draw_interest(scene: Scene, interest: Ints, slot: Ints, rng: np.random.Generator) -> Ints:
    """One of the interests (users, INTERESTS) of each user."""
    drawn = pick(weigh_interests(scene, interest, slot), rng.random(len(slot), dtype=np.float32))
    return np.asarray(interest[np.arange(len(slot)), drawn])


def propose(scene: Scene, state: State, slot: Ints, reasons: tuple[float, ...], rng: np.random.Generator) -> Ints:
    """An ad for each user, before it is asked whether it is accepted."""
    market, count = scene.market, len(slot)
    reason = np.minimum(np.searchsorted(np.cumsum(reasons), rng.random(count), side="right"), BACKGROUND)
    topic = state.topic.copy()
    for which, values in ((MOOD, state.mood), (NEXT, scene.topics.successor[state.topic])):
        topic = np.where(reason == which, values, topic)
    rows = np.flatnonzero(reason == INTEREST)
    topic[rows] = draw_interest(scene, state.interest[rows], slot[rows], rng)
    rows = np.flatnonzero(reason == BACKGROUND)
    topic[rows] = draw_background(scene.topics, slot[rows], rng.random(len(rows)))
    at = rng.random(count)
    ad = np.empty(count, np.int64)
    rows = np.flatnonzero(reason == ADVERTISER)
    before, weight = weigh_advertiser(market, slot[rows], state.advertiser[rows])
    there = weight > 0
    owned = rows[there]
    ad[owned] = draw_by_advertiser(market, before[there], weight[there], at[owned])
    other = np.ones(count, bool)
    other[owned] = False
    ad[other] = draw_by_topic(market, slot[other], topic[other], at[other])
    return ad


def find_direction(scene: Scene, taste: Singles, last: Ints) -> Singles:
    """What each user is pleased by (users, dimensions)."""
    clicked = scene.market.ads.delta[np.maximum(last, 0)] * (last >= 0)[:, None]
    return np.asarray(np.float32(TASTE) * taste + np.float32(AFTER) * clicked)


def pleasure(x: Singles) -> Singles:
    """The chance that an ad of affinity ``x`` is accepted as a click."""
    return np.asarray(np.exp(np.float32(KEEN) * (np.minimum(x, np.float32(PLEASED)) - np.float32(PLEASED))))


def remember(scene: Scene, state: State, rows: Ints, ad: Ints, rng: np.random.Generator) -> None:
    """Some users clicked: the ad is their last one, and may make its topic one of their interests."""
    clicked = ad[rows]
    topic = scene.market.ads.topic[clicked].astype(np.int64)
    state.last[rows], state.topic[rows] = clicked, topic
    state.advertiser[rows] = scene.market.ads.advertiser[clicked]
    keep = (rng.random(len(rows)) < ADOPT) & (state.interest[rows] != topic[:, None]).all(axis=1)
    state.interest[rows[keep], rng.integers(1, INTERESTS, size=int(keep.sum()))] = topic[keep]


def _settle(
    scene: Scene,
    people: People,
    state: State,
    past: Codes,
    slot: Ints,
    reasons: tuple[float, ...],
    tries: int,
    rng: np.random.Generator,
) -> Ints:
    """Propose to each user until it accepts, ``tries`` times at most."""
    ad = np.empty(len(slot), np.int64)
    rows = np.arange(len(slot))
    direction = find_direction(scene, people.taste, state.last) if reasons is CLICKED else None
    for _ in range(tries):
        ad[rows] = propose(scene, take(state, rows), slot[rows], reasons, rng)
        refused = (past[rows] == ad[rows, None]).any(axis=1)
        if direction is not None:
            x = np.einsum("ij,ij->i", direction[rows], scene.market.ads.delta[ad[rows]])
            refused |= rng.random(len(rows), dtype=np.float32) >= pleasure(x)
        rows = rows[refused]
        if not len(rows):
            break
    return ad
