"""The candidates: the ads that users click first behind their reference times, and others that run at those times.

The targets come first, as the host's do. They are filled up by weight, ads that are shown in some history and ads that
are not apart, so that the share of unseen candidates is the release's. So an ad that is seldom shown is a candidate
most likely because somebody clicked it; the oracle counts that in (``filled``).
"""

from dataclasses import dataclass

import numpy as np

from common.arrays import Bools, Floats, Ints
from competitions.tencent.simulator.ad_inventory import AdInventory
from competitions.tencent.simulator.ads import RUNS
from competitions.tencent.simulator.click_model import Targets
from competitions.tencent.simulator.topics import SLOTS, UNSEEN_CANDIDATES, slot_of


@dataclass(frozen=True)
class Candidates:
    """``ads``: ascending; ``filled``: the chance that each would be a candidate if it were nobody's target."""

    ads: Ints
    filled: Floats


def choose_candidates(
    inventory: AdInventory, seen: Bools, targets: Targets, count: int, rng: np.random.Generator
) -> Candidates:
    """``count`` candidates: all targets and ads to fill up; ``seen`` by ad. Other counts where there are fewer ads, or
    more targets.
    """
    ads = inventory.ads
    busy = np.append(0, np.cumsum(np.bincount(slot_of(targets.time), minlength=SLOTS)))
    weight = ads.weight * (busy[np.minimum(ads.birth + RUNS[ads.campaign], SLOTS)] - busy[ads.birth])
    is_target = np.zeros(len(ads), bool)
    is_target[targets.ad] = True
    chosen, filled = is_target.copy(), np.zeros(len(ads))
    unseen = round(count * UNSEEN_CANDIDATES)
    for kind, count_of_kind in ((~seen, unseen), (seen, count - unseen)):
        free = np.flatnonzero(kind & (weight > 0) & ~is_target)
        wait = rng.exponential(size=len(free)) / weight[free]
        order = np.argsort(wait, kind="stable")[: max(count_of_kind - int((kind & is_target).sum()), 0)]
        chosen[free[order]] = True
        longest = wait[order[-1]] if len(order) else 0.0
        filled[kind] = -np.expm1(-weight[kind] * longest)
    every = np.flatnonzero(chosen)
    return Candidates(every, filled[every])
