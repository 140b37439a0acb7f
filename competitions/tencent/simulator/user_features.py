"""The host's eight features of a user: some depend on the segment, some on the interests, some on nothing.

103 (age) and 105 lie around a middle of the segment, 104 is the segment's gender in seven of ten; 106 lists groups of
the user's interests, now and then a wrong one; 107 is that of the first interest where it is there. 108, 109 and 110
depend on nothing. Fill rates and lengths of the lists are the release's.
"""

from dataclasses import dataclass

import numpy as np

from common.arrays import Ints
from competitions.tencent.io.schema import USER_FEATURES, USER_LISTS
from competitions.tencent.simulator.topics import SEGMENTS, TOPICS, Codes
from competitions.tencent.simulator.users import INTERESTS, Users

SIZES = {"103": 86, "104": 2, "105": 7, "106": 14, "107": 19, "108": 4, "109": 3, "110": 2}
FILLED = {
    "103": 0.999121,
    "104": 0.996205,
    "105": 0.858019,
    "106": 0.879132,
    "107": 0.386972,
    "108": 0.170364,
    "109": 0.999623,
    "110": 0.429805,
}
# The share of the lists that are at least so long: from 1 on.
LONGER = {
    "106": (1.0, 0.45, 0.25, 0.13, 0.05, 0.02, 0.006, 0.002),
    "107": (1.0,),
    "108": (1.0, 0.008),
    "110": (1.0, 0.7),
}
AGE_SPREAD, MATE, WRONG = 9.0, 0.7, 0.2


@dataclass(frozen=True)
class Profile:
    """A feature of users: ``value`` (users, width), numbered from 1; the first ``length`` count, the others are 0."""

    value: Codes
    length: Ints


def draw_profiles(users: Users, seed: int, number: int) -> dict[str, Profile]:
    """Every feature of the ``number``-th batch of users."""
    shared = np.random.default_rng([51, seed])
    middle, other = shared.integers(15, 70, SEGMENTS), shared.integers(1, SIZES["105"] + 1, SEGMENTS)
    group, kind = shared.integers(SIZES["106"], size=TOPICS), shared.integers(SIZES["107"], size=TOPICS)
    rng = np.random.default_rng([52, seed, number])
    count, segment = len(users), users.segment
    age = np.round(middle[segment] + AGE_SPREAD * rng.standard_normal(count)).clip(1, SIZES["103"])
    gender = (segment + (rng.random(count) >= MATE)) % 2 + 1
    band = np.where(rng.random(count) < MATE, other[segment], rng.integers(1, SIZES["105"] + 1, count))
    values = {
        "103": age[:, None],
        "104": gender[:, None],
        "105": band[:, None],
        "106": _list_groups(group[users.interest], rng),
        "107": kind[users.interest[:, :1]] + 1,
        "108": _list_any(SIZES["108"], count, rng),
        "109": rng.integers(1, SIZES["109"] + 1, (count, 1)),
        "110": _list_any(SIZES["110"], count, rng),
    }
    return {name: _cut(name, values[name].astype(np.int32), rng) for name in USER_FEATURES}


def _list_groups(group: Ints, rng: np.random.Generator) -> Ints:
    """Groups of the interests (users, INTERESTS) in a random order, then others, each once: (users, 14)."""
    order_key = rng.random((len(group), SIZES["106"]))
    named = rng.random(group.shape) >= WRONG
    row, at = np.nonzero(named)
    order_key[row, group[row, at]] -= 1.0 + (INTERESTS - at) / INTERESTS
    return np.argsort(order_key, axis=1, kind="stable") + 1


def _list_any(size: int, count: int, rng: np.random.Generator) -> Ints:
    """Values in a random order: (users, size)."""
    return np.argsort(rng.random((count, size)), axis=1) + 1


def _cut(name: str, values: Codes, rng: np.random.Generator) -> Profile:
    """The feature with its length and fill rate."""
    count, width = len(values), USER_FEATURES[name]
    length = np.ones(count, np.int64)
    if name in USER_LISTS:
        length = (rng.random(count)[:, None] < np.array(LONGER[name])).sum(axis=1)
    length[rng.random(count) >= FILLED[name]] = 0
    kept = np.where(np.arange(width) < length[:, None], values[:, :width], 0)
    return Profile(kept.astype(np.int32), length)
