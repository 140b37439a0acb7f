"""The topics and the ads: whose they are, what they are about, when they run, how popular; and drawing one that runs.

Time runs in slots of six hours, on the host's clock (UTC+8), up to the day on which the last user is queried. Topics
are what ads are about and users are interested in. They have a center in interest space, a share of the ads and a
successor, which interest moves on to.

An ad lies at ``center of its topic + delta`` in interest space; delta sums offsets of its advertiser, its category
(below the topic) and its own, so that an ad which nobody has seen is still known by its advertiser and category. An
advertiser keeps to one topic. Each ad runs for as long as its kind says and then stops. One evergreen ad a topic runs
always, so that nobody is ever left without an ad. Ads are born in proportion to how much is shown.

How often an ad is shown, in expectation, depends on its rank: a power of its style's, its advertiser's and its own
level, so that a new ad's popularity is predictable; fitted to the events per item of the release (43 % of the items
have one). ``weight`` is the ad's popularity while it runs.

Ads of a topic and kind are sorted by birth, so those that run in a slot are one range of them, and a draw is a binary
search in the cumulative weights.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from common.arrays import Bools, Floats, Ints, Singles
from common.simulation.sampling import draw_between, draw_columns

Codes = NDArray[np.int32]

DAY, SLOT = 86_400, 21_600
REFERENCE = 1_748_016_000  # 2025-05-24 00:00 at UTC+8: a midnight, as is the first second
DAYS_BACK, DAYS_AFTER = 222, 14
FIRST = REFERENCE - DAYS_BACK * DAY
DAY_SLOTS = DAY // SLOT
SLOTS = (DAYS_BACK + DAYS_AFTER) * DAY_SLOTS

TOPICS, DIMENSIONS = 100, 16
SHARE_SHIFT, SHARE_SLOPE = 10.0, 0.8
APART = 1.25  # length of the centers; ads lie about 0.95 around them

# The ads that anybody is shown and the advertisers of the public release TencentGR-1M; the fewest of the latter.
ITEMS, ADVERTISERS, LEAST_ADVERTISERS = 4_783_154, 90_000, 400
# Ads that exist for each that is shown, at scale 1. A popular ad of a smaller world fills its topic, which leaves more
# to the others: there are fewer of them, by this power.
WORLD_ITEMS, GROWTH = 2.6, 0.085
# By kind: its share of the ads, the slots that it runs, its share of what is shown. Fitted to how the share of clicks
# on ads that were not seen before a cut grows with the days behind it.
SHARE, RUNS, EVENTS = np.array([0.78, 0.17, 0.05]), np.array([4, 20, 160, SLOTS]), np.array([0.31, 0.25, 0.44])
EVERGREEN, EVERGREEN_WEIGHT = len(RUNS) - 1, 0.02
# Times shown: exp(LOG_SHOWN + BELOW * level), above the middle with a slope of BELOW + ABOVE; at most ``MOST_SHOWN`` of
# an ad at scale 1, which falls with this power of the scale.
LOG_SHOWN, BELOW, ABOVE, MOST_SHOWN, MOST_SLOPE = -1.3, 0.2, 2.5, 65_000.0, 0.8
POPULAR = {"style": 0.8, "advertiser": 0.4, "ad": 0.45}  # weights of the level; their squares sum to 1
STYLES, CATEGORIES = 18, 42  # categories of a topic
OWN_CATEGORY, NEW_PRODUCT = 0.6, 0.4  # chances: an ad is of its advertiser's category; begins the next product
OFFSETS = {"advertiser": 0.7, "category": 0.5, "ad": 0.4}  # lengths, about
SIZE_SIGMA = 2.2  # of the logarithm of an advertiser's number of ads
# Days behind the reference time, and the share of the ads that are born before: as much as is shown in the release.
BIRTH_DAYS = (-222, -150, -100, -75, -50, -40, -30, -20, -15, -10, -5, 0, 2, 4, 7, 10, 14)
BORN = (0, 0.006, 0.018, 0.031, 0.067, 0.093, 0.148, 0.26, 0.357, 0.486, 0.653, 0.845, 0.908, 0.946, 0.977, 0.992, 1)

FAVOURITES = 5  # of a group at a time
MODEST = 3  # a favourite is the least popular of so many ads: else the groups would all like what is popular anyway
FAVOURITE_KEPT = 0.95  # chance that a favourite is one in the next slot as well, if it runs


@dataclass(frozen=True)
class Topics:
    """One entry a topic. ``center`` (topics, dimensions); ``successor``: the topic that interest moves on to."""

    share: Floats
    center: Singles
    successor: Ints


@dataclass(frozen=True)
class Ads:
    """One entry an ad, ascending by topic, kind, birth (the first slot it runs in); ``category``: over all topics;
    ``delta`` (ads, dimensions).

    ``start`` (slots, topics, kinds): the first ad that runs; ``mass``, of the same shape: weights of those that run,
    cumulative along the kinds; ``steps`` [ads + 1]: cumulative weights of the ads.
    """

    topic: Codes
    kind: Codes
    birth: Codes
    advertiser: Codes
    product: Codes
    category: Codes
    style: Codes
    weight: Floats
    delta: Singles
    start: Codes
    mass: Floats
    steps: Floats

    @property
    def background(self) -> Floats:
        """P(topic) among the ads that are shown in a slot for no reason but popularity (slots, topics)."""
        running = self.mass[:, :, -1]
        return np.asarray(running / running.sum(axis=1, keepdims=True))

    def __len__(self) -> int:
        """How many."""
        return len(self.topic)


def slot_of(time: Ints) -> Ints:
    """The slot that each second lies in."""
    return (time - FIRST) // SLOT


def make_topics(seed: int) -> Topics:
    """Draw the topics."""
    rng = np.random.default_rng([11, seed])
    popular = 1.0 / (np.arange(TOPICS) + SHARE_SHIFT) ** SHARE_SLOPE
    share: Floats = rng.permutation(np.asarray(popular / popular.sum(), np.float64))
    center = rng.standard_normal((TOPICS, DIMENSIONS), dtype=np.float32)
    center *= np.float32(APART) / np.linalg.norm(center, axis=1, keepdims=True)
    ring = rng.permutation(TOPICS)
    successor = np.empty(TOPICS, np.int64)
    successor[ring] = np.roll(ring, 1)
    return Topics(share, center, successor)


def make_ads(topics: Topics, scale: float, seed: int) -> Ads:
    """Draw the ads."""
    rng, each = np.random.default_rng([21, seed]), np.arange(TOPICS)
    count = round(WORLD_ITEMS * ITEMS * scale ** (1.0 + GROWTH))
    advertisers = max(LEAST_ADVERTISERS, round(ADVERTISERS * scale))
    owner_topic = np.append(each, rng.choice(TOPICS, advertisers - TOPICS, p=topics.share))
    size = np.exp(SIZE_SIGMA * rng.standard_normal(advertisers))
    size *= (topics.share / np.bincount(owner_topic, size))[owner_topic]
    advertiser = _draw(size, count, rng)
    kind, born = _draw(SHARE, count, rng), np.interp(rng.random(count), BORN, BIRTH_DAYS)
    birth = np.minimum((born + DAYS_BACK) * DAY_SLOTS, SLOTS - 1).astype(np.int32)
    advertiser[:TOPICS], kind[:TOPICS], birth[:TOPICS] = each, EVERGREEN, 0
    order = np.lexsort((birth, kind, owner_topic[advertiser]))
    advertiser, kind, birth = advertiser[order], kind[order], birth[order]
    topic = owner_topic[advertiser].astype(np.int32)
    style = rng.integers(STYLES, size=count, dtype=np.int32)
    own = rng.integers(CATEGORIES, size=advertisers, dtype=np.int32)[advertiser]
    category = np.where(rng.random(count) < OWN_CATEGORY, own, rng.integers(CATEGORIES, size=count, dtype=np.int32))
    category += topic * np.int32(CATEGORIES)
    delta = _offset("ad", count, rng)
    delta += _offset("advertiser", advertisers, rng)[advertiser]
    delta += _offset("category", TOPICS * CATEGORIES, rng)[category]
    weight = _draw_shown(style, advertiser, kind, MOST_SHOWN * scale**MOST_SLOPE, rng) / RUNS[kind]
    weight[kind == EVERGREEN] = EVERGREEN_WEIGHT
    product = _group_products(advertiser, birth, rng)
    traits = topic, kind, birth, advertiser, product, category, style
    return Ads(*traits, weight, delta, *_find_running(topic, kind, birth, weight))


def _draw(weight: Floats, count: int, rng: np.random.Generator) -> Codes:
    """So many indices by weight."""
    steps = np.append(0.0, np.cumsum(weight))
    return draw_between(steps, 0, len(weight), rng.random(count)).astype(np.int32)


def _draw_shown(style: Codes, advertiser: Codes, kind: Codes, most: float, rng: np.random.Generator) -> Floats:
    """How often each ad is shown, in expectation, at most about ``most``; with each kind's share of the whole."""
    level = POPULAR["ad"] * rng.standard_normal(len(style))
    for name, values in (("style", style), ("advertiser", advertiser)):
        many = int(values.max()) + 1
        even = ndtri((rng.permutation(many) + 0.5) / many)  # the same spread of styles with every seed
        level += POPULAR[name] * even[values]
    factor = np.append(EVENTS / SHARE, 1.0)
    shown = np.minimum(np.exp(LOG_SHOWN + BELOW * level + ABOVE * np.maximum(level, 0.0)) * factor[kind], most)
    mass = np.maximum(np.bincount(kind, shown, len(factor)), 1e-9)
    return np.asarray(shown * (np.append(EVENTS, 0.0) * shown.sum() / mass)[kind])


def _group_products(advertiser: Codes, birth: Codes, rng: np.random.Generator) -> Codes:
    """The product of each ad: ads of an advertiser that are born one after another share it."""
    order = np.lexsort((birth, advertiser))
    new = (rng.random(len(order)) < NEW_PRODUCT) | (np.diff(advertiser[order], prepend=-1) > 0)
    product = np.empty(len(order), np.int32)
    product[order] = np.cumsum(new) - 1
    return product


def _offset(name: str, count: int, rng: np.random.Generator) -> Singles:
    """Normal offsets whose length is about ``OFFSETS[name]``."""
    drawn = rng.standard_normal((count, DIMENSIONS), dtype=np.float32)
    drawn *= np.float32(OFFSETS[name] / DIMENSIONS**0.5)
    return drawn


def _find_running(topic: Codes, kind: Codes, birth: Codes, weight: Floats) -> tuple[Codes, Floats, Floats]:
    """``start``, ``mass`` and ``steps`` of the ads."""
    steps, kinds = np.append(0.0, np.cumsum(weight)), len(RUNS)
    keys = (topic.astype(np.int64) * kinds + kind) * SLOTS + birth
    slot = np.arange(SLOTS)[:, None, None]
    group = np.arange(TOPICS * kinds).reshape(1, TOPICS, kinds) * SLOTS
    start = np.searchsorted(keys, group + np.maximum(slot - RUNS + 1, 0))
    mass = steps[np.searchsorted(keys, group + slot, side="right")] - steps[start]
    return start.astype(np.int32), np.cumsum(mass, axis=2), steps


def is_running(ads: Ads, which: Ints | Codes, slot: Ints | int) -> Bools:
    """Whether each ad runs in a slot."""
    age = slot - ads.birth[which]
    return np.asarray((age >= 0) & (age < RUNS[ads.kind[which]]))


def draw_by_topic(ads: Ads, slot: Ints, topic: Ints, at: Floats) -> Ints:
    """An ad of each topic that runs in each slot, by weight at ``at``, uniform numbers below 1."""
    mass = ads.mass[slot, topic]
    kind = draw_columns(mass, at)
    before = np.where(kind > 0, mass[np.arange(len(slot)), kind - 1], 0.0)
    first = ads.start[slot, topic, kind]
    level = ads.steps[first] + at * mass[:, -1] - before
    order = np.argsort(level)  # sorted levels go through cached memory
    drawn = np.empty(len(level), np.int64)
    drawn[order] = np.searchsorted(ads.steps, level[order], side="right") - 1
    return np.asarray(np.maximum(np.minimum(drawn, len(ads) - 1), first))


def draw_by_weight(ads: Ads, slot: Ints, rng: np.random.Generator) -> Ints:
    """An ad of any topic that runs in each slot."""
    topic = draw_columns(np.cumsum(ads.mass[slot, :, -1], axis=1), rng.random(len(slot)))
    return draw_by_topic(ads, slot, topic, rng.random(len(slot)))


def draw_favourites(ads: Ads, groups: int, seed: int) -> Codes:
    """What no topic and no embedding says: the ads that each group of users favours in each slot (slots, groups,
    FAVOURITES). A favourite gives way to another now and then, and when it stops.
    """
    rng = np.random.default_rng([23, seed])
    weight = np.where(ads.kind == EVERGREEN, np.inf, ads.weight)
    favourites = np.empty((SLOTS, groups, FAVOURITES), np.int32)
    leaves = np.ones((groups, FAVOURITES), bool)
    for slot, current in enumerate(favourites):
        if slot:
            current[:] = favourites[slot - 1]
            leaves = ~is_running(ads, current, slot) | (rng.random(current.shape) >= FAVOURITE_KEPT)
        drawn = draw_by_weight(ads, np.full(leaves.sum() * MODEST, slot), rng).reshape(-1, MODEST)
        current[leaves] = drawn[np.arange(len(drawn)), weight[drawn].argmin(axis=1)]
    return favourites
