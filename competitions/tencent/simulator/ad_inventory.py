"""Which ads run in a slot, and drawing one of them: by topic or by advertiser, in proportion to weight.

Ads of a topic and campaign are sorted by birth, so those that run in a slot are one range of them, and a draw is a
binary search in the cumulative weights. Fresh ads are a second range inside the first. Evergreens belong to a topic
only: an advertiser shows its campaign's ads.

``People`` are what no topic, advertiser or embedding tells of: the ads that a group of users favours, and the ad that
follows an ad (its companion). Both are drawn by the root of the weight alone. A group's favourite gives way to another
with the days, and when it stops. An ad and its companion are of one kind of campaign, the companion born in the first
half of the ad's run, so that the two run side by side for at least a half of it.
"""

from dataclasses import dataclass

import numpy as np

from common.arrays import Bools, Floats, Ints
from competitions.tencent.simulator.ads import CAMPAIGNS, EVERGREEN, RUNS, Ads
from competitions.tencent.simulator.topics import BANDS, SLOTS, TOPICS, Codes

# (campaign, slots back to which births count, factor): every ad that runs, then fresh ones once more.
RANGES = tuple((kind, campaign.runs, 1.0) for kind, campaign in enumerate(CAMPAIGNS)) + tuple(
    (kind, campaign.fresh, campaign.boost) for kind, campaign in enumerate(CAMPAIGNS) if campaign.fresh
)

PEOPLE_POWER = 0.5  # of an ad's weight: with the weight itself the groups would all like what is popular anyway
FAVOURITES = 5  # of a group at a time
FAVOURITE_KEPT = 0.97  # chance that a favourite is one the next day as well, if it runs
COMPANION_PART = 1 << 20  # companions that are drawn at once


@dataclass(frozen=True)
class BirthIndex:
    """Ads by a group (topic and campaign, advertiser, or campaign) and birth: what runs in a slot is a range of it.

    ``order``: the ads; ``keys``: group * SLOTS + birth of each, ascending; ``steps`` [ads + 1]: cumulative weights.
    """

    order: Codes
    keys: Ints
    steps: Floats

    @classmethod
    def build(cls, group: Codes, birth: Codes, weight: Floats) -> "BirthIndex":
        """Index ads, one entry each."""
        order = np.lexsort((birth, group))
        keys = group[order].astype(np.int64) * SLOTS + birth[order]
        return cls(order.astype(np.int32), keys, np.append(0.0, np.cumsum(weight[order])))

    def find(self, group: Ints, first: Ints, last: Ints) -> tuple[Ints, Ints]:
        """Where the ads of each group born from one slot to another begin and end; shapes broadcast."""
        low = np.searchsorted(self.keys, group * SLOTS + np.maximum(first, 0))
        return low, np.searchsorted(self.keys, group * SLOTS + np.minimum(last, SLOTS - 1), side="right")

    def weigh(self, group: Ints, first: Ints, last: Ints) -> tuple[Floats, Floats]:
        """Cumulative weight before these ads, and their weight."""
        low, high = self.find(group, first, last)
        return self.steps[low], self.steps[high] - self.steps[low]

    def draw(self, at: Floats) -> Ints:
        """The ads whose steps hold these cumulative weights."""
        return self.order[find_step(self.steps, at)].astype(np.int64)


@dataclass(frozen=True)
class AdInventory:
    """What drawing needs.

    ``start`` (slots, topics, ranges): the first ad of a range; ``mass``, of the same shape: weights, cumulative along
    the ranges; ``steps`` [ads + 1]: cumulative weights. In ``by_advertiser`` evergreens have no weight.
    """

    ads: Ads
    start: Codes
    mass: Floats
    steps: Floats
    by_advertiser: BirthIndex


@dataclass(frozen=True)
class People:
    """Reasons to click that no content shows. ``share`` of the clicks have one of them, where it is to be had.

    ``favourites`` (days, groups, FAVOURITES): ads that run all day. ``companion`` by ad: the one that follows it.
    """

    share: float
    favourites: Codes
    companion: Codes

    @property
    def groups(self) -> int:
        """How many groups of users there are."""
        return len(self.favourites[0])


def make_people(ads: Ads, groups: int, share: float, seed: int) -> People:
    """Draw the favourites of every group and day, and every ad's companion."""
    rng = np.random.default_rng([23, seed])
    births = BirthIndex.build(ads.campaign, ads.birth, ads.weight**PEOPLE_POWER)
    return People(share, _draw_favourites(ads, births, groups, rng), _draw_companions(ads, births, rng))


def _draw_favourites(ads: Ads, births: BirthIndex, groups: int, rng: np.random.Generator) -> Codes:
    kinds = np.arange(EVERGREEN)
    favourites = np.empty((SLOTS // BANDS, groups, FAVOURITES), np.int32)
    today = np.full((groups, FAVOURITES), -1)
    for day in range(len(favourites)):
        first, last = day * BANDS, day * BANDS + BANDS - 1
        stays = (today >= 0) & (ads.birth[today] + RUNS[ads.campaign[today]] > last)
        free = ~stays | (rng.random(today.shape) >= FAVOURITE_KEPT)
        # Those that run in the day's first slot and in its last one.
        before, weight = births.weigh(kinds, last - RUNS[kinds] + 1, np.full(len(kinds), first))
        mass = np.cumsum(weight)
        at = rng.random(int(free.sum())) * mass[-1]
        kind = np.minimum(np.searchsorted(mass, at, side="right"), len(kinds) - 1)
        today[free] = births.draw(before[kind] + at - (mass - weight)[kind])
        favourites[day] = today
    return favourites


def _draw_companions(ads: Ads, births: BirthIndex, rng: np.random.Generator) -> Codes:
    companion = np.empty(len(ads), np.int32)
    for start in range(0, len(ads), COMPANION_PART):
        part = slice(start, start + COMPANION_PART)
        # An evergreen's companion is of the longest campaign that stops.
        kind = np.minimum(ads.campaign[part].astype(np.int64), EVERGREEN - 1)
        birth = ads.birth[part].astype(np.int64)
        before, weight = births.weigh(kind, birth, birth + RUNS[kind] // 2)
        companion[part] = births.draw(before + rng.random(len(kind)) * weight)
    return companion


def find_step(steps: Floats, targets: Floats) -> Ints:
    """The entry whose step holds each target weight. Sorted targets go through cached memory."""
    order = np.argsort(targets)
    found = np.empty(len(targets), np.int64)
    found[order] = np.searchsorted(steps, targets[order], side="right") - 1
    return np.clip(found, 0, len(steps) - 2)


def is_running(ads: Ads, which: Ints, slot: Ints | int) -> Bools:
    """Whether each ad runs in a slot."""
    age = slot - ads.birth[which]
    return np.asarray((age >= 0) & (age < RUNS[ads.campaign[which]]))


def build_inventory(ads: Ads) -> AdInventory:
    """Find the ranges of every slot, topic and campaign."""
    by_topic = BirthIndex.build(ads.topic * len(CAMPAIGNS) + ads.campaign, ads.birth, ads.weight)
    slot, topic = np.arange(SLOTS)[:, None], np.arange(TOPICS)[None, :]
    start = np.empty((SLOTS, TOPICS, len(RANGES)), np.int32)
    mass = np.empty(start.shape)
    for at, (kind, reach, factor) in enumerate(RANGES):
        low, high = by_topic.find(topic * len(CAMPAIGNS) + kind, slot - reach + 1, slot)
        start[:, :, at] = low
        mass[:, :, at] = factor * (by_topic.steps[high] - by_topic.steps[low])
    owned = np.where(ads.campaign == EVERGREEN, 0.0, ads.weight)
    by_advertiser = BirthIndex.build(ads.advertiser, ads.birth, owned)
    return AdInventory(ads, start, np.cumsum(mass, axis=2), by_topic.steps, by_advertiser)


def draw_by_topic(inventory: AdInventory, slot: Ints, topic: Ints, at: Floats) -> Ints:
    """An ad of each topic that runs in each slot, at ``at``, uniform numbers below 1."""
    mass = inventory.mass[slot, topic]
    mass_at = at * mass[:, -1]
    chosen = np.minimum((mass <= mass_at[:, None]).sum(axis=1), len(RANGES) - 1)
    row = np.arange(len(slot))
    before = np.where(chosen > 0, mass[row, chosen - 1], 0.0)
    factor = np.array([factor for _, _, factor in RANGES])[chosen]
    first = inventory.start[slot, topic, chosen]
    drawn = find_step(inventory.steps, inventory.steps[first] + (mass_at - before) / factor)
    return np.asarray(np.maximum(drawn, first))


def advertiser_weights(inventory: AdInventory, slot: Ints, advertiser: Ints) -> tuple[Floats, Floats]:
    """Cumulative weight before the ads of each advertiser that run in each slot, and their weight; 0 for none."""
    known = np.maximum(advertiser, 0)
    reach = RUNS[inventory.ads.advertiser_campaign[known]]
    before, weight = inventory.by_advertiser.weigh(known, slot - reach + 1, slot)
    return before, np.where(advertiser >= 0, weight, 0.0)


def ad_weights(inventory: AdInventory, ads: Ints, slot: int) -> tuple[Floats, Floats]:
    """Weight of each ad in a slot as its topic shows it, and as its advertiser does; 0 where it does not run."""
    kind, age = inventory.ads.campaign[ads], slot - inventory.ads.birth[ads]
    fresh = age < np.array([campaign.fresh for campaign in CAMPAIGNS])[kind]
    boost = np.where(fresh, np.array([campaign.boost for campaign in CAMPAIGNS])[kind], 0.0)
    weight = inventory.ads.weight[ads] * is_running(inventory.ads, ads, slot)
    return weight * (1.0 + boost), weight * (kind != EVERGREEN)
