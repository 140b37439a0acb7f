"""Which clicks are targets, what a fold hides, and that nothing of what it hides is left anywhere in it."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.learning.split import Fold
from competitions.news import split
from competitions.news.config import SplitSettings
from tests.unit.news.news_world import START, TEST_FROM, World, label, make_log

Target = tuple[int, int, int]  # user, item, before


def targets_of(log: pl.DataFrame) -> list[Target]:
    return split.find_targets(log).select("user", "item", "before").rows()


@pytest.fixture
def log(world: World) -> pl.DataFrame:
    return world.clicks


# --- targets ---

MIXED = (
    *[(1, 10, 0), (1, 11, 30), (1, 12, 100), (1, 13, 130)],  # two steps of 30 s, the last click one of them
    *[(2, 10, 0), (2, 11, 50)],  # a last click after 50 s
    (3, 10, 0),  # a single click
    *[(9, 10, 0), (9, 11, 30), (9, 12, 59.999), (9, 13, 90)],  # a test user, who goes on, a millisecond off the gap
)
ENDS = [(4, 20, 0), (4, 21, 30)]


def test_targets_are_the_steps_of_the_gap_and_the_last_clicks_of_train_users() -> None:
    targets = split.find_targets(make_log(*MIXED, *ENDS, test=(9,)))
    assert targets.select("user", "item", "before", "is_last", "is_test").rows() == [
        (1, 13, 3, True, False),
        (2, 11, 1, True, False),
        (4, 21, 1, True, False),
        (9, 11, 1, False, True),
    ]
    assert targets["cut"].to_list() == [START + 1000 * second for second in (130, 50, 30, 30)]


def test_where_under_half_of_the_train_users_end_on_the_gap_every_last_click_serves() -> None:
    log = make_log(*MIXED, test=(9,))
    assert split.terminal_share(log) == pytest.approx(1 / 3)
    assert targets_of(log) == [(1, 13, 3), (2, 11, 1), (9, 13, 3)]
    # The share is of train users, those of a single click among them.
    assert split.terminal_share(make_log(*MIXED, *ENDS, test=(9,))) == 2 / 4
    assert split.terminal_share(make_log(*MIXED, test=(1, 2, 3, 9))) == 0
    # A step from another user is no step.
    assert targets_of(make_log((1, 10, 0), (1, 11, 30), (2, 12, 60), (2, 13, 90))) == [(1, 11, 1), (2, 13, 1)]


# --- a labelled fold, by hand ---

# One validation user is drawn, 50: it alone reads in the hours of the test user 60.
LATER = 864_000
FILL = [
    *[(50, 70 + step, LATER + 50 * step) for step in range(9)],
    *[(51, 70, 0), (51, 71, 30), (52, 70, 0), (52, 71, 30)],
    *[(60, 70 + step, LATER + 50 * step) for step in range(8)],
]


def label_by_hand(*rows: tuple[int, int, float], test: tuple[int, ...] = ()) -> Fold:
    """The labelled fold of these users (ids under 50), with the filling taken out again."""
    fold = label(make_log(*rows, *FILL, test=(*test, 60)))
    assert fold.answers is not None
    assert fold.queries.filter(role="valid")["user"].to_list() == [50]
    queries = fold.queries.filter(pl.col("user") < 50)
    own = pl.col("query").is_in(queries["query"].implode())
    history = fold.history.filter(pl.col("user") < 50)
    return Fold(history, queries, fold.seen.filter(own), fold.answers.filter(own))


def test_what_a_training_query_sees_and_what_the_history_keeps() -> None:
    rows = [(1, 10, 0), (1, 11, 30), (1, 12, 100), (1, 13, 130), (1, 14, 500), (2, 10, 5), (2, 11, 35)]
    fold = label_by_hand(*rows, (7, 50, 1), (7, 51, 31), (7, 52, 60), test=(7,))
    queries = fold.queries.select("query", "user", "role", "clicks", pl.col("time") - START)
    assert queries.rows() == [
        (0, 1, "train", 4, 130_000),
        (1, 2, "train", 1, 5_000),
        (2, 7, "train", 1, 1_000),
    ]
    assert fold.answers is not None
    assert fold.answers.rows() == [(0, 14), (1, 11), (2, 51)]
    assert fold.seen.select("query", "item", "back").rows() == [
        *[(0, 10, 3), (0, 11, 2), (0, 12, 1), (0, 13, 0)],
        *[(1, 10, 0), (2, 50, 0)],
    ]
    assert fold.history.select("user", "item").rows() == [(1, 10), (1, 11), (1, 12), (1, 13), (2, 10), (7, 50)]


def test_of_two_targets_of_one_millisecond_the_later_one_is_hidden() -> None:
    fold = label_by_hand((1, 10, 0), (1, 11, 30), (1, 12, 30), (2, 10, 0), (2, 11, 30))
    assert fold.answers is not None
    assert fold.answers["item"].to_list() == [12, 11]
    assert fold.history.select("user", "item").rows() == [(1, 10), (1, 11), (2, 10)]


# --- a labelled fold, at large ---


def test_training_and_validation_users_are_disjoint_and_train_users_are_validated_on_their_last_clicks(
    log: pl.DataFrame, fold: Fold
) -> None:
    assert fold.answers is not None
    roles = {role[0]: set(rows["user"]) for role, rows in fold.queries.group_by("role")}
    assert not fold.queries.select("user", "clicks").is_duplicated().any()
    assert not roles["train"] & roles["valid"]
    assert roles["train"] | roles["valid"] == set(split.find_targets(log)["user"])
    assert min(roles["valid"]) < TEST_FROM <= max(roles["train"])
    assert len(roles["valid"]) == 25
    last = log.group_by("user", maintain_order=True).last().select("user", "item")
    valid = fold.queries.filter(pl.col("user") < TEST_FROM, role="valid")
    valid = valid.join(fold.answers, on="query").select("user", "item")
    assert_frame_equal(valid, last.join(valid, on="user", how="semi"), check_row_order=False)


def test_at_most_so_many_queries_and_a_quarter_of_the_train_users_for_validation(log: pl.DataFrame) -> None:
    roles = label(log, train=17, valid=10_000).queries["role"].value_counts().rows()
    assert dict(roles) == {"train": 17, "valid": 120 // 4}


# --- several histories ---


def test_a_history_lacks_its_own_answers_alone(log: pl.DataFrame, fold: Fold) -> None:
    parts = [split.take_history(log, fold, number, 3, 0) for number in range(3)]
    assert sorted(query for part in parts for query in part.queries["query"]) == fold.queries["query"].to_list()
    assert max(part.queries.height for part in parts) - min(part.queries.height for part in parts) <= 1
    clicks = log.with_columns(index=pl.int_range(pl.len()).over("user"))
    hidden = clicks.join(fold.queries, left_on=["user", "index"], right_on=["user", "clicks"]).select(
        "user", "time", "query"
    )
    for part in parts:
        own = hidden.join(part.queries, on="query", how="semi")
        kept = part.history.join(hidden, on=["user", "time"])["query"]
        assert not set(kept) & set(own["query"])
        assert {*kept, *own["query"]} == set(hidden["query"])
        # Nor anything behind its own answers; of all other users, everything.
        late = part.history.join(own, on="user").filter(pl.col("time") >= pl.col("time_right"))
        assert late.is_empty()
        others = log.join(own, on="user", how="anti")
        assert_frame_equal(part.history.join(own, on="user", how="anti"), others)
        assert part.answers is not None
        assert part.answers["query"].to_list() == part.queries["query"].to_list()
        assert set(part.seen["query"]) == set(part.queries["query"])


def test_of_a_user_with_several_queries_the_first_ends_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split, "FEWEST_USERS", 0)
    day = 86_400
    rows = [(9, 10, day), (9, 11, day + 30), (9, 12, day + 500), (9, 13, day + 530), (9, 14, day + 900)]
    fold = label(make_log(*rows, (1, 70, LATER), (1, 71, LATER + 30), *FILL, test=(9, 60)))
    queries = fold.queries.filter(user=9)
    assert queries.select("clicks", "role").rows() == [(1, "train"), (3, "train")]  # in hours without train users
    assert fold.history.filter(user=9)["item"].to_list() == [10]
    assert fold.seen.join(queries, on="query", how="semi")["item"].to_list() == [10, 10, 11, 12]


# --- whom the fit learns from ---


def test_training_queries_have_the_hours_of_the_test() -> None:
    block = split.BLOCK_HOURS * 3600
    users = [(user, block * (user % 4)) for user in range(400)]  # a quarter in each of four blocks
    train = [(user, 10 + step, second + 30 * step) for user, second in users for step in (0, 1)]
    test = [(1_000 + user, 10, block * (user % 10 == 0)) for user in range(100)]  # nine in ten of them in the first
    fold = label(make_log(*train, *test, test=tuple(range(1_000, 1_100))), train=60, valid=20)
    rows = fold.queries.filter(role="train").select((pl.col("time") - START) // (1000 * block))["time"].to_list()
    assert len(rows) == 60
    assert 45 < rows.count(0) < 60
    assert rows.count(1) == 60 - rows.count(0)
    # Where more are wanted than the test's hours have, the others serve.
    fold = label(make_log(*train, *test, test=tuple(range(1_000, 1_100))), train=10_000, valid=20)
    assert fold.queries.filter(role="train").height == 400 - 20


# --- the test ---


def test_the_test_fold_sees_everything(log: pl.DataFrame) -> None:
    fold = split.build_test_fold(log)
    assert fold.answers is None
    assert_frame_equal(fold.history, log)
    assert fold.queries["user"].to_list() == list(range(TEST_FROM, TEST_FROM + 40))
    assert set(fold.queries["role"]) == {"test"}
    own = fold.seen.join(fold.queries.select("query", "user"), on="query", maintain_order="left")
    assert_frame_equal(own.select("user", "item", "time"), log.filter("is_test").select("user", "item", "time"))
    assert fold.seen.group_by("query").agg(pl.col("back").min()).filter(pl.col("back") != 0).is_empty()
    single = split.build_test_fold(make_log((1, 10, 0), (5, 11, 3), (4, 12, 9), test=(4, 5)))
    assert single.queries.select("query", "user", "clicks").rows() == [(0, 4, 1), (1, 5, 1)]
    assert single.seen.select("query", "item", "back").rows() == [(0, 12, 0), (1, 11, 0)]


def test_of_several_folds_every_labelled_user_is_scored_once_and_weighs_at_most_so_much(log: pl.DataFrame) -> None:
    fold = split.label_fold(log, SplitSettings(train_queries=10_000, valid_queries=25, histories=1, folds=2), 0)
    parts = [split.turn_fold(fold, number, 2, 0).queries.filter(role="valid") for number in range(2)]
    assert sorted(pl.concat(parts)["query"]) == sorted(fold.queries["query"])
    assert abs(parts[0].height - parts[1].height) <= 1
    assert_frame_equal(fold.history, label(log).history)  # what is hidden does not depend on who is scored
    assert 0 < fold.queries["weight"].max() <= split.MOST_WEIGHT  # type: ignore[operator]
