"""When simulated users of Tencent click their target; the digests of the simulators hold the rest."""

import numpy as np
import pytest

from common.arrays import take
from competitions.tencent.simulator import users as sessions
from competitions.tencent.simulator.ads import REFERENCE, make_topics, slot_of
from competitions.tencent.simulator.users import REACH, WINDOW, make_users


def test_the_time_of_a_target_is_drawn_by_the_law_that_the_oracle_knows() -> None:
    made = make_users(make_topics(1), 4_000, 3, False, np.random.default_rng(1))[0]
    early = np.flatnonzero(made.end < REFERENCE)[:2]
    for user in [0, 1, 2, *early.tolist()]:
        ends = take(made, np.full(20_000, user))
        time = sessions.draw_target_times(ends, np.random.default_rng(user))
        opens = float(ends.opens[0])
        assert time.min() >= opens - 1
        assert time.max() <= opens + WINDOW + 1
        observed = np.bincount(slot_of(time) - ends.first_slot, minlength=REACH) / len(time)
        expected = sessions.slot_probabilities(take(ends, slice(1)))[0]
        assert expected.sum() == pytest.approx(1.0)
        np.testing.assert_allclose(observed, expected, atol=0.015)
