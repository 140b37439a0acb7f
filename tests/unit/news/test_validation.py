"""Who is drawn for validation, and on board B the users of board A: learned from, never validated on or predicted."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.engine.errors import UserError
from competitions.news import plan, split
from competitions.news.competition import COMPETITION
from competitions.news.plan import decide_negatives
from tests.unit.news.news_world import START, TEST_FROM, World, label, make_log, make_world

DAY = 86_400
CELL = ["day", "length"]


def read_on(days: list[int], lengths: list[int], first: int = 0) -> list[tuple[int, int, float]]:
    """A user for each day, who makes so many clicks, the last one after 30 s."""
    return [
        (user, 10 + step, day * DAY + (50 * step if step < length - 1 else 50 * step - 20))
        for user, (day, length) in enumerate(zip(days, lengths, strict=True), first)
        for step in range(length)
    ]


# --- a drawn sample that looks like its target ---

# 60,000 rows over 12 cells, most of them in the first ones; a target of 5,000, most in the last, none in the very last.
POOL_CELLS = np.random.default_rng(1).choice(12, 60_000, p=np.arange(16, 4, -1) / 126)
POOL = pl.DataFrame({"id": np.arange(60_000), "day": POOL_CELLS // 3, "length": POOL_CELLS % 3})
TARGET_CELLS = np.random.default_rng(2).choice(12, 5_000, p=[*(np.arange(1, 12) / 66), 0])
TARGET = pl.DataFrame({"day": TARGET_CELLS // 3, "length": TARGET_CELLS % 3})


def distance(drawn: pl.DataFrame, target: pl.DataFrame) -> float:
    """Chi-square of the drawn cells against the target's shares."""
    share = target.group_by(CELL).agg(share=pl.len() / target.height)
    both = share.join(drawn.group_by(CELL).agg(count=pl.len()), on=CELL, how="left").fill_null(0)
    expected = pl.col("share") * drawn.height
    return float(both.select(((pl.col("count") - expected) ** 2 / expected).sum()).item())


def test_a_drawn_sample_has_the_cells_of_the_target_and_each_row_once_in_order() -> None:
    drawn, again, other = (split.resample_to_match(POOL, TARGET, CELL, 1_000, seed) for seed in (3, 3, 4))
    assert distance(drawn, TARGET) < 30  # 10 degrees of freedom: 0.1 % of fair samples are farther
    assert distance(POOL.head(1_000), TARGET) > 500
    assert_frame_equal(drawn, again)
    assert not drawn.equals(other)
    assert drawn["id"].is_sorted()
    assert drawn["id"].n_unique() == drawn.height == 1_000
    assert_frame_equal(drawn, POOL[drawn["id"].to_list()])


def test_a_cell_that_the_target_lacks_is_never_drawn_whatever_the_size() -> None:
    drawn = split.resample_to_match(POOL, TARGET, CELL, POOL.height, seed=3)
    assert_frame_equal(drawn, POOL.filter((pl.col("day") != 3) | (pl.col("length") != 2)))
    assert split.resample_to_match(POOL, TARGET.clear(), CELL, 10, seed=3).is_empty()
    assert split.resample_to_match(POOL.clear(), TARGET, CELL, 10, seed=3).is_empty()


# --- like the test ---


def test_validation_looks_like_the_test_where_train_does_not_and_weights_do_the_rest() -> None:
    world = make_world(train=2000, test=500)
    pool = split.find_targets(world.clicks).filter("is_last", ~pl.col("is_test"))
    fold = label(world.clicks, valid=300)
    valid, test = fold.queries.filter(role="valid"), split.build_test_fold(world.clicks).queries

    def share_of_long(clicks: pl.Series) -> float:
        return float((clicks >= 8).mean())  # type: ignore[arg-type]

    assert share_of_long(test["clicks"]) == pytest.approx(0.7, abs=0.05)
    assert share_of_long(pool["before"]) < 0.45
    assert share_of_long(valid["clicks"]) == pytest.approx(share_of_long(test["clicks"]), abs=0.08)

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


def test_validation_is_like_the_test_in_day_and_length_or_where_no_day_is_shared_in_length() -> None:
    test = read_on([7] * 3, [8] * 3, 900)
    train = read_on([0] * 20, [3] * 10 + [9] * 10)  # 2 or 8 visible
    valid = label(make_log(*train, *test, test=(900, 901, 902)), valid=10_000).queries.filter(role="valid")
    assert valid.height == 20 // 4
    assert set(valid["clicks"]) == {8}
    train = read_on([0] * 20 + [7], [9] * 21)  # one of that day
    valid = label(make_log(*train, *test, test=(900, 901, 902))).queries.filter(role="valid")
    assert valid["user"].to_list() == [20]


def test_among_heavy_readers_validation_is_as_long_as_the_test() -> None:
    lengths = np.random.default_rng(0).integers(40, 120, 400)
    test, train = lengths[:100] + 20, lengths[100:]
    users = range(900, 1000)
    log = make_log(*read_on([7] * 300, list(train)), *read_on([7] * 100, list(test), 900), test=tuple(users))
    valid = label(log, valid=10_000).queries.filter(role="valid")
    weighted = float(np.average(valid["clicks"].to_numpy(), weights=valid["weight"].to_numpy()))
    assert train.mean() < 85 < 95 < test.mean()
    assert weighted == pytest.approx(test.mean(), abs=4)


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


def test_board_a_users_are_learned_from_and_never_validated_on(board_b: pl.DataFrame) -> None:
    fold = label(board_b, valid=10_000)
    roles = {role[0]: set(rows["user"]) for role, rows in fold.queries.group_by("role")}
    board_a = set(board_b.filter("is_test", ~pl.col("is_target"))["user"])
    assert len(board_a) == 20
    assert board_a & roles["train"] == board_a & set(split.find_targets(board_b)["user"])
    assert len(roles["valid"]) == 120 // 4
    assert max(roles["valid"]) < TEST_FROM
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
