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
from competitions.tencent.simulator.ads import CAMPAIGNS, Ads
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
class AdInventory:
    """What drawing needs. ``mass`` (slots, topics, ranges) are cumulative along the ranges.

    ``start`` (slots, topics, ranges): the first ad of a range; ``steps`` [ads + 1] cumulative weights.
    ``by_advertiser``: ads by advertiser and birth, with ``keys`` (advertiser * SLOTS + birth) and cumulative
    weights ``owned``, evergreens without weight.
    """

    ads: Ads
    start: Codes
    mass: Floats
    steps: Floats
    by_advertiser: Codes
    keys: Ints
    owned: Floats


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


@dataclass(frozen=True)
class _Births:
    """Ads by campaign and birth, evergreens left out: ``keys`` (campaign * SLOTS + birth), cumulative weights."""

    order: Ints
    keys: Ints
    steps: Floats

    def weigh(self, campaign: Ints, first: Ints, last: Ints) -> tuple[Floats, Floats]:
        """Cumulative weight before the ads of each campaign born from one slot to another, and their weight."""
        low = np.searchsorted(self.keys, campaign * SLOTS + np.maximum(first, 0))
        high = np.searchsorted(self.keys, campaign * SLOTS + np.minimum(last, SLOTS - 1), side="right")
        return self.steps[low], self.steps[high] - self.steps[low]

    def at(self, weights: Floats) -> Ints:
        """The ads whose steps hold these cumulative weights."""
        return self.order[_search(self.steps, weights)]


def make_people(ads: Ads, groups: int, share: float, seed: int) -> People:
    """Draw the favourites of every group and day, and every ad's companion."""
    rng = np.random.default_rng([23, seed])
    order = np.lexsort((ads.birth, ads.campaign))
    order = order[ads.campaign[order] < len(CAMPAIGNS) - 1]
    keys = ads.campaign[order].astype(np.int64) * SLOTS + ads.birth[order]
    births = _Births(order, keys, np.append(0.0, np.cumsum(ads.weight[order] ** PEOPLE_POWER)))
    return People(share, _draw_favourites(ads, births, groups, rng), _draw_companions(ads, births, rng))


def _draw_favourites(ads: Ads, births: _Births, groups: int, rng: np.random.Generator) -> Codes:
    kinds = np.arange(len(CAMPAIGNS) - 1)
    runs = np.array([campaign.runs for campaign in CAMPAIGNS])
    favourites = np.empty((SLOTS // BANDS, groups, FAVOURITES), np.int32)
    today = np.full((groups, FAVOURITES), -1)
    for day in range(len(favourites)):
        first, last = day * BANDS, day * BANDS + BANDS - 1
        stays = (today >= 0) & (ads.birth[today] + runs[ads.campaign[today]] > last)
        free = ~stays | (rng.random(today.shape) >= FAVOURITE_KEPT)
        # Those that run in the day's first slot and in its last one.
        before, weight = births.weigh(kinds, last - runs[kinds] + 1, np.full(len(kinds), first))
        mass = np.cumsum(weight)
        at = rng.random(int(free.sum())) * mass[-1]
        kind = np.minimum(np.searchsorted(mass, at, side="right"), len(kinds) - 1)
        today[free] = births.at(before[kind] + at - (mass - weight)[kind])
        favourites[day] = today
    return favourites


def _draw_companions(ads: Ads, births: _Births, rng: np.random.Generator) -> Codes:
    companion = np.empty(len(ads), np.int32)
    half = np.array([campaign.runs // 2 for campaign in CAMPAIGNS])
    for start in range(0, len(ads), COMPANION_PART):
        part = slice(start, start + COMPANION_PART)
        # An evergreen's companion is of the longest campaign that stops.
        kind = np.minimum(ads.campaign[part].astype(np.int64), len(CAMPAIGNS) - 2)
        birth = ads.birth[part].astype(np.int64)
        before, weight = births.weigh(kind, birth, birth + half[kind])
        companion[part] = births.at(before + rng.random(len(kind)) * weight)
    return companion


def is_running(ads: Ads, which: Ints, slot: Ints | int) -> Bools:
    """Whether each ad runs in a slot."""
    age = slot - ads.birth[which]
    return np.asarray((age >= 0) & (age < np.array([campaign.runs for campaign in CAMPAIGNS])[ads.campaign[which]]))


def build_inventory(ads: Ads) -> AdInventory:
    """Find the ranges of every slot, topic and campaign."""
    steps = np.append(0.0, np.cumsum(ads.weight))
    key = (ads.topic.astype(np.int64) * len(CAMPAIGNS) + ads.campaign) * SLOTS + ads.birth
    slot, topic = np.arange(SLOTS)[:, None], np.arange(TOPICS)[None, :]
    start = np.empty((SLOTS, TOPICS, len(RANGES)), np.int32)
    mass = np.empty(start.shape)
    for at, (kind, reach, factor) in enumerate(RANGES):
        base = (topic * len(CAMPAIGNS) + kind) * SLOTS
        low = np.searchsorted(key, base + np.maximum(slot - reach + 1, 0))
        high = np.searchsorted(key, base + slot, side="right")
        start[:, :, at] = low
        mass[:, :, at] = factor * (steps[high] - steps[low])
    order = np.lexsort((ads.birth, ads.advertiser))
    own = np.where(ads.campaign == len(CAMPAIGNS) - 1, 0.0, ads.weight)[order]
    return AdInventory(
        ads=ads,
        start=start,
        mass=np.cumsum(mass, axis=2),
        steps=steps,
        by_advertiser=order.astype(np.int32),
        keys=ads.advertiser[order].astype(np.int64) * SLOTS + ads.birth[order],
        owned=np.append(0.0, np.cumsum(own)),
    )


def draw_by_topic(inventory: AdInventory, slot: Ints, topic: Ints, at: Floats) -> Ints:
    """An ad of each topic that runs in each slot, at ``at``, uniform numbers below 1."""
    mass = inventory.mass[slot, topic]
    mass_at = at * mass[:, -1]
    chosen = np.minimum((mass <= mass_at[:, None]).sum(axis=1), len(RANGES) - 1)
    row = np.arange(len(slot))
    before = np.where(chosen > 0, mass[row, chosen - 1], 0.0)
    factor = np.array([factor for _, _, factor in RANGES])[chosen]
    first = inventory.start[slot, topic, chosen]
    ads_at = _search(inventory.steps, inventory.steps[first] + (mass_at - before) / factor)
    return np.asarray(np.maximum(ads_at, first))


def advertiser_weights(inventory: AdInventory, slot: Ints, advertiser: Ints) -> tuple[Floats, Floats]:
    """Cumulative weight before the ads of each advertiser that run in each slot, and their weight; 0 for none."""
    known = np.maximum(advertiser, 0)
    reach = np.array([campaign.runs for campaign in CAMPAIGNS])[inventory.ads.advertiser_campaign[known]]
    low = inventory.owned[np.searchsorted(inventory.keys, known * SLOTS + np.maximum(slot - reach + 1, 0))]
    high = inventory.owned[np.searchsorted(inventory.keys, known * SLOTS + slot, side="right")]
    return low, np.where(advertiser >= 0, high - low, 0.0)


def draw_by_advertiser(inventory: AdInventory, before: Floats, weight: Floats, at: Floats) -> Ints:
    """An ad of a range that ``advertiser_weights`` gives, its ``weight`` above 0."""
    return np.asarray(inventory.by_advertiser[_search(inventory.owned, before + at * weight)], np.int64)


def ad_weights(inventory: AdInventory, ads: Ints, slot: int) -> tuple[Floats, Floats]:
    """Weight of each ad in a slot as its topic shows it, and as its advertiser does; 0 where it does not run."""
    age = slot - inventory.ads.birth[ads]
    kind, weight = inventory.ads.campaign[ads], inventory.ads.weight[ads]
    runs = (age >= 0) & (age < np.array([campaign.runs for campaign in CAMPAIGNS])[kind])
    fresh = age < np.array([campaign.fresh for campaign in CAMPAIGNS])[kind]
    boost = np.where(fresh, np.array([campaign.boost for campaign in CAMPAIGNS])[kind], 0.0)
    return weight * runs * (1.0 + boost), weight * runs * (kind < len(CAMPAIGNS) - 1)


def _search(steps: Floats, targets: Floats) -> Ints:
    """The entry whose step holds each target weight. Sorted targets go through cached memory."""
    order = np.argsort(targets)
    steps_at = np.empty(len(targets), np.int64)
    steps_at[order] = np.searchsorted(steps, targets[order], side="right") - 1
    return np.clip(steps_at, 0, len(steps) - 2)
