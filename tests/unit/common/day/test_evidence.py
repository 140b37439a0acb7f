"""Where answers are lost, on ranks worked out by hand."""

import numpy as np
import pytest

from common.day import evidence
from common.day.evidence import BEYOND, describe_answers
from common.day.record_schema import Example, RankCount
from common.learning.chain import judge_chain
from common.learning.dataset import RankingDataset
from tests.unit.common.day.records import make_evidence


def test_the_funnel_says_where_they_are_lost() -> None:
    ranks = np.array([1, 1, 4, 9, 0, 0, 0, 2])
    known = {"ranks": ranks, "stages": [("asked", 8)], "listed": "retrieved", "cutoffs": (9, 5)}
    made = describe_answers(make_evidence(**known))
    rows = [(row.stage, row.queries, row.lost) for row in made.funnel]
    within = [("in the first 9", 5, 0), ("in the first 5", 4, 1)]
    assert rows == [("asked", 8, 0), ("retrieved", 5, 3), *within, ("first", 2, 2)]
    assert made.funnel[1].share == 5 / 8
    assert made.ranks[-1] == RankCount("not retrieved", 3, 3 / 8)  # in the words of the stage
    twice = describe_answers(make_evidence(repeats=2, **known))
    assert [row.queries for row in twice.funnel] == [4, 2.5, 2.5, 2, 1]  # a query that two fits rank counts once
    assert sum(row.queries for row in twice.ranks) == 4
    first = describe_answers(make_evidence(ranks=ranks, cutoffs=(1,)))
    assert [row.stage for row in first.funnel] == ["all queries", "among the candidates", "first"]
    assert describe_answers(make_evidence(ranks=np.empty(0, np.int64))).funnel == []  # rows, which have no lists


def test_ranks_are_counted_in_classes_without_empty_ones_at_the_end() -> None:
    rows = evidence.count_ranks(np.array([1, 1, 3, 4, 5, 7, 0]), "missed")
    expected = {"1": 2, "2": 0, "3": 1, "4-5": 2, "6-10": 1, "missed": 1}
    assert {row.rank: row.queries for row in rows} == expected
    assert sum(row.share for row in rows) == pytest.approx(1.0)
    beyond = evidence.count_ranks(np.array([1, BEYOND, 150]), "missed")
    assert [row.rank for row in beyond][-2:] == ["over 100", "further down"]  # none is missed


def test_rivals_are_plain_orders_of_the_same_candidates() -> None:
    """Three queries of 4, 2 and 2 candidates, the last without its right one; a fourth has none, and counts."""
    labels, sizes = np.array([0, 1, 0, 0, 0, 1, 0, 0], np.float32), np.array([4, 2, 2], np.int32)
    rows = RankingDataset(("x",), np.zeros((8, 1), np.float32), labels, sizes)
    random = evidence.score_random(rows, np.array([1.0, 0.5, 0.25]))  # of two candidates none is third
    assert random.tolist() == [1.75 / 4, 1.5 / 2, 0.0]
    own = evidence.score_random(rows, np.array([[0.4], [0.6], [0.8]]))  # the first alone counts, and earns its own
    assert own.tolist() == pytest.approx([0.1, 0.3, 0.0])
    scores = {"ranker": np.ones(4), "price": np.array([1.0, 0.5, 0.0, 1.0])}
    chain = judge_chain(("", "ranker"), scores, np.array([2.0, 0.0, 1.0, 1.0]))
    chance, price = evidence.list_rivals(chain, random, {"price": "The cheapest", "none": "No such stage"})
    assert (chance.name, chance.score) == (evidence.RANDOM, pytest.approx(2 * 1.75 / 4 / 4))
    assert (price.name, price.score) == ("The cheapest", pytest.approx(3 / 4))


def test_examples_are_right_ones_and_wrong_ones() -> None:
    ranks = np.array([1] * 40 + [9] * 40 + [0] * 20)
    rows = evidence.pick_examples(ranks, 5, lambda query: Example(str(query), "c", ["x", "y"], "x"))
    assert [row.kind for row in rows] == ["right"] * 3 + ["wrong"] * 3
    assert all(int(row.query) < 40 for row in rows[:3])
    assert [row.rank for row in rows[3:]] == [9, 9, None]
    assert [row.candidate for row in rows[3:]] == [True, True, False]
    assert evidence.pick_examples(np.array([1]), 5, lambda query: Example("0", "", [], ""))[0].kind == "right"
