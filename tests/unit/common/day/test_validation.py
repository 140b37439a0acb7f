"""Where answers are lost, on ranks worked out by hand."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from common.arrays import Floats
from common.day import validation
from common.day.record_diagnostics import RankCount
from common.day.validation import BEYOND, Example, ValidationTable
from common.learning.dataset import RankingDataset


def stand(ranks: list[int], before: list[tuple[str, int]]) -> ValidationTable:
    """A validation of lists whose first five count, of which nothing but the ranks is known."""
    return ValidationTable(
        queries=pl.DataFrame(),
        cutoff=5,
        ranks=np.array(ranks),
        before=before,
        example=lambda _: Example("", "", [], ""),
        rivals=tuple,
        candidates=None,
    )


def test_the_rank_counts_what_is_at_least_as_good() -> None:
    scores = np.array([3.0, 2.0, 1.0, 5.0, 5.0, 1.0, 2.0])
    labels, sizes = np.array([0, 1, 0, 1, 0, 0, 0], np.float32), np.array([3, 2, 2], np.int32)
    data = RankingDataset(("x",), np.zeros((7, 1), np.float32), labels, sizes)
    assert validation.rank_answers(scores, data).tolist() == [2, 2, 0]  # a tie is lost; no right row: 0
    empty = RankingDataset(("x",), data.features[:0], labels[:0], sizes[:0])
    assert validation.rank_answers(scores[:0], empty).tolist() == []


def test_the_funnel_says_where_they_are_lost() -> None:
    known = stand([1, 1, 4, 9, 0, 0, 0, 2], [("asked", 8), ("retrieved", 5)])
    made = validation.describe_answers(known, 0)
    rows = [(row.stage, row.queries, row.lost) for row in made.funnel]
    assert rows == [("asked", 8, 0), ("retrieved", 5, 3), ("in the first 5", 4, 1), ("first", 2, 2)]
    assert made.funnel[1].share == 5 / 8
    assert made.ranks[-1] == RankCount("not retrieved", 3, 3 / 8)  # in the words of the stage
    twice = validation.describe_answers(dataclasses.replace(known, repeats=2), 0)
    assert [row.queries for row in twice.funnel] == [4, 2.5, 2, 1]  # a query that two fits rank counts once
    assert sum(row.queries for row in twice.ranks) == 4


def test_ranks_are_counted_in_classes_without_empty_ones_at_the_end() -> None:
    rows = validation.count_ranks(np.array([1, 1, 3, 4, 5, 7, 0]), "missed")
    expected = {"1": 2, "2": 0, "3": 1, "4-5": 2, "6-10": 1, "missed": 1}
    assert {row.rank: row.queries for row in rows} == expected
    assert sum(row.share for row in rows) == pytest.approx(1.0)
    beyond = validation.count_ranks(np.array([1, BEYOND, 150]), "missed")
    assert [row.rank for row in beyond][-2:] == ["over 100", "further down"]  # none is missed


def test_rivals_are_plain_orders_of_the_same_candidates() -> None:
    """Three queries of 4, 2 and 2 rows, the last without its right one; earned is 1 / rank of the first two."""
    features = np.array([[3], [1], [2], [np.nan], [5], [5], [1], [2]], np.float32)
    labels, sizes = np.array([0, 1, 0, 0, 0, 1, 0, 0], np.float32), np.array([4, 2, 2], np.int32)
    rows = RankingDataset(("x",), features, labels, sizes)
    orders = {"lowest": ("x", -1.0), "highest": ("x", 1.0), "shown": None, "gone": ("y", 1.0)}

    def earn(ranks: validation.Ranks) -> Floats:
        return np.where((ranks > 0) & (ranks < 3), 1 / np.maximum(ranks, 1), 0.0)

    found = {row.name: row.score for row in validation.score_rivals(rows, orders, earn, 2)}
    expected = {"Random order": (1.5 / 4 + 1.5 / 2) / 3, "lowest": 0.5, "highest": 0.5 / 3, "shown": 1 / 3}
    assert found == pytest.approx(expected)  # of equal rows the first stands first; a missing value is last
    earned = {"lowest": np.array([1.0, 0.5, 0.0])}
    (weighted,) = validation.average_rivals(earned, np.array([2.0, 0.0, 1.0, 1.0]), np.arange(4))
    assert weighted.score == pytest.approx(0.5)  # the fourth query has no candidates, and counts


def test_the_right_one_is_ahead_of_half_by_chance_however_long_the_list() -> None:
    rng = np.random.default_rng(0)
    for size in (2, 5, 40):
        ranks = rng.integers(1, size + 1, 4_000)
        assert validation.share_behind(ranks, np.full(4_000, size, np.int32)).mean() == pytest.approx(0.5, abs=0.03)
    assert np.isnan(validation.share_behind(np.array([0, 1]), np.array([9, 1], np.int32))).all()


def test_examples_are_right_ones_and_wrong_ones() -> None:
    ranks = np.array([1] * 40 + [9] * 40 + [0] * 20)
    rows = validation.pick_examples(ranks, 5, lambda query: Example(str(query), "c", ["x", "y"], "x"))
    assert [row.kind for row in rows] == ["right"] * 3 + ["wrong"] * 3
    assert all(int(row.query) < 40 for row in rows[:3])
    assert [row.rank for row in rows[3:]] == [9, 9, None]
    assert [row.candidate for row in rows[3:]] == [True, True, False]
    assert validation.pick_examples(np.array([1]), 5, lambda query: Example("0", "", [], ""))[0].kind == "right"
