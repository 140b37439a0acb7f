"""How much the channels of retrieval count for: a conditional logit over the candidates of earlier queries.

Each channel says of each candidate how much speaks for it, and each column of its popularity; a fusion weight is what
that counts for in the sum. The weights are those under which the targets of earlier queries are likeliest among all
candidates (McFadden 1974). Of all candidates those that the even sum puts first are taken as they are, and of the
others a draw stands for all (a query's own, each for as many as were left out). A channel of hardly any weight leaves,
and is not computed again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from common.arrays import Singles
from competitions.tencent.corpus import Bools
from competitions.tencent.retrieval.channel import Channel

POPULAR = ("events 24 h before", "events 24 h behind", "events in all")  # what counts evenly before weights are learned
DEFAULT_WIDTH = 12.0  # of a kernel
STEPS, RIDGE = 15, 1e-3
LEAST_WEIGHT = 0.05  # nats that a standard deviation of a channel's scores moves: of less it leaves
Members = dict[str, tuple[str, ...]]  # the parts of each channel


@dataclass(frozen=True)
class Fusion:
    """``weights`` by what is summed (the parts of channels, columns of popularity); the ``widths`` of kernels by
    channel; ``channels`` that stay; ``rows``: what was measured of each.
    """

    weights: dict[str, float]
    widths: dict[str, float]
    channels: tuple[str, ...]
    rows: tuple[dict[str, str | float], ...] = ()


def weigh_evenly(channels: Mapping[str, Channel]) -> Fusion:
    """One each, for a log without earlier queries, and to learn from."""
    names = [part for channel in channels.values() for part in channel.parts]
    widths = {name: DEFAULT_WIDTH for name, channel in channels.items() if channel.widths}
    return Fusion(dict.fromkeys([*names, *POPULAR], 1.0), widths, tuple(channels))


@dataclass(frozen=True)
class ChannelScores:
    """What is said of earlier queries' candidates. ``values`` float32 [queries, candidates, names]: the target first;
    ``possible`` bool [queries, candidates]: not seen before; ``stands_for`` float32 [queries, candidates]: how many
    candidates each stands for. ``popular``: the names that are columns of popularity and no channel's.
    """

    names: tuple[str, ...]
    values: Singles
    possible: Bools
    stands_for: Singles
    popular: tuple[str, ...] = ()

    def take(self, names: Sequence[str]) -> "ChannelScores":
        """Those of some names."""
        return replace(self, names=tuple(names), values=self.values[:, :, [self.names.index(name) for name in names]])

    def deviations(self) -> Singles:
        """The standard deviation of each column's distance to the target."""
        return np.asarray((self.values - self.values[:, :1]).std((0, 1)))

    def find_within(self, weights: Singles, length: int) -> Bools:
        """Whether each target would be in a list of this length: candidates that stand for many count for as many.

        >>> values, stands_for = np.float32([[[2], [3], [1]]]), np.float32([[1, 100, 100]])
        >>> scores = ChannelScores(("counts",), values, np.ones((1, 3), bool), stands_for)
        >>> [bool(scores.find_within(np.ones(1), length)[0]) for length in (100, 101)]
        [False, True]
        """
        scores = np.where(self.possible, self.values @ weights, -np.inf)
        ahead = ((scores[:, 1:] > scores[:, :1]) * self.stands_for[:, 1:]).sum(1)
        return np.asarray(ahead < length)


# Threads of a few small products wait for each other, thirty times as long on two busy cores; and BLAS would round by
# their number.
@threadpool_limits.wrap(limits=1, user_api="blas")  # type: ignore[untyped-decorator]
def fit_weights(scores: ChannelScores) -> Singles:
    """The weights of the likeliest targets, none below 0: Newton's method on the log-likelihood with a small ridge."""
    scale = scores.deviations() + 1e-6
    values = (scores.values - scores.values[:, :1]) / scale
    # A candidate that stands for n counts n times in the sum over all.
    offset = np.where(scores.possible, np.log(scores.stands_for), -np.inf).astype(np.float32)
    weights, free = np.full(values.shape[2], 0.1), np.ones(values.shape[2], bool)
    for _ in range(STEPS):
        utility = values @ weights.astype(np.float32) + offset
        chance = np.exp(utility - utility.max(1, keepdims=True))
        chance /= chance.sum(1, keepdims=True)
        weighed = values * chance[:, :, None]
        mean = weighed.sum(1)
        second = weighed.reshape(-1, len(weights)).T @ values.reshape(-1, len(weights))
        hessian = (second - mean.T @ mean) / len(values) + RIDGE * np.eye(len(weights))
        gradient = -mean.mean(0) - RIDGE * weights
        free = (weights > 0) | (gradient > 0)
        step = np.zeros(len(weights))
        step[free] = np.linalg.solve(hessian[np.ix_(free, free)], gradient[free])
        weights = np.maximum(weights + np.clip(step, -1.0, 1.0), 0.0)
        if np.abs(step).max() < 1e-3:
            break
    return np.asarray(weights / scale, np.float32)


def log_likelihoods(scores: ChannelScores, weights: Singles) -> Singles:
    """Of each query's target, in nats."""
    utility = np.where(scores.possible, scores.values @ weights, -np.inf)
    highest = utility.max(1)
    total = (scores.stands_for * np.exp(utility - highest[:, None])).sum(1)
    return np.asarray(utility[:, 0] - highest - np.log(total))


def choose_channels(
    scores: ChannelScores, members: Members, widths: dict[str, float], length: int, keep: bool
) -> Fusion:
    """The weights of the channels that weigh anything beside the others; ``keep``: of all. Noted of each channel: what
    it weighs, and the recall of a list of this ``length`` by it and what is popular alone, by the same weights.
    """
    names = list_names(members, scores)
    taken = scores.take(names)
    first = fit_weights(taken)
    nats = dict(zip(names, first * taken.deviations(), strict=True))
    weight = {name: max(float(nats[part]) for part in parts) for name, parts in members.items()}
    kept = {name: parts for name, parts in members.items() if keep or weight[name] >= LEAST_WEIGHT}
    left, kept_parts = list_names(kept, scores), [part for parts in kept.values() for part in parts if keep]
    final = first if left == names else fit_weights(scores.take(left))

    def measure_recall(own: Sequence[str]) -> float:
        alone = np.where(np.isin(names, [*own, *scores.popular]), first, np.float32(0.0))
        return float(taken.find_within(alone, length).mean())

    return Fusion(
        weights={name: float(each) for name, each in zip(left, final, strict=True) if each > 0 or name in kept_parts},
        widths={name: width for name, width in widths.items() if name in kept},
        channels=tuple(kept),
        rows=tuple(
            {
                "channel": name,
                "weight x deviation": weight[name],
                "recall alone": measure_recall(parts),
                "recall with all": measure_recall(names),
                "kept": "yes" if name in kept else "no",
            }
            for name, parts in members.items()
        ),
    )


def list_names(members: Members, scores: ChannelScores) -> list[str]:
    """What the channels add to the sum, and what is popular."""
    return [*(part for parts in members.values() for part in parts), *scores.popular]
