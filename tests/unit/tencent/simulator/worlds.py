"""Small worlds of the Tencent simulator after their histories, and how they are looked at."""

from dataclasses import dataclass, replace

import numpy as np

from common.arrays import Bools, Floats
from competitions.tencent.simulator import oracle, simulate
from competitions.tencent.simulator.click_model import Environment, Queries, browse, draw_targets
from competitions.tencent.simulator.oracle import Candidates, choose_candidates
from competitions.tencent.simulator.users import make_users


@dataclass(frozen=True)
class World:
    """A world after its histories. ``seen`` by ad: shown in one."""

    env: Environment
    queries: Queries
    seen: Bools
    candidates: Candidates

    def rank(self, queries: Queries | None = None, env: Environment | None = None) -> oracle.OracleRanks:
        """The oracle's answers, to these ``queries`` as ``env`` has it."""
        return oracle.rank_targets(env or self.env, self.candidates, queries or self.queries)


def make_world(scale: float, seed: int, slope: float, round_two: bool = False) -> World:
    """``slope``: that of the acceptance."""
    rng, env = np.random.default_rng(seed), replace(simulate.make_environment(scale, seed, round_two), slope=slope)
    queries = browse(env, *make_users(env.topics, env.users, env.favourites.shape[1], round_two, rng), rng)
    draw_targets(env, queries, rng)
    seen = np.bincount(queries.past[queries.past >= 0], minlength=len(env.ads)) > 0
    return World(env, queries, seen, choose_candidates(seen, queries.ad, rng))


def assert_near(observed: Floats, expected: Floats) -> None:
    """Counts ``observed`` are a draw from the expected counts ``expected``: chi-squared within five deviations."""
    kept = expected >= 5
    observed = np.append(observed[kept], observed[~kept].sum())
    expected = np.append(expected[kept], expected[~kept].sum())
    terms = (observed - expected)[expected > 0] ** 2 / expected[expected > 0]
    freedom = len(terms) - 1
    assert terms.sum() < freedom + 5 * (2 * freedom) ** 0.5 + 5
