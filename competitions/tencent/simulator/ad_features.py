"""The published features of an ad: thirteen values and embedding 81, noisy views of what the ad is.

102 and 122 name the advertiser's account and the advertiser, 121 the product. 112 and 101 are groups of topics; 117,
118 and 119 are ever finer categories, 120 another cut of the finest. 114 encodes the kind of campaign and the channel,
116 the style: on these popularity depends. 115, a third filled, is the advertiser's goal and 100 its form, which are
uninformative. Categories are wrong now and then. The embedding is a linear image of the ad's position in interest
space, with noise, at a length of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from common.arrays import Bools, Ints, Singles
from competitions.tencent.io.schema import ITEM_FEATURES
from competitions.tencent.simulator.ads import CAMPAIGNS, CHANNELS, LEAVES, Ads
from competitions.tencent.simulator.id_assignment import Numbers
from competitions.tencent.simulator.topics import DIMENSIONS, FEATURE_SIZES, FEATURES_FILLED, TOPICS, Codes, Topics

TOGETHER = (("100", "101", "114", "116", "122"), ("112", "117", "118", "119", "120"))  # lack values in the same ads
WRONG = 0.05  # of the ads whose categories are another leaf's
SHARED_ACCOUNT = 433  # every so many advertisers one uses its neighbour's account

EMBEDDING = "emb_81_32"
EMBEDDED = 32
NOISE = 0.12  # deviation by dimension, of an image whose length is about 1.6
LENGTH, LENGTH_SIGMA = 6.0, 0.25
LACKING_UNSEEN, LACKING_ONCE, LACKING_SLOPE, LACKING_MOST = 0.0277, 0.029, 0.009, 0.0625
BLOCK = 100_000  # ads embedded at once
NULL_SHARE = 0.05  # of the ads without an embedding that stand in the file nevertheless


def draw_ad_features(topics: Topics, ads: Ads, which: Ints, seed: int) -> Codes:
    """The value of each feature of some ads (ads, 13), numbered from 0 within the feature; -1 where it is missing."""
    rng = np.random.default_rng([41, seed])
    advertiser = np.arange(len(ads.advertiser_topic))
    account = advertiser - ((advertiser % SHARED_ACCOUNT == 0) & (advertiser > 0))
    form = rng.integers(FEATURE_SIZES["100"], size=len(advertiser))
    goal = np.floor(FEATURE_SIZES["115"] * rng.random(len(advertiser)) ** 3).astype(np.int64)
    owner, topic = ads.advertiser[which], ads.topic[which].astype(np.int64)
    leaf = np.where(rng.random(len(which)) < WRONG, rng.integers(TOPICS * LEAVES, size=len(which)), ads.leaf[which])
    group, kind = rng.integers(30, size=TOPICS), rng.integers(51, size=TOPICS)
    group[:30], kind[:51] = np.arange(30), np.arange(51)
    campaign = np.minimum(ads.campaign[which], len(CAMPAIGNS) - 2)
    above, within = np.divmod(leaf, LEAVES)
    values = {
        "100": form[owner],
        "101": kind[topic],
        "102": account[owner],
        "112": group[above],
        "114": np.minimum(campaign * CHANNELS + ads.channel[which], FEATURE_SIZES["114"] - 1),
        "115": goal[owner],
        "116": ads.style[which],
        "117": above * 5 + within * 5 // LEAVES,
        "118": above * 14 + within // 3,
        "119": leaf,
        "120": above * 34 + (within * 25 % LEAVES) * 34 // LEAVES,
        "121": ads.product[which],
        "122": owner,
    }
    table = np.stack([values[name] for name in ITEM_FEATURES], axis=1).astype(np.int32)
    _leave_out(table, rng)
    return table


@dataclass(frozen=True)
class EmbeddingBlock:
    """The entries of some numbered ads in the files of embeddings: rows, vectors, which are null."""

    rows: Ints
    vectors: Singles
    null: Bools


def embed_ads(topics: Topics, ads: Ads, numbers: Numbers, shown: Ints, seed: int) -> Iterator[EmbeddingBlock]:
    """Embeddings of the numbered ads in their order, block by block; ``shown`` by ad: events before the reference time.
    An ad that lacks its embedding is left out, or stands there with null.
    """
    mixed = np.random.default_rng([42, seed]).standard_normal((EMBEDDED, DIMENSIONS))
    image = np.linalg.qr(mixed)[0].T.astype(np.float32)  # the linear map from interest space
    for start in range(0, len(numbers.ads), BLOCK):
        which = numbers.ads[start : start + BLOCK]
        rng = np.random.default_rng([63, seed, start])
        vectors = np.asarray((topics.center[ads.topic[which]] + ads.delta[which]) @ image, np.float32)
        vectors += np.float32(NOISE) * rng.standard_normal(vectors.shape, dtype=np.float32)
        vectors *= np.float32(LENGTH) * np.exp(LENGTH_SIGMA * rng.standard_normal((len(which), 1), dtype=np.float32))
        missing = _lack_embedding(shown[which], rng)
        null = missing & (rng.random(len(which)) < NULL_SHARE)
        kept = np.flatnonzero(~missing | null)
        yield EmbeddingBlock(start + kept, vectors[kept], null[kept])


def _lack_embedding(shown: Ints, rng: np.random.Generator) -> Bools:
    """Which ads have no embedding; those shown most lack it most often."""
    chance = LACKING_ONCE + LACKING_SLOPE * np.log(np.maximum(shown, 1))
    chance = np.where(shown > 0, np.minimum(chance, LACKING_MOST), LACKING_UNSEEN)
    return np.asarray(rng.random(len(shown)) < chance)


def _leave_out(table: Codes, rng: np.random.Generator) -> None:
    """Take values out at the release's rates."""
    groups = [*TOGETHER, *((name,) for name in ITEM_FEATURES if not any(name in group for group in TOGETHER))]
    for group in groups:
        at = rng.random(len(table))
        for name in group:
            table[at >= FEATURES_FILLED[name], ITEM_FEATURES.index(name)] = -1
