"""The test set: which ads are candidates, and which of them a user clicks first after the reference time.

Candidates are drawn from the ads that run within the horizon, by weight, those shown before the reference time and
those never shown apart, so that the share of unseen ones is the release's. Between the reference time and the first
click the state stays as it was; the click begins a visit. It is drawn like any click (``click_model``) at a band drawn
from the day's distribution, and drawn anew as a whole until it is a candidate, not shown to the user before, and
accepted.
"""

from dataclasses import replace

import numpy as np

from competitions.tencent.simulator.ad_inventory import AdInventory, ad_weights
from competitions.tencent.simulator.click_model import (
    CLICKED,
    Environment,
    UserState,
    acceptance_probability,
    draw_visit_topic,
    preference_direction,
    propose_ads,
    take,
)
from competitions.tencent.simulator.topics import BAND_SHARE, BANDS, NOW, UNSEEN_CANDIDATES, Bools, Codes, Ints
from competitions.tencent.simulator.users import Users

TRIES = 200  # a user who has accepted no candidate after so many has no truth


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


def draw_truth(
    env: Environment, users: Users, state: UserState, past: Codes, allowed: Bools, rng: np.random.Generator
) -> Ints:
    """The ad that each user clicks first within the horizon, -1 for none; ``allowed`` by ad: it is a candidate."""
    truth = np.full(len(users), -1)
    rows = np.flatnonzero(rng.random(len(users)) < 1.0 - np.exp(-users.pace * users.clicks))
    preference = preference_direction(env, users.taste, state.last)
    for _ in range(TRIES):
        slot = NOW + np.searchsorted(np.cumsum(BAND_SHARE), rng.random(len(rows)), side="right").clip(max=BANDS - 1)
        now = take(state, rows)
        ad = propose_ads(env, replace(now, visit_topic=draw_visit_topic(env, now, slot, rng)), slot, CLICKED, rng)
        x = np.einsum("ij,ij->i", preference[rows], env.inventory.ads.delta[ad])
        taken = allowed[ad] & (rng.random(len(rows), dtype=np.float32) < acceptance_probability(x))
        taken &= (past[rows] != ad[:, None]).all(axis=1)
        truth[rows[taken]] = ad[taken]
        rows = rows[~taken]
        if not len(rows):
            break
    return truth
