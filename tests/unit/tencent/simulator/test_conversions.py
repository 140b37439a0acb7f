"""Round 2's law: who converts on what, which target a user has, and an oracle that knows both."""

from dataclasses import replace

import numpy as np
import pytest

from competitions.tencent.io.schema import CLICK, CONVERSION
from competitions.tencent.simulator import oracle
from competitions.tencent.simulator.conversions import (
    AD_EFFECT,
    USER_EFFECT,
    ConversionModel,
    Law,
    fit_level,
)
from tests.unit.tencent.simulator.worlds import World, make_world

SCALE, SEED = 0.002, 6


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(SCALE, SEED, slope=2.5, law=Law.ROUND2)


def model_of(world: World) -> ConversionModel:
    assert world.env.conversions is not None
    return world.env.conversions


def test_the_probability_by_hand() -> None:
    model = ConversionModel(np.array([0.0, 1.0, -2.0]), level=0.5)
    odds = 0.5 + USER_EFFECT * 0.25 + AD_EFFECT * np.array([0.0, 1.0, -2.0])
    np.testing.assert_allclose(model.probability(np.full(3, 0.25), np.arange(3)), 1 / (1 + np.exp(-odds)))
    action = np.array([CONVERSION, CLICK], np.int8)
    either = model.action_probability(np.array([0.25, 0.25]), np.arange(3), action)
    np.testing.assert_allclose(either.sum(axis=0), 1.0)  # it is one or the other
    np.testing.assert_allclose(either[0], 1 / (1 + np.exp(-odds)))


def test_the_level_gives_the_share() -> None:
    odds = np.random.default_rng(0).normal(2.0, 3.0, 5_000)
    for share in (0.05, 0.4693, 0.9):
        assert (1 / (1 + np.exp(-odds - fit_level(odds, share)))).mean() == pytest.approx(share, abs=1e-6)
    assert fit_level(np.empty(0)) == 0.0


def test_ads_of_an_advertiser_and_a_product_convert_alike(world: World) -> None:
    """An ad's willingness is standard normal; what its advertiser and its product share of it is known by others."""
    ads, willing = world.env.inventory.ads, model_of(world).ads
    assert willing.std() == pytest.approx(1.0, abs=0.12)
    for trait, least in ((ads.advertiser, 0.4), (ads.product, 0.75)):
        order = np.lexsort((np.random.default_rng(1).random(len(willing)), trait))
        same = trait[order][1:] == trait[order][:-1]
        assert np.corrcoef(willing[order][1:][same], willing[order][:-1][same])[0, 1] > least
    assert world.batch.users.willing.std() == pytest.approx(1.0, abs=0.3)  # a dozen segments make half of it


def test_conversions_of_the_log_are_of_willing_ads_and_users(world: World) -> None:
    users, past = world.batch.users, world.batch.past
    row, at = np.nonzero((users.action >= CLICK) & (past >= 0))
    converted = users.action[row, at] == CONVERSION
    ad, user = model_of(world).ads[past[row, at]], users.willing[row]
    assert ad[converted].mean() > ad[~converted].mean() + 0.6
    assert user[converted].mean() > user[~converted].mean() + 0.25
    # Calibrated: as many convert as the law says, in each fifth of the probabilities.
    chance = model_of(world).probability(user, past[row, at].astype(np.int64))
    for fifth in np.array_split(np.argsort(chance), 5):
        assert converted[fifth].mean() == pytest.approx(chance[fifth].mean(), abs=0.05)


def test_a_target_becomes_a_conversion_by_what_the_user_and_the_ad_are_willing_to(world: World) -> None:
    chance = model_of(world).probability(world.batch.users.willing, world.batch.targets.ad)
    converted = world.actions == CONVERSION
    assert converted.mean() == pytest.approx(chance.mean(), abs=0.04)
    assert chance[converted].mean() > chance[~converted].mean() + 0.08


def test_an_oracle_that_knows_the_action_and_the_willingness_gains(world: World) -> None:
    both, neither = (
        oracle.summarise_ranks(world.rank(env=env)) for env in (world.env, replace(world.env, conversions=None))
    )
    assert both.score > neither.score + 0.015
    assert abs(both.score - both.expected) < 3.5 * both.error


def test_the_oracles_means_are_weighted_by_the_action() -> None:
    """A hit on rank 1 with a conversion, a miss with a click: 2.5 of 3.5. Of clicks alone, each counts the same."""
    nothing, clicks = np.zeros(4), np.full(4, CLICK, np.int8)
    plain = oracle.summarise_ranks(oracle.OracleRanks(np.array([1, 3, 10, 11]), clicks, nothing, nothing))
    assert plain.details["hit_rate"] == 0.75
    assert plain.details["ndcg"] == pytest.approx((1.0 + 0.5 + 0.2890648) / 4)
    actions = np.array([CONVERSION, CLICK], np.int8)
    ranks = oracle.OracleRanks(np.array([1, 11]), actions, np.ones(2), np.zeros(2))
    scores = oracle.summarise_ranks(ranks)
    assert scores.score == pytest.approx(2.5 / 3.5)
    assert scores.details["hit_rate"] == pytest.approx(2.5 / 3.5)
