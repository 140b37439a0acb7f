"""The choice model of the next ad: what a user is shown and clicks, given the user's state.

The state: four interests, the topic of the session, the ad clicked last with its topic and time, the taste. An event
draws

1. a reason: interest, session's topic, the topic clicked last, the one that follows it, the group, the background;
2. an ad by the reason: one that runs in the slot, of the topic, by weight; for the group, one of its favourites.

Where a favourite has stopped, the background takes its place. Reasons are other for a click (``CLICKED``) than for an
ad that is just shown (``SHOWN``), and an ad is clicked only if it is accepted. A favourite always is; the others with
the probability

    exp(slope * (min(x, ACCEPTANCE_CAP) - ACCEPTANCE_CAP)),   x = preference . delta(ad),

``slope`` that of the scale (``acceptance_slope``) and preference ``TASTE_WEIGHT * taste + LAST_CLICK_WEIGHT * hold *
delta`` of the ad clicked last. A target is drawn until it is accepted, and is new to the user. A click of the history
is one of ``DRAWS`` draws, by acceptance, and new to the user but for a share ``REPEATED`` of the clicks.

Time: a session is a slot. A new one has a new topic, which follows that of the session before as often as not. What
was clicked last has a ``hold`` that halves with every ``HALF_LIFE`` that the user went on browsing since; where it has
none, the interests take its place.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from common.arrays import Bools, Floats, Ints, Singles, take
from common.simulation.sampling import draw_columns
from competitions.tencent.io.schema import CLICK
from competitions.tencent.simulator.ads import FAVOURITES, Ads, draw_by_topic, is_running
from competitions.tencent.simulator.topics import BANDS, TOPICS, Codes, Topics, slot_of
from competitions.tencent.simulator.users import LONGEST, Ends, Users, draw_target_times

INTEREST, SESSION, LAST, NEXT, GROUP, BACKGROUND = range(6)
SHOWN = (0.13, 0.42, 0.06, 0.06, 0.03, 0.30)
# Favourites are always accepted: of the clicks about a quarter have this reason.
CLICKED = (0.09, 0.31, 0.14, 0.17, 0.06, 0.23)
SESSION_FOLLOWS = 0.5  # chance that a new session's topic follows that of the one before; else it is an interest
INTEREST_WEIGHT = np.array([0.50, 0.26, 0.15, 0.09], np.float32)  # of each interest, before the topic's rhythm
HALF_LIFE = 129_600.0  # seconds
DRAWS, SHOWN_DRAWS, TARGET_DRAWS = 8, 3, 200
REPEATED = 0.0025  # of the clicks of a history, on an ad that the user was shown before
# With one slope at every scale, a hundred times the ads would leave a third of the oracle's score, less than what was
# earned on the host's log: where more ads are to be had, people are choosier.
ACCEPTANCE_SLOPE, STEEPER, STEEPER_ABOVE = 2.5, 0.9, 0.01  # steeper by so much for every tenfold scale above this one
ACCEPTANCE_CAP, TASTE_WEIGHT, LAST_CLICK_WEIGHT = 0.6, 0.45, 1.0


@dataclass(frozen=True)
class Environment:
    """What so many ``users`` have in common; ``favourites`` (days, groups, FAVOURITES): ads; ``slope``: that of the
    acceptance; ``converts``: P(a click goes on to a conversion) by advertiser, None in round 1.
    """

    users: int
    topics: Topics
    ads: Ads
    favourites: Codes
    slope: float = ACCEPTANCE_SLOPE
    converts: Floats | None = None


@dataclass
class State:
    """One entry a user; changes event by event. ``last``: the ad clicked last, -1 for none; ``topic``: its topic;
    ``clicked_at``: its time in seconds; ``hold``: its hold on the next event. Group, taste and interests stay.
    """

    group: Ints
    taste: Singles
    interest: Ints
    session: Ints
    topic: Ints
    last: Ints
    clicked_at: Ints
    hold: Floats


@dataclass
class Queries(State, Ends):
    """One entry a user, behind all of its events: ``past`` (users, LONGEST) their ads, -1 before the first recorded
    one, ``last_slot`` the slot of the last. ``ad``, ``time`` (seconds), ``action``: what the user clicks first behind
    the reference time; ``tries``: how many it took until one was accepted.
    """

    past: Codes
    last_slot: Ints
    ad: Ints
    time: Ints
    tries: Ints
    action: NDArray[np.int8]


def browse(env: Environment, users: Users, ends: Ends, rng: np.random.Generator) -> Queries:
    """The ads of every event, and the state that they lead to; targets are not drawn yet (-1)."""
    count, first, none = len(users.length), users.interest[:, 0], np.full(len(users.length), -1)
    state = State(
        users.group, users.taste, users.interest, first, first.copy(), none.copy(), none.copy(), np.zeros(count)
    )
    past = np.full((count, LONGEST), -1, np.int32)
    slots, before = slot_of(users.time), none
    for at in range(LONGEST):
        slot, time = slots[:, at], users.time[:, at]
        state.session = choose_session(env, state, slot != before, slot, rng)
        clicked = users.action[:, at] == CLICK
        for rows, draw in ((np.flatnonzero(~clicked), _draw_shown), (np.flatnonzero(clicked), _draw_clicked)):
            past[rows, at] = draw(env, take(state, rows), slot[rows], past[rows, :at], rng)
        state.last[rows], state.clicked_at[rows] = past[rows, at], time[rows]
        state.topic[rows] = env.ads.topic[past[rows, at]]
        state.hold = np.where(state.last >= 0, np.exp2(-(time - state.clicked_at) / HALF_LIFE), 0.0)
        before = slot
    past[~users.recorded] = -1
    action = np.full(count, CLICK, np.int8)
    return Queries(
        **vars(ends),
        **vars(state),
        past=past,
        last_slot=before,
        ad=none,
        time=none.copy(),
        tries=none + 1,
        action=action,
    )


def draw_targets(env: Environment, queries: Queries, rng: np.random.Generator) -> None:
    """What each user clicks next: the time and the ad are drawn anew as a whole until accepted, the last try stands."""
    rows = np.arange(len(queries.ad))
    for _ in range(TARGET_DRAWS):
        now = take(queries, rows)
        time = draw_target_times(now, rng)
        slot = slot_of(time)
        now = replace(now, session=choose_session(env, now, slot != now.last_slot, slot, rng))
        ad, accepted = propose_ads(env, now, slot, True, rng)
        queries.ad[rows], queries.time[rows] = ad, time
        queries.tries[rows] += 1
        rows = rows[(rng.random(len(rows)) >= accepted) | (now.past == ad[:, None]).any(axis=1)]
        if not len(rows):
            break


def choose_session(env: Environment, state: State, new: Bools, slot: Ints, rng: np.random.Generator) -> Ints:
    """The topic of each user's session, drawn where it is ``new``."""
    rows, topic = np.flatnonzero(new), state.session.copy()
    liked = draw_interest(env, state.interest[rows], slot[rows], rng)
    topic[rows] = np.where(rng.random(len(rows)) < SESSION_FOLLOWS, env.topics.successor[topic[rows]], liked)
    return topic


def draw_interest(env: Environment, interest: Ints, slot: Ints, rng: np.random.Generator) -> Ints:
    """One of the interests (users, INTERESTS) of each user."""
    weight = INTEREST_WEIGHT * env.topics.rhythm[slot[:, None] % BANDS, interest]
    drawn = draw_columns(np.cumsum(weight, axis=1), rng.random(len(slot), dtype=np.float32))
    return np.asarray(interest[np.arange(len(slot)), drawn])


def propose_ads(
    env: Environment, state: State, slot: Ints, is_click: bool, rng: np.random.Generator
) -> tuple[Ints, Singles]:
    """An ad that runs for each user, and the chance that it is accepted: to be clicked, or to be shown, which all are
    (ones).
    """
    count = len(slot)
    reasons = np.cumsum((CLICKED if is_click else SHOWN)[:BACKGROUND])
    reason = np.searchsorted(reasons, rng.random(count), side="right")
    reason[((reason == LAST) | (reason == NEXT)) & (rng.random(count) >= state.hold)] = INTEREST
    ad = np.full(count, -1)
    rows = np.flatnonzero(reason == GROUP)
    ad[rows] = env.favourites[slot[rows] // BANDS, state.group[rows], rng.integers(FAVOURITES, size=len(rows))]
    rows = rows[~is_running(env.ads, ad[rows], slot[rows])]
    ad[rows] = -1
    following = env.topics.successor[state.topic]
    topic = np.select([reason == SESSION, reason == NEXT], [state.session, following], state.topic)
    rows = np.flatnonzero(reason == INTEREST)
    topic[rows] = draw_interest(env, state.interest[rows], slot[rows], rng)
    rows = np.flatnonzero((reason == BACKGROUND) | ((reason == GROUP) & (ad < 0)))
    topic[rows] = env.ads.by_slot.draw(slot[rows], rng.random(len(rows))) % TOPICS
    rows = np.flatnonzero(ad < 0)
    ad[rows] = draw_by_topic(env.ads, slot[rows], topic[rows], rng.random(len(rows)))
    accepted = np.ones(count, np.float32)
    if is_click:
        preference = preference_direction(env, state.taste[rows], state.last[rows], state.hold[rows])
        x = np.einsum("ij,ij->i", preference, env.ads.delta[ad[rows]])
        accepted[rows] = acceptance_probability(x, env.slope)
    return ad, accepted


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


def _draw_shown(env: Environment, state: State, slot: Ints, past: Codes, rng: np.random.Generator) -> Ints:
    """An ad that each user is shown; ``past`` (users, events): seen ads, in whose stead another is drawn."""
    ad = propose_ads(env, state, slot, False, rng)[0]
    rows = np.arange(len(slot))
    for _ in range(SHOWN_DRAWS - 1):
        rows = rows[(past[rows] == ad[rows, None]).any(axis=1)]
        ad[rows] = propose_ads(env, take(state, rows), slot[rows], False, rng)[0]
    return ad


def _draw_clicked(env: Environment, state: State, slot: Ints, past: Codes, rng: np.random.Generator) -> Ints:
    """An ad of the history that each user clicks, one of several draws by acceptance."""
    each = np.repeat(np.arange(len(slot)), DRAWS)
    ad, accepted = propose_ads(env, take(state, each), slot[each], True, rng)
    ad, accepted = ad.reshape(-1, DRAWS), accepted.reshape(-1, DRAWS)
    for draw in range(DRAWS):
        accepted[(past == ad[:, draw, None]).any(axis=1), draw] = 0.0
    chosen = draw_columns(np.cumsum(accepted, axis=1), rng.random(len(ad), np.float32))
    clicked = ad[np.arange(len(ad)), chosen]
    again = np.flatnonzero((rng.random(len(ad)) < REPEATED) & (past.shape[1] > 0))
    clicked[again] = past[again, rng.integers(max(past.shape[1], 1), size=len(again))]
    return clicked
