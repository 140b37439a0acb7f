"""The candidates: the ads that users click first behind their reference times, and others of the whole corpus.

As the host says, 40 % of the candidates are targets and the rest are drawn from the corpus, evenly: most of them do
not run any longer. Ads that are shown in some history and ads that are not are drawn apart, so that the share of
unseen candidates is the release's. So an ad that still runs is a candidate most likely because somebody clicked it;
the oracle counts that in (``filled``).
"""

from dataclasses import dataclass

import numpy as np

from common.arrays import Bools, Floats, Ints

TARGETS = 0.4
UNSEEN = 148_971 / 660_000
LEAST = 400  # candidates of the smallest worlds


@dataclass(frozen=True)
class Candidates:
    """``ads``: ascending; ``filled``: the chance that each would be a candidate if it were nobody's target."""

    ads: Ints
    filled: Floats


def choose_candidates(seen: Bools, targets: Ints, rng: np.random.Generator) -> Candidates:
    """All ``targets`` and ads to fill up; ``seen`` by ad. Fewer where there are fewer ads."""
    is_target = np.zeros(len(seen), bool)
    is_target[targets] = True
    count = max(round(is_target.sum() / TARGETS), LEAST)
    unseen = round(count * UNSEEN)
    chosen, filled = is_target.copy(), np.zeros(len(seen))
    for kind, count_of_kind in ((~seen, unseen), (seen, count - unseen)):
        free = np.flatnonzero(kind & ~is_target)
        wanted = min(max(count_of_kind - int((kind & is_target).sum()), 0), len(free))
        chosen[rng.choice(free, wanted, replace=False)] = True
        filled[kind] = wanted / max(len(free), 1)
    every = np.flatnonzero(chosen)
    return Candidates(every, filled[every])
