"""The laws of the Tencent simulator and its oracle, computed again in another way."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest

from competitions.tencent.io.schema import CLICK
from competitions.tencent.simulator import ad_inventory, click_model, oracle, simulate
from competitions.tencent.simulator.ads import CAMPAIGNS, EVERGREEN, make_ads
from competitions.tencent.simulator.click_model import CLICKED, MOOD_FROM, Scene, State
from competitions.tencent.simulator.ground_truth import choose_candidates, draw_truth
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
    measure,
    slot_of,
)
from competitions.tencent.simulator.users import VISIT, People, make_people

SCALE, SEED = 0.004, 5


@dataclass(frozen=True)
class World:
    """A small world after its histories, with its question."""

    scene: Scene
    people: People
    past: Codes
    state: State
    seen: Bools
    candidates: Ints
    truth: Ints


@pytest.fixture(scope="module")
def world() -> World:
    sizes, topics = measure(SCALE), make_topics(SEED)
    scene = Scene(topics, ad_inventory.open_market(make_ads(topics, sizes, SCALE, SEED)), SEED)
    people = make_people(topics, sizes.users, SEED, 0)
    past, state = click_model.browse(scene, people, np.random.default_rng(1))
    seen = np.bincount(past[past >= 0], minlength=len(scene.market.ads)) > 0
    candidates = choose_candidates(scene.market, seen, sizes.candidates, np.random.default_rng(2))
    truth = draw_truth(scene, people, state, past, np.isin(np.arange(len(seen)), candidates), np.random.default_rng(3))
    return World(scene, people, past, state, seen, candidates, truth)


def runs_in(scene: Scene, ad: Ints, slot: Ints) -> Bools:
    """Whether each ad runs in each slot, by the definition."""
    ads = scene.market.ads
    runs = np.array([campaign.runs for campaign in CAMPAIGNS])[ads.campaign[ad]]
    return np.asarray((ads.birth[ad] <= slot) & (slot < ads.birth[ad] + runs))


def weight_in(scene: Scene, ad: int, slot: int, by_topic: bool) -> float:
    """Weight of an ad in a slot, with plain numbers."""
    ads = scene.market.ads
    campaign, age = CAMPAIGNS[int(ads.campaign[ad])], slot - int(ads.birth[ad])
    if not 0 <= age < campaign.runs or (not by_topic and ads.campaign[ad] == EVERGREEN):
        return 0.0
    return float(ads.weight[ad]) * (1 + campaign.boost * (age < campaign.fresh) if by_topic else 1)


def near(got: Floats, due: Floats) -> None:
    """Counts ``got`` are a draw from the expected counts ``due``: chi-squared within five deviations."""
    kept = due >= 5
    got = np.append(got[kept], got[~kept].sum())
    due = np.append(due[kept], due[~kept].sum())
    terms = (got - due)[due > 0] ** 2 / due[due > 0]
    freedom = len(terms) - 1
    assert terms.sum() < freedom + 5 * (2 * freedom) ** 0.5 + 5


def test_ads_are_drawn_by_weight_among_those_of_the_topic_that_run(world: World) -> None:
    rng, ads = np.random.default_rng(4), np.arange(len(world.scene.market.ads))
    for slot, topic in ((NOW, 3), (NOW + 2, 50), (NOW - 80, 7), (2, 9)):
        drawn = ad_inventory.draw_by_topic(
            world.scene.market, np.full(20_000, slot), np.full(20_000, topic), rng.random(20_000)
        )
        of_topic = ads[world.scene.market.ads.topic == topic]
        weight = np.array([weight_in(world.scene, ad, slot, True) for ad in of_topic.tolist()])
        assert weight.sum() == pytest.approx(world.scene.market.mass[slot, topic, -1])
        np.testing.assert_allclose(ad_inventory.weigh_ads(world.scene.market, of_topic, slot)[0], weight)
        near(np.bincount(drawn, minlength=len(ads))[of_topic].astype(float), 20_000 * weight / weight.sum())
        assert (world.scene.market.ads.topic[drawn] == topic).all()


def test_ads_are_drawn_by_weight_among_those_of_the_advertiser_that_run(world: World) -> None:
    rng, ads = np.random.default_rng(5), np.arange(len(world.scene.market.ads))
    owners = np.argsort(np.bincount(world.scene.market.ads.advertiser))[[-1, -9, -60]]
    for slot, owner in zip((NOW + 1, NOW, NOW - 50), owners.tolist(), strict=True):
        before, mass = ad_inventory.weigh_advertiser(world.scene.market, np.full(10_000, slot), np.full(10_000, owner))
        owned = ads[world.scene.market.ads.advertiser == owner]
        weight = np.array([weight_in(world.scene, ad, slot, False) for ad in owned.tolist()])
        assert mass[0] == pytest.approx(weight.sum())
        drawn = ad_inventory.draw_by_advertiser(world.scene.market, before, mass, rng.random(10_000))
        near(np.bincount(drawn, minlength=len(ads))[owned].astype(float), 10_000 * weight / weight.sum())
    assert ad_inventory.weigh_advertiser(world.scene.market, np.array([NOW]), np.array([-1]))[1].tolist() == [0.0]


def test_every_topic_has_an_ad_in_every_slot(world: World) -> None:
    assert (world.scene.market.mass[:, :, -1] > 0).all()
    assert (world.scene.topics.successor != np.arange(TOPICS)).all()
    assert sorted(world.scene.topics.successor.tolist()) == list(range(TOPICS))


def test_the_background_is_drawn_by_its_table(world: World) -> None:
    at = np.random.default_rng(6).random(50_000)
    for slot in (0, NOW, SLOTS - 1):
        drawn = draw_background(world.scene.topics, np.full(len(at), slot), at)
        due = len(at) * world.scene.topics.background[slot]
        near(np.bincount(drawn, minlength=TOPICS).astype(float), due)


def test_only_running_ads_are_shown_and_seldom_twice(world: World) -> None:
    recorded = world.past >= 0
    assert (recorded == world.people.recorded).all()
    assert runs_in(world.scene, world.past[recorded].astype(int), slot_of(world.people.time[recorded])).all()
    ordered = np.sort(np.where(recorded, world.past, -1 - np.arange(world.past.shape[1])), axis=1)
    assert (np.diff(ordered, axis=1) == 0).sum() < 0.03 * recorded.sum()


def test_times_ascend_and_lengths_are_kept(world: World) -> None:
    assert (np.diff(world.people.time, axis=1) >= 0).all()
    assert world.people.length.min() >= 10
    assert world.people.length.max() == 100
    hour = (world.people.time[world.people.recorded] % 86_400 + 8 * 3600) % 86_400 // 3600
    share = np.bincount(hour.astype(int), minlength=24) / len(hour)
    assert share[12:].sum() > 1.3 * share[:12].sum()  # more in the afternoon and evening


def clicks_and_others(world: World) -> tuple[Codes, Codes, Bools]:
    """Of recorded events behind a click: topic, topic of the click before, whether it is a click."""
    click = world.people.action == CLICK
    place = np.where(click & world.people.recorded, np.arange(click.shape[1]), -1)
    last = np.maximum.accumulate(place, axis=1)
    before = np.concatenate([np.full((len(last), 1), -1), last[:, :-1]], axis=1)
    user, at = np.nonzero(before >= 0)
    topic = world.scene.market.ads.topic
    return topic[world.past[user, at]], topic[world.past[user, before[user, at]]], click[user, at]


def test_the_next_click_depends_on_the_click_before_more_than_what_is_shown(world: World) -> None:
    topic, last, click = clicks_and_others(world)
    chance = float((world.scene.topics.share**2).sum())
    for follows in (topic == last, topic == world.scene.topics.successor[last]):
        assert follows[click].mean() > 1.8 * follows[~click].mean() > 1.8 * 1.2 * chance
        assert follows[click].mean() > 0.09


def test_interest_in_what_is_shown_decides_the_click(world: World) -> None:
    """The click rate of shown ads rises with their affinity, as a logistic law has it."""
    scene, rng = world.scene, np.random.default_rng(7)
    users = np.resize(np.flatnonzero(world.state.last >= 0), 60_000)
    state, slot = click_model.take(world.state, users), np.full(len(users), NOW)
    direction = click_model.find_direction(scene, world.people.taste[users], state.last)
    ads = {}
    for name, reasons in (("shown", click_model.SHOWN), ("clicked", CLICKED)):
        ads[name] = click_model.propose(scene, state, slot, reasons, rng)
    x = {name: np.einsum("ij,ij->i", direction, scene.market.ads.delta[ad]) for name, ad in ads.items()}
    kept = rng.random(len(users)) < click_model.pleasure(x["clicked"])
    liked = {
        name: (scene.market.ads.topic[ad][:, None] == state.interest).any(axis=1).mean() for name, ad in ads.items()
    }
    # Per event shown so many are clicked, by affinity and by interest, up to one factor.
    bands = np.linspace(-0.5, 0.6, 5)
    rates = []
    for low, high in pairwise(bands):
        in_band = {name: (values >= low) & (values < high) for name, values in x.items()}
        rates.append((in_band["clicked"] & kept).sum() / in_band["shown"].sum())
    assert all(after > 1.15 * before for before, after in pairwise(rates)), rates
    assert rates[-1] > 4 * rates[0]
    assert liked["clicked"] > 1.3 * liked["shown"]


def test_a_mood_lasts_for_a_visit(world: World) -> None:
    """What is shown just before tells of a click more often within a visit than after one."""
    action, past = world.people.action, world.past
    pairs = (action[:, 1:] == CLICK) & (action[:, :-1] != CLICK) & (past[:, :-1] >= 0)
    kept = np.diff(world.people.time, axis=1) <= VISIT
    topics = world.scene.market.ads.topic
    same = topics[past[:, 1:]] == topics[past[:, :-1]]
    assert same[pairs & kept].mean() > 1.2 * same[pairs & ~kept].mean()


def test_candidates_run_within_the_horizon_at_the_releases_share(world: World) -> None:
    runs = np.zeros(len(world.candidates), bool)
    for band in range(BANDS):
        runs |= runs_in(world.scene, world.candidates, np.full(len(world.candidates), NOW + band))
    assert runs.all()
    assert len(world.candidates) == measure(SCALE).candidates
    assert (~world.seen[world.candidates]).mean() == pytest.approx(UNSEEN_CANDIDATES, abs=1e-3)


def chance_by_definition(world: World, user: int) -> Floats:
    """The chance of each candidate to be ``user``'s first click, with plain loops over reasons, topics and bands."""
    scene, ads = world.scene, world.scene.market.ads
    state = click_model.take(world.state, np.array([user]))
    interest, last_topic = state.interest[0].tolist(), int(state.topic[0])
    following, owner = int(scene.topics.successor[last_topic]), int(state.advertiser[0])
    direction = click_model.TASTE * world.people.taste[user].astype(float)
    if state.last[0] >= 0:
        direction = direction + click_model.AFTER * ads.delta[state.last[0]].astype(float)
    chance = np.zeros(len(world.candidates))
    for band in range(BANDS):
        slot = NOW + band
        liked = [
            float(click_model.INTEREST_WEIGHT[at] * scene.topics.rhythm[slot, topic])
            for at, topic in enumerate(interest)
        ]
        topics = {topic: 0.0 for topic in range(TOPICS)}
        for topic, weight in zip(interest, liked, strict=True):
            topics[topic] += (CLICKED[0] + CLICKED[1] * MOOD_FROM[0]) * weight / sum(liked)
        topics[last_topic] += CLICKED[2] + CLICKED[1] * MOOD_FROM[1]
        topics[following] += CLICKED[3] + CLICKED[1] * MOOD_FROM[2]
        for topic in range(TOPICS):
            topics[topic] += CLICKED[5] * float(scene.topics.background[slot, topic])
        owned = [weight_in(scene, ad, slot, False) for ad in np.flatnonzero(ads.advertiser == owner).tolist()]
        if not sum(owned):
            topics[last_topic] += CLICKED[4]
        for at, ad in enumerate(world.candidates.tolist()):
            topic = int(ads.topic[ad])
            whole = float(scene.market.mass[slot, topic, -1])
            value = topics[topic] * weight_in(scene, ad, slot, True) / whole
            if ads.advertiser[ad] == owner and sum(owned):
                value += CLICKED[4] * weight_in(scene, ad, slot, False) / sum(owned)
            chance[at] += BAND_SHARE[band] * value
    x = ads.delta[world.candidates].astype(float) @ direction
    chance *= np.exp(click_model.KEEN * (np.minimum(x, click_model.PLEASED) - click_model.PLEASED))
    chance[np.isin(world.candidates, world.past[user])] = 0.0
    return chance


def test_the_oracle_is_the_law_computed_by_hand(world: World) -> None:
    question = oracle.pose(world.scene, world.candidates)
    users = np.array([0, 1, 2, int(np.flatnonzero(world.state.last < 0)[0])])
    found = oracle.weigh_candidates(
        world.scene, question, click_model.take(world.state, users), world.people.taste[users], world.past[users]
    )
    for row, user in enumerate(users.tolist()):
        np.testing.assert_allclose(found[row], chance_by_definition(world, user), rtol=1e-4, atol=1e-9)


def test_first_clicks_are_drawn_by_the_oracles_chances(world: World) -> None:
    users = np.full(20_000, 11)
    people = replace(click_model.take(world.people, users), pace=np.full(len(users), 1e9))  # everyone clicks
    state, past = click_model.take(world.state, users), world.past[users]
    allowed = np.isin(np.arange(len(world.seen)), world.candidates)
    truth = draw_truth(world.scene, people, state, past, allowed, np.random.default_rng(8))
    assert (truth >= 0).all()
    question = oracle.pose(world.scene, world.candidates)
    chance = oracle.weigh_candidates(
        world.scene, question, click_model.take(state, slice(1)), people.taste[:1], past[:1]
    )[0].astype(float)
    got = np.bincount(question.column[truth], minlength=len(chance)).astype(float)
    assert got[chance == 0].sum() == 0
    near(got, len(users) * chance / chance.sum())


def verdict_of(world: World, state: State, rows: Ints) -> oracle.Verdict:
    question = oracle.pose(world.scene, world.candidates)
    of_them = (click_model.take(state, rows), world.people.taste[rows], world.past[rows], world.truth[rows])
    return oracle.judge(world.scene, question, *of_them, world.seen)


def test_the_oracle_scores_what_it_expects_and_beats_others(world: World) -> None:
    rows = np.flatnonzero(world.truth >= 0)
    best = oracle.summarise(verdict_of(world, world.state, rows))
    assert abs(best.score - best.expected) < 3.5 * best.standard_error
    assert best.users == len(rows)
    parts = best.unseen_share * best.score_unseen + (1 - best.unseen_share) * best.score_seen
    assert best.score == pytest.approx(parts)
    assert best.score == pytest.approx(0.31 * best.hit_rate + 0.69 * best.ndcg)
    # Another user's state is worth far less, whatever is popular next to nothing.
    other = click_model.take(world.state, np.random.default_rng(9).permutation(len(world.truth)))
    permuted = oracle.summarise(verdict_of(world, other, rows))
    assert permuted.score < 0.65 * best.score
    shown = np.bincount(world.past[world.past >= 0], minlength=len(world.seen))[world.candidates]
    order = world.candidates[np.argsort(-shown, kind="stable")]
    place = np.full(len(world.seen), len(order))
    place[order] = np.arange(1, len(order) + 1)
    hit, ndcg = oracle.score_ranks(place[world.truth[rows]])
    assert (0.31 * hit + 0.69 * ndcg).mean() < 0.3 * best.score


def test_blocks_of_users_change_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.flatnonzero(world.truth >= 0)[:50]
    whole = verdict_of(world, world.state, rows)
    monkeypatch.setattr(oracle, "CELLS", 7 * len(world.candidates))
    parts = verdict_of(world, world.state, rows)
    np.testing.assert_array_equal(whole.rank, parts.rank)
    np.testing.assert_allclose(whole.expected_ndcg, parts.expected_ndcg, rtol=1e-6)


def test_ranks_are_scored_as_by_hand() -> None:
    hit, ndcg = oracle.score_ranks(np.array([1, 3, 10, 11]))
    assert hit.tolist() == [1, 1, 1, 0]
    np.testing.assert_allclose(ndcg, [1.0, 0.5, 0.2890648, 0.0])


def test_ties_count_against_the_oracle(world: World) -> None:
    """Were every candidate alike, the ad clicked would be ranked last."""
    question = oracle.pose(world.scene, world.candidates)
    row = np.flatnonzero(world.truth >= 0)[:1]
    alike = replace(question, share=question.share * 0.0, owned=question.owned * 0.0)
    of_them = (click_model.take(world.state, row), world.people.taste[row], world.past[row], world.truth[row])
    with np.errstate(invalid="ignore"):
        verdict = oracle.judge(world.scene, alike, *of_them, world.seen)
    assert verdict.rank.tolist() == [len(world.candidates)]


def test_products_are_of_one_advertiser_and_some_are_repeated(world: World) -> None:
    ads = world.scene.market.ads
    low, high = np.full(int(ads.product.max()) + 1, 1 << 30), np.zeros(int(ads.product.max()) + 1, np.int64)
    np.minimum.at(low, ads.product, ads.advertiser)
    np.maximum.at(high, ads.product, ads.advertiser)
    assert (low == high).all()
    size = np.bincount(ads.product)
    assert size.min() >= 1
    assert 2 < size.mean() < 6
    assert (np.diff(ads.topic) >= 0).all()
    assert (ads.advertiser_topic[ads.advertiser] == ads.topic).all()


def test_lots_do_not_depend_on_each_other(world: World) -> None:
    """A lot is the same whether others were simulated before it or not, and unlike them."""
    first, other, again = (simulate.gather_crowd(world.scene, start, 30) for start in (40_000, 0, 40_000))
    np.testing.assert_array_equal(first.past, again.past)
    assert (first.past != other.past).mean() > 0.5
