"""A simulated round 2: its marginals, and an oracle that knows the actions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from competitions.tencent.io.schema import CLICK, CONVERSION
from competitions.tencent.simulator import calibration, oracle, simulate
from tests.unit.tencent.simulator.worlds import make_world


def test_the_marginals_stand_beside_those_of_the_10m_release(tmp_path: Path) -> None:
    made = simulate.simulate(tmp_path / "raw", 0.0015, 2, round_two=True)
    table = calibration.describe(made.folder)
    rows = {name: (value, known) for name, value, known, _ in table.iter_rows()}
    for name, share in (("exposures", 0.9463), ("clicks", 0.0285), ("conversions", 0.0252)):
        value, known = rows[f"{name}, of known actions"]
        assert known == share
        assert value == pytest.approx(share, abs=0.006)
    assert rows["clicks of a user, mean"][1] is None  # documented of round 1 alone


def test_an_oracle_that_knows_the_action_gains() -> None:
    world = make_world(0.002, 6, slope=2.5, round_two=True)
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
