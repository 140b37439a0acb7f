"""When simulated users of Tencent are about: own ends, exposures alone behind the reference time, the target's time."""

import numpy as np
import pytest

from common.arrays import take
from competitions.tencent.io.schema import CLICK
from competitions.tencent.simulator import event_times
from competitions.tencent.simulator.event_times import MOST_WAIT, REACH, VISIT, WINDOW, Timeline, make_timeline
from competitions.tencent.simulator.topics import DAY, FIRST, REFERENCE, make_topics, slot_of, to_clock, to_even
from competitions.tencent.simulator.users import LONGEST, Users, make_users

USERS = 4_000


@pytest.fixture(scope="module")
def made() -> tuple[Users, Timeline]:
    return make_users(make_topics(1), USERS, 1, 0, 3, False)


def test_the_clocks_are_inverse_and_events_of_a_day_have_their_bands() -> None:
    even = FIRST + np.random.default_rng(0).random(40_000) * 30 * DAY
    clock = to_clock(even)
    np.testing.assert_allclose(to_even(clock), even, atol=1e-3)
    share = np.bincount(slot_of(clock.astype(np.int64)) % 4) / len(even)
    np.testing.assert_allclose(share, [0.09, 0.25, 0.31, 0.35], atol=0.01)


def test_events_ascend_and_each_user_ends_elsewhere(made: tuple[Users, Timeline]) -> None:
    time = made[1].time
    assert time.shape == (USERS, LONGEST)
    assert (np.diff(time, axis=1) >= 0).all()
    assert time.min() >= FIRST
    end = time[:, -1]
    assert len(np.unique(end)) > 0.99 * USERS
    days = (end - REFERENCE) / DAY
    assert 0.05 < (days < 0).mean() < 0.3  # nothing was shown between the reference time and the target
    assert 0.4 < ((days >= 0) & (days < 3)).mean() < 0.7
    assert (days > MOST_WAIT / DAY).mean() < 0.08


def test_behind_the_reference_time_nothing_is_clicked(made: tuple[Users, Timeline]) -> None:
    users, timeline = made
    behind = np.arange(LONGEST) >= LONGEST - timeline.asked[:, None]
    assert not (behind & (users.action == CLICK)).any()
    assert (behind & (users.action != CLICK)).any()
    assert (timeline.time[behind] >= REFERENCE).all()
    # Who clicks often is shown less in between.
    often = np.argsort((users.action == CLICK).mean(axis=1))
    assert timeline.asked[often[-USERS // 4 :]].mean() < 0.75 * timeline.asked[often[: USERS // 4]].mean()


def test_where_everyone_is_queried_from_the_reference_time_on_no_click_is_behind_it() -> None:
    users, timeline = make_users(make_topics(1), USERS, 1, 0, 3, True)
    clicked = users.action == CLICK
    assert timeline.time[clicked].max() < REFERENCE
    assert (timeline.time[~clicked] >= REFERENCE).mean() > 0.05


def test_the_number_of_exposures_before_a_target_is_geometric_and_bounded() -> None:
    timeline = make_timeline(np.full(60_000, 0.2), LONGEST, True, np.random.default_rng(3))
    share = np.bincount(timeline.asked) / len(timeline.asked)
    # Who comes at all comes often enough that the bound says next to nothing of the first few.
    np.testing.assert_allclose(share[2:5] / share[1:4], 0.8, atol=0.06)
    assert timeline.asked.max() <= event_times.MOST_AFTER


def test_the_time_of_a_target_is_drawn_by_the_law_that_the_oracle_knows(made: tuple[Users, Timeline]) -> None:
    late = np.flatnonzero(made[1].asked == 0)[:2]
    for user in [0, 1, 2, *late.tolist()]:
        timeline = take(made[1], np.full(20_000, user))
        time = event_times.draw_targets_times(timeline, np.random.default_rng(user))
        opens = float(timeline.opens[0])
        assert time.min() >= to_clock(np.array([opens]))[0] - 1
        assert time.max() <= to_clock(np.array([opens + WINDOW]))[0] + 1
        if timeline.asked[0] == 0:
            assert time.min() >= REFERENCE - 1
        new = event_times.starts_visit(timeline, time)
        np.testing.assert_array_equal(new, time - to_clock(timeline.end) > VISIT)
        slot = slot_of(time.astype(np.int64)) - event_times.first_slot(timeline)
        observed = np.bincount(new * REACH + slot, minlength=2 * REACH) / len(time)
        expected = event_times.slot_probabilities(take(timeline, slice(1)))[0].ravel()
        assert expected.sum() == pytest.approx(1.0)
        np.testing.assert_allclose(observed, expected, atol=0.015)
