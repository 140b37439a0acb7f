"""The ads: whose they are, what they are about, when they run, how popular they are, where they lie in interest space.

An ad lies at ``center of its topic + delta``; delta sums offsets of its advertiser, its leaf (a category below the
topic), its product and its own, so that an ad which nobody has seen is still known by its advertiser, category and
product. An advertiser keeps to one topic. A campaign is short, middle or long; each ad runs for as long as its kind
says and then stops. One evergreen ad a topic runs always. Ads are born in proportion to how much is shown.

``weight`` is the ad's popularity while it runs. The number of times an ad is shown is proportional to weight times
running time; that is a constant for most ads and log-normal for the others, fitted to the events per item of the
release (43% of the items have one). Its rank depends on the ad's style and channel, which are published, on
its advertiser, on its product, and least on noise: so that a new ad's popularity is predictable.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from common.arrays import Floats, Singles
from competitions.tencent.simulator.topics import BANDS, DIMENSIONS, NOW, SLOTS, TOPICS, Codes, Sizes, Topics

LEAVES = 42  # a topic's
OWN_LEAF = 0.6  # chance that a product is of its advertiser's own leaf
NEW_PRODUCT = 0.22  # chance that an advertiser's next ad is of a new product
RECENT = 0.05  # else it is of the product of an ad so many ads before: the chance of each, a geometric distribution
OFFSETS = {"advertiser": 0.65, "leaf": 0.5, "product": 0.4, "ad": 0.25}
SIZE_SIGMA = 2.2  # of the logarithm of an advertiser's number of ads


@dataclass(frozen=True)
class Campaign:
    """A kind of campaign: its share of the ads, slots it runs, and its share of what is shown."""

    share: float
    runs: int
    events: float


# Fitted to how the share of clicks on ads that were not seen before a cut grows with the days behind it.
CAMPAIGNS = (
    Campaign(0.78, 4, 0.31),
    Campaign(0.17, 20, 0.25),
    Campaign(0.05, 160, 0.44),
    Campaign(0.00, SLOTS, 0.0),
)
EVERGREEN = len(CAMPAIGNS) - 1
RUNS = np.array([campaign.runs for campaign in CAMPAIGNS])
EVERGREEN_WEIGHT = 0.02
# Times shown, in expectation: ``TAIL`` for this share of the ads, exp(normal) for the others.
TAIL_SHARE, TAIL, MEAN_LOG, SIGMA = 0.62, 0.09, -1.0, 3.4
MOST_SHOWN, MOST_SLOPE = 65_000.0, 0.8  # of an ad at scale 1; with a smaller world it falls with this power

# What the rank among the ads depends on; the squares of the weights sum to 1.
POPULAR = {"style": 0.8, "channel": 0.4, "advertiser": 0.3, "product": 0.25, "ad": 0.2}
STYLES, CHANNELS = 18, 7

# The days between a user's first event and last in the release, by quantile.
SPAN_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
SPAN_DAYS = (4.0, 9.0, 18.25, 26.72, 41.56, 74.57, 113.39, 206.98, 229.1)
FADING = 4.0  # days behind the reference time after which 1 / e of what was shown is shown still; assumed


@dataclass(frozen=True)
class Ads:
    """One entry an ad, ascending by topic, campaign, birth.

    ``birth``: the first slot it runs in. ``delta`` (ads, dimensions): its offset from the center of its topic.
    ``advertiser_topic`` has an entry an advertiser.
    """

    topic: Codes
    campaign: Codes
    birth: Codes
    advertiser: Codes
    product: Codes
    leaf: Codes
    style: Codes
    channel: Codes
    weight: Floats
    delta: Singles
    advertiser_topic: Codes

    def __len__(self) -> int:
        """How many."""
        return len(self.topic)


def make_ads(topics: Topics, sizes: Sizes, scale: float, seed: int) -> Ads:
    """Draw the ads."""
    rng = np.random.default_rng([21, seed])
    owner_topic, steps = _make_advertisers(topics, sizes.advertisers, rng)
    count = sizes.ads - TOPICS
    topic = np.searchsorted(np.cumsum(topics.share), rng.random(count)).clip(max=TOPICS - 1)
    advertiser = np.searchsorted(steps, topic + rng.random(count), side="right")
    advertiser = np.minimum(advertiser, np.searchsorted(owner_topic, topic, side="right") - 1)
    campaign = np.searchsorted(np.cumsum([kind.share for kind in CAMPAIGNS[:-2]]), rng.random(count), side="right")
    birth = np.searchsorted(_birth_steps(), rng.random(count)).clip(max=SLOTS - 1)
    # One evergreen a topic, of its largest advertiser: nobody is ever left without an ad to be shown.
    each = np.arange(TOPICS)
    advertiser = np.append(advertiser, np.searchsorted(owner_topic, each))
    campaign, birth = np.append(campaign, np.full(TOPICS, EVERGREEN)), np.append(birth, np.zeros(TOPICS, np.int64))
    topic = np.append(topic, each)
    order = np.lexsort((birth, campaign, topic))
    of_topic, kind, born, owner = (column[order].astype(np.int32) for column in (topic, campaign, birth, advertiser))
    product = _make_products(owner, born, rng)
    style, channel = (rng.integers(many, size=len(order), dtype=np.int32) for many in (STYLES, CHANNELS))
    traits = {"style": style, "channel": channel, "advertiser": owner, "product": product}
    shown = _share_out(_draw_shown(traits, rng), kind, MOST_SHOWN * scale**MOST_SLOPE)
    weight = shown / RUNS[kind]
    weight[kind == EVERGREEN] = EVERGREEN_WEIGHT
    leaf, delta = _draw_deltas(owner_topic, owner, product, rng)
    return Ads(
        topic=of_topic,
        campaign=kind,
        birth=born,
        advertiser=owner,
        product=product,
        leaf=leaf,
        style=style,
        channel=channel,
        weight=weight,
        delta=delta,
        advertiser_topic=owner_topic,
    )


def _make_advertisers(topics: Topics, count: int, rng: np.random.Generator) -> tuple[Codes, Floats]:
    """Topic of each advertiser, ascending; cumulative sizes within its topic, plus the topic's number."""
    topic = np.searchsorted(np.cumsum(topics.share), rng.random(count - TOPICS)).clip(max=TOPICS - 1)
    topic = np.sort(np.append(topic, np.arange(TOPICS)))
    start = np.searchsorted(topic, np.arange(TOPICS))
    size = np.exp(SIZE_SIGMA * rng.standard_normal(count))
    size = size[np.lexsort((-size, topic))]
    steps = np.cumsum(size)
    before, total = (steps - size)[start], np.add.reduceat(size, start)
    within = (steps - before[topic]) / total[topic]
    return topic.astype(np.int32), topic + within


def _birth_steps() -> Floats:
    """Cumulative share of the births by slot: as much as is shown, which grows up to the reference time, from which on
    one user after another is queried and shown no more.
    """
    spans = np.interp((np.arange(2000) + 0.5) / 2000, SPAN_QUANTILES, SPAN_DAYS)
    back = (NOW - np.arange(SLOTS)) / BANDS
    ascending = np.cumsum((1.0 / spans)[::-1])[::-1]
    longer = np.searchsorted(spans, np.maximum(back, 0.0))
    volume = np.append(ascending, ascending[-1])[longer] * np.exp(np.minimum(back, 0.0) / FADING)
    steps = np.cumsum(volume)
    return np.asarray(steps / steps[-1])


def _make_products(advertiser: Codes, birth: Codes, rng: np.random.Generator) -> Codes:
    """The product of each ad: a new one, or that of an earlier ad of its advertiser, mostly a recent one."""
    order, each = np.lexsort((birth, advertiser)), np.arange(len(advertiser))
    first = np.searchsorted(advertiser[order], np.arange(int(advertiser.max()) + 1))[advertiser[order]]
    source = each - rng.geometric(RECENT, len(each))
    source = np.where((rng.random(len(each)) < NEW_PRODUCT) | (source < first), each, source)
    while True:  # every ad points at an earlier one: follow them to the first of the product, twice as far each time
        further = source[source]
        if np.array_equal(further, source):
            break
        source = further
    product = np.empty(len(each), np.int32)
    product[order] = (np.cumsum(source == each) - 1)[source]
    return product


def _draw_shown(traits: dict[str, Codes], rng: np.random.Generator) -> Floats:
    """How often each ad is shown, in expectation: above the tail it grows with what its traits add up to."""
    level = POPULAR["ad"] * rng.standard_normal(len(traits["style"]))
    for name, values in traits.items():
        many = int(values.max()) + 1
        even = ndtri((rng.permutation(many) + 0.5) / many)  # the same spread of styles with every seed
        level += POPULAR[name] * even[values]
    above = np.maximum((ndtr(level) - TAIL_SHARE) / (1.0 - TAIL_SHARE), 0.0)
    above = np.minimum(above, 1.0 - 1e-9)
    return np.asarray(np.where(above > 0.0, np.exp(MEAN_LOG + SIGMA * ndtri(above)), TAIL))


def _share_out(shown: Floats, campaign: Codes, most: float) -> Floats:
    """The same, at most about ``most``, with each kind of campaign's share of the whole."""
    events = np.array([kind.events for kind in CAMPAIGNS])
    ads = np.maximum(np.bincount(campaign, minlength=len(events)), 1) / len(campaign)
    capped = np.minimum(shown * (events / ads)[campaign], most)
    mass = np.maximum(np.bincount(campaign, capped, len(events)), 1e-9)
    return np.asarray(capped * (events * capped.sum() / mass)[campaign])


def _draw_deltas(
    owner_topic: Codes, advertiser: Codes, product: Codes, rng: np.random.Generator
) -> tuple[Codes, Singles]:
    """Leaf and delta of each ad."""
    products = int(product.max()) + 1
    owner = np.empty(products, np.int32)
    owner[product] = advertiser
    own = rng.integers(LEAVES, size=len(owner_topic), dtype=np.int32)
    leaf = np.where(rng.random(products) < OWN_LEAF, own[owner], rng.integers(LEAVES, size=products, dtype=np.int32))
    leaf = (owner_topic[owner] * LEAVES + leaf).astype(np.int32)
    delta = _offset("product", products, rng)
    delta += _offset("advertiser", len(owner_topic), rng)[owner]
    delta += _offset("leaf", TOPICS * LEAVES, rng)[leaf]
    deltas = delta[product]
    deltas += _offset("ad", len(advertiser), rng)
    return leaf[product], deltas


def _offset(name: str, count: int, rng: np.random.Generator) -> Singles:
    """Normal offsets whose length is about ``OFFSETS[name]``."""
    drawn = rng.standard_normal((count, DIMENSIONS), dtype=np.float32)
    drawn *= np.float32(OFFSETS[name] / DIMENSIONS**0.5)
    return drawn
