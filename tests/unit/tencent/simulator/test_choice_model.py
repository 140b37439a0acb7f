"""The choice model of the Tencent simulator and its oracle, computed again in another way."""

import numpy as np
import pytest

from common.arrays import take
from competitions.tencent.simulator import click_model, oracle
from competitions.tencent.simulator.ads import REFERENCE
from competitions.tencent.simulator.click_model import draw_targets
from tests.unit.tencent.simulator.worlds import World, assert_near, make_world


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(0.003, 5, slope=2.6)  # not the default: that it is not forgotten


def test_targets_are_drawn_by_what_the_oracle_knows(world: World) -> None:
    """Many draws of the target of one who never clicked, of one whose session goes on, and of one whose history ends
    before the reference fall on each ad as the oracle says; tries too.
    """
    every, asked = np.arange(len(world.seen)), world.queries
    for such in (asked.last < 0, asked.first_slot == asked.slot, asked.end < REFERENCE):
        user = int(such.argmax())
        queries = take(world.queries, np.full(12_000, user))
        queries.tries[:] = 0
        draw_targets(world.env, queries, np.random.default_rng(user))
        chance = sum(oracle.try_probabilities(world.env, every, take(queries, slice(1))))[0].astype(float)
        assert_near(np.bincount(queries.ad, minlength=len(every)).astype(float), chance / chance.sum() * 12_000)
        assert queries.tries.mean() == pytest.approx(1.0 / chance.sum(), rel=0.05)


def test_blocks_of_users_change_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = world.rank()
    monkeypatch.setattr(oracle, "CELLS", 20 * len(world.candidates.ads))
    parts = world.rank()
    assert (ranks.rank == parts.rank).mean() > 0.999  # sums in another order
    np.testing.assert_allclose(ranks.expected, parts.expected, rtol=1e-4)


def test_people_are_choosier_in_larger_worlds() -> None:
    slopes = [click_model.acceptance_slope(scale) for scale in (0.0005, 0.01, 0.1, 1.0)]
    assert slopes == pytest.approx([2.5, 2.5, 3.4, 4.3])
    accepted = click_model.acceptance_probability(np.float32([-0.2, 0.3, 0.6, 2.0]), 2.5)
    np.testing.assert_allclose(accepted, np.exp(2.5 * np.array([-0.8, -0.3, 0.0, 0.0])), rtol=1e-6)
