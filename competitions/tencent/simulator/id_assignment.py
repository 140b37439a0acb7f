"""The host's numbers: original ids, re-ids and retrieval ids, each shuffled; codes of feature values.

An ad that stands in a history is known: it has a re-id from 1, and the values of its features have codes. A
candidate that nobody saw has its original id alone, and values that no known ad has are cold: they have no code.
"""

from dataclasses import dataclass

import numpy as np

from common.arrays import Ints
from competitions.tencent.io.schema import ITEM_FEATURES
from competitions.tencent.simulator.topics import Codes

FIRST_OID = 20_000_000_000
FIRST_VALUE = 1_000_000_000
FIRST_USER_VALUE = 3_000_000_000
SPREAD = 3  # original ids are taken from a range that is so many times as long


@dataclass(frozen=True)
class Numbers:
    """Entry r of ``ads``, ``oid`` and ``code`` is the ad of re-id r + 1; behind the known ones the unseen ones.

    ``row`` by ad: its entry, -1 for none. ``code`` (ads, 13): 0 missing, 1..size, -1 cold.
    ``original`` (ads, 13): the original value, 0 where it is missing. ``values``: by feature, the original value of
    every code from 1. ``candidates``: rows in retrieval order.
    """

    ads: Ints
    known: int
    row: Codes
    oid: Ints
    code: Codes
    original: Ints
    values: dict[str, Ints]
    candidates: Ints


def list_ads(shown: Ints, candidates: Ints, seed: int) -> tuple[Ints, int]:
    """The ads that have a number: known ones in the order of their re-ids, then unseen candidates; how many are known.

    ``shown`` by ad: events in the histories. ``candidates``: ascending ads.
    """
    rng = np.random.default_rng([61, seed])
    known = rng.permutation(np.flatnonzero(shown))
    return np.append(known, rng.permutation(candidates[shown[candidates] == 0])), len(known)


def number_ads(ads: Ints, known: int, candidates: Ints, table: Codes, world: int, seed: int) -> Numbers:
    """Number the ads of ``list_ads``; ``table`` (ads, 13) are their values (``ad_features``), ``world`` all ads.

    Original ids and values are drawn without regard to anything.
    """
    rng = np.random.default_rng([62, seed])
    row = np.full(world, -1, np.int32)
    row[ads] = np.arange(len(ads))
    code, original = np.empty(table.shape, np.int32), np.empty(table.shape, np.int64)
    values = {}
    for at, name in enumerate(ITEM_FEATURES):
        code[:, at], original[:, at], values[name] = _number_values(table[:, at], known, rng)
    return Numbers(
        ads=ads,
        known=known,
        row=row,
        oid=FIRST_OID + draw_distinct(len(ads), rng),
        code=code,
        original=original,
        values=values,
        candidates=row[rng.permutation(candidates)].astype(np.int64),
    )


def draw_distinct(count: int, rng: np.random.Generator) -> Ints:
    """Different numbers below ``SPREAD * count``, in a random order."""
    steps = rng.integers(1, SPREAD + 1, count)
    return rng.permutation(np.cumsum(steps) - 1)


def _number_values(column: Codes, known: int, rng: np.random.Generator) -> tuple[Codes, Ints, Ints]:
    """Codes and original values of a column, and the original value of every code from 1."""
    size = int(column.max(initial=-1)) + 1
    original = FIRST_VALUE + draw_distinct(size, rng)
    used_values = np.zeros(size, bool)
    used_values[column[:known][column[:known] >= 0]] = True
    used = rng.permutation(np.flatnonzero(used_values))
    code = np.full(size + 1, -1, np.int32)
    code[used] = np.arange(1, len(used) + 1)
    code[-1] = 0
    return code[column], np.append(original, 0)[column], original[used]
