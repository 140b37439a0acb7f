"""The choice model of the Tencent simulator and its oracle, computed again in another way."""

from dataclasses import replace

import numpy as np
import pytest

from common.arrays import Floats, Ints, take
from competitions.tencent.io.schema import CLICK
from competitions.tencent.metrics import score_answers
from competitions.tencent.simulator import ad_inventory, click_model, oracle
from competitions.tencent.simulator.ads import CAMPAIGNS, EVERGREEN, RUNS
from competitions.tencent.simulator.click_model import CLICKED, VISIT_TOPIC_FROM, Environment
from competitions.tencent.simulator.ground_truth import Targets
from competitions.tencent.simulator.topics import (
    BAND_SHARE,
    BANDS,
    NOW,
    SLOTS,
    TOPICS,
    UNSEEN_CANDIDATES,
    draw_topics,
    sizes_at_scale,
    slot_of,
)
from competitions.tencent.simulator.users import VISIT
from tests.unit.tencent.simulator.worlds import World, assert_near, find_last_clicks, make_world, runs_in

SCALE, SEED = 0.004, 5
SLOPE, SHARE = 2.6, 0.4  # not the defaults: that none is forgotten


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(SCALE, SEED, SHARE, SLOPE)


@pytest.fixture(scope="module")
def targets(world: World) -> Targets:
    return world.draw(3)


def weight_in(env: Environment, ad: int, slot: int, by_topic: bool) -> float:
    """Weight of an ad in a slot, with plain numbers."""
    ads = env.inventory.ads
    campaign, age = CAMPAIGNS[int(ads.campaign[ad])], slot - int(ads.birth[ad])
    if not 0 <= age < campaign.runs or (not by_topic and ads.campaign[ad] == EVERGREEN):
        return 0.0
    return float(ads.weight[ad]) * (1 + campaign.boost * (age < campaign.fresh) if by_topic else 1)


def test_ads_are_drawn_by_weight_among_those_of_the_topic_that_run(world: World) -> None:
    rng, inventory, ads = np.random.default_rng(4), world.env.inventory, world.env.inventory.ads
    for slot, topic in ((NOW, 3), (NOW + 2, 50), (NOW - 80, 7), (2, 9)):
        drawn = ad_inventory.draw_by_topic(inventory, np.full(20_000, slot), np.full(20_000, topic), rng.random(20_000))
        of_topic = np.flatnonzero(ads.topic == topic)
        weight = np.array([weight_in(world.env, ad, slot, True) for ad in of_topic.tolist()])
        assert weight.sum() == pytest.approx(inventory.mass[slot, topic, -1])
        np.testing.assert_allclose(ad_inventory.ad_weights(inventory, of_topic, slot)[0], weight)
        assert_near(np.bincount(drawn, minlength=len(ads))[of_topic].astype(float), 20_000 * weight / weight.sum())
        assert (ads.topic[drawn] == topic).all()


def test_ads_are_drawn_by_weight_among_those_of_the_advertiser_that_run(world: World) -> None:
    rng, inventory, ads = np.random.default_rng(5), world.env.inventory, world.env.inventory.ads
    owners = np.argsort(np.bincount(ads.advertiser))[[-1, -9, -60]]
    for slot, owner in zip((NOW + 1, NOW, NOW - 50), owners.tolist(), strict=True):
        before, mass = ad_inventory.advertiser_weights(inventory, np.full(10_000, slot), np.full(10_000, owner))
        owned = np.flatnonzero(ads.advertiser == owner)
        weight = np.array([weight_in(world.env, ad, slot, False) for ad in owned.tolist()])
        assert mass[0] == pytest.approx(weight.sum())
        np.testing.assert_allclose(ad_inventory.ad_weights(inventory, owned, slot)[1], weight)
        drawn = inventory.by_advertiser.draw(before + rng.random(10_000) * mass)
        assert_near(np.bincount(drawn, minlength=len(ads))[owned].astype(float), 10_000 * weight / weight.sum())
    assert ad_inventory.advertiser_weights(inventory, np.array([NOW]), np.array([-1]))[1].tolist() == [0.0]


def test_the_background_is_drawn_by_its_table(world: World) -> None:
    assert (world.env.inventory.mass[:, :, -1] > 0).all()  # every topic has an ad in every slot
    topics = world.env.topics
    assert sorted(topics.successor.tolist()) == list(range(TOPICS))
    at = np.random.default_rng(6).random(50_000)
    for slot in (0, NOW, SLOTS - 1):
        drawn = draw_topics(topics.steps, np.full(len(at), slot), at)
        assert_near(np.bincount(drawn, minlength=TOPICS).astype(float), len(at) * topics.background[slot])


def test_only_running_ads_are_shown_and_seldom_twice(world: World) -> None:
    past, users = world.batch.past, world.batch.users
    recorded = past >= 0
    assert (recorded == users.recorded).all()
    assert runs_in(world.env, past[recorded].astype(int), slot_of(users.time[recorded])).all()
    ordered = np.sort(np.where(recorded, past, -1 - np.arange(past.shape[1])), axis=1)
    assert (np.diff(ordered, axis=1) == 0).sum() < 0.03 * recorded.sum()


def test_the_next_click_depends_on_the_click_before_more_than_what_is_shown(world: World) -> None:
    before, past = find_last_clicks(world.batch), world.batch.past
    user, at = np.nonzero((before >= 0) & world.batch.users.recorded)
    topics = world.env.inventory.ads.topic
    topic, last = topics[past[user, at]], topics[past[user, before[user, at]]]
    click = world.batch.users.action[user, at] == CLICK
    chance = float((world.env.topics.share**2).sum())
    for follows in (topic == last, topic == world.env.topics.successor[last]):
        assert follows[click].mean() > 1.8 * follows[~click].mean() > 1.8 * 1.2 * chance
        assert follows[click].mean() > 0.09


def test_a_mood_lasts_for_a_visit(world: World) -> None:
    """What is shown just before tells of a click, not one of people's, more often within a visit than after one."""
    people, users, past = world.env.people, world.batch.users, world.batch.past
    day, group = slot_of(users.time) // BANDS, users.group[:, None]
    before = find_last_clicks(world.batch)
    companion = people.companion[np.take_along_axis(past, np.maximum(before, 0), axis=1)]
    liked = (people.favourites[day, group] == past[:, :, None]).any(axis=2) | ((before >= 0) & (companion == past))
    click = users.action == CLICK
    pairs = (click & ~liked)[:, 1:] & ~click[:, :-1] & (past[:, :-1] >= 0)
    kept = np.diff(users.time, axis=1) <= VISIT
    topics = world.env.inventory.ads.topic
    same = topics[past[:, 1:]] == topics[past[:, :-1]]
    assert same[pairs & kept].mean() > 1.1 * same[pairs & ~kept].mean()


def test_candidates_run_within_the_horizon_at_the_releases_share(world: World) -> None:
    slots = NOW + np.arange(BANDS)[:, None]
    assert runs_in(world.env, world.candidates, slots).any(axis=0).all()
    assert len(world.candidates) == sizes_at_scale(SCALE).candidates
    assert (~world.seen[world.candidates]).mean() == pytest.approx(UNSEEN_CANDIDATES, abs=1e-3)


def chance_by_definition(world: World, user: int) -> Floats:
    """The chance of each candidate to be ``user``'s first click, with plain loops over reasons, topics and bands."""
    env, ads = world.env, world.env.inventory.ads
    state = world.batch.take(np.array([user])).state
    interest, last_topic = state.interest[0].tolist(), int(state.topic[0])
    following, owner = int(env.topics.successor[last_topic]), int(state.advertiser[0])
    preference = click_model.TASTE_WEIGHT * world.batch.users.taste[user].astype(float)
    if state.last[0] >= 0:
        preference = preference + click_model.LAST_CLICK_WEIGHT * ads.delta[state.last[0]].astype(float)
    chance = np.zeros(len(world.candidates))
    for band in range(BANDS):
        slot = NOW + band
        liked = [
            float(click_model.INTEREST_WEIGHT[at] * env.topics.rhythm[slot, topic]) for at, topic in enumerate(interest)
        ]
        topics = {topic: 0.0 for topic in range(TOPICS)}
        for topic, weight in zip(interest, liked, strict=True):
            topics[topic] += (CLICKED[0] + CLICKED[1] * VISIT_TOPIC_FROM[0]) * weight / sum(liked)
        topics[last_topic] += CLICKED[2] + CLICKED[1] * VISIT_TOPIC_FROM[1]
        topics[following] += CLICKED[3] + CLICKED[1] * VISIT_TOPIC_FROM[2]
        for topic in range(TOPICS):
            topics[topic] += CLICKED[5] * float(env.topics.background[slot, topic])
        owned = [weight_in(env, ad, slot, False) for ad in np.flatnonzero(ads.advertiser == owner).tolist()]
        if not sum(owned):
            topics[last_topic] += CLICKED[4]
        for at, ad in enumerate(world.candidates.tolist()):
            topic = int(ads.topic[ad])
            whole = float(env.inventory.mass[slot, topic, -1])
            value = topics[topic] * weight_in(env, ad, slot, True) / whole
            if ads.advertiser[ad] == owner and sum(owned):
                value += CLICKED[4] * weight_in(env, ad, slot, False) / sum(owned)
            chance[at] += BAND_SHARE[band] * value
    x = ads.delta[world.candidates].astype(float) @ preference
    cap = click_model.ACCEPTANCE_CAP
    new = ~np.isin(world.candidates, world.batch.past[user])
    chance *= np.exp(env.slope * (np.minimum(x, cap) - cap)) * new
    people = env.people
    of_people: Floats = np.zeros(len(chance))
    part = SHARE * click_model.OF_GROUP / ad_inventory.FAVOURITES
    reasons = [(int(ad), part) for ad in people.favourites[-1, world.batch.users.group[user]]]
    if state.last[0] >= 0:
        reasons.append((int(people.companion[state.last[0]]), SHARE * (1 - click_model.OF_GROUP)))
    for favourite, share in reasons:
        runs = sum(float(BAND_SHARE[band]) for band in range(BANDS) if weight_in(env, favourite, NOW + band, True))
        of_people += share * runs * (world.candidates == favourite) * new
    return np.asarray(of_people + (1.0 - of_people.sum()) * chance / chance.sum())


def find_companions(world: World) -> Ints:
    """The companion of each user's last click where it is a candidate, else -1."""
    last = world.batch.state.last
    companion = world.env.people.companion[last]
    return np.where((last >= 0) & np.isin(companion, world.candidates), companion, -1)


def test_the_oracle_is_the_choice_model_computed_by_hand(world: World) -> None:
    followed = np.flatnonzero(find_companions(world) >= 0)[:2].tolist()
    users = np.array([0, 1, 2, int(np.flatnonzero(world.batch.state.last < 0)[0]), *followed])
    chances = oracle.click_probabilities(world.env, world.weigh(), world.batch.take(users))
    for row, user in enumerate(users.tolist()):
        np.testing.assert_allclose(chances[row], chance_by_definition(world, user), rtol=1e-4, atol=1e-9)


def test_the_oracle_scores_what_it_expects_and_beats_others(world: World, targets: Targets) -> None:
    batch, people = world.batch, world.env.people
    best = oracle.summarise_ranks(world.rank(targets))
    assert abs(best.score - best.expected) < 3.5 * best.error
    rows = np.flatnonzero(targets.ad >= 0)
    assert best.queries == len(rows)
    unseen, score_seen, score_unseen = (best.details[name] for name in ("unseen_share", "score_seen", "score_unseen"))
    parts = unseen * score_unseen + (1 - unseen) * score_seen
    assert best.score == pytest.approx(parts)
    assert best.score == pytest.approx(0.31 * best.details["hit_rate"] + 0.69 * best.details["ndcg"])
    # Another user's state is worth far less, whatever is popular next to nothing.
    other = replace(batch, state=batch.take(np.random.default_rng(9).permutation(len(batch.past))).state)
    assert oracle.summarise_ranks(world.rank(targets, other)).score < 0.65 * best.score
    # So is what only content, or only one kind of people, tells.
    nobody = replace(people, share=0.0)
    strangers = replace(people, favourites=people.favourites[:, ::-1])
    for known, most in ((nobody, 0.8), (strangers, 0.9)):
        ranks = world.rank(targets, env=replace(world.env, people=known))
        assert oracle.summarise_ranks(ranks).score < most * best.score
    shown = np.bincount(batch.past[batch.past >= 0], minlength=len(world.seen))[world.candidates]
    order = world.candidates[np.argsort(-shown, kind="stable")]
    rank = np.full(len(world.seen), len(order))
    rank[order] = np.arange(1, len(order) + 1)
    popular = rank[targets.ad[rows]]
    assert score_answers(np.where(popular <= 10, popular, 0)).mean() < 0.3 * best.score


def test_people_are_the_reason_of_their_share_of_the_targets(world: World) -> None:
    """Many draws of one user's target fall on each ad as the oracle says: the favourites and the companion too."""
    user = int(np.flatnonzero(find_companions(world) >= 0)[0])
    batch, people = world.batch.take(np.full(20_000, user)), world.env.people
    busy = replace(batch.users, pace=np.full(20_000, 50.0), clicks=np.ones(20_000))
    targets = world.draw(3, replace(batch, users=busy)).ad
    weights = world.weigh()
    chance = oracle.click_probabilities(world.env, weights, batch.take(slice(1)))[0].astype(float)
    assert chance.sum() == pytest.approx(1.0, abs=1e-4)
    assert (targets >= 0).mean() > 0.99
    observed = np.bincount(weights.column[targets[targets >= 0]], minlength=len(chance)).astype(float)
    assert_near(observed, chance * observed.sum())
    companion = people.companion[batch.state.last[0]]
    liked = np.isin(targets, [*people.favourites[-1, batch.users.group[0]], companion])
    assert SHARE * 0.5 < liked.mean() < SHARE * 1.3


def clicked_by(world: World) -> tuple[Ints, Ints, Ints]:
    """Of recorded clicks, in the order of user and time: user, ad, day."""
    users = world.batch.users
    user, at = np.nonzero((users.action == CLICK) & users.recorded)
    return user, world.batch.past[user, at].astype(np.int64), slot_of(users.time[user, at]) // BANDS


def test_users_of_a_group_click_the_same_ads_whatever_these_are_about(world: World) -> None:
    people, ads, users = world.env.people, world.env.inventory.ads, world.batch.users
    user, ad, day = clicked_by(world)
    group = users.group[user]
    own = (people.favourites[day, group] == ad[:, None]).any(axis=1)
    other = (people.favourites[day, (group + 1) % people.groups] == ad[:, None]).any(axis=1)
    assert own.mean() > 0.6 * SHARE * click_model.OF_GROUP > 3 * other.mean()
    # Ads that several users clicked: two of those users are of one group more often than by chance.
    order = np.lexsort((np.random.default_rng(8).random(len(ad)), ad))
    same_ad = ad[order][1:] == ad[order][:-1]
    same_group = group[order][1:] == group[order][:-1]
    assert same_group[same_ad].mean() > 1.3 / people.groups
    # A group's favourites have nothing in common but the group: they share a topic as those of two groups do.
    topic = ads.topic[ad_inventory.make_people(ads, 400, SHARE, SEED).favourites[-1:]]
    within, between = topic[:, :, 1:] == topic[:, :, :-1], np.roll(topic, 1, axis=1)[:, :, 1:] == topic[:, :, :-1]
    assert within.mean() < 1.5 * between.mean() + 0.02
    assert np.corrcoef(users.group, users.segment)[0, 1] == pytest.approx(0.0, abs=0.06)


def test_favourites_run_all_day_and_turn_over_with_the_days(world: World) -> None:
    late = world.env.people.favourites[-60:]
    for day, favourites in enumerate(late, SLOTS // BANDS - len(late)):
        for slot in (day * BANDS, day * BANDS + BANDS - 1):
            assert runs_in(world.env, favourites.ravel().astype(int), np.full(favourites.size, slot)).all()
    assert 0.4 < (late[1:] == late[:-1]).mean() < 0.97
    # Drawn by weight: heavier than what runs, by far.
    runs = runs_in(world.env, np.arange(len(world.seen)), np.full(len(world.seen), NOW))
    weight = world.env.inventory.ads.weight
    assert np.median(weight[late[-1]]) > 5 * np.median(weight[runs])


def test_an_ads_companion_follows_it(world: World) -> None:
    companion, ads = world.env.people.companion, world.env.inventory.ads
    user, ad, _ = clicked_by(world)
    follows = (user[1:] == user[:-1]) & (companion[ad[:-1]] == ad[1:])
    shifted = (user[1:] == user[:-1]) & (companion[np.roll(ad, 7)[:-1]] == ad[1:])
    assert follows.sum() > 4 * max(shifted.sum(), 1)
    assert 0.2 * SHARE * (1 - click_model.OF_GROUP) < follows.mean() < SHARE * (1 - click_model.OF_GROUP)
    stops, apart = ads.campaign != EVERGREEN, ads.birth[companion] - ads.birth
    assert (ads.campaign[companion] == ads.campaign)[stops].all()
    assert ((apart >= 0) & (apart <= RUNS[ads.campaign] // 2))[stops].all()
    # Not by content: as often of the same topic as two ads by chance.
    assert (ads.topic[companion] == ads.topic).mean() < 3 * float((world.env.topics.share**2).sum())


def test_blocks_of_users_change_nothing(world: World, targets: Targets, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = world.rank(targets)
    monkeypatch.setattr(oracle, "CELLS", 70 * len(world.candidates))
    parts = world.rank(targets)
    np.testing.assert_array_equal(whole.rank, parts.rank)
    np.testing.assert_allclose(whole.expected_ndcg, parts.expected_ndcg, rtol=1e-6)


def test_ties_count_against_the_oracle(world: World, targets: Targets) -> None:
    """Were every candidate alike, the ad clicked would be ranked last."""
    weights, row = world.weigh(), np.flatnonzero(targets.ad >= 0)[:1]
    alike = replace(weights, share=weights.share * 0.0, owned=weights.owned * 0.0)
    nobody = replace(world.env, people=replace(world.env.people, share=0.0))
    with np.errstate(invalid="ignore"):
        ranks = oracle.rank_truths(nobody, alike, world.batch.take(row), take(targets, row), world.seen)
    assert ranks.rank.tolist() == [len(world.candidates)]


def test_people_are_choosier_in_larger_worlds() -> None:
    slopes = [click_model.acceptance_slope(scale) for scale in (0.0005, 0.01, 0.1, 1.0)]
    assert slopes == pytest.approx([2.5, 2.5, 3.4, 4.3])
    x = np.array([-0.2, 0.3, 0.6, 2.0], np.float32)
    mild, sharp = (click_model.acceptance_probability(x, slope) for slope in (2.5, 4.3))
    np.testing.assert_allclose(mild, np.exp(2.5 * np.array([-0.8, -0.3, 0.0, 0.0])), rtol=1e-6)
    assert (sharp[:2] < mild[:2]).all()
