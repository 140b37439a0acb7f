"""The published features of an ad: thirteen values and embedding 81.

102 and 122 name the advertiser's account and the advertiser, 121 the product. 112 and 101 are groups of topics; 117,
118 and 119 are ever finer categories, 120 another cut of the finest, all wrong now and then. 116 is the style and 114
the kind of campaign: on these popularity depends. 115 and 100 are the advertiser's goal and form, which say nothing
else. The embedding is a linear image of the ad's position in interest space, with noise, at a length of its own.
Values and fill rates are the release's.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Ints, Singles
from common.io.tables import read_csv
from competitions.tencent.io.schema import ITEM_FEATURES
from competitions.tencent.simulator.ads import CATEGORIES, DIMENSIONS, TOPICS, Ads, Codes, Topics

_TABLE = read_csv(Path(__file__).with_name("features.csv"), schema_overrides={"feature": pl.String})
SIZES: dict[str, int] = dict(_TABLE.select("feature", "values").iter_rows())  # None: as many as there are
FILLED: dict[str, float] = dict(_TABLE.select("feature", "filled").iter_rows())
WRONG = 0.05  # of the ads whose categories are another's
SHARED_ACCOUNT = 433  # every so many advertisers one uses its neighbour's account

EMBEDDING, EMBEDDED = "emb_81_32", 32
NOISE = 0.12  # deviation by dimension, of an image whose length is about 1.6
LENGTH, LENGTH_SIGMA = 6.0, 0.25
LACKING = 0.04  # of the ads
BLOCK = 100_000  # ads embedded at once


def draw_ad_features(ads: Ads, which: Ints, seed: int) -> Codes:
    """The value of each feature of some ads (ads, 13), numbered from 0 within the feature; -1 where it is missing."""
    rng = np.random.default_rng([41, seed])
    owner = ads.advertiser[which]
    other = rng.integers(TOPICS * CATEGORIES, size=len(which))
    leaf = np.where(rng.random(len(which)) < WRONG, other, ads.category[which])
    above, within = np.divmod(leaf, CATEGORIES)
    goal, group, form = rng.random(int(ads.advertiser.max()) + 1), rng.permutation(TOPICS), rng.permutation(TOPICS)
    values = {
        "100": owner % SIZES["100"],
        "101": form[ads.topic[which]] % SIZES["101"],
        "102": owner - ((owner % SHARED_ACCOUNT == 0) & (owner > 0)),
        "112": group[above] % SIZES["112"],
        "114": ads.kind[which] * 5 + owner % 5,
        "115": SIZES["115"] * goal[owner] ** 3,
        "116": ads.style[which],
        "117": above * 5 + within * 5 // CATEGORIES,
        "118": above * 14 + within // 3,
        "119": leaf,
        "120": above * 34 + (within * 25 % CATEGORIES) * 34 // CATEGORIES,
        "121": ads.product[which],
        "122": owner,
    }
    table = np.empty((len(which), len(ITEM_FEATURES)), np.int32)
    for at, name in enumerate(ITEM_FEATURES):
        table[:, at] = np.where(rng.random(len(which)) < FILLED[name], values[name], -1)
    return table


def embed_ads(topics: Topics, ads: Ads, which: Ints, seed: int) -> Iterator[tuple[Ints, Singles]]:
    """Embeddings of some ads block by block: which of them (indices into ``which``), vectors; some ads have none."""
    mixed = np.random.default_rng([42, seed]).standard_normal((EMBEDDED, DIMENSIONS))
    image = np.linalg.qr(mixed)[0].T.astype(np.float32)  # the linear map from interest space
    for start in range(0, len(which), BLOCK):
        rng, rows = np.random.default_rng([63, seed, start]), np.arange(start, min(start + BLOCK, len(which)))
        rows = rows[rng.random(len(rows)) >= LACKING]
        vectors = np.asarray((topics.center[ads.topic[which[rows]]] + ads.delta[which[rows]]) @ image, np.float32)
        vectors += np.float32(NOISE) * rng.standard_normal(vectors.shape, dtype=np.float32)
        vectors *= np.float32(LENGTH) * np.exp(LENGTH_SIGMA * rng.standard_normal((len(rows), 1), dtype=np.float32))
        yield rows, vectors
