"""Swing against a loop over pairs of users."""

import math
from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations, permutations

import numpy as np
import polars as pl
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


def group(rows: Iterable[Click]) -> tuple[dict[int, set[int]], dict[int, set[int]]]:
    """Users by item, and items by user."""
    users, items = defaultdict(set), defaultdict(set)
    for user, item, _ in rows:
        users[item].add(user)
        items[user].add(item)
    return users, items


def swings_by_loop(rows: list[Click], alpha: float) -> Weights:
    users, items = group(rows)
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


def few_swings(rows: list[Click], seed: int, users_per_item: int = 12) -> pl.DataFrame:
    return count_swings(frame(rows, CLICKS), SwingSettings(alpha=0.0, users_per_item=users_per_item, top=99), seed)


def test_swings_compare_a_limited_number_of_users_drawn_by_seed() -> None:
    rows = random_log(11)
    first, again, other = (few_swings(rows, seed, 6) for seed in (1, 1, 2))
    assert_frame_equal(first, again)
    assert_frame_equal(first, few_swings(rows[::-1], 1, 6))
    assert not first.equals(other)
    # At most all pairs of six users, who share two items at least, over the root of the neighbour's users.
    users, _ = group(rows)
    for (_, neighbour), weight in weights_of(first).items():
        assert 0 < weight <= 15 / 2 / math.sqrt(len(users[neighbour])) + 1e-6


def test_every_user_of_an_item_has_the_same_chance_to_be_compared() -> None:
    """Users 0 to 19 read items 1 and 2, users 20 to 39 items 1 and 3."""
    rows = [(user, item, 0) for user in range(40) for item in (1, 2 + user // 20)]
    drawn = [weights_of(few_swings(rows, seed)) for seed in range(60)]
    low, high = (np.mean([weights.get((1, other), 0.0) for weights in drawn]) for other in (2, 3))
    assert low == pytest.approx(high, rel=0.25)  # of the twelve, six from each half: standard error 5 % each


def test_users_of_one_item_link_nothing() -> None:
    log = frame([(1, 10, 0), (2, 10, 0), (3, 11, 0)], CLICKS)
    assert weights_of(count_swings(log, SwingSettings(alpha=1.0, users_per_item=5, top=5), 0)) == {}
