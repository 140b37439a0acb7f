"""Who is drawn for validation, and on board B the users of board A: learned from, never validated on or predicted."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.engine.errors import UserError
from competitions.news import split
from tests.unit.news.news_world import START, TEST_FROM, label, make_log, make_world

DAY = 86_400


def read_on(days: list[int], lengths: list[int], first: int = 0) -> list[tuple[int, int, float]]:
    """A user for each day, who makes so many clicks, the last one after 30 s."""
    return [
        (user, 10 + step, day * DAY + (50 * step if step < length - 1 else 50 * step - 20))
        for user, (day, length) in enumerate(zip(days, lengths, strict=True), first)
        for step in range(length)
    ]


# --- like the test ---


def test_validation_looks_like_the_test_where_train_does_not() -> None:
    world = make_world(train=2000, test=500)
    pool = split.find_targets(world.clicks).filter("is_last", ~pl.col("is_test"))
    fold = label(world.clicks, valid=300)
    valid = fold.queries.filter(role="valid")
    test = split.build_test_fold(world.clicks).queries

    def share_of_long(clicks: pl.Series) -> float:
        return float((clicks >= 8).mean())  # type: ignore[arg-type]

    assert share_of_long(test["clicks"]) == pytest.approx(0.7, abs=0.05)
    assert share_of_long(pool["before"]) < 0.45
    assert share_of_long(valid["clicks"]) == pytest.approx(share_of_long(test["clicks"]), abs=0.08)


def test_where_train_and_test_share_no_day_validation_is_like_the_test_in_length() -> None:
    train = read_on([0] * 20, [3] * 10 + [9] * 10)  # 2 or 8 visible
    fold = label(make_log(*train, *read_on([7] * 3, [8] * 3, 900), test=(900, 901, 902)), valid=10_000)
    valid = fold.queries.filter(role="valid")
    assert valid.height == 20 // 4
    assert set(valid["clicks"]) == {8}


def test_where_some_day_and_length_is_shared_no_other_day_is_drawn() -> None:
    train = read_on([0] * 20 + [7], [9] * 21)
    fold = label(make_log(*train, *read_on([7] * 3, [8] * 3, 900), test=(900, 901, 902)))
    assert fold.queries.filter(role="valid")["user"].to_list() == [20]


@pytest.mark.parametrize(
    ("train", "counted"),
    [
        (read_on([7] * 20, [3] * 20), "20 train users"),  # none as long as a test user
        (read_on([7] * 3, [9] * 3), "3 train users"),  # a quarter of three is none
        (read_on([7] * 20, [1] * 20), "0 train users"),
    ],
)
def test_a_log_that_gives_no_validation_user_is_refused(train: list[tuple[int, int, float]], counted: str) -> None:
    with pytest.raises(UserError, match=rf"^No validation users can be drawn: {counted} .*\.$"):
        label(make_log(*train, *read_on([7] * 3, [8] * 3, 900), test=(900, 901, 902)))


# --- where train cannot stand in ---


def test_on_a_day_without_train_users_test_users_stand_in_with_their_own_latest_target() -> None:
    train = read_on([5] * 80, [3] * 80)  # 2 visible clicks, on day 5
    test = [*read_on([5] * 10, [2] * 10, 900), *read_on([1] * 10, [3] * 10, 910)]  # as many users on day 1
    users = tuple(range(900, 920))
    fold = label(make_log(*train, *test, test=users))
    valid = fold.queries.filter(role="valid").with_columns(day=(pl.col("time") - START) // (DAY * 1000))
    early = valid.filter(day=1)
    assert 5 <= early.height <= 10
    assert set(early["user"]) <= set(range(910, 920))
    assert set(early["clicks"]) == {2}
    assert valid.filter(pl.col("day") == 5)["user"].max() < 900
    # What is hidden of them is hidden from all: the step of 30 s that ends their log.
    answers = fold.answers.join(early, on="query")  # type: ignore[union-attr]
    assert set(answers["item"]) == {12}
    assert fold.history.filter(pl.col("user").is_in(early["user"].implode()), item=12).is_empty()


def test_weights_bring_the_days_and_lengths_of_validation_to_those_of_the_test() -> None:
    world = make_world(train=2000, test=500)
    fold = label(world.clicks, valid=300)
    valid, test = fold.queries.filter(role="valid"), split.build_test_fold(world.clicks).queries

    def shares(frame: pl.DataFrame, weight: pl.Expr) -> dict[tuple[int, int], float]:
        cells = frame.select(weight.alias("w"), day=pl.col("time") // (DAY * 1000), n=pl.col("clicks").log(2).floor())
        total = float(cells["w"].sum())
        return {(day, n): w / total for day, n, w in cells.group_by("day", "n").agg(pl.col("w").sum()).rows()}

    weighted, target = shares(valid, pl.col("weight")), shares(test.with_columns(weight=1.0), pl.col("weight"))
    common = weighted.keys() & target.keys()
    assert len(common) > 5
    covered = sum(target[cell] for cell in common)
    for cell in common:
        assert weighted[cell] == pytest.approx(target[cell] / covered)
    assert valid["weight"].mean() == pytest.approx(1)
    assert set(fold.queries.filter(role="train")["weight"]) == {1.0}


# --- board B: the users of board A have a hidden click too, and are not predicted ---


@pytest.fixture(scope="module")
def board_b() -> pl.DataFrame:
    """Every second test user is one of board A."""
    return make_world().clicks.with_columns(is_target=pl.col("is_target") & (pl.col("user") % 2 == 0))


ENDS = [(4, 20, 0), (4, 21, 30)]


def test_board_a_users_serve_as_targets_by_their_steps_of_the_gap_alone() -> None:
    steps = [(8, 10, 0), (8, 11, 30), (8, 12, 90), (7, 10, 0), (7, 11, 50), (7, 12, 80)]
    targets = split.find_targets(make_log(*ENDS, *steps, test=(9,), board_a=(7, 8)))
    assert targets.select("user", "item", "is_last", "is_test").rows() == [
        (4, 21, True, False),
        (7, 12, True, True),  # a step of the gap, though the last click
        (8, 11, False, True),
    ]


def test_board_a_users_are_learned_from_and_never_validated_on(board_b: pl.DataFrame) -> None:
    fold = label(board_b, valid=10_000)
    roles = {role[0]: set(rows["user"]) for role, rows in fold.queries.group_by("role")}
    board_a = set(board_b.filter("is_test", ~pl.col("is_target"))["user"])
    assert len(board_a) == 20
    assert board_a & roles["train"] == board_a & set(split.find_targets(board_b)["user"])
    assert len(roles["valid"]) == 120 // 4
    assert max(roles["valid"]) < TEST_FROM


def test_validation_is_like_the_users_of_board_b_and_not_like_those_of_board_a() -> None:
    train = read_on([0] * 20, [3] * 10 + [9] * 10)  # 2 or 8 visible
    tests = [*read_on([0] * 3, [8] * 3, 900), *read_on([0] * 30, [2] * 30, 910)]
    fold = label(make_log(*train, *tests, test=(900, 901, 902), board_a=tuple(range(910, 940))))
    assert fold.queries.filter(role="valid")["clicks"].to_list() == [8] * 5


def test_board_a_users_are_no_queries_and_stay_in_the_history(board_b: pl.DataFrame) -> None:
    fold = split.build_test_fold(board_b)
    assert fold.queries["user"].to_list() == list(range(TEST_FROM, TEST_FROM + 40, 2))
    assert_frame_equal(fold.history, board_b)
