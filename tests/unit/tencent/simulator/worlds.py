"""Small worlds of the Tencent simulator after their histories, and how they are looked at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.arrays import Bools, Floats, Ints
from competitions.tencent.io.schema import CLICK
from competitions.tencent.simulator import oracle, simulate
from competitions.tencent.simulator.ad_inventory import build_inventory, draw_favourites
from competitions.tencent.simulator.ads import RUNS, make_ads
from competitions.tencent.simulator.candidates import Candidates, choose_candidates
from competitions.tencent.simulator.click_model import Environment, UserBatch, simulate_users
from competitions.tencent.simulator.conversions import make_conversions
from competitions.tencent.simulator.topics import make_topics, sizes_at_scale


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
        return oracle.rank_targets(env or self.env, self.candidates, batch or self.batch, self.actions, self.seen)


def make_world(scale: float, seed: int, slope: float, round_two: bool = False) -> World:
    """``slope``: that of the acceptance."""
    sizes, topics = sizes_at_scale(scale), make_topics(seed)
    ads = make_ads(topics, sizes, scale, seed)
    inventory = build_inventory(ads)
    favourites = draw_favourites(inventory, topics, sizes.groups, seed)
    conversions = make_conversions(ads, seed) if round_two else None
    env = Environment(topics, inventory, favourites, seed, slope, conversions)
    env, (batch,) = simulate.convert(env, [simulate_users(env, 0, sizes.users)])
    seen = np.bincount(batch.past[batch.past >= 0], minlength=len(ads)) > 0
    candidates = choose_candidates(inventory, seen, batch.targets, sizes.candidates, np.random.default_rng(2))
    return World(env, batch, seen, candidates, simulate.draw_actions(env, [batch]))


def runs_in(env: Environment, ad: Ints, slot: Ints) -> Bools:
    """Whether each ad runs in each slot, by the definition."""
    ads = env.inventory.ads
    return np.asarray((ads.birth[ad] <= slot) & (slot < ads.birth[ad] + RUNS[ads.campaign[ad]]))


def find_last_clicks(batch: UserBatch) -> Ints:
    """The position of the recorded click before each event (users, events), -1 where there is none."""
    click = (batch.users.action == CLICK) & batch.users.recorded
    last = np.maximum.accumulate(np.where(click, np.arange(click.shape[1]), -1), axis=1)
    return np.concatenate([np.full((len(last), 1), -1), last[:, :-1]], axis=1)


def assert_near(observed: Floats, expected: Floats) -> None:
    """Counts ``observed`` are a draw from the expected counts ``expected``: chi-squared within five deviations."""
    kept = expected >= 5
    observed = np.append(observed[kept], observed[~kept].sum())
    expected = np.append(expected[kept], expected[~kept].sum())
    terms = (observed - expected)[expected > 0] ** 2 / expected[expected > 0]
    freedom = len(terms) - 1
    assert terms.sum() < freedom + 5 * (2 * freedom) ** 0.5 + 5
