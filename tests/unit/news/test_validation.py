"""Who is drawn for validation, and on board B the users of board A: learned from, never validated on or predicted."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.engine.errors import UserError
from competitions.news import plan, split
from competitions.news.competition import COMPETITION
from competitions.news.plan import decide_negatives
from tests.unit.news.news_world import HOUR_MS, START, TEST_FROM, World, label, make_log

DAY = 86_400


def read_on(days: Sequence[float], clicks: list[int], first: int = 0) -> list[tuple[int, int, float]]:
    """A user for each day, who makes so many clicks in one session, the last one after 30 s."""
    return [
        (user, 10 + step, day * DAY + 50 * step - 20 * (step == count - 1))
        for user, (day, count) in enumerate(zip(days, clicks, strict=True), first)
        for step in range(count)
    ]


# --- like the test ---


def read_sessions(hours: list[int], clicks: list[int], first: int = 0) -> list[tuple[int, int, float]]:
    """A user for each hour, in one session as well; each of them clicked twice the day before."""
    days = [hour / 24 for hour in hours]
    before = [(user, 5 + step, (day - 1) * DAY + 50 * step) for user, day in enumerate(days, first) for step in (0, 1)]
    return before + read_on(days, clicks, first)


def count_by(frame: pl.DataFrame, weight: pl.Expr) -> dict[tuple[int, int], float]:
    """The share of each cell: block of four hours of the last click, and length of the history up to 5."""
    cells = frame.select(w=weight, block=pl.col("time") // (4 * HOUR_MS), n=pl.col("clicks"))
    total = float(cells["w"].sum())
    return {(block, n): w / total for block, n, w in cells.group_by("block", "n").agg(pl.col("w").sum()).rows()}


def test_validation_has_the_hours_and_session_lengths_of_the_test_and_weights_do_the_rest() -> None:
    rng = np.random.default_rng(0)
    hours, clicks = (
        rng.choice([72, 77, 82], 600).tolist(),
        rng.choice([2, 3, 4, 5], 600, p=[0.25] * 4).tolist(),
    )
    test = read_sessions([72] * 60 + [77] * 40, [1] * 50 + [2] * 30 + [3] * 10 + [4] * 10, 900)
    log = make_log(*read_sessions(hours, clicks), *test, test=tuple(range(900, 1000)))
    fold = label(log, train=50, valid=60)
    valid, asked = fold.queries.filter(role="valid"), split.build_test_fold(log).queries
    drawn, weighted, target = (
        count_by(valid, pl.lit(1.0)),
        count_by(valid, pl.col("weight")),
        count_by(asked, pl.lit(1.0)),
    )
    assert weighted.keys() == target.keys()
    for cell, share in target.items():
        assert weighted[cell] == pytest.approx(share)
        assert drawn[cell] == pytest.approx(share, abs=0.15)
    assert valid["weight"].mean() == pytest.approx(1)
    assert set(fold.queries.filter(role="train")["weight"]) == {1.0}


def test_four_clicks_of_a_session_and_more_are_one_class_and_half_an_hour_ends_a_session() -> None:
    sessions = [(1, 10, 0), (1, 11, 1800), (1, 12, 3601), (1, 13, 3700)]  # a wait of 30 min, one of 30 min and a second
    long = [(2, 10 + step, 50 * step) for step in range(9)]
    log = make_log(*sessions, *long, test=(1, 2))
    assert split.count_sessions(log)["session_clicks"].to_list() == [1, 2, 1, 2, *range(1, 10)]
    assert split.stratify(log)["session"].to_list() == [1, 2, 1, 2, 1, 2, 3, *[4] * 6]


def test_where_no_block_is_shared_the_session_alone_decides() -> None:
    test = read_sessions([200] * 3, [3] * 3, 900)
    train = read_sessions([72] * 20, [2] * 10 + [4] * 10)  # 1 or 3 visible
    valid = label(make_log(*train, *test, test=(900, 901, 902)), valid=10_000).queries.filter(role="valid")
    assert valid.height == 20 // 4
    assert set(valid["clicks"]) == {5}
    train = read_sessions([72] * 20 + [200], [4] * 21)  # one of that block
    valid = label(make_log(*train, *test, test=(900, 901, 902))).queries.filter(role="valid")
    assert valid["user"].to_list() == [20]


@pytest.mark.parametrize(
    ("train", "counted"),
    [
        (read_on([7] * 20, [3] * 20), "20 train users"),  # none reads as long as a test user
        (read_on([7] * 3, [9] * 3), "3 train users"),  # a quarter of three is none
        (read_on([7] * 20, [1] * 20), "0 train users"),
    ],
)
def test_a_log_that_gives_no_validation_user_is_refused(train: list[tuple[int, int, float]], counted: str) -> None:
    test = [(user, 10 + step, 7 * DAY + 50 * step) for user in (900, 901, 902) for step in range(8)]  # without a target
    with pytest.raises(UserError, match=rf"^No validation users can be drawn: {counted} .*\.$"):
        label(make_log(*train, *test, test=(900, 901, 902)))


# --- where train cannot stand in ---


def test_in_a_block_without_train_users_test_users_stand_in_with_their_own_latest_target() -> None:
    train = read_on([5] * 80, [3] * 80)  # 2 visible clicks, on day 5
    test = [*read_on([5] * 10, [3] * 10, 900), *read_on([1] * 10, [6] * 10, 910)]  # as many users on day 1
    # Those of day 5 end in another session of two clicks, of which train users have some to validate.
    test += [(user, 20 + step, 5 * DAY + 2_000 + 50 * step) for user in range(900, 910) for step in (0, 1)]
    users = tuple(range(900, 920))
    fold = label(make_log(*train, *test, test=users))
    valid = fold.queries.filter(role="valid").with_columns(day=(pl.col("time") - START) // (DAY * 1000))
    early = valid.filter(day=1)
    assert 5 <= early.height <= 10
    assert set(early["user"]) <= set(range(910, 920))
    assert set(early["clicks"]) == {5}
    assert valid.filter(pl.col("day") == 5)["user"].max() < 900
    said = plan.explain_validation(make_log(*train, *test, test=users), fold).reason
    assert said.startswith("50% of the test users end before the first click of a train user;")
    assert sum(early["weight"]) / sum(valid["weight"]) == pytest.approx(0.5)
    assert said.endswith("have 50% of the weight")
    # What is hidden of them is hidden from all: the step of 30 s that ends their log.
    answers = fold.answers.join(early, on="query")  # type: ignore[union-attr]
    assert set(answers["item"]) == {15}
    assert fold.history.filter(pl.col("user").is_in(early["user"].implode()), item=15).is_empty()


# --- board B: the users of board A have a hidden click too, and are not predicted ---


@pytest.fixture
def board_b(world: World) -> pl.DataFrame:
    """Every second test user is one of board A."""
    return world.clicks.with_columns(is_target=pl.col("is_target") & (pl.col("user") % 2 == 0))


def test_board_a_users_serve_as_targets_by_their_steps_of_the_gap_alone() -> None:
    steps = [(8, 10, 0), (8, 11, 30), (8, 12, 90), (7, 10, 0), (7, 11, 50), (7, 12, 80)]
    targets = split.find_targets(make_log((4, 20, 0), (4, 21, 30), *steps, test=(9,), board_a=(7, 8)))
    assert targets.select("user", "item", "is_last", "is_test").rows() == [
        (4, 21, True, False),
        (7, 12, True, True),  # a step of the gap, though the last click
        (8, 11, False, True),
    ]


def test_board_a_users_are_learned_from_or_stand_in_and_are_never_predicted(board_b: pl.DataFrame) -> None:
    fold = label(board_b, valid=10_000)
    roles = {role[0]: set(rows["user"]) for role, rows in fold.queries.group_by("role")}
    board_a = set(board_b.filter("is_test", ~pl.col("is_target"))["user"])
    assert len(board_a) == 20
    assert board_a & (roles["train"] | roles["valid"]) == board_a & set(split.find_targets(board_b)["user"])
    assert board_a & roles["train"]
    assert len(roles["valid"]) == 120 // 4
    test = split.build_test_fold(board_b)  # where they are no queries, and stay in the history
    assert test.queries["user"].to_list() == list(range(TEST_FROM, TEST_FROM + 40, 2))
    assert_frame_equal(test.history, board_b)


# --- what is decided from the log, in words ---


@pytest.mark.parametrize(
    ("queries", "settings", "negatives"),
    [
        (1, [], 149),
        (plan.MOST_ROWS // 149, [], 149),
        (plan.MOST_ROWS // 100, [], 100),
        (10**9, [], plan.LEAST_NEGATIVES),
        (0, [], 149),
        (5, ["rank.negatives=7"], 7),
        (5, ["recall.candidates=30"], 29),
    ],
)
def test_a_small_log_takes_all_candidates_and_a_large_one_as_many_as_there_is_room_for(
    queries: int, settings: list[str], negatives: int
) -> None:
    assert decide_negatives(queries, COMPETITION.load_config(settings, tuned=False))[0] == negatives
