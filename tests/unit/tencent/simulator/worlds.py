"""Small worlds of the Tencent simulator after their histories, and how they are looked at."""

from dataclasses import dataclass

import numpy as np

from common.arrays import Bools, Floats, Ints, take
from competitions.tencent.io.schema import CLICK
from competitions.tencent.simulator import ad_inventory, oracle, simulate
from competitions.tencent.simulator.ads import RUNS, make_ads
from competitions.tencent.simulator.click_model import Environment, UserBatch
from competitions.tencent.simulator.conversions import make_conversions
from competitions.tencent.simulator.ground_truth import Targets, choose_candidates, draw_targets
from competitions.tencent.simulator.topics import make_topics, sizes_at_scale


@dataclass(frozen=True)
class World:
    """A world after its histories, with its question; ``seen`` and ``allowed`` by ad: shown before, a candidate."""

    env: Environment
    batch: UserBatch
    seen: Bools
    candidates: Ints

    @property
    def allowed(self) -> Bools:
        return np.isin(np.arange(len(self.seen)), self.candidates)

    def draw(self, seed: int, batch: UserBatch | None = None) -> Targets:
        """What the users do after the reference time."""
        return draw_targets(self.env, batch or self.batch, self.allowed, np.random.default_rng(seed))

    def weigh(self) -> oracle.CandidateWeights:
        return oracle.weigh_candidates(self.env, self.candidates)

    def rank(
        self, targets: Targets, batch: UserBatch | None = None, env: Environment | None = None
    ) -> oracle.OracleRanks:
        """The oracle's answers to the users with a target, of this ``batch`` as ``env`` has it."""
        rows = np.flatnonzero(targets.ad >= 0)
        asked = (batch or self.batch).take(rows)
        return oracle.rank_truths(env or self.env, self.weigh(), asked, take(targets, rows), self.seen)


def make_world(scale: float, seed: int, share: float, slope: float, round_two: bool = False) -> World:
    """``share`` of the clicks are because of people; ``slope``: that of the acceptance."""
    sizes, topics = sizes_at_scale(scale), make_topics(seed)
    ads = make_ads(topics, sizes, scale, seed)
    people = ad_inventory.make_people(ads, sizes.groups, share, seed)
    conversions = make_conversions(ads, seed) if round_two else None
    env = Environment(topics, ad_inventory.build_inventory(ads), people, seed, slope, conversions)
    env, (batch,) = simulate.convert(env, [simulate.simulate_users(env, 0, sizes.users)])
    seen = np.bincount(batch.past[batch.past >= 0], minlength=len(ads)) > 0
    candidates = choose_candidates(env.inventory, seen, sizes.candidates, np.random.default_rng(2))
    return World(env, batch, seen, candidates)


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
