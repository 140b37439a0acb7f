"""The choice model of the Tencent simulator and its oracle, computed again in another way."""

from dataclasses import replace

import numpy as np
import pytest

from common.arrays import Floats, take
from competitions.tencent.io.schema import CLICK
from competitions.tencent.metrics import score_answers
from competitions.tencent.simulator import click_model, oracle
from competitions.tencent.simulator.ad_inventory import FAVOURITES, draw_by_topic, draw_favourites
from competitions.tencent.simulator.click_model import CLICKED, VISIT_TOPIC_FROM, UserBatch, draw_targets
from competitions.tencent.simulator.event_times import REACH, first_slot, slot_probabilities
from competitions.tencent.simulator.topics import (
    BANDS,
    NOW,
    REFERENCE,
    UNSEEN_CANDIDATES,
    sizes_at_scale,
    slot_of,
)
from tests.unit.tencent.simulator.worlds import World, assert_near, make_world, runs_in

SCALE, SEED = 0.003, 5
SLOPE = 2.6  # not the default: that it is not forgotten


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(SCALE, SEED, SLOPE)


@pytest.fixture(scope="module")
def ranks(world: World) -> oracle.OracleRanks:
    return world.rank()


def test_ads_are_drawn_by_weight_among_those_of_the_topic_that_run(world: World) -> None:
    rng, inventory, ads = np.random.default_rng(4), world.env.inventory, world.env.inventory.ads
    for slot, topic in ((NOW, 3), (NOW + 2, 50), (NOW - 80, 7), (2, 9)):
        drawn = draw_by_topic(inventory, np.full(20_000, slot), np.full(20_000, topic), rng.random(20_000))
        of_topic = np.flatnonzero(ads.topic == topic)
        weight = ads.weight[of_topic] * runs_in(world.env, of_topic, np.full(len(of_topic), slot))
        assert weight.sum() == pytest.approx(inventory.mass[slot, topic, -1])
        assert_near(np.bincount(drawn, minlength=len(ads))[of_topic].astype(float), 20_000 * weight / weight.sum())
        assert (ads.topic[drawn] == topic).all()


def test_only_running_ads_are_shown_and_seldom_twice(world: World) -> None:
    past, users, time = world.batch.past, world.batch.users, world.batch.timeline.time
    recorded = past >= 0
    assert (recorded == users.recorded).all()
    assert runs_in(world.env, past[recorded].astype(int), slot_of(time[recorded])).all()
    ordered = np.sort(np.where(recorded, past, -1 - np.arange(past.shape[1])), axis=1)
    assert (np.diff(ordered, axis=1) == 0).sum() < 0.03 * recorded.sum()


def test_targets_are_candidates_new_to_the_user_and_run_behind_the_reference_time(world: World) -> None:
    targets, batch = world.batch.targets, world.batch
    assert np.isin(targets.ad, world.candidates.ads).all()
    assert not (batch.past == targets.ad[:, None]).any(axis=1).any()
    assert (targets.time >= REFERENCE).all()
    assert (targets.time >= batch.timeline.time[:, -1]).all()
    assert runs_in(world.env, targets.ad, slot_of(targets.time)).all()


def test_candidates_are_filled_up_to_the_releases_share(world: World) -> None:
    ads = world.candidates.ads
    assert len(ads) == len(np.unique(ads)) == sizes_at_scale(SCALE).candidates
    assert (~world.seen[ads]).mean() == pytest.approx(UNSEEN_CANDIDATES, abs=1e-3)
    others = ~np.isin(ads, world.batch.targets.ad)
    assert 0.2 < others.mean() < 0.8
    assert world.candidates.filled[others].mean() > world.candidates.filled[~others & ~world.seen[ads]].mean()


def chance_by_definition(world: World, user: int) -> Floats:
    """The chance of each candidate in one try for ``user``, with plain loops over visits, slots and reasons."""
    env, ads, batch = world.env, world.env.inventory.ads, world.batch.take(np.array([user]))
    state, successor = batch.state, world.env.topics.successor
    interest, last_topic, visit = state.interest[0].tolist(), int(state.topic[0]), int(state.visit_topic[0])
    arrival, first = slot_probabilities(batch.timeline)[0], int(first_slot(batch.timeline)[0])
    candidates = world.candidates.ads
    chance = np.zeros(len(candidates))
    for new in (0, 1):
        hours = (int(batch.timeline.time[0, -1]) - int(state.clicked_at[0])) / 3600
        hold = 0.5 ** (hours * 3600 / click_model.HALF_LIFE) * (click_model.NEW_VISIT_HOLD if new else 1.0)
        hold = hold if state.last[0] >= 0 else 0.0
        preference = click_model.TASTE_WEIGHT * batch.users.taste[0].astype(float)
        preference = preference + click_model.LAST_CLICK_WEIGHT * hold * ads.delta[state.last[0]].astype(float)
        x = ads.delta[candidates].astype(float) @ preference
        accepted = np.exp(env.slope * (np.minimum(x, click_model.ACCEPTANCE_CAP) - click_model.ACCEPTANCE_CAP))
        for at in range(REACH):
            slot = first + at
            liked = [
                float(click_model.INTEREST_WEIGHT[rank] * env.topics.rhythm[slot, topic])
                for rank, topic in enumerate(interest)
            ]
            favourites = env.favourites[slot // BANDS, batch.users.group[0]].astype(int)
            stopped = 1 - runs_in(env, favourites, np.full(FAVOURITES, slot)).mean()
            topics = (CLICKED[5] + CLICKED[4] * stopped) * env.topics.background[slot]
            by_interest = CLICKED[0] + (CLICKED[2] + CLICKED[3]) * (1 - hold)
            if new:
                by_interest += CLICKED[1] * VISIT_TOPIC_FROM[0]
                topics[last_topic] += CLICKED[1] * VISIT_TOPIC_FROM[1]
                topics[successor[visit]] += CLICKED[1] * VISIT_TOPIC_FROM[2]
            else:
                topics[visit] += CLICKED[1]
            for topic, weight in zip(interest, liked, strict=True):
                topics[topic] += by_interest * weight / sum(liked)
            topics[last_topic] += CLICKED[2] * hold
            topics[successor[last_topic]] += CLICKED[3] * hold
            runs = runs_in(env, candidates, np.full(len(candidates), slot))
            share = ads.weight[candidates] * runs / env.inventory.mass[slot, ads.topic[candidates], -1]
            value = accepted * topics[ads.topic[candidates]] * share
            for favourite in favourites.tolist():
                value += CLICKED[4] / FAVOURITES * (candidates == favourite) * runs
            chance += arrival[new, at] * value
    return np.asarray(chance * ~np.isin(candidates, batch.past[0]))


def try_all(world: World, batch: UserBatch) -> Floats:
    """The oracle's chances of users, one by one (users, candidates)."""
    rows = [
        oracle.try_probabilities(world.env, world.candidates.ads, batch.take(np.array([at])))
        for at in range(len(batch.users))
    ]
    return np.concatenate(rows).astype(np.float64)


def test_the_oracle_is_the_choice_model_computed_by_hand(world: World) -> None:
    idle = int(np.flatnonzero(world.batch.state.last < 0)[0])
    late = int(np.flatnonzero(world.batch.timeline.asked == 0)[0])
    users = np.array([0, 1, 2, idle, late])
    for row, user in zip(try_all(world, world.batch.take(users)), users.tolist(), strict=True):
        np.testing.assert_allclose(row, chance_by_definition(world, user), rtol=2e-4, atol=1e-9)


def test_targets_are_drawn_by_what_the_oracle_knows(world: World) -> None:
    """Many draws of one user's target fall on each ad as the oracle says; tries too."""
    for user in (3, int(np.flatnonzero(world.batch.timeline.asked == 0)[1])):
        batch = world.batch.take(np.full(12_000, user))
        targets = draw_targets(
            world.env, batch.users, batch.timeline, batch.past, batch.state, np.random.default_rng(user)
        )
        every = np.arange(len(world.seen))
        chance = oracle.try_probabilities(world.env, every, batch.take(slice(1)))[0].astype(float)
        assert_near(np.bincount(targets.ad, minlength=len(every)).astype(float), chance / chance.sum() * 12_000)
        assert targets.tries.mean() == pytest.approx(1.0 / chance.sum(), rel=0.05)


def test_the_oracle_scores_what_it_expects_and_beats_others(world: World, ranks: oracle.OracleRanks) -> None:
    best = oracle.summarise_ranks(ranks)
    assert abs(best.score - best.expected) < 3.5 * best.error
    assert best.queries == len(world.actions)
    assert best.score == pytest.approx(0.31 * best.details["hit_rate"] + 0.69 * best.details["ndcg"])
    # Another user's state is worth far less, whatever is popular little, a group's favourites or the last click more.
    batch = world.batch
    other = replace(batch, state=take(batch.state, np.random.default_rng(9).permutation(len(batch.past))))
    assert oracle.summarise_ranks(world.rank(other)).score < 0.65 * best.score
    strange = replace(world.env, favourites=world.env.favourites[:, ::-1])
    assert oracle.summarise_ranks(world.rank(env=strange)).score < 0.95 * best.score
    long_ago = replace(batch.state, clicked_at=batch.state.clicked_at - 10**8, visit_topic=batch.state.interest[:, 0])
    assert oracle.summarise_ranks(world.rank(replace(batch, state=long_ago))).score < 0.92 * best.score
    shown = np.bincount(batch.past[batch.past >= 0], minlength=len(world.seen))[world.candidates.ads]
    rank = np.empty(len(shown), np.int64)
    rank[np.argsort(-shown, kind="stable")] = np.arange(1, len(shown) + 1)
    popular = rank[oracle.find_columns(world.candidates.ads, batch.targets.ad)]
    assert score_answers(np.where(popular <= 10, popular, 0)).mean() < 0.3 * best.score


def test_a_sample_of_the_users_has_the_score_of_all(world: World, ranks: oracle.OracleRanks) -> None:
    rows = np.random.default_rng(7).permutation(len(world.actions))[:800]
    batch, actions = world.batch.take(rows), world.actions[rows]
    sample = oracle.rank_targets(world.env, world.candidates, batch, actions, len(world.actions))
    whole, part = (oracle.summarise_ranks(one) for one in (take(ranks, rows), sample))
    assert part.queries == 800
    assert part.score == pytest.approx(whole.score, abs=0.03)


def test_users_of_a_group_click_the_same_ads_whatever_these_are_about(world: World) -> None:
    users, favourites, ads = world.batch.users, world.env.favourites, world.env.inventory.ads
    user, at = np.nonzero((users.action == CLICK) & users.recorded)
    ad, day = world.batch.past[user, at], slot_of(world.batch.timeline.time[user, at]) // BANDS
    group, groups = users.group[user], favourites.shape[1]
    own = (favourites[day, group] == ad[:, None]).any(axis=1)
    other = (favourites[day, (group + 1) % groups] == ad[:, None]).any(axis=1)
    assert 0.3 > own.mean() > 0.1
    assert own.mean() > 3 * other.mean()
    # A group's favourites have nothing in common but the group: they share a topic as those of two groups do.
    many = draw_favourites(world.env.inventory, world.env.topics, 400, SEED)
    topic = ads.topic[many[-1:]]
    within, between = topic[:, :, 1:] == topic[:, :, :-1], np.roll(topic, 1, axis=1)[:, :, 1:] == topic[:, :, :-1]
    assert within.mean() < 1.5 * between.mean() + 0.02
    assert np.corrcoef(users.group, users.segment)[0, 1] == pytest.approx(0.0, abs=0.06)
    assert 0.3 < (many[-59:] == many[-60:-1]).mean() < 0.85
    for number in (0, 200, len(many) - 1):
        favourite = many[number].ravel().astype(int)
        assert runs_in(world.env, favourite, np.full(len(favourite), number * BANDS)).all()


def test_blocks_of_users_change_nothing(
    world: World, ranks: oracle.OracleRanks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oracle, "CELLS", 20 * len(world.candidates.ads))
    parts = world.rank()
    assert (ranks.rank == parts.rank).mean() > 0.999  # sums in another order
    np.testing.assert_allclose(ranks.expected_ndcg, parts.expected_ndcg, rtol=1e-4)


def test_people_are_choosier_in_larger_worlds() -> None:
    slopes = [click_model.acceptance_slope(scale) for scale in (0.0005, 0.01, 0.1, 1.0)]
    assert slopes == pytest.approx([2.5, 2.5, 3.4, 4.3])
    x = np.array([-0.2, 0.3, 0.6, 2.0], np.float32)
    mild, sharp = (click_model.acceptance_probability(x, slope) for slope in (2.5, 4.3))
    np.testing.assert_allclose(mild, np.exp(2.5 * np.array([-0.8, -0.3, 0.0, 0.0])), rtol=1e-6)
    assert (sharp[:2] < mild[:2]).all()
