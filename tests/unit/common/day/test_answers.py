"""Where answers are lost, on ranks worked out by hand."""

import numpy as np
import pytest

from common.day import answers
from common.day.answers import BEYOND, Example


def test_the_rank_counts_what_is_at_least_as_good() -> None:
    scores = np.array([3.0, 2.0, 1.0, 5.0, 5.0, 1.0, 2.0])
    labels = np.array([0, 1, 0, 1, 0, 0, 0], np.float32)
    sizes = np.array([3, 2, 2], np.int32)
    assert answers.rank_answers(scores, labels, sizes).tolist() == [2, 2, 0]  # a tie is lost; no right row: 0
    assert answers.rank_answers(scores[:0], labels[:0], sizes[:0]).tolist() == []


def test_the_funnel_says_where_they_are_lost() -> None:
    ranks = np.array([1, 1, 4, 9, 0, 0, 0, 2])
    known = answers.Answers(ranks, [("asked", 8), ("retrieved", 5)], lambda _: Example("", "", [], ""), {})
    made = answers.describe_answers(known, 5)
    rows = [(row["stage"], row["queries"], row["lost"]) for row in made["funnel"]]
    assert rows == [("asked", 8, 0), ("retrieved", 5, 3), ("in the first 5", 4, 1), ("first", 2, 2)]
    assert made["funnel"][1]["share"] == 5 / 8


def test_ranks_are_counted_in_classes_without_empty_ones_at_the_end() -> None:
    rows = answers.count_ranks(np.array([1, 1, 3, 4, 5, 7, 0]))
    expected = {"1": 2, "2": 0, "3": 1, "4-5": 2, "6-10": 1, "not among the candidates": 1}
    assert {row["rank"]: row["queries"] for row in rows} == expected
    assert sum(row["share"] for row in rows) == pytest.approx(1.0)
    beyond = answers.count_ranks(np.array([1, BEYOND, 150]))
    assert [row["rank"] for row in beyond][-3:] == ["over 100", "further behind", "not among the candidates"]


def test_models_that_miss_the_same_queries_correlate() -> None:
    one = np.array([1, 1, 0, 0, 2, 5])
    table = answers.correlate_errors({"a": one, "b": one.copy(), "opposite": np.array([0, 0, 1, 1, 5, 2])})
    assert [row["model"] for row in table] == ["a", "b", "opposite"]
    assert table[0]["b"] == pytest.approx(1.0)
    assert table[0]["opposite"] < -0.8
    assert answers.correlate_errors({"a": one}) == []
    assert answers.correlate_errors({"a": one, "flat": np.ones(6, int)}) == []  # one that never varies has none


def test_examples_are_right_ones_and_wrong_ones() -> None:
    ranks = np.array([1] * 40 + [9] * 40 + [0] * 20)
    rows = answers.pick_examples(ranks, 5, lambda query: Example(str(query), "c", ["x", "y"], "x"))
    assert [row["kind"] for row in rows] == ["right"] * 3 + ["wrong"] * 3
    assert all(int(row["query"]) < 40 for row in rows[:3])
    assert [row["rank"] for row in rows[3:]] == [9, 9, None]
    assert [row["candidate"] for row in rows[3:]] == [True, True, False]
    assert answers.pick_examples(np.array([1]), 5, lambda query: Example("0", "", [], ""))[0]["kind"] == "right"
