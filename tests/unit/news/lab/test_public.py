"""The public methods: hand-computed tables for the plain ones, planted signals for those that learn."""

import math
import sys
from collections import defaultdict
from dataclasses import replace
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.engine.errors import UserError
from competitions.news import split
from competitions.news.lab import __main__ as command
from competitions.news.lab import gap_pairs, marks, neighbours
from competitions.news.lab.neighbours import count_swings
from competitions.news.simulator.simulate import simulate
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
from tests.unit.news.news_world import ARTICLES, HOUR_MS, START, World, make_log

HOUR = 3600.0  # seconds


def make_articles(*rows: tuple[int, int, float]) -> pl.DataFrame:
    """Articles of (item, category, hours from the start to their creation)."""
    columns = [(item, category, START + round(hours * HOUR_MS), 100 + item) for item, category, hours in rows]
    return pl.DataFrame(columns, schema=ARTICLES, orient="row")


def lists_of(lists: pl.DataFrame) -> dict[int, list[int]]:
    """The items of each query in their order."""
    return {query: part["item"].to_list() for (query,), part in lists.group_by("query", maintain_order=True)}


NO_ARTICLES = make_articles()


# --- popularity and collaborative filtering ---


def test_popular_articles_are_the_same_for_all_but_those_seen() -> None:
    log = make_log((1, 5, 0), (2, 5, 0), (3, 5, 0), (1, 6, 9), (2, 6, 9), (3, 7, 9), (8, 7, 1), (9, 5, 1), test=(8, 9))
    lists = neighbours.list_popular(split.build_test_fold(log), NO_ARTICLES, 0)
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
    lists = neighbours.list_by_item_cf(split.build_test_fold(log), NO_ARTICLES, 0)
    assert lists_of(lists)[0] == [6, 8, 99]
    assert lists["score"][2] < 0 < lists["score"][1]


def test_only_the_last_two_clicks_are_followed() -> None:
    pairs = [(user, item, n) for user, own in ((1, (5, 6)), (2, (7, 8)), (3, (9, 10))) for n, item in enumerate(own)]
    fold = split.build_test_fold(make_log(*pairs, (99, 5, 0), (99, 7, 1), (99, 9, 2), test=(99,)))
    lists = neighbours.list_by_last_two(fold, NO_ARTICLES, 0)
    # Counts with the query's own clicks: 9 and 7 have two clicks, 10 and 8 one each.
    assert lists_of(lists)[0] == [10, 8]
    assert lists["score"].to_list() == pytest.approx([1 / math.log(3) / math.sqrt(2) * trust for trust in (1.0, 0.7)])


# --- swing ---


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
    table = count_swings(frame(rows, CLICKS), 0, alpha)
    assert_ordered(table, "item", "neighbour", "weight")
    assert weights_of(table) == approximately(swings_by_loop(rows, alpha))


def test_swings_compare_a_limited_number_of_users_who_have_the_same_chance_by_seed() -> None:
    """Users 0 to 19 read items 1 and 2, users 20 to 39 items 1 and 3."""
    log = frame([(user, item, 0) for user in range(40) for item in (1, 2 + user // 20)], CLICKS)
    tables = [count_swings(log, seed, alpha=0.0, users_per_item=12) for seed in range(60)]
    assert_frame_equal(tables[0], count_swings(log.reverse(), 0, alpha=0.0, users_per_item=12))
    assert len({tuple(table["weight"]) for table in tables}) > 5
    drawn = [weights_of(table) for table in tables]
    low, high = (np.array([weights.get((1, other), 0.0) for weights in drawn]) for other in (2, 3))
    # At most all pairs of twelve users, who share two items, over the root of the neighbour's users.
    assert (low + high <= 66 / 2 / math.sqrt(20) + 1e-6).all()
    assert low.mean() == pytest.approx(high.mean(), rel=0.25)  # six of each half: standard error 5 % each


# --- the third place ---


def test_pairs_are_steps_of_exactly_30_s_seen_twice_in_either_direction() -> None:
    log = make_log(
        (1, 5, 0), (1, 6, 30), (2, 6, 0), (2, 5, 30), (3, 5, 0), (3, 7, 30),
        (4, 5, 0), (4, 8, 31), (5, 5, 0), (5, 8, 31),
    )  # fmt: skip
    pairs = gap_pairs.count_gap_pairs(log).sort("item")
    assert pairs.rows() == [(5, 6, 2), (6, 5, 2)]


def test_pairs_are_followed_from_young_articles_alone() -> None:
    log = make_log((9, 5, 30 * HOUR), (9, 6, 30 * HOUR + 1), (8, 5, 20 * HOUR), test=(8, 9))
    pairs = pl.DataFrame({"item": [5, 6], "neighbour": [70, 80], "count": [9, 3]}).cast(pl.Int32)
    articles = make_articles((5, 0, 0), (6, 0, 10))
    assert lists_of(gap_pairs.follow_pairs(split.build_test_fold(log), pairs, articles)) == {0: [70], 1: [80]}


def test_hot_articles_were_created_3_to_27_hours_before_the_last_click() -> None:
    clicks = [
        (100 + user, item, 0) for item, users in ((1, 9), (2, 5), (3, 4), (4, 3), (5, 8)) for user in range(users)
    ]
    log = make_log(*clicks, (99, 4, 30 * HOUR), test=(99,))
    articles = make_articles((1, 0, 2.9), (2, 0, 3.1), (3, 0, 26.9), (4, 0, 10), (5, 0, 27.1))
    assert lists_of(gap_pairs.list_hot(split.build_test_fold(log), articles)) == {0: [2, 3]}


def plant_categories(users: int = 400, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame, dict[int, int]]:
    """Sessions of two clicks 30 s apart: from any of six articles to one of category 3, though others are clicked more.

    Returns the log, its articles and the answers of the test users.
    """
    rng = np.random.default_rng(seed)
    rows, answers = [], {}
    for user in range(users):
        test = user % 4 == 0
        second = float(rng.integers(20, 26) * HOUR + rng.integers(3600))
        first, last = int(rng.integers(10, 16)), int(rng.integers(30, 32))
        rows.append((user, first, second))
        if test:
            answers[user] = last
        else:
            rows.append((user, last, second + 30))
    crowd = [(10_000 + user, int(rng.integers(40, 46)), 20 * HOUR + user) for user in range(3 * users)]
    articles = make_articles(
        *((item, item // 10, 15 + item % 10 / 10) for item in (*range(10, 16), 30, 31, *range(40, 46)))
    )
    return make_log(*rows, *crowd, test=tuple(answers)), articles, answers


@pytest.fixture(autouse=True)
def small_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gap_pairs, "ROUNDS", 30)


def test_the_ranker_finds_the_planted_answers_and_never_reads_them() -> None:
    rank = gap_pairs.list_by_gap_ranker
    clicks, articles, answers = plant_categories()
    fold = split.build_test_fold(clicks)
    lists = rank(fold, articles, 0)
    best = lists_of(lists)
    right = [set(best[query][:2]) == {30, 31} for query in fold.queries["query"]]
    assert np.mean(right) > 0.9
    assert_frame_equal(rank(fold, articles, 0), lists, check_exact=True)
    answered = replace(fold, answers=pl.DataFrame({"query": [0], "item": [40]}).cast(pl.Int32))
    assert_frame_equal(rank(answered, articles, 0), lists, check_exact=True)
    assert len(answers) == fold.queries.height


def test_without_a_training_answer_the_ranker_falls_back_on_the_retrieval() -> None:
    pairs = [(user, item, 30 * n) for user in (1, 2) for n, item in enumerate((5, 6))]
    fold = split.build_test_fold(make_log(*pairs, (9, 5, 0), test=(9,)))
    assert lists_of(gap_pairs.list_by_gap_ranker(fold, make_articles((5, 0, -5), (6, 0, -5)), 0))[0][0] == 6


def test_training_queries_of_the_third_place_are_30_s_steps() -> None:
    log = make_log((1, 5, 0), (1, 6, 30), (2, 7, 0), (2, 8, 30), (2, 9, 999), (3, 5, 0), test=(3,))
    train = gap_pairs.take_training_queries(split.build_test_fold(log), 0)
    assert train.answers is not None
    joined = train.queries.join(train.answers, on="query").select("user", "item")
    assert dict(joined.iter_rows()) == {1: 6, 2: 9}
    assert train.seen.filter(back=0)["item"].to_list() == [5, 8]


# --- marks ---


def test_measures_by_hand() -> None:
    lists = pl.DataFrame({"query": [0] * 6 + [1, 1], "item": [1, 2, 3, 4, 5, 6, 7, 8], "score": [1.0] * 8})
    answers = pl.DataFrame({"query": [0, 1, 2], "item": [6, 8, 9]})
    scores = marks.measure(lists, answers)
    assert scores == pytest.approx({"mrr@5": 0.5 / 3, "hit@5": 1 / 3, "hit@50": 2 / 3})


def test_the_offline_split_hides_the_last_clicks_of_train_users(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "OFFLINE_SHARE", 0.2)
    clicks = world.clicks
    fold = marks.offline_fold(clicks, 0)
    assert 20 < fold.queries.height < 120
    hidden = clicks.join(fold.history, on=["user", "item", "time"], how="anti")
    assert not hidden["is_test"].any()
    assert hidden["user"].sort().to_list() == fold.queries["user"].sort().to_list()
    last = clicks.group_by("user").agg(pl.col("time").max())
    assert hidden.join(last, on=["user", "time"], how="anti").is_empty()


def test_every_mark_is_measured_on_its_fold() -> None:
    clicks, articles, answers = plant_categories()
    truth = pl.DataFrame({"user": list(answers), "item": list(answers.values())}).cast(pl.Int32)
    folds = {"board": marks.board_fold(clicks, truth), "offline": marks.offline_fold(clicks, 0)}
    methods = [method for method in marks.METHODS if "CF" in method.title and "LightGBM" not in method.title]
    rows = marks.compare(methods, folds, articles, 0)
    fold = folds["board"]
    assert fold.answers is not None
    assert dict(fold.queries.join(fold.answers, on="query").select("user", "item").iter_rows()) == answers
    assert len(rows) == sum(len(method.marks) for method in methods) == 9
    assert all(row["ratio"] == pytest.approx(row["score"] / row["mark"]) for row in rows)
    assert {row["fold"] for row in rows} == {"board", "offline"}


def test_the_command_prints_a_line_a_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    simulate(tmp_path / "raw", 0.001, 1)
    monkeypatch.setattr(sys, "argv", ["rungs", "--raw", str(tmp_path / "raw"), "--only", "item CF of"])
    command.main()
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if "item CF of all clicks" in line]) == 2
    monkeypatch.setattr(sys, "argv", ["rungs", "--raw", str(tmp_path)])
    with pytest.raises(SystemExit, match="has no truth"):
        command.main()
    with pytest.raises(UserError, match="No method has 'svd' in its title"):
        command.measure_folder(tmp_path / "raw", "svd", 0)
