"""Swing against a loop over pairs of users."""

import math
from collections import defaultdict
from itertools import combinations, permutations

import numpy as np
import pytest
from polars.testing import assert_frame_equal

from competitions.news.lab.neighbours import SwingSettings, count_swings
from tests.unit.common.learning.test_cooccurrence import (
    CLICKS,
    Click,
    Weights,
    approximately,
    assert_ordered,
    frame,
    random_log,
    weights_of,
)


def swings_by_loop(rows: list[Click], alpha: float) -> Weights:
    users, items = defaultdict(set), defaultdict(set)
    for user, item, _ in rows:
        users[item].add(user)
        items[user].add(item)
    weights: Weights = defaultdict(float)
    for i, j in permutations(users, 2):
        for one, other in combinations(users[i] & users[j], 2):
            weights[i, j] += 1 / (alpha + len(items[one] & items[other])) / math.sqrt(len(users[j]))
    return weights


@pytest.mark.parametrize("alpha", [0.5, 3.0])
def test_swings_follow_the_formula(alpha: float) -> None:
    rows = random_log(9, items=25)
    table = count_swings(frame(rows, CLICKS), SwingSettings(alpha=alpha, users_per_item=60, top=1000), 0)
    assert_ordered(table, "item", "neighbour", "weight")
    assert weights_of(table) == approximately(swings_by_loop(rows, alpha))


def test_swings_compare_a_limited_number_of_users_who_have_the_same_chance_by_seed() -> None:
    """Users 0 to 19 read items 1 and 2, users 20 to 39 items 1 and 3."""
    log = frame([(user, item, 0) for user in range(40) for item in (1, 2 + user // 20)], CLICKS)
    settings = SwingSettings(alpha=0.0, users_per_item=12, top=99)
    tables = [count_swings(log, settings, seed) for seed in range(60)]
    assert_frame_equal(tables[0], count_swings(log.reverse(), settings, 0))
    assert len({tuple(table["weight"]) for table in tables}) > 5
    drawn = [weights_of(table) for table in tables]
    low, high = (np.array([weights.get((1, other), 0.0) for weights in drawn]) for other in (2, 3))
    # At most all pairs of twelve users, who share two items, over the root of the neighbour's users.
    assert (low + high <= 66 / 2 / math.sqrt(20) + 1e-6).all()
    assert low.mean() == pytest.approx(high.mean(), rel=0.25)  # six of each half: standard error 5 % each
