"""Which ads run in a slot, and drawing one of them by weight.

Ads of a topic and campaign are sorted by birth, so those that run in a slot are one range of them, and a draw is a
binary search in the cumulative weights.

``draw_favourites`` draws what no topic and no embedding tells of: the ads that a group of users favours. A favourite
gives way to another now and then, and when it stops.
"""

from dataclasses import dataclass

import numpy as np

from common.arrays import Bools, Floats, Ints
from common.simulation.sampling import draw_columns
from competitions.tencent.simulator.ads import CAMPAIGNS, EVERGREEN, RUNS, Ads
from competitions.tencent.simulator.topics import BANDS, SLOTS, TOPICS, Codes, Topics

FAVOURITES = 5  # of a group at a time
MODEST = 3  # a favourite is the least popular of so many ads: else the groups would all like what is popular anyway
FAVOURITE_KEPT = 0.8  # chance that a favourite is one the next day as well, if it runs


@dataclass(frozen=True)
class AdInventory:
    """What drawing needs.

    ``start`` (slots, topics, campaigns): the first ad that runs; ``mass``, of the same shape: weights of those that
    run, cumulative along the campaigns; ``steps`` [ads + 1]: cumulative weights of the ads.
    """

    ads: Ads
    start: Codes
    mass: Floats
    steps: Floats


def build_inventory(ads: Ads) -> AdInventory:
    """Find the ads of every topic and campaign that run in every slot; ``ads`` are sorted by these and birth."""
    steps = np.append(0.0, np.cumsum(ads.weight))
    kinds = len(CAMPAIGNS)
    keys = (ads.topic.astype(np.int64) * kinds + ads.campaign) * SLOTS + ads.birth
    slot, topic = np.arange(SLOTS)[:, None], np.arange(TOPICS)[None, :]
    start = np.empty((SLOTS, TOPICS, kinds), np.int32)
    mass = np.empty(start.shape)
    for kind, runs in enumerate(RUNS.tolist()):
        group = (topic * kinds + kind) * SLOTS
        low = np.searchsorted(keys, group + np.maximum(slot - runs + 1, 0))
        high = np.searchsorted(keys, group + slot, side="right")
        start[:, :, kind] = low
        mass[:, :, kind] = steps[high] - steps[low]
    return AdInventory(ads, start, np.cumsum(mass, axis=2), steps)


def is_running(ads: Ads, which: Ints, slot: Ints | int) -> Bools:
    """Whether each ad runs in a slot."""
    age = slot - ads.birth[which]
    return np.asarray((age >= 0) & (age < RUNS[ads.campaign[which]]))


def draw_by_topic(inventory: AdInventory, slot: Ints, topic: Ints, at: Floats) -> Ints:
    """An ad of each topic that runs in each slot, by weight at ``at``, uniform numbers below 1."""
    mass = inventory.mass[slot, topic]
    kind = draw_columns(mass, at)
    row = np.arange(len(slot))
    before = np.where(kind > 0, mass[row, kind - 1], 0.0)
    first = inventory.start[slot, topic, kind]
    targets = inventory.steps[first] + at * mass[:, -1] - before
    order = np.argsort(targets)  # sorted targets go through cached memory
    drawn = np.empty(len(targets), np.int64)
    drawn[order] = np.searchsorted(inventory.steps, targets[order], side="right") - 1
    return np.asarray(np.maximum(np.minimum(drawn, len(inventory.ads) - 1), first))


def draw_favourites(inventory: AdInventory, topics: Topics, groups: int, seed: int) -> Codes:
    """The ads that each group favours on each day (days, groups, FAVOURITES); each runs in the day's first slot."""
    rng, ads = np.random.default_rng([23, seed]), inventory.ads
    weight = np.where(ads.campaign == EVERGREEN, np.inf, ads.weight)
    favourites = np.empty((SLOTS // BANDS, groups, FAVOURITES), np.int32)
    for day in range(len(favourites)):
        slot = np.full(groups * FAVOURITES * MODEST, day * BANDS)
        topic = topics.by_slot.draw(slot, rng.random(len(slot))) % TOPICS
        drawn = draw_by_topic(inventory, slot, topic, rng.random(len(slot))).reshape(groups, FAVOURITES, MODEST)
        least = weight[drawn].argmin(axis=2)
        fresh = np.take_along_axis(drawn, least[:, :, None], axis=2)[:, :, 0]
        before = favourites[day - 1] if day else fresh
        kept = is_running(ads, before, day * BANDS) & (rng.random(before.shape) < FAVOURITE_KEPT)
        favourites[day] = np.where(kept, before, fresh)
    return favourites
