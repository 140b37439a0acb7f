"""The public methods: hand-computed tables for the plain ones, planted signals for those that learn."""

import math
from collections import defaultdict
from itertools import combinations, permutations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from competitions.learning.news import neighbours
from competitions.learning.news.neighbours import count_swings
from competitions.news import split
from tests.unit.common.learning.test_cooccurrence import (
    CLICKS,
    Click,
    Weights,
    frame,
    random_log,
    weights_of,
)
from tests.unit.news.news_world import make_log


def lists_of(lists: pl.DataFrame) -> dict[int, list[int]]:
    """The items of each query in their order."""
    return {query: part["item"].to_list() for (query,), part in lists.group_by("query", maintain_order=True)}


# --- popularity and collaborative filtering ---


def test_popular_articles_are_the_same_for_all_but_those_seen() -> None:
    log = make_log((1, 5, 0), (2, 5, 0), (3, 5, 0), (1, 6, 9), (2, 6, 9), (3, 7, 9), (8, 7, 1), (9, 5, 1), test=(8, 9))
    lists = neighbours.list_popular(split.build_test_fold(log), 0)
    assert lists_of(lists) == {0: [5, 6], 1: [6, 7]}
    assert lists.filter(query=0)["score"].to_list() == [4.0, 2.0]


def test_similarity_is_the_cosine_weighed_by_the_users_activity() -> None:
    table = neighbours.count_together(make_log((1, 5, 0), (1, 6, 1), (2, 5, 0), (2, 6, 1), (2, 7, 2), (2, 7, 3)), 10)
    weights = {(item, other): weight for item, other, weight in table.iter_rows()}
    both = 1 / math.log(3) + 1 / math.log(4)  # user 1 has two articles, user 2 three
    assert weights[5, 6] == weights[6, 5] == pytest.approx(both / 2)
    assert weights[5, 7] == pytest.approx(1 / math.log(4) / math.sqrt(2))
    assert len(weights) == 6
    top = neighbours.count_together(make_log((1, 5, 0), (1, 6, 1), (2, 5, 0), (2, 6, 1), (2, 7, 2)), 1)
    assert top.filter(item=5)["neighbour"].to_list() == [6]


def test_item_cf_adds_up_over_the_whole_history_and_fills_with_popular_articles() -> None:
    log = make_log(
        *((user, item, n) for user in (1, 2) for n, item in enumerate((5, 6))), (3, 7, 0), (3, 8, 1),
        *((user, 99, 50) for user in (4, 5, 6)), (9, 5, 0), (9, 7, 1), (9, 42, 2), test=(9,),
    )  # fmt: skip
    lists = neighbours.list_by_item_cf(split.build_test_fold(log), 0)
    assert lists_of(lists)[0] == [6, 8, 99]
    assert lists["score"][2] < 0 < lists["score"][1]


# --- swing ---


def swings_by_loop(rows: list[Click]) -> Weights:
    users, items = defaultdict(set), defaultdict(set)
    for user, item, _ in rows:
        users[item].add(user)
        items[user].add(item)
    weights: Weights = defaultdict(float)
    for i, j in permutations(users, 2):
        for one, other in combinations(users[i] & users[j], 2):
            weights[i, j] += 1 / (1 + len(items[one] & items[other])) / math.sqrt(len(users[j]))
    return weights


def test_swings_follow_the_formula() -> None:
    rows = random_log(9, items=25)
    table = count_swings(frame(rows, CLICKS), 0)
    assert_frame_equal(table, table.sort("item", -pl.col("weight"), "neighbour"))
    assert weights_of(table) == pytest.approx(swings_by_loop(rows), rel=1e-5, abs=1e-7)
