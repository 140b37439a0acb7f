"""The choice model of the Tencent simulator and its oracle, computed again in another way."""

import numpy as np
import pytest

from common.arrays import Floats, take
from competitions.tencent.simulator import click_model, oracle
from competitions.tencent.simulator.ads import FAVOURITES
from competitions.tencent.simulator.click_model import CLICKED, draw_targets
from competitions.tencent.simulator.topics import BANDS, REFERENCE, slot_of
from competitions.tencent.simulator.users import slot_probabilities
from tests.unit.tencent.simulator.worlds import World, assert_near, make_world, runs_in, try_probabilities

SCALE, SEED = 0.003, 5
SLOPE = 2.6  # not the default: that it is not forgotten


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(SCALE, SEED, SLOPE)


def chance_by_definition(world: World, user: int) -> Floats:
    """The chance of each candidate in one try for ``user``, with plain loops over slots and reasons."""
    env, ads, query = world.env, world.env.ads, take(world.queries, np.array([user]))
    successor, candidates = env.topics.successor, world.candidates.ads
    interest, last_topic, session = query.interest[0].tolist(), int(query.topic[0]), int(query.session[0])
    seconds = int(world.users.time[user, -1]) - int(query.clicked_at[0])
    hold = 0.5 ** (seconds / click_model.HALF_LIFE) if query.last[0] >= 0 else 0.0
    preference = click_model.TASTE_WEIGHT * query.taste[0].astype(float)
    preference = preference + click_model.LAST_CLICK_WEIGHT * hold * ads.delta[query.last[0]].astype(float)
    x = ads.delta[candidates].astype(float) @ preference
    accepted = np.exp(env.slope * (np.minimum(x, click_model.ACCEPTANCE_CAP) - click_model.ACCEPTANCE_CAP))
    chance = np.zeros(len(candidates))
    for slot, arrival in enumerate(slot_probabilities(query)[0], int(query.first_slot[0])):
        liked = [
            float(click_model.INTEREST_WEIGHT[rank] * env.topics.rhythm[slot % BANDS, topic])
            for rank, topic in enumerate(interest)
        ]
        favourites = env.favourites[slot // BANDS, query.group[0]].astype(int)
        stopped = 1 - runs_in(env, favourites, np.full(FAVOURITES, slot)).mean()
        by_topic = (CLICKED[5] + CLICKED[4] * stopped) * env.ads.background[slot]
        by_interest = CLICKED[0] + (CLICKED[2] + CLICKED[3]) * (1 - hold)
        if slot == slot_of(world.users.time[user, -1]):
            by_topic[session] += CLICKED[1]
        else:
            by_interest += CLICKED[1] * (1 - click_model.SESSION_FOLLOWS)
            by_topic[successor[session]] += CLICKED[1] * click_model.SESSION_FOLLOWS
        for topic, weight in zip(interest, liked, strict=True):
            by_topic[topic] += by_interest * weight / sum(liked)
        by_topic[last_topic] += CLICKED[2] * hold
        by_topic[successor[last_topic]] += CLICKED[3] * hold
        runs = runs_in(env, candidates, np.full(len(candidates), slot))
        value = accepted * by_topic[ads.topic[candidates]] * ads.weight[candidates] * runs
        value /= ads.mass[slot, ads.topic[candidates], -1]
        for favourite in favourites.tolist():
            value += CLICKED[4] / FAVOURITES * (candidates == favourite) * runs
        chance += arrival * value
    return np.asarray(chance * ~np.isin(candidates, query.past[0]))


def find_users(world: World) -> list[int]:
    """Some users, one who never clicked, one whose session goes on, one whose history ends before the reference."""
    idle = int(np.flatnonzero(world.queries.last < 0)[0])
    goes_on = int(np.flatnonzero(world.queries.first_slot == world.queries.last_slot)[0])
    early = int(np.flatnonzero(world.queries.end < REFERENCE)[0])
    return [0, 1, idle, goes_on, early]


def test_the_oracle_is_the_choice_model_computed_by_hand(world: World) -> None:
    for user in find_users(world):
        (row,) = try_probabilities(world.env, world.candidates.ads, take(world.queries, np.array([user])))
        np.testing.assert_allclose(row, chance_by_definition(world, user), rtol=2e-4, atol=1e-9)


def test_targets_are_drawn_by_what_the_oracle_knows(world: World) -> None:
    """Many draws of one user's target fall on each ad as the oracle says; tries too."""
    every = np.arange(len(world.seen))
    for user in find_users(world)[-2:]:
        queries = take(world.queries, np.full(12_000, user))
        queries.tries[:] = 0
        draw_targets(world.env, queries, np.random.default_rng(user))
        chance = try_probabilities(world.env, every, take(queries, slice(1)))[0].astype(float)
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
