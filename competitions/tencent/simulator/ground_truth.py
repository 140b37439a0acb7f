"""The test set: which ads are candidates, and which of them a user clicks first after the reference time.

Candidates are drawn from the ads that run within the horizon, by weight, those shown before the reference time and
those never shown apart, so that the share of unseen ones is the release's. Between the reference time and the first
click the state stays as it was; the click begins a visit. It is drawn like any click (``click_model``) at a band drawn
from the day's distribution, and drawn anew as a whole until it is a candidate, not shown to the user before, and
accepted; because of other people it is drawn once.

Round 2's target is the first conversion within the horizon where there is one, else the first click. All that a user
accepts within the horizon is drawn from the state at the reference time, each event for itself, and converts by
``conversions``.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from common.arrays import Bools, Ints, take
from competitions.tencent.io.schema import CLICK, CONVERSION, EXPOSURE
from competitions.tencent.simulator.ad_inventory import AdInventory, ad_weights
from competitions.tencent.simulator.click_model import (
    CLICKED,
    Environment,
    UserBatch,
    acceptance_probability,
    draw_people,
    draw_visit_topic,
    preference_direction,
    propose_ads,
)
from competitions.tencent.simulator.conversions import draw_conversions
from competitions.tencent.simulator.topics import BAND_SHARE, BANDS, NOW, UNSEEN_CANDIDATES

TRIES = 200  # a user who has accepted no candidate after so many has no truth


@dataclass(frozen=True)
class Targets:
    """One entry a user: ``ad`` int64, the target, -1 for none; ``action`` int8, what the user does with it, an exposure
    where there is none.
    """

    ad: Ints
    action: NDArray[np.int8]


def choose_candidates(inventory: AdInventory, seen: Bools, count: int, rng: np.random.Generator) -> Ints:
    """The candidates, ascending ads; ``seen`` by ad. Fewer than ``count`` where fewer run."""
    every = np.arange(len(inventory.ads))
    weight = np.zeros(len(every))
    for band in range(BANDS):
        weight += BAND_SHARE[band] * ad_weights(inventory, every, NOW + band)[0]
    chosen = []
    unseen = round(count * UNSEEN_CANDIDATES)
    for kind, count_of_kind in ((~seen, unseen), (seen, count - unseen)):
        ads = np.flatnonzero(kind & (weight > 0))
        wait = rng.exponential(size=len(ads)) / weight[ads]
        chosen.append(ads[np.argsort(wait, kind="stable")[:count_of_kind]])
    return np.sort(np.concatenate(chosen))


def draw_targets(env: Environment, batch: UserBatch, allowed: Bools, rng: np.random.Generator) -> Targets:
    """What each user does within the horizon, by the rule of the round of ``env``; ``allowed`` by ad: a candidate."""
    users = batch.users
    expected = users.pace * users.clicks
    if env.conversions is None:
        ad = np.full(len(users), -1)
        rows = np.flatnonzero(rng.random(len(users)) < 1.0 - np.exp(-expected))
        ad[rows] = _draw_clicked(env, batch, rows, allowed, rng)
        return Targets(ad, np.where(ad >= 0, CLICK, EXPOSURE).astype(np.int8))
    user = np.repeat(np.arange(len(users)), rng.poisson(expected))
    ad = _draw_clicked(env, batch, user, allowed, rng)
    user, ad = user[ad >= 0], ad[ad >= 0]
    return choose_targets(user, ad, draw_conversions(env.conversions, users.willing[user], ad, rng), len(users))


def choose_targets(user: Ints, ad: Ints, converted: Bools, users: int) -> Targets:
    """The first conversion of each of so many ``users``, else the first click. One entry an event, in the order of
    time: its user, the ad, whether it is a conversion.

    >>> choose_targets(np.array([0, 0, 2]), np.array([7, 8, 9]), np.array([False, True, False]), 3).ad.tolist()
    [8, -1, 9]
    """
    order = np.lexsort((~converted, user))  # stable: events of a kind stay in their order
    first = order[np.unique(user[order], return_index=True)[1]]
    targets = Targets(np.full(users, -1), np.full(users, EXPOSURE, np.int8))
    targets.ad[user[first]] = ad[first]
    targets.action[user[first]] = np.where(converted[first], CONVERSION, CLICK)
    return targets


def _draw_clicked(env: Environment, batch: UserBatch, rows: Ints, allowed: Bools, rng: np.random.Generator) -> Ints:
    """An ad that each of ``rows`` (users, any of them several times) accepts within the horizon, -1 for none."""
    users, state, past = batch.users, batch.state, batch.past
    clicked = draw_people(env, take(users, rows), take(state, rows), _draw_slots(len(rows), rng), rng)
    clicked[(clicked >= 0) & (~allowed[clicked] | (past[rows] == clicked[:, None]).any(axis=1))] = -1
    preference = preference_direction(env, users.taste, state.last)
    pending = np.flatnonzero(clicked < 0)
    for _ in range(TRIES):
        row = rows[pending]
        slot = _draw_slots(len(row), rng)
        now = take(state, row)
        ad = propose_ads(env, replace(now, visit_topic=draw_visit_topic(env, now, slot, rng)), slot, CLICKED, rng)
        x = np.einsum("ij,ij->i", preference[row], env.inventory.ads.delta[ad])
        taken = allowed[ad] & (rng.random(len(row), dtype=np.float32) < acceptance_probability(x, env.slope))
        taken &= (past[row] != ad[:, None]).all(axis=1)
        clicked[pending[taken]] = ad[taken]
        pending = pending[~taken]
        if not len(pending):
            break
    return clicked


def _draw_slots(count: int, rng: np.random.Generator) -> Ints:
    """Slots of the horizon, by the day's distribution."""
    band = np.searchsorted(np.cumsum(BAND_SHARE), rng.random(count), side="right")
    return np.asarray(NOW + band.clip(max=BANDS - 1))
