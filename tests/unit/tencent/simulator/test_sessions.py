"""When simulated users of Tencent are about: own ends, exposures alone behind the reference time, the target's time."""

import numpy as np
import pytest

from common.arrays import take
from competitions.tencent.io.schema import CLICK
from competitions.tencent.simulator import users as sessions
from competitions.tencent.simulator.topics import DAY, FIRST, REFERENCE, make_topics, slot_of
from competitions.tencent.simulator.users import LONGEST, MOST_WAIT, REACH, WINDOW, Ends, Users, make_users

USERS = 4_000


@pytest.fixture(scope="module")
def made() -> tuple[Users, Ends]:
    return make_users(make_topics(1), USERS, 3, False, np.random.default_rng(1))


def test_events_ascend_and_each_user_ends_elsewhere(made: tuple[Users, Ends]) -> None:
    time = made[0].time
    assert time.shape == (USERS, LONGEST)
    assert (np.diff(time, axis=1) >= 0).all()
    assert time.min() >= FIRST
    end = time[:, -1]
    assert len(np.unique(end)) > 0.99 * USERS
    days = (end - REFERENCE) / DAY
    assert 0.05 < (days < 0).mean() < 0.3  # nothing was shown between the reference time and the target
    assert 0.4 < ((days >= 0) & (days < 3)).mean() < 0.7
    assert (days > MOST_WAIT / DAY).mean() < 0.08


def test_behind_the_reference_time_most_users_click_nothing() -> None:
    rng = np.random.default_rng(2)
    clicks = rng.beta(2.9, 25.0, USERS)
    time, behind, ends = sessions.draw_times(clicks, LONGEST, False, rng)
    after = np.arange(LONGEST) >= LONGEST - behind[:, None]
    assert (time[after] >= REFERENCE).all()
    assert (ends.opens >= REFERENCE).all()
    # Who clicks often is shown less in between.
    often = np.argsort(clicks)
    assert behind[often[-USERS // 4 :]].mean() < 0.75 * behind[often[: USERS // 4]].mean()


def test_where_everyone_is_queried_from_the_reference_time_on_no_click_is_behind_it() -> None:
    users, _ = make_users(make_topics(1), USERS, 3, True, np.random.default_rng(1))
    clicked = users.action == CLICK
    assert users.time[clicked].max() < REFERENCE
    assert (users.time[~clicked] >= REFERENCE).mean() > 0.05


def test_the_number_of_exposures_before_a_target_is_geometric_and_bounded() -> None:
    _, behind, _ = sessions.draw_times(np.full(60_000, 0.2), LONGEST, True, np.random.default_rng(3))
    share = np.bincount(behind) / len(behind)
    # Who comes at all comes often enough that the bound says next to nothing of the first few.
    np.testing.assert_allclose(share[2:5] / share[1:4], 0.8, atol=0.06)
    assert behind.max() <= sessions.MOST_AFTER


def test_the_time_of_a_target_is_drawn_by_the_law_that_the_oracle_knows(made: tuple[Users, Ends]) -> None:
    early = np.flatnonzero(made[1].end < REFERENCE)[:2]
    for user in [0, 1, 2, *early.tolist()]:
        ends = take(made[1], np.full(20_000, user))
        time = sessions.draw_target_times(ends, np.random.default_rng(user))
        opens = float(ends.opens[0])
        assert time.min() >= opens - 1
        assert time.max() <= opens + WINDOW + 1
        observed = np.bincount(slot_of(time) - ends.first_slot, minlength=REACH) / len(time)
        expected = sessions.slot_probabilities(take(ends, slice(1)))[0]
        assert expected.sum() == pytest.approx(1.0)
        np.testing.assert_allclose(observed, expected, atol=0.015)
