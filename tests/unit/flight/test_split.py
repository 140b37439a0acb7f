"""Who learns, who validates, and what each session may look back on: never a booking from its moment on."""

from collections import defaultdict

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from competitions.flight.split import (
    DAY_MS,
    Snapshots,
    find_cut,
    split_at_random,
    split_by_time,
    take_snapshots,
    take_test_snapshot,
)
from tests.unit.flight.flight_world import START, draw_searches, make_searches, search


def sessions(*days: float, unbooked: tuple[int, ...] = ()) -> pl.DataFrame:
    """Sessions at these days after the start; those of ``unbooked`` have no single booking."""
    return make_searches(
        *(search(day=day, booked=None if index in unbooked else 0) for index, day in enumerate(days))
    ).sessions


def list_visible(snapshots: Snapshots) -> dict[int, set[int]]:
    """The sessions whose bookings each session sees."""
    seen: dict[int, set[int]] = defaultdict(set)
    for snapshot, session in snapshots.visible.select("snapshot", "session").rows():
        seen[snapshot].add(session)
    return {session: seen[snapshot] for session, snapshot in snapshots.assigned.select("session", "snapshot").rows()}


def moment(day: float) -> int:
    return START + round(day * DAY_MS)


# --- the cut ---


@pytest.mark.parametrize(("share", "index"), [(0.1, 9), (0.5, 5), (0.25, 7), (0.99, 0), (0.01, 9)])
def test_the_cut_is_the_time_of_the_first_session_of_the_last_share(share: float, index: int) -> None:
    days = [3, 1, 2, 0, 4, 9, 8, 7, 6, 5]  # the file's order says nothing
    assert find_cut(sessions(*days), share) == moment(index)


def test_validation_begins_at_the_cut_itself() -> None:
    table = sessions(0, 1, 2, 3)
    assert split_by_time(table, moment(2), 7, "x").roles["role"].to_list() == ["train", "train", "valid", "valid"]
    later = split_by_time(table, moment(2) + 1, 7, "x").roles["role"].to_list()
    assert later == ["train", "train", "train", "valid"]


def test_sessions_without_a_booking_neither_learn_nor_validate() -> None:
    split = split_by_time(sessions(0, 1, 2, 3, unbooked=(0, 3)), moment(2), 7, "x")
    assert split.roles["role"].to_list() == ["unused", "train", "valid", "unused"]
    assert split.roles["session"].to_list() == [0, 1, 2, 3]
    assert split.name == "x"


@pytest.mark.parametrize(
    ("cut", "unbooked", "lacks"), [(0, (), "train"), (9, (), "valid"), (2, (0, 1), "train"), (2, (2,), "valid")]
)
def test_a_split_that_leaves_nobody_is_refused(cut: float, unbooked: tuple[int, ...], lacks: str) -> None:
    with pytest.raises(UserError, match=rf"\(the last days\) leaves no {lacks} session"):
        split_by_time(sessions(0, 1, 2, unbooked=unbooked), moment(cut), 7, "the last days")


# --- who sees what ---


def test_training_sessions_look_back_from_the_start_of_their_stretch() -> None:
    """Stretches of two days from the first session on: [1, 3), [3, 5), [5, 7); the cut is at 6."""
    split = split_by_time(sessions(1, 2.9, 3, 4.9, 5, 6, 8), moment(6), 2, "x")
    assert list_visible(split.snapshots) == {
        0: set(),
        1: set(),
        2: {0, 1},
        3: {0, 1},
        4: {0, 1, 2, 3},
        5: {0, 1, 2, 3, 4},  # validation: all before the cut
        6: {0, 1, 2, 3, 4},
    }


def test_no_stretch_reaches_over_the_cut_and_none_is_shorter_than_a_millisecond() -> None:
    table = sessions(0, 1, 2, 3, unbooked=(1,))
    assert list_visible(split_by_time(table, moment(3), 1, "x").snapshots) == {0: set(), 1: {0}, 2: {0}, 3: {0, 2}}
    tiny = split_by_time(table, moment(3), 1e-12, "x")
    assert list_visible(tiny.snapshots) == {0: set(), 1: {0}, 2: {0}, 3: {0, 2}}


def test_half_a_day_is_a_stretch_too() -> None:
    split = split_by_time(sessions(0, 0.4, 0.5, 0.9, 1, 5), moment(5), 0.5, "x")
    assert list_visible(split.snapshots) == {
        0: set(),
        1: set(),
        2: {0, 1},
        3: {0, 1},
        4: {0, 1, 2, 3},
        5: {0, 1, 2, 3, 4},
    }


def test_a_booking_at_the_very_moment_is_not_seen() -> None:
    log = sessions(0, 1, 1, 2)
    sessions_until = pl.DataFrame({"session": [7, 8, 9], "until": [moment(1), moment(1) + 1, moment(0)]})
    assert list_visible(take_snapshots(log, sessions_until)) == {7: {0}, 8: {0, 1, 2}, 9: set()}


def test_a_snapshot_is_of_a_time_and_is_assigned_to_sessions_in_their_order() -> None:
    sessions_until = pl.DataFrame({"session": [4, 3, 2], "until": [moment(2), moment(1), moment(2)]})
    snapshots = take_snapshots(sessions(0, 1.5, unbooked=(0,)), sessions_until)
    assert snapshots.assigned.rows() == [(4, 1), (3, 0), (2, 1)]
    assert snapshots.visible.rows() == [(1, 1)]
    assert snapshots.assigned.schema["snapshot"] == snapshots.visible.schema["snapshot"] == pl.Int32


def test_the_test_sees_all_bookings_before_its_first_session() -> None:
    train, test = sessions(0, 1, 2, 3, unbooked=(1,)), sessions(4, 3, 5)
    snapshots = take_test_snapshot(train, test)
    assert list_visible(snapshots) == {0: {0, 2}, 1: {0, 2}, 2: {0, 2}}
    assert snapshots.assigned["session"].to_list() == [0, 1, 2]


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), period=st.sampled_from([0.5, 1.0, 7.0, 100.0]), share=st.floats(0.05, 0.6))
def test_whatever_is_seen_was_booked_strictly_earlier(seed: int, period: float, share: float) -> None:
    table = draw_searches(seed, count=30, longest=2).sessions
    cut = find_cut(table, share)
    try:
        split = split_by_time(table, cut, period, "x")
    except UserError:
        return
    times, booked = table["time"].to_list(), table["booked"].to_list()
    seen = list_visible(split.snapshots)
    assert seen.keys() == set(range(30))
    for session, others in seen.items():
        assert all(times[other] < min(times[session], cut) and booked[other] is not None for other in others)
        hidden = [other for other in range(30) if booked[other] is not None and other not in others]
        oldest = cut if times[session] >= cut else times[session] - period * DAY_MS
        assert all(times[other] >= oldest for other in hidden)  # nothing more than a period is held back


# --- at random ---


@pytest.mark.parametrize(("share", "folds"), [(0.1, 10), (0.25, 4), (0.3, 3), (0.9, 2)])
def test_random_folds_see_every_booking_but_their_own(share: float, folds: int) -> None:
    table = sessions(*range(23), unbooked=(3, 7))
    split = split_at_random(table, share, 0)
    fold = dict(split.snapshots.assigned.select("session", "snapshot").rows())
    assert split.name == "random"
    counts = [list(fold.values()).count(number) for number in range(folds)]
    assert sum(counts) == 23
    assert max(counts) - min(counts) <= 1
    for session, seen in list_visible(split.snapshots).items():
        assert seen == {other for other in range(23) if fold[other] != fold[session]} - {3, 7}
    for session, role in split.roles.rows():
        held = "valid" if fold[session] == 0 else "train"
        assert role == ("unused" if session in (3, 7) else held)


def test_random_folds_do_not_go_by_time_and_follow_the_seed() -> None:
    table = sessions(*range(40))
    first, again, other = (split_at_random(table, 0.5, seed).roles["role"].to_list() for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert first not in (["train", "valid"] * 20, ["valid", "train"] * 20, ["valid"] * 20 + ["train"] * 20)
