"""The choice model of the Tencent simulator and its oracle, computed again in another way."""

from dataclasses import replace

import numpy as np
import pytest

from common.arrays import Floats, take
from competitions.tencent.io.schema import CLICK
from competitions.tencent.metrics import score_answers
from competitions.tencent.simulator import ads as simulated_ads
from competitions.tencent.simulator import click_model, oracle, topics
from competitions.tencent.simulator.ads import FAVOURITES, draw_by_topic, draw_favourites
from competitions.tencent.simulator.click_model import CLICKED, Queries, draw_targets
from competitions.tencent.simulator.topics import BANDS, DAYS_BACK, REFERENCE, slot_of
from competitions.tencent.simulator.users import slot_probabilities
from tests.unit.tencent.simulator.worlds import World, assert_near, make_world, runs_in, try_probabilities

SCALE, SEED = 0.003, 5
SLOPE = 2.6  # not the default: that it is not forgotten
NOW = DAYS_BACK * BANDS  # the slot that the reference time opens


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(SCALE, SEED, SLOPE)


@pytest.fixture(scope="module")
def ranks(world: World) -> oracle.OracleRanks:
    return world.rank()


def test_ads_are_drawn_by_weight_among_those_of_the_topic_that_run(world: World) -> None:
    rng, ads = np.random.default_rng(4), world.env.ads
    for slot, topic in ((NOW, 3), (NOW + 2, 50), (NOW - 80, 7), (2, 9)):
        drawn = draw_by_topic(ads, np.full(20_000, slot), np.full(20_000, topic), rng.random(20_000))
        of_topic = np.flatnonzero(ads.topic == topic)
        weight = ads.weight[of_topic] * runs_in(world.env, of_topic, np.full(len(of_topic), slot))
        assert weight.sum() == pytest.approx(ads.mass[slot, topic, -1])
        assert_near(np.bincount(drawn, minlength=len(ads))[of_topic].astype(float), 20_000 * weight / weight.sum())
        assert (ads.topic[drawn] == topic).all()


def test_what_is_shown_runs_and_a_click_is_seldom_on_what_was_seen(world: World) -> None:
    past, users = world.queries.past, world.users
    recorded = past >= 0
    assert (recorded == users.recorded).all()
    assert runs_in(world.env, world.queries.ad, slot_of(world.queries.time)).all()  # targets do
    new, again = [], 0
    for at in range(past.shape[1]):
        shown = np.flatnonzero(recorded[:, at])
        runs = runs_in(world.env, past[shown, at].astype(int), slot_of(users.time[shown, at]))
        seen = (past[shown, :at] == past[shown, at, None]).any(axis=1)
        new.append(runs[~seen])
        again += int((seen & (users.action[shown, at] == CLICK)).sum())
    assert np.concatenate(new).mean() > 0.9995  # what was seen before the record is clicked again, even if it stopped
    clicks = (users.action[recorded] == CLICK).sum()
    assert click_model.REPEATED / 2 < again / clicks < 4 * click_model.REPEATED  # so small a world leaves little choice


def test_two_candidates_in_five_are_targets_and_the_rest_are_any_ads(world: World) -> None:
    ads, env = world.candidates.ads, world.env
    assert len(ads) == len(np.unique(ads))
    is_target = np.isin(ads, world.queries.ad)
    assert is_target.mean() == pytest.approx(simulated_ads.TARGETS, abs=1e-3)
    assert (~world.seen[ads]).mean() == pytest.approx(simulated_ads.UNSEEN, abs=1e-3)
    fillers = ads[~is_target & world.seen[ads]]
    corpus = np.flatnonzero(world.seen & ~np.isin(np.arange(len(world.seen)), world.queries.ad))
    # The fillers are a fair sample of the corpus, of which most have stopped, whatever their popularity.
    stopped = 1.0 - runs_in(env, corpus, np.full(len(corpus), NOW)).mean()
    assert stopped > 0.6
    assert 1.0 - runs_in(env, fillers, np.full(len(fillers), NOW)).mean() == pytest.approx(stopped, abs=0.06)
    assert np.log(env.ads.weight[fillers]).mean() == pytest.approx(np.log(env.ads.weight[corpus]).mean(), abs=0.25)
    share = len(fillers) / len(corpus)
    assert world.candidates.filled[world.seen[ads]] == pytest.approx(np.full(world.seen[ads].sum(), share))


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


def test_the_oracle_scores_what_it_expects_and_beats_others(world: World, ranks: oracle.OracleRanks) -> None:
    best = oracle.summarise_ranks(ranks)
    assert abs(best.score - best.expected) < 3.5 * best.error
    assert best.queries == len(world.queries.ad)
    assert best.score == pytest.approx(0.31 * best.details["hit_rate"] + 0.69 * best.details["ndcg"])

    def score(queries: Queries, env: click_model.Environment | None = None) -> float:
        return oracle.summarise_ranks(world.rank(queries, env)).score

    # Another user's state is worth far less, whatever is popular little, a group's favourites or the last click more.
    queries = world.queries
    other = take(queries, np.random.default_rng(9).permutation(len(queries.ad)))
    state = ("group", "taste", "interest", "session", "topic", "last", "hold")
    assert score(replace(queries, **{name: getattr(other, name) for name in state})) < 0.65 * best.score
    strange = replace(world.env, favourites=world.env.favourites[:, ::-1])
    assert score(queries, strange) < 0.95 * best.score
    long_ago = replace(queries, hold=0.0 * queries.hold, session=queries.interest[:, 0])
    assert score(long_ago) < 0.92 * best.score
    shown = np.bincount(queries.past[queries.past >= 0], minlength=len(world.seen))[world.candidates.ads]
    rank = np.empty(len(shown), np.int64)
    rank[np.argsort(-shown, kind="stable")] = np.arange(1, len(shown) + 1)
    popular = rank[oracle.find_columns(world.candidates.ads, queries.ad)]
    assert score_answers(np.where(popular <= 10, popular, 0)).mean() < 0.3 * best.score


def test_a_sample_that_has_few_users_of_a_group_expects_what_it_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "GROUP_USERS", 15)
    world = make_world(SCALE, SEED, SLOPE)
    rows = np.random.default_rng(7).permutation(len(world.queries.ad))[:200]  # one of each group
    sample = oracle.rank_targets(world.env, world.candidates, take(world.queries, rows), len(world.queries.ad))
    whole, part = oracle.summarise_ranks(world.rank()), oracle.summarise_ranks(sample)
    assert part.queries == 200
    assert abs(part.score - part.expected) < 3 * part.error
    assert part.expected == pytest.approx(whole.expected, abs=0.04)


def test_users_of_a_group_click_the_same_ads_whatever_these_are_about(world: World) -> None:
    users, favourites, ads = world.users, world.env.favourites, world.env.ads
    user, at = np.nonzero((users.action == CLICK) & users.recorded)
    ad, day = world.queries.past[user, at], slot_of(users.time[user, at]) // BANDS
    group, groups = users.group[user], favourites.shape[1]
    own = (favourites[day, group] == ad[:, None]).any(axis=1)
    other = (favourites[day, (group + 1) % groups] == ad[:, None]).any(axis=1)
    assert 0.4 > own.mean() > 0.1
    assert own.mean() > 3 * other.mean()
    # A group's favourites have nothing in common but the group: they share a topic as those of two groups do.
    many = draw_favourites(ads, 400, SEED)
    topic = ads.topic[many[-1:]]
    within, between = topic[:, :, 1:] == topic[:, :, :-1], np.roll(topic, 1, axis=1)[:, :, 1:] == topic[:, :, :-1]
    assert within.mean() < 1.5 * between.mean() + 0.02
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
    np.testing.assert_allclose(ranks.expected, parts.expected, rtol=1e-4)


def test_people_are_choosier_in_larger_worlds() -> None:
    slopes = [click_model.acceptance_slope(scale) for scale in (0.0005, 0.01, 0.1, 1.0)]
    assert slopes == pytest.approx([2.5, 2.5, 3.4, 4.3])
    accepted = click_model.acceptance_probability(np.float32([-0.2, 0.3, 0.6, 2.0]), 2.5)
    np.testing.assert_allclose(accepted, np.exp(2.5 * np.array([-0.8, -0.3, 0.0, 0.0])), rtol=1e-6)
