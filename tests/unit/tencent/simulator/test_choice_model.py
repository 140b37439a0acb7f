"""The choice model of the Tencent simulator and its oracle, computed again in another way."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from competitions.tencent.io.schema import CLICK
from competitions.tencent.metrics import score_answers
from competitions.tencent.simulator import ad_inventory, click_model, oracle
from competitions.tencent.simulator.ads import CAMPAIGNS, EVERGREEN, make_ads
from competitions.tencent.simulator.click_model import CLICKED, VISIT_TOPIC_FROM, Environment, UserState
from competitions.tencent.simulator.ground_truth import Targets, choose_candidates, draw_targets
from competitions.tencent.simulator.topics import (
    BAND_SHARE,
    BANDS,
    NOW,
    SLOTS,
    TOPICS,
    UNSEEN_CANDIDATES,
    Bools,
    Codes,
    Floats,
    Ints,
    draw_background,
    make_topics,
    sizes_at_scale,
    slot_of,
)
from competitions.tencent.simulator.users import VISIT, Users, make_users

SCALE, SEED = 0.004, 5
SLOPE, SHARE = 2.6, 0.4  # not the defaults: that none is forgotten


@dataclass(frozen=True)
class World:
    """A small world after its histories, with its question."""

    env: Environment
    users: Users
    past: Codes
    state: UserState
    seen: Bools
    candidates: Ints
    truth: Ints


@pytest.fixture(scope="module")
def world() -> World:
    sizes, topics = sizes_at_scale(SCALE), make_topics(SEED)
    ads = make_ads(topics, sizes, SCALE, SEED)
    people = ad_inventory.make_people(ads, sizes.groups, SHARE, SEED)
    env = Environment(topics, ad_inventory.build_inventory(ads), SEED, slope=SLOPE, people=people)
    users = make_users(topics, sizes.users, SEED, 0, groups=people.groups)
    past, state = click_model.browse(env, users, np.random.default_rng(1))
    seen = np.bincount(past[past >= 0], minlength=len(env.inventory.ads)) > 0
    candidates = choose_candidates(env.inventory, seen, sizes.candidates, np.random.default_rng(2))
    allowed = np.isin(np.arange(len(seen)), candidates)
    truth = draw_targets(env, users, state, past, allowed, np.random.default_rng(3)).ad
    return World(env, users, past, state, seen, candidates, truth)


def runs_in(env: Environment, ad: Ints, slot: Ints) -> Bools:
    """Whether each ad runs in each slot, by the definition."""
    ads = env.inventory.ads
    runs = np.array([campaign.runs for campaign in CAMPAIGNS])[ads.campaign[ad]]
    return np.asarray((ads.birth[ad] <= slot) & (slot < ads.birth[ad] + runs))


def weight_in(env: Environment, ad: int, slot: int, by_topic: bool) -> float:
    """Weight of an ad in a slot, with plain numbers."""
    ads = env.inventory.ads
    campaign, age = CAMPAIGNS[int(ads.campaign[ad])], slot - int(ads.birth[ad])
    if not 0 <= age < campaign.runs or (not by_topic and ads.campaign[ad] == EVERGREEN):
        return 0.0
    return float(ads.weight[ad]) * (1 + campaign.boost * (age < campaign.fresh) if by_topic else 1)


def assert_near(observed: Floats, expected: Floats) -> None:
    """Counts ``observed`` are a draw from the expected counts ``expected``: chi-squared within five deviations."""
    kept = expected >= 5
    observed = np.append(observed[kept], observed[~kept].sum())
    expected = np.append(expected[kept], expected[~kept].sum())
    terms = (observed - expected)[expected > 0] ** 2 / expected[expected > 0]
    freedom = len(terms) - 1
    assert terms.sum() < freedom + 5 * (2 * freedom) ** 0.5 + 5


def test_ads_are_drawn_by_weight_among_those_of_the_topic_that_run(world: World) -> None:
    rng, ads = np.random.default_rng(4), np.arange(len(world.env.inventory.ads))
    for slot, topic in ((NOW, 3), (NOW + 2, 50), (NOW - 80, 7), (2, 9)):
        drawn = ad_inventory.draw_by_topic(
            world.env.inventory, np.full(20_000, slot), np.full(20_000, topic), rng.random(20_000)
        )
        of_topic = ads[world.env.inventory.ads.topic == topic]
        weight = np.array([weight_in(world.env, ad, slot, True) for ad in of_topic.tolist()])
        assert weight.sum() == pytest.approx(world.env.inventory.mass[slot, topic, -1])
        np.testing.assert_allclose(ad_inventory.ad_weights(world.env.inventory, of_topic, slot)[0], weight)
        assert_near(np.bincount(drawn, minlength=len(ads))[of_topic].astype(float), 20_000 * weight / weight.sum())
        assert (world.env.inventory.ads.topic[drawn] == topic).all()


def test_ads_are_drawn_by_weight_among_those_of_the_advertiser_that_run(world: World) -> None:
    rng, ads = np.random.default_rng(5), np.arange(len(world.env.inventory.ads))
    traits = np.argsort(np.bincount(world.env.inventory.ads.advertiser))[[-1, -9, -60]]
    for slot, owner in zip((NOW + 1, NOW, NOW - 50), traits.tolist(), strict=True):
        before, mass = ad_inventory.advertiser_weights(
            world.env.inventory, np.full(10_000, slot), np.full(10_000, owner)
        )
        owned = ads[world.env.inventory.ads.advertiser == owner]
        weight = np.array([weight_in(world.env, ad, slot, False) for ad in owned.tolist()])
        assert mass[0] == pytest.approx(weight.sum())
        drawn = ad_inventory.draw_by_advertiser(world.env.inventory, before, mass, rng.random(10_000))
        assert_near(np.bincount(drawn, minlength=len(ads))[owned].astype(float), 10_000 * weight / weight.sum())
    assert ad_inventory.advertiser_weights(world.env.inventory, np.array([NOW]), np.array([-1]))[1].tolist() == [0.0]


def test_the_background_is_drawn_by_its_table(world: World) -> None:
    assert (world.env.inventory.mass[:, :, -1] > 0).all()  # every topic has an ad in every slot
    assert sorted(world.env.topics.successor.tolist()) == list(range(TOPICS))
    at = np.random.default_rng(6).random(50_000)
    for slot in (0, NOW, SLOTS - 1):
        drawn = draw_background(world.env.topics, np.full(len(at), slot), at)
        expected = len(at) * world.env.topics.background[slot]
        assert_near(np.bincount(drawn, minlength=TOPICS).astype(float), expected)


def test_only_running_ads_are_shown_and_seldom_twice(world: World) -> None:
    recorded = world.past >= 0
    assert (recorded == world.users.recorded).all()
    assert runs_in(world.env, world.past[recorded].astype(int), slot_of(world.users.time[recorded])).all()
    ordered = np.sort(np.where(recorded, world.past, -1 - np.arange(world.past.shape[1])), axis=1)
    assert (np.diff(ordered, axis=1) == 0).sum() < 0.03 * recorded.sum()


def clicks_and_others(world: World) -> tuple[Codes, Codes, Bools]:
    """Of recorded events behind a click: topic, topic of the click before, whether it is a click."""
    click = world.users.action == CLICK
    position = np.where(click & world.users.recorded, np.arange(click.shape[1]), -1)
    last = np.maximum.accumulate(position, axis=1)
    before = np.concatenate([np.full((len(last), 1), -1), last[:, :-1]], axis=1)
    user, at = np.nonzero(before >= 0)
    topic = world.env.inventory.ads.topic
    return topic[world.past[user, at]], topic[world.past[user, before[user, at]]], click[user, at]


def test_the_next_click_depends_on_the_click_before_more_than_what_is_shown(world: World) -> None:
    topic, last, click = clicks_and_others(world)
    chance = float((world.env.topics.share**2).sum())
    for follows in (topic == last, topic == world.env.topics.successor[last]):
        assert follows[click].mean() > 1.8 * follows[~click].mean() > 1.8 * 1.2 * chance
        assert follows[click].mean() > 0.09


def test_a_mood_lasts_for_a_visit(world: World) -> None:
    """What is shown just before tells of a click, not one of people's, more often within a visit than after one."""
    people, action, past = world.env.people, world.users.action, world.past
    assert people is not None
    day, group = slot_of(world.users.time) // BANDS, world.users.group[:, None]
    liked = (people.favourites[day, group] == past[:, :, None]).any(axis=2) | followed_by(world, past)
    pairs = ((action[:, 1:] == CLICK) & ~liked[:, 1:]) & (action[:, :-1] != CLICK) & (past[:, :-1] >= 0)
    kept = np.diff(world.users.time, axis=1) <= VISIT
    topics = world.env.inventory.ads.topic
    same = topics[past[:, 1:]] == topics[past[:, :-1]]
    assert same[pairs & kept].mean() > 1.1 * same[pairs & ~kept].mean()


def followed_by(world: World, past: Codes) -> Bools:
    """Whether each event is the companion of the ad clicked last."""
    assert world.env.people is not None
    position = np.where((world.users.action == CLICK) & world.users.recorded, np.arange(past.shape[1]), -1)
    last = np.maximum.accumulate(position, axis=1)
    before = np.concatenate([np.full((len(last), 1), -1), last[:, :-1]], axis=1)
    companion = world.env.people.companion[np.take_along_axis(past, np.maximum(before, 0), axis=1)]
    return np.asarray((before >= 0) & (companion == past))


def test_candidates_run_within_the_horizon_at_the_releases_share(world: World) -> None:
    runs = np.zeros(len(world.candidates), bool)
    for band in range(BANDS):
        runs |= runs_in(world.env, world.candidates, np.full(len(world.candidates), NOW + band))
    assert runs.all()
    assert len(world.candidates) == sizes_at_scale(SCALE).candidates
    assert (~world.seen[world.candidates]).mean() == pytest.approx(UNSEEN_CANDIDATES, abs=1e-3)


def chance_by_definition(world: World, user: int) -> Floats:
    """The chance of each candidate to be ``user``'s first click, with plain loops over reasons, topics and bands."""
    env, ads = world.env, world.env.inventory.ads
    state = click_model.take(world.state, np.array([user]))
    interest, last_topic = state.interest[0].tolist(), int(state.topic[0])
    following, owner = int(env.topics.successor[last_topic]), int(state.advertiser[0])
    preference = click_model.TASTE_WEIGHT * world.users.taste[user].astype(float)
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
    chance *= np.exp(env.slope * (np.minimum(x, cap) - cap))
    new = ~np.isin(world.candidates, world.past[user])
    chance *= new
    people = env.people
    assert people is not None
    of_people: Floats = np.zeros(len(chance))
    horizon = [(slot, float(share)) for slot, share in enumerate(BAND_SHARE, NOW)]
    part = SHARE * click_model.OF_GROUP / ad_inventory.FAVOURITES
    reasons = [(int(ad), part) for ad in people.favourites[-1, world.users.group[user]]]
    if state.last[0] >= 0:
        reasons.append((int(people.companion[state.last[0]]), SHARE * (1 - click_model.OF_GROUP)))
    for favourite, share in reasons:
        runs = sum(of_day for slot, of_day in horizon if weight_in(env, favourite, slot, True))
        of_people += share * runs * (world.candidates == favourite) * new
    return np.asarray(of_people + (1.0 - of_people.sum()) * chance / chance.sum())


def oracle_companions(world: World) -> Ints:
    """The companion of each user's last click where it is a candidate, else -1."""
    assert world.env.people is not None
    companion = world.env.people.companion[world.state.last]
    known = (world.state.last >= 0) & np.isin(companion, world.candidates)
    return np.where(known, companion, -1)


def test_the_oracle_is_the_choice_model_computed_by_hand(world: World) -> None:
    weights = oracle.weigh_candidates(world.env, world.candidates)
    followed = np.flatnonzero(oracle_companions(world) >= 0)[:2].tolist()
    users = np.array([0, 1, 2, int(np.flatnonzero(world.state.last < 0)[0]), *followed])
    chances = oracle.click_probabilities(
        world.env,
        weights,
        click_model.take(world.users, users),
        click_model.take(world.state, users),
        world.past[users],
    )
    for row, user in enumerate(users.tolist()):
        np.testing.assert_allclose(chances[row], chance_by_definition(world, user), rtol=1e-4, atol=1e-9)


def ranks_of(world: World, state: UserState, rows: Ints) -> oracle.OracleRanks:
    weights = oracle.weigh_candidates(world.env, world.candidates)
    users, targets = click_model.take(world.users, rows), clicks_on(world.truth[rows])
    return oracle.rank_truths(
        world.env, weights, users, click_model.take(state, rows), world.past[rows], targets, world.seen
    )


def clicks_on(ads: Ints) -> Targets:
    """Round 1's targets."""
    return Targets(ads, np.full(len(ads), CLICK, np.int8))


def test_the_oracle_scores_what_it_expects_and_beats_others(world: World) -> None:
    rows = np.flatnonzero(world.truth >= 0)
    best = oracle.summarise_ranks(ranks_of(world, world.state, rows))
    assert abs(best.score - best.expected) < 3.5 * best.error
    assert best.queries == len(rows)
    unseen, score_seen, score_unseen = (best.details[name] for name in ("unseen_share", "score_seen", "score_unseen"))
    parts = unseen * score_unseen + (1 - unseen) * score_seen
    assert best.score == pytest.approx(parts)
    assert best.score == pytest.approx(0.31 * best.details["hit_rate"] + 0.69 * best.details["ndcg"])
    # Another user's state is worth far less, whatever is popular next to nothing.
    other = click_model.take(world.state, np.random.default_rng(9).permutation(len(world.truth)))
    permuted = oracle.summarise_ranks(ranks_of(world, other, rows))
    assert permuted.score < 0.65 * best.score
    # So is what only content, or only one kind of people, tells.
    assert world.env.people is not None
    nobody = replace(world.env, people=None)
    strangers = replace(world.env, people=replace(world.env.people, favourites=world.env.people.favourites[:, ::-1]))
    for env, most in ((nobody, 0.8), (strangers, 0.9)):
        assert oracle.summarise_ranks(ranks_of(replace(world, env=env), world.state, rows)).score < most * best.score
    shown = np.bincount(world.past[world.past >= 0], minlength=len(world.seen))[world.candidates]
    order = world.candidates[np.argsort(-shown, kind="stable")]
    rank = np.full(len(world.seen), len(order))
    rank[order] = np.arange(1, len(order) + 1)
    ranks = rank[world.truth[rows]]
    assert score_answers(np.where(ranks <= 10, ranks, 0)).mean() < 0.3 * best.score


def test_people_are_the_reason_of_their_share_of_the_targets(world: World) -> None:
    """Many draws of one user's target fall on each ad as the oracle says: the favourites and the companion too."""
    assert world.env.people is not None
    user = int(np.flatnonzero(oracle_companions(world) >= 0)[0])
    rows, first = np.full(20_000, user), slice(1)
    users = replace(click_model.take(world.users, rows), pace=np.full(len(rows), 50.0), clicks=np.ones(len(rows)))
    state, past = click_model.take(world.state, rows), world.past[rows]
    allowed = np.isin(np.arange(len(world.seen)), world.candidates)
    targets = draw_targets(world.env, users, state, past, allowed, np.random.default_rng(3)).ad
    asked = click_model.take(users, first), click_model.take(state, first), past[first]
    weights = oracle.weigh_candidates(world.env, world.candidates)
    chance = oracle.click_probabilities(world.env, weights, *asked)[0].astype(float)
    assert chance.sum() == pytest.approx(1.0, abs=1e-4)
    assert (targets >= 0).mean() > 0.99
    observed = np.bincount(weights.column[targets[targets >= 0]], minlength=len(chance)).astype(float)
    assert_near(observed, chance * observed.sum())
    companion = world.env.people.companion[world.state.last[user]]
    liked = np.isin(targets, [*world.env.people.favourites[-1, world.users.group[user]], companion])
    assert SHARE * 0.5 < liked.mean() < SHARE * 1.3


def clicked_by(world: World) -> tuple[Ints, Ints, Ints]:
    """Of recorded clicks, in the order of user and time: user, ad, day."""
    user, at = np.nonzero((world.users.action == CLICK) & world.users.recorded)
    return user, world.past[user, at].astype(np.int64), slot_of(world.users.time[user, at]) // BANDS


def test_users_of_a_group_click_the_same_ads_whatever_these_are_about(world: World) -> None:
    people, ads = world.env.people, world.env.inventory.ads
    assert people is not None
    user, ad, day = clicked_by(world)
    group = world.users.group[user]
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
    assert np.corrcoef(world.users.group, world.users.segment)[0, 1] == pytest.approx(0.0, abs=0.06)


def test_favourites_run_all_day_and_turn_over_with_the_days(world: World) -> None:
    people = world.env.people
    assert people is not None
    late = people.favourites[-60:]
    for day, favourites in enumerate(late, SLOTS // BANDS - len(late)):
        for slot in (day * BANDS, day * BANDS + BANDS - 1):
            assert runs_in(world.env, favourites.ravel().astype(int), np.full(favourites.size, slot)).all()
    kept = (late[1:] == late[:-1]).mean()
    assert 0.4 < kept < 0.97
    # Drawn by weight: heavier than what runs, by far.
    runs = runs_in(world.env, np.arange(len(world.seen)), np.full(len(world.seen), NOW))
    weight = world.env.inventory.ads.weight
    assert np.median(weight[late[-1]]) > 5 * np.median(weight[runs])


def test_an_ads_companion_follows_it(world: World) -> None:
    people = world.env.people
    assert people is not None
    user, ad, _ = clicked_by(world)
    follows = (user[1:] == user[:-1]) & (people.companion[ad[:-1]] == ad[1:])
    shifted = (user[1:] == user[:-1]) & (people.companion[np.roll(ad, 7)[:-1]] == ad[1:])
    assert follows.sum() > 4 * max(shifted.sum(), 1)
    assert 0.2 * SHARE * (1 - click_model.OF_GROUP) < follows.mean() < SHARE * (1 - click_model.OF_GROUP)
    ads = world.env.inventory.ads
    apart = ads.birth[people.companion] - ads.birth
    runs = np.array([campaign.runs for campaign in CAMPAIGNS])[ads.campaign]
    stops = ads.campaign != EVERGREEN
    assert (ads.campaign[people.companion] == ads.campaign)[stops].all()
    assert ((apart >= 0) & (apart <= runs // 2))[stops].all()
    # Not by content: as often of the same topic as two ads by chance.
    assert (ads.topic[people.companion] == ads.topic).mean() < 3 * float((world.env.topics.share**2).sum())


def test_blocks_of_users_change_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.flatnonzero(world.truth >= 0)[:50]
    whole = ranks_of(world, world.state, rows)
    monkeypatch.setattr(oracle, "CELLS", 7 * len(world.candidates))
    parts = ranks_of(world, world.state, rows)
    np.testing.assert_array_equal(whole.rank, parts.rank)
    np.testing.assert_allclose(whole.expected_ndcg, parts.expected_ndcg, rtol=1e-6)


def test_ties_count_against_the_oracle(world: World) -> None:
    """Were every candidate alike, the ad clicked would be ranked last."""
    weights = oracle.weigh_candidates(world.env, world.candidates)
    row = np.flatnonzero(world.truth >= 0)[:1]
    alike = replace(weights, share=weights.share * 0.0, owned=weights.owned * 0.0)
    users, state = click_model.take(world.users, row), click_model.take(world.state, row)
    with np.errstate(invalid="ignore"):
        ranks = oracle.rank_truths(
            world.env, alike, users, state, world.past[row], clicks_on(world.truth[row]), world.seen
        )
    assert ranks.rank.tolist() == [len(world.candidates)]


def test_people_are_choosier_in_larger_worlds() -> None:
    slopes = [click_model.acceptance_slope(scale) for scale in (0.0005, 0.01, 0.1, 1.0)]
    assert slopes == pytest.approx([2.5, 2.5, 3.4, 4.3])
    x = np.array([-0.2, 0.3, 0.6, 2.0], np.float32)
    mild, sharp = (click_model.acceptance_probability(x, slope) for slope in (2.5, 4.3))
    np.testing.assert_allclose(mild, np.exp(2.5 * np.array([-0.8, -0.3, 0.0, 0.0])), rtol=1e-6)
    assert (sharp[:2] < mild[:2]).all()
