"""A simulated round 2: who converts, its files, and an oracle that knows the actions."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from common.simulation.writer import Simulation
from competitions.tencent.corpus import Corpus
from competitions.tencent.io import reader, schema
from competitions.tencent.io.schema import CLICK, CONVERSION
from competitions.tencent.simulator import calibration, oracle, simulate
from competitions.tencent.simulator.simulate import CONVERTED
from tests.unit.tencent.simulator.worlds import World, make_world

SCALE, SEED = 0.0015, 2


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    return simulate.simulate(tmp_path_factory.mktemp("round2") / "raw", SCALE, SEED, round_two=True)


@pytest.fixture(scope="module")
def corpus(made: Simulation) -> Corpus:
    return reader.read_corpus(reader.locate(made.folder))


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(0.002, 6, slope=2.5, round_two=True)


def test_the_host_says_of_every_asked_user_what_it_will_do(made: Simulation, corpus: Corpus) -> None:
    actions = json.loads((made.folder / schema.USER_ACTIONS).read_text())
    truth = pl.read_csv(made.truth)
    assert truth.columns == ["user_id", "user", "creative_id", "action", "timestamp"]
    assert [actions[user] for user in truth["user"]] == truth["action"].to_list()
    assert set(actions) == set(truth["user"])  # all are queried
    assert corpus.actions is not None
    assert corpus.actions.tolist() == [actions[name.decode()] for name in corpus.test_users]
    assert made.rows["conversions in the truth"] == (truth["action"] == CONVERSION).sum()
    assert (truth["action"] == CONVERSION).mean() == pytest.approx(CONVERTED, abs=0.1)


def test_the_marginals_stand_beside_those_of_the_10m_release(made: Simulation) -> None:
    table = calibration.describe(made.folder)
    rows = {name: (value, known) for name, value, known, _ in table.iter_rows()}
    for name, share in (("exposures", 0.9463), ("clicks", 0.0285), ("conversions", 0.0252)):
        value, known = rows[f"{name}, of known actions"]
        assert known == share
        assert value == pytest.approx(share, abs=0.006)
    assert rows["clicks of a user, mean"][1] is None  # documented of round 1 alone


def test_clicks_convert_by_the_rate_of_the_ads_advertiser(made: Simulation, world: World, corpus: Corpus) -> None:
    rates, shown = world.env.converts, np.bincount(world.env.ads.advertiser, world.env.ads.weight)
    assert rates is not None
    assert np.average(rates, weights=shown) == pytest.approx(CONVERTED, abs=1e-6)
    assert np.log(rates / (1 - rates)).std() == pytest.approx(simulate.ADVERTISER_EFFECT, rel=0.1)
    # In the files an advertiser's conversions go by its rate: the rates of two halves of its clicks agree.
    train, advertiser = corpus.train, corpus.catalogue.features[:, schema.ITEM_FEATURES.index("122")]
    clicked = np.flatnonzero(train.action >= CLICK)
    owner, converted = advertiser[train.item[clicked]], train.action[clicked] == CONVERSION
    halves = np.array([[np.bincount(owner[at::2], values[at::2], owner.max() + 1) for at in (0, 1)]
                       for values in (converted.astype(float), np.ones(len(owner)))])  # fmt: skip
    many = (halves[1] >= 20).all(axis=0)
    first, second = (halves[0] / np.maximum(halves[1], 1))[:, many]
    assert np.corrcoef(first, second)[0, 1] > 0.5


def test_an_oracle_that_knows_the_action_gains(world: World) -> None:
    rates = world.env.converts
    assert rates is not None
    chance = rates[world.env.ads.advertiser[world.queries.ad]]
    converts = np.random.default_rng(3).random(len(chance)) < chance
    queries = replace(world.queries, action=np.where(converts, CONVERSION, CLICK).astype(np.int8))
    both, neither = (
        oracle.summarise_ranks(world.rank(queries, env)) for env in (world.env, replace(world.env, converts=None))
    )
    assert both.score > neither.score + 0.01
    assert abs(both.score - both.expected) < 3.5 * both.error


def test_the_oracles_means_are_weighted_by_the_action() -> None:
    """A hit on rank 1 with a conversion, a miss with a click: 2.5 of 3.5. Of clicks alone, each counts the same."""
    plain = oracle.summarise_ranks(
        oracle.OracleRanks(np.array([1, 3, 10, 11]), np.full(4, CLICK, np.int8), np.zeros(4))
    )
    assert plain.details["hit_rate"] == 0.75
    assert plain.details["ndcg"] == pytest.approx((1.0 + 0.5 + 0.2890648) / 4)
    actions = np.array([CONVERSION, CLICK], np.int8)
    scores = oracle.summarise_ranks(oracle.OracleRanks(np.array([1, 11]), actions, np.zeros(2)))
    assert scores.score == pytest.approx(2.5 / 3.5)
    assert scores.details["hit_rate"] == pytest.approx(2.5 / 3.5)
