"""The question: which ads may be answered, and which of them a user clicks first after the reference time.

Candidates are drawn from the ads that run within the horizon, by weight, those shown before the reference time and
those never shown apart, so that the share of unseen ones is the release's. Between the reference time and the first
click the state stays as it was; the click begins a visit. It is drawn like any click (``browsing``) at a band drawn
from the day's law, and drawn anew as a whole until it is a candidate, not shown to the user before, and pleases.
"""

from dataclasses import replace

import numpy as np

from competitions.tencent.simulator.ad_inventory import Market, weigh_ads
from competitions.tencent.simulator.click_model import (
    CLICKED,
    Scene,
    State,
    draw_mood,
    find_direction,
    pleasure,
    propose,
    take,
)
from competitions.tencent.simulator.topics import BAND_SHARE, BANDS, NOW, UNSEEN_CANDIDATES, Bools, Codes, Ints
from competitions.tencent.simulator.users import People

TRIES = 200  # a user who has accepted no candidate after so many has no truth


def choose_candidates(market: Market, seen: Bools, count: int, rng: np.random.Generator) -> Ints:
    """The ads that may be answered, ascending; ``seen`` by ad. Fewer than ``count`` where fewer run."""
    every = np.arange(len(market.ads))
    weight = np.zeros(len(every))
    for band in range(BANDS):
        weight += BAND_SHARE[band] * weigh_ads(market, every, NOW + band)[0]
    chosen = []
    unseen = round(count * UNSEEN_CANDIDATES)
    for of_kind, wanted in ((~seen, unseen), (seen, count - unseen)):
        ads = np.flatnonzero(of_kind & (weight > 0))
        wait = rng.exponential(size=len(ads)) / weight[ads]
        chosen.append(ads[np.argsort(wait, kind="stable")[:wanted]])
    return np.sort(np.concatenate(chosen))


def draw_truth(
    scene: Scene, people: People, state: State, past: Codes, allowed: Bools, rng: np.random.Generator
) -> Ints:
    """The ad that each user clicks first within the horizon, -1 for none; ``allowed`` by ad: it is a candidate."""
    truth = np.full(len(people), -1)
    rows = np.flatnonzero(rng.random(len(people)) < 1.0 - np.exp(-people.pace * people.clicks))
    direction = find_direction(scene, people.taste, state.last)
    for _ in range(TRIES):
        slot = NOW + np.searchsorted(np.cumsum(BAND_SHARE), rng.random(len(rows)), side="right").clip(max=BANDS - 1)
        now = take(state, rows)
        ad = propose(scene, replace(now, mood=draw_mood(scene, now, slot, rng)), slot, CLICKED, rng)
        x = np.einsum("ij,ij->i", direction[rows], scene.market.ads.delta[ad])
        taken = allowed[ad] & (rng.random(len(rows), dtype=np.float32) < pleasure(x))
        taken &= (past[rows] != ad[:, None]).all(axis=1)
        truth[rows[taken]] = ad[taken]
        rows = rows[~taken]
        if not len(rows):
            break
    return truth
