"""How much the channels of retrieval count for: a conditional logit over the candidates of earlier queries.

Each channel says of each candidate how much speaks for it; its fusion weight is what that counts for in the sum. The
weights are those under which the targets of earlier queries are likeliest among all candidates (McFadden 1974; as many
candidates as are drawn evenly stand for all). A channel that neither the recall of the list misses nor the likelihood
of the targets, on queries that the weights were not fitted on, leaves and is not computed again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from competitions.tencent.corpus import Bools, Floats, Int64s
from competitions.tencent.retrieval.channel import Channel

FORECAST, CLICK_RATE = "forecast", "clicks lately"  # of every ad, which count whatever the channels
DEFAULT_WIDTH = 12.0  # of a kernel
STEPS, RIDGE = 15, 1e-3
MISSED = 2.0  # standard errors of a difference
Members = dict[str, tuple[str, ...]]  # the parts of each channel


@dataclass(frozen=True)
class Fusion:
    """``weights`` by what is summed (the parts of channels, the forecast); the ``widths`` of kernels by channel;
    ``channels`` that stay; ``rows``: what was measured of each.
    """

    weights: dict[str, float]
    widths: dict[str, float]
    channels: tuple[str, ...]
    rows: tuple[dict[str, str | float], ...] = ()


def weigh_evenly(channels: Mapping[str, Channel]) -> Fusion:
    """One each, for a log without earlier queries, and to learn from."""
    names = [part for channel in channels.values() for part in channel.parts]
    widths = {name: DEFAULT_WIDTH for name, channel in channels.items() if channel.widths}
    return Fusion(dict.fromkeys([*names, FORECAST], 1.0) | {CLICK_RATE: 0.0}, widths, tuple(channels))


@dataclass(frozen=True)
class ChannelScores:
    """What the channels say of earlier queries' candidates. ``values`` float32 [queries, candidates, names]: the target
    first, then candidates that stand for ``pool`` ones; ``possible`` bool [queries, candidates]: not seen before.
    """

    names: tuple[str, ...]
    values: Floats
    possible: Bools
    pool: int

    def take(self, names: Sequence[str], queries: Int64s) -> "ChannelScores":
        """Some columns, of some queries."""
        columns = [self.names.index(name) for name in names]
        return ChannelScores(tuple(names), self.values[queries][:, :, columns], self.possible[queries], self.pool)

    def find_within(self, weights: Floats, length: int) -> Bools:
        """Whether each target would be in a list of this length: candidates that stand for many count for as many.

        >>> scores = ChannelScores(("counts",), np.float32([[[2], [3], [1]]]), np.ones((1, 3), bool), pool=201)
        >>> [bool(scores.find_within(np.ones(1), length)[0]) for length in (100, 101)]  # one of two stands for 100
        [False, True]
        """
        scores = np.where(self.possible, self.values @ weights, -np.inf)
        ahead = (scores[:, 1:] > scores[:, :1]).sum(1) * ((self.pool - 1) / max(scores.shape[1] - 1, 1))
        return np.asarray(ahead < length)


def fit_weights(scores: ChannelScores) -> Floats:
    """The weights of the likeliest targets, none below 0: Newton's method on the log-likelihood with a small ridge."""
    values = scores.values - scores.values[:, :1]
    scale = values.std((0, 1)) + 1e-6
    values = values / scale
    # A candidate that stands for n counts n times in the sum over all.
    offset = np.zeros(values.shape[:2], np.float32)
    offset[:, 1:] = np.log((scores.pool - 1) / max(values.shape[1] - 1, 1))
    offset[~scores.possible] = -np.inf
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


def log_likelihoods(scores: ChannelScores, weights: Floats) -> Floats:
    """Of each query's target, in nats, up to a constant that the number of candidates gives."""
    utility = np.where(scores.possible, scores.values @ weights, -np.inf)
    highest = utility.max(1)
    return np.asarray(utility[:, 0] - highest - np.log(np.exp(utility - highest[:, None]).sum(1)))


@dataclass(frozen=True)
class Judged:
    """Of each query, by weights that were not fitted on it: whether the target is ``retrieved``, and its
    ``likelihood`` among all candidates, in nats.
    """

    retrieved: Bools
    likelihood: Floats

    def misses(self, other: "Judged") -> bool:
        """Whether ``other``, without a channel, is worse: in what it finds, or in how it orders what it finds. By
        recall alone a channel leaves whose targets others find as well, further down.
        """
        return exceeds(self.retrieved.astype(float) - other.retrieved) or exceeds(self.likelihood - other.likelihood)


def exceeds(differences: Floats) -> bool:
    """Whether a mean is more than ``MISSED`` standard errors above 0."""
    return bool(differences.mean() > MISSED * differences.std() / len(differences) ** 0.5)


def cross_judge(scores: ChannelScores, names: Sequence[str], length: int) -> Judged:
    """Each half of the queries by the weights of the other."""
    queries = len(scores.values)
    judged = Judged(np.zeros(queries, bool), np.zeros(queries, np.float32))
    halves = [np.arange(half, queries, 2) for half in (0, 1)]
    for own, other in (halves, halves[::-1]):
        weights, part = fit_weights(scores.take(names, other)), scores.take(names, own)
        judged.retrieved[own] = part.find_within(weights, length)
        judged.likelihood[own] = log_likelihoods(part, weights)
    return judged


def choose_channels(
    scores: ChannelScores, members: Members, widths: dict[str, float], length: int, keep: bool
) -> Fusion:
    """Leave out, one after the other, the channel without which the targets are likeliest, of those that are not
    missed; ``keep``: none.
    """
    kept, without = dict(members), judge_without(scores, members, length)
    rows = [describe_channel(scores, name, parts, without, length) for name, parts in members.items()]
    while len(kept) > 1 and not keep:
        idle = [name for name in kept if not without[""].misses(without[name])]
        if not idle:
            break
        del kept[max(idle, key=lambda name: float(without[name].likelihood.mean()))]
        without = judge_without(scores, kept, length)
    names = list_names(kept, scores)
    weights = dict(zip(names, fit_weights(scores.take(names, np.arange(len(scores.values)))), strict=True))
    if not keep:
        kept = {name: parts for name, parts in kept.items() if any(weights[part] > 0 for part in parts)}
    return Fusion(
        weights={name: float(weight) for name, weight in weights.items() if weight > 0 or keep},
        widths={name: width for name, width in widths.items() if name in kept},
        channels=tuple(kept),
        rows=tuple({**row, "kept": "yes" if row["channel"] in kept else "no"} for row in rows),
    )


def judge_without(scores: ChannelScores, members: Members, length: int) -> dict[str, Judged]:
    """All channels together (""), and without each."""
    judged = {}
    for left in ("", *members):
        names = list_names({name: parts for name, parts in members.items() if name != left}, scores)
        judged[left] = cross_judge(scores, names, length)
    return judged


def list_names(members: Members, scores: ChannelScores) -> list[str]:
    """What the channels add to the sum, and what is known of every ad."""
    always = [name for name in (FORECAST, CLICK_RATE) if name in scores.names]
    return [*(name for parts in members.values() for name in parts), *always]


def describe_channel(
    scores: ChannelScores, name: str, parts: tuple[str, ...], without: dict[str, Judged], length: int
) -> dict[str, str | float]:
    """A channel's row of the record: recall of the list by it (and the forecast) alone, with all, without it; the nats
    that a target's likelihood loses without it.
    """
    alone = cross_judge(scores, list_names({name: parts}, scores), length)
    return {
        "channel": name,
        "recall alone": float(alone.retrieved.mean()),
        "recall with all": float(without[""].retrieved.mean()),
        "recall without it": float(without[name].retrieved.mean()),
        "nats lost without it": float((without[""].likelihood - without[name].likelihood).mean()),
    }
