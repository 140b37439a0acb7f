"""Who learns, who validates, and what each session may look back on: never on its own booking."""

from collections import Counter, defaultdict

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.engine.errors import UserError
from common.time_units import DAY_MS
from competitions.flight.config import SplitSettings
from competitions.flight.split import (
    INNER_FOLDS,
    Fold,
    Snapshots,
    Split,
    Validation,
    find_cut,
    list_lags,
    make_split,
    number_searches,
    split_by_time,
    split_folds,
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


def with_role(fold: Fold, role: str) -> set[int]:
    return set(fold.roles.filter(role=role)["session"])


def split_days(
    table: pl.DataFrame, cuts: list[float], period: float = 7, lags: tuple[float, ...] = (0,), name: str = "x"
) -> Split:
    """``split_by_time`` with cuts and lags in days."""
    behind = np.array([round(lag * DAY_MS) for lag in lags])
    return split_by_time(table, behind, [moment(cut) for cut in cuts], period, name, 0)


# --- who learns and who validates, by time ---


@pytest.mark.parametrize(("share", "index"), [(0.1, 9), (0.5, 5), (0.25, 7), (0.99, 0), (0.01, 9)])
def test_the_cut_is_the_time_of_the_first_session_of_the_last_share(share: float, index: int) -> None:
    days = [3, 1, 2, 0, 4, 9, 8, 7, 6, 5]  # the file's order says nothing
    assert find_cut(sessions(*days), share) == moment(index)


@pytest.mark.parametrize(
    ("count", "unbooked", "cuts", "roles"),
    [
        (4, (), [2], ["ttvv"]),  # validation begins at the cut itself
        (4, (), [2 + 1 / DAY_MS], ["tttv"]),
        (6, (), [2, 3, 5], ["ttvuuu", "tttvvu", "tttttv"]),  # and ends at the next
        (4, (0, 3), [2], ["utvu"]),  # without a booking nobody learns or validates
    ],
)
def test_each_cut_makes_a_fold(count: int, unbooked: tuple[int, ...], cuts: list[float], roles: list[str]) -> None:
    split = split_days(sessions(*range(count), unbooked=unbooked), cuts)
    assert [fold.roles["session"].to_list() for fold in split.folds] == [list(range(count))] * len(cuts)
    assert ["".join(role[0] for role in fold.roles["role"]) for fold in split.folds] == roles
    assert (split.name, split.cross_fitted, split.repeats) == ("x", False, 1)


@pytest.mark.parametrize(
    ("cuts", "unbooked", "lacks"),
    [
        ([0], (), "train"),
        ([9], (), "valid"),
        ([2], (0, 1), "train"),
        ([1, 2], (1,), "valid"),
    ],
)
def test_a_split_that_leaves_nobody_is_refused(cuts: list[float], unbooked: tuple[int, ...], lacks: str) -> None:
    with pytest.raises(UserError, match=rf"\(the last days\) leaves no {lacks} session"):
        split_days(sessions(0, 1, 2, unbooked=unbooked), [*cuts], name="the last days")


# --- who sees what, by time ---


@pytest.mark.parametrize(
    ("days", "unbooked", "period", "counts"),
    [
        # Periods of two days from the first session on: [1, 3), [3, 5), [5, 7), [7, 9).
        ((1, 2.9, 3, 4.9, 5, 6, 8), (), 2, [0, 0, 2, 2, 4, 4, 6]),
        ((0, 0.4, 0.5, 0.9, 1, 5), (), 0.5, [0, 0, 2, 2, 4, 5]),
        ((0, 1, 2, 3), (1,), 1, [0, 1, 2, 3]),
        ((0, 1, 2, 3), (1,), 1e-12, [0, 1, 2, 3]),  # none is shorter than a millisecond
    ],
)
def test_training_sessions_look_back_from_the_start_of_their_period(
    days: tuple[float, ...], unbooked: tuple[int, ...], period: float, counts: list[int]
) -> None:
    """Each sees the bookings of so many first sessions."""
    split = split_days(sessions(*days, unbooked=unbooked), [days[-2]], period)
    assert list_visible(split.final) == {own: set(range(count)) - {*unbooked} for own, count in enumerate(counts)}


def test_a_booking_at_the_very_moment_is_not_seen() -> None:
    until = [moment(1), moment(1) + 1, moment(0)]
    queries = pl.DataFrame({"session": [7, 8, 9], "until": until})
    first, second = take_snapshots(sessions(0, 1, 1, 2), [queries[:2], queries[2:]])
    assert list_visible(first) | list_visible(second) == {7: {0}, 8: {0, 1, 2}, 9: set()}
    assert second.visible.equals(first.visible)  # one log of snapshots, whoever is assigned to them
    assert [*first.assigned["until"], *second.assigned["until"]] == until


@pytest.mark.parametrize(("cross_fitted", "seen"), [(False, {0, 2}), (True, {0, 2, 3, 4})])
def test_the_test_sees_bookings_before_its_first_session_and_all_where_cross_fitted(
    cross_fitted: bool, seen: set[int]
) -> None:
    train, test = sessions(0, 1, 2, 3, 9, unbooked=(1,)), sessions(4, 3, 5)
    assert list_visible(take_test_snapshot(train, test, cross_fitted, 7)) == {0: seen, 1: seen, 2: seen}


@pytest.mark.parametrize("day", [-20_000, -400, 27_000])
@pytest.mark.parametrize("period", [1, 7])
def test_one_session_with_a_wrong_time_moves_no_moment_of_the_others(day: float, period: float) -> None:
    days = [0.5 * number for number in range(60)]
    tables, test = (sessions(*days), sessions(*days[:30], day, *days[31:])), sessions(30, 31, 32, 40)
    trained = [list_visible(split_days(table, [25], period).final) for table in tables]
    tested = [list_visible(take_test_snapshot(table, test, False, period)) for table in tables]
    for sound, odd in (trained, [seen | {30: set()} for seen in tested]):
        assert {session: odd[session] - {30} for session in odd if session != 30} == {
            session: sound[session] - {30} for session in sound if session != 30
        }


@pytest.mark.parametrize(
    ("day", "sees"), [(-20_000, 0), (-1, 0), (0.2, 0), (3.2, 6), (6.9, 12), (8, 16), (9.8, 20), (27_000, 20)]
)
def test_a_test_session_before_the_end_of_the_train_file_sees_what_a_training_session_would(
    day: float, sees: int
) -> None:
    train = sessions(*(0.5 * number for number in range(20)))  # to day 9.5, two a day
    snapshots = list_visible(take_test_snapshot(train, sessions(10, day, 11), False, 1))
    assert [len(snapshots[session]) for session in (0, 1, 2)] == [20, sees, 20]


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    period=st.sampled_from([0.5, 1.0, 7.0, 100.0]),
    share=st.floats(0.05, 0.3),
    late=st.booleans(),
)
def test_whatever_is_seen_was_booked_strictly_earlier(seed: int, period: float, share: float, late: bool) -> None:
    table = draw_searches(seed, count=30, longest=2).sessions
    cuts = [find_cut(table, 2 * share), find_cut(table, share)]
    lags = np.sort(np.random.default_rng(seed).integers(0, 4 * DAY_MS, 9)) * late
    try:
        split = split_by_time(table, lags, cuts, period, "x", seed)
    except UserError:
        return
    times, booked = table["time"].to_list(), table["booked"].to_list()
    known = {other for other in range(30) if booked[other] is not None}
    seen = list_visible(split.final)
    assert seen.keys() == set(range(30))
    for session, others in seen.items():
        assert all(times[other] < times[session] and other in known for other in others)
        # Nothing more than the lag and a period is held back.
        held = period * DAY_MS + int(lags[-1])
        assert all(times[other] >= times[session] - held for other in known - others)
    for fold, cut in zip(split.folds, cuts, strict=True):
        assert with_role(fold, "train") == {other for other in known if times[other] < cut}
        judged = list_visible(fold.snapshots)
        assert with_role(fold, "valid") == judged.keys() & known
        assert all(others <= with_role(fold, "train") for others in judged.values())
        assert late or all(others == with_role(fold, "train") for others in judged.values())


# --- how old what they see is ---


def test_the_lags_are_those_of_the_test_and_none_is_longer_than_half_of_the_train_file() -> None:
    train, test = sessions(*range(10), 9.5), sessions(8, 9, 12.5, 13, 40)  # the very last session ends no file
    assert (list_lags(train, test, 5) / DAY_MS).tolist() == [0, 0, 3.5, 4, 4.5]


def test_training_and_validation_sessions_look_back_as_far_behind_as_the_test() -> None:
    """Lags of 0 to 10 days; in validation none looks behind the cut, which the latest are ten days from."""
    table = sessions(*(day / 4 for day in range(400)))
    split = split_days(table, [90], period=1, lags=tuple(range(11)))

    def lags_of(snapshots: Snapshots) -> pl.Series:
        """Days from its snapshot to each session that has one."""
        seen = table.join(snapshots.assigned, on="session").sort("session")
        return (seen["time"] - seen["until"]) / DAY_MS

    drawn, judged = lags_of(split.final).to_numpy(), lags_of(split.folds[0].snapshots).to_numpy()
    late = drawn[80:]  # an early session cannot look so far back that nothing was booked
    assert late.mean() == pytest.approx(5, abs=0.6)
    assert np.quantile(late, [0.05, 0.95]) == pytest.approx([0.4, 10], abs=0.7)
    assert abs(np.corrcoef(np.arange(len(late)), late)[0, 1]) < 0.2
    elapsed = np.arange(40) / 4
    assert judged == pytest.approx(np.maximum(drawn[360:], elapsed), abs=1.1)
    assert judged.mean() > elapsed.mean() + 1
    assert (elapsed - judged).max() <= 0


# --- twins ---


def twin_table(*starts: tuple[float, int]) -> pl.DataFrame:
    """Sessions at (seconds, route), in this order."""
    times = [START + round(1000 * second) for second, _ in starts]
    routes = pl.Series([route for _, route in starts], dtype=pl.Int32)
    return sessions(*range(len(starts))).with_columns(time=pl.Series(times), route=routes)


def test_sessions_on_a_route_within_a_minute_are_one_search() -> None:
    table = twin_table((500, 1), (0, 1), (30, 1), (89.9, 1), (149.9, 1), (10, 2), (530, 1))
    assert number_searches(table).tolist() == [0, 1, 1, 1, 2, 3, 0]


def test_twins_are_dealt_together_into_folds_and_inner_folds() -> None:
    table = twin_table(*((1000 * pair + 20 * twin, pair % 3) for pair in range(30) for twin in (0, 1)))
    split = split_folds(table, 5, 2, 3)
    assert split.searches.tolist() == [pair for pair in range(30) for _ in (0, 1)]
    for fold in split.folds:
        held, seen = with_role(fold, "valid"), list_visible(fold.snapshots)
        assert len(held) == 12
        for first in range(0, 60, 2):
            assert (first in held) == (first + 1 in held)
            assert not {first, first + 1} & (seen[first] | seen[first + 1])
    assert all(session ^ 1 not in others for session, others in list_visible(split.final).items())


# --- which split ---


def test_a_plans_way_of_validation_is_taken() -> None:
    table, given = sessions(*range(20)), SplitSettings(validation="auto", valid_share=0.1, stretch_days=1, lags="auto")
    kinds = (("time", 1, 1), ("blocks", 3, 1), ("folds", 4, 2))
    last, blocks, dealt = (make_split(table, Validation(*kind, lags=(0,)), given, 4) for kind in kinds)
    assert [each.name for each in (last, blocks)] == ["last sessions", "successive blocks of time"]
    assert [with_role(fold, "valid") for fold in (*last.folds, *blocks.folds)] == [
        *({18, 19}, {14, 15}, {16, 17}, {18, 19}),
    ]
    assert list_visible(last.final)[9] == set(range(9))
    assert (dealt.cross_fitted, dealt.repeats, len(dealt.folds)) == (True, 2, 8)
    assert dealt.folds[0].roles.equals(split_folds(table, 4, 2, 4).folds[0].roles)


# --- folds of whole sessions ---

UNBOOKED = (3, 7)
BOOKED = set(range(23)) - set(UNBOOKED)


def check_inner(snapshots: Snapshots, learned: set[int]) -> None:
    """The learned sessions are parted into inner folds of almost one size, and each sees all of the others."""
    seen = list_visible(snapshots)
    hidden = {session: frozenset(learned - seen[session]) for session in learned}
    for session in learned:
        assert seen[session] < learned
        assert session in hidden[session]
        assert all(hidden[other] == hidden[session] for other in hidden[session])
    inner = set(hidden.values())
    assert len(inner) == INNER_FOLDS
    assert max(map(len, inner)) - min(map(len, inner)) <= 1


def test_every_session_with_a_booking_validates_once_a_repeat_and_else_trains() -> None:
    """A held session, and one without a booking, sees every training booking; one that trains the other inner folds."""
    dealt = split_folds(sessions(*range(23), unbooked=UNBOOKED), 4, 2, 0)
    held = [with_role(fold, "valid") for fold in dealt.folds]
    assert len(held) == 8
    assert held[:4] != held[4:]
    for repeat in (held[:4], held[4:]):
        assert Counter(session for own in repeat for session in own) == dict.fromkeys(BOOKED, 1)
        assert max(map(len, repeat)) - min(map(len, repeat)) <= 1
    for fold, own in zip(dealt.folds, held, strict=True):
        learned, seen = with_role(fold, "train"), list_visible(fold.snapshots)
        assert (learned, with_role(fold, "unused")) == (BOOKED - own, set(UNBOOKED))
        assert seen.keys() == set(range(23))
        assert all(seen[session] == learned for session in own | set(UNBOOKED))
        check_inner(fold.snapshots, learned)
    check_inner(dealt.final, BOOKED)
    assert [list_visible(dealt.final)[session] for session in UNBOOKED] == [BOOKED, BOOKED]


@pytest.mark.parametrize(("days", "unbooked"), [((0,), ()), ((0, 1), (1,)), ((0, 1), (0, 1))])
def test_a_single_session_cannot_be_dealt(days: tuple[float, ...], unbooked: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="validation needs a second one"):
        split_folds(sessions(*days, unbooked=unbooked), 5, 2, 0)
