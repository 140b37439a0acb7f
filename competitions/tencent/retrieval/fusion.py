"""How much the channels of retrieval count for: a conditional logit over the candidates of earlier queries.

Each channel says of each candidate how much speaks for it; the vote is its weight in the sum. The weights are those
under which the targets of earlier queries are likeliest among all candidates (McFadden 1974; as many candidates as are
drawn evenly stand for all). A channel that neither the recall of the list misses nor the likelihood of the targets, on
queries that the weights were not fitted on, has no vote and is not computed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from competitions.tencent.corpus import Bools, Floats, Int64s
from competitions.tencent.retrieval.channels import (
    CLICK_RATE,
    CONTENT,
    COUNTS,
    FEATURE_COUNTS,
    FORECAST,
    LAST_COUNTS,
    LIFTED_COUNTS,
    LINEAR,
    PLAIN_COUNTS,
    VALUES,
    VECTORS,
)

WIDTHS = (4.0, 8.0, 12.0, 20.0, 32.0)  # of a kernel
DEFAULT_WIDTH = 12.0
QUERIES, DRAWN = 1_000, 1_500  # queries that are learned from, candidates that stand for all
STEPS, RIDGE = 15, 1e-3
MISSED = 2.0  # standard errors of a difference


@dataclass(frozen=True)
class Votes:
    """``weights`` by what is summed (an embedding, a table of counts, the regression, the forecast); the kernel's
    ``widths`` by embedding, that of behaviour among them; ``channels`` that have a vote; ``rows``: what was found.
    """

    weights: dict[str, float]
    widths: dict[str, float]
    channels: tuple[str, ...]
    rows: tuple[dict[str, str | float], ...] = ()


def list_members(embeddings: Sequence[str], channels: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What each channel can add to the sum; a channel an embedding."""
    members: dict[str, tuple[str, ...]] = {name: (name,) for name in embeddings if CONTENT in channels}
    members |= {VECTORS: (VECTORS,)} if VECTORS in channels else {}
    members |= {COUNTS: (FEATURE_COUNTS, PLAIN_COUNTS, LAST_COUNTS, LIFTED_COUNTS)} if COUNTS in channels else {}
    return members | {name: (name,) for name in (VALUES, LINEAR) if name in channels}


def even_votes(embeddings: Sequence[str], channels: Sequence[str]) -> Votes:
    """One each, for a log without earlier queries, and to learn from."""
    members = list_members(embeddings, channels)
    names = [name for parts in members.values() for name in parts]
    widths = {name: DEFAULT_WIDTH for name in (*embeddings, VECTORS) if name in members}
    return Votes(dict.fromkeys([*names, FORECAST], 1.0) | {CLICK_RATE: 0.0}, widths, tuple(members))


@dataclass(frozen=True)
class Evidence:
    """What the channels say of earlier queries' candidates. ``values`` float32 [queries, candidates, names]: the target
    first, then candidates that stand for ``pool`` ones; ``possible`` bool [queries, candidates]: not seen before.
    """

    names: tuple[str, ...]
    values: Floats
    possible: Bools
    pool: int

    def take(self, names: Sequence[str], queries: Int64s) -> "Evidence":
        """Some columns, of some queries."""
        columns = [self.names.index(name) for name in names]
        return Evidence(tuple(names), self.values[queries][:, :, columns], self.possible[queries], self.pool)

    def find_within(self, weights: Floats, length: int) -> Bools:
        """Whether each target would be in a list of this length: candidates that stand for many count for as many."""
        scores = np.where(self.possible, self.values @ weights, -np.inf)
        ahead = (scores[:, 1:] > scores[:, :1]).sum(1) * ((self.pool - 1) / max(scores.shape[1] - 1, 1))
        return np.asarray(ahead < length)


def fit_weights(evidence: Evidence) -> Floats:
    """The weights of the likeliest targets, none below 0: Newton's method on the log-likelihood with a small ridge."""
    values = evidence.values - evidence.values[:, :1]
    scale = values.std((0, 1)) + 1e-6
    values = values / scale
    # A candidate that stands for n counts n times in the sum over all.
    offset = np.zeros(values.shape[:2], np.float32)
    offset[:, 1:] = np.log((evidence.pool - 1) / max(values.shape[1] - 1, 1))
    offset[~evidence.possible] = -np.inf
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


def log_likelihoods(evidence: Evidence, weights: Floats) -> Floats:
    """Of each query's target, in nats, up to a constant that the number of candidates gives."""
    utility = np.where(evidence.possible, evidence.values @ weights, -np.inf)
    highest = utility.max(1)
    return np.asarray(utility[:, 0] - highest - np.log(np.exp(utility - highest[:, None]).sum(1)))


@dataclass(frozen=True)
class Judged:
    """Of each query, by weights that were not fitted on it: whether the target is ``found`` in the list, and how
    ``likely`` it is among all candidates, in nats.
    """

    found: Bools
    likely: Floats

    def misses(self, other: "Judged") -> bool:
        """Whether ``other``, without a channel, is worse: in what it finds, or in how it orders what it finds. By
        recall alone a channel leaves whose targets others find as well, further down.
        """
        return exceeds(self.found.astype(float) - other.found) or exceeds(self.likely - other.likely)


def exceeds(differences: Floats) -> bool:
    """Whether a mean is more than ``MISSED`` standard errors above 0."""
    return bool(differences.mean() > MISSED * differences.std() / len(differences) ** 0.5)


def cross_judge(evidence: Evidence, names: Sequence[str], length: int) -> Judged:
    """Each half of the queries by the weights of the other."""
    queries = len(evidence.values)
    judged = Judged(np.zeros(queries, bool), np.zeros(queries, np.float32))
    halves = [np.arange(half, queries, 2) for half in (0, 1)]
    for own, other in (halves, halves[::-1]):
        weights, part = fit_weights(evidence.take(names, other)), evidence.take(names, own)
        judged.found[own] = part.find_within(weights, length)
        judged.likely[own] = log_likelihoods(part, weights)
    return judged


def choose_votes(
    evidence: Evidence, members: dict[str, tuple[str, ...]], widths: dict[str, float], length: int, keep: bool
) -> Votes:
    """Leave out, one after the other, the channel without which the targets are likeliest, of those that are not
    missed; ``keep``: none.
    """
    kept, without = dict(members), judge_without(evidence, members, length)
    rows = [describe_channel(evidence, name, parts, without, length) for name, parts in members.items()]
    while len(kept) > 1 and not keep:
        idle = [name for name in kept if not without[""].misses(without[name])]
        if not idle:
            break
        del kept[max(idle, key=lambda name: float(without[name].likely.mean()))]
        without = judge_without(evidence, kept, length)
    names = list_names(kept, evidence)
    weights = dict(zip(names, fit_weights(evidence.take(names, np.arange(len(evidence.values)))), strict=True))
    if not keep:
        kept = {name: parts for name, parts in kept.items() if any(weights[part] > 0 for part in parts)}
    return Votes(
        weights={name: float(weight) for name, weight in weights.items() if weight > 0 or keep},
        widths={name: width for name, width in widths.items() if name in kept},
        channels=tuple(kept),
        rows=tuple({**row, "vote": "yes" if row["channel"] in kept else "no"} for row in rows),
    )


def judge_without(evidence: Evidence, members: dict[str, tuple[str, ...]], length: int) -> dict[str, Judged]:
    """All channels together (""), and without each."""
    judged = {}
    for left in ("", *members):
        names = list_names({name: parts for name, parts in members.items() if name != left}, evidence)
        judged[left] = cross_judge(evidence, names, length)
    return judged


def list_names(members: dict[str, tuple[str, ...]], evidence: Evidence) -> list[str]:
    """What the channels add to the sum, and what is known of every ad."""
    always = [name for name in (FORECAST, CLICK_RATE) if name in evidence.names]
    return [*(name for parts in members.values() for name in parts), *always]


def describe_channel(
    evidence: Evidence, name: str, parts: tuple[str, ...], without: dict[str, Judged], length: int
) -> dict[str, str | float]:
    """A channel's row of the record: recall of the list by it (and the forecast) alone, with all, without it; the nats
    that a target's likelihood loses without it.
    """
    alone = cross_judge(evidence, list_names({name: parts}, evidence), length)
    return {
        "channel": name,
        "recall alone": float(alone.found.mean()),
        "recall with all": float(without[""].found.mean()),
        "recall without it": float(without[name].found.mean()),
        "nats lost without it": float((without[""].likely - without[name].likely).mean()),
    }
