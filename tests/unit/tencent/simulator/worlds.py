"""Small worlds of the Tencent simulator after their histories, and how they are looked at."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from common.arrays import Bools, Floats, Ints
from competitions.tencent.simulator import oracle, simulate
from competitions.tencent.simulator.ads import RUNS
from competitions.tencent.simulator.candidates import Candidates, choose_candidates
from competitions.tencent.simulator.click_model import Environment, UserBatch, simulate_users
from competitions.tencent.simulator.conversions import Law
from competitions.tencent.simulator.topics import sizes_at_scale


@dataclass(frozen=True)
class World:
    """A world after its histories. ``seen`` by ad: shown in one; ``actions`` by user: of the target."""

    env: Environment
    batch: UserBatch
    seen: Bools
    candidates: Candidates
    actions: NDArray[np.int8]

    def rank(self, batch: UserBatch | None = None, env: Environment | None = None) -> oracle.OracleRanks:
        """The oracle's answers, to users of this ``batch`` as ``env`` has it."""
        return oracle.rank_targets(env or self.env, self.candidates, batch or self.batch, self.actions)


def make_world(scale: float, seed: int, slope: float, law: Law = Law.ROUND1) -> World:
    """``slope``: that of the acceptance."""
    sizes = sizes_at_scale(scale)
    env = replace(simulate.make_environment(sizes, scale, seed, law), slope=slope)
    env, (batch,) = simulate.convert(env, [simulate_users(env, 0, sizes.users)])
    seen = np.bincount(batch.past[batch.past >= 0], minlength=len(env.inventory.ads)) > 0
    candidates = choose_candidates(env.inventory, seen, batch.targets, sizes.candidates, np.random.default_rng(2))
    return World(env, batch, seen, candidates, simulate.draw_actions(env, [batch]))


def runs_in(env: Environment, ad: Ints, slot: Ints) -> Bools:
    """Whether each ad runs in each slot, by the definition."""
    ads = env.inventory.ads
    return np.asarray((ads.birth[ad] <= slot) & (slot < ads.birth[ad] + RUNS[ads.campaign[ad]]))


def assert_near(observed: Floats, expected: Floats) -> None:
    """Counts ``observed`` are a draw from the expected counts ``expected``: chi-squared within five deviations."""
    kept = expected >= 5
    observed = np.append(observed[kept], observed[~kept].sum())
    expected = np.append(expected[kept], expected[~kept].sum())
    terms = (observed - expected)[expected > 0] ** 2 / expected[expected > 0]
    freedom = len(terms) - 1
    assert terms.sum() < freedom + 5 * (2 * freedom) ** 0.5 + 5
