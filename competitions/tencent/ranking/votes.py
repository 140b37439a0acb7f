"""How much the channels of retrieval count for: a conditional logit over the candidates of earlier queries.

Each channel says of each candidate how much speaks for it; the vote is its weight in the sum. The weights are those
under which the targets of earlier queries are likeliest among all candidates (McFadden 1974; as many candidates as are
drawn evenly stand for all). Which channels have a vote is settled by what the list is for: a channel that the recall of
the list does not miss, on queries that the weights were not fitted on, has none and is not computed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from competitions.tencent.corpus import Bools, Floats, Int64s

# Channels; content is one an embedding.
CONTENT, VECTORS, COUNTS, VALUES, LINEAR = "content", "behaviour", "counts", "values", "linear"
FORECAST = "forecast"
TABLES = (VECTORS, COUNTS, VALUES, LINEAR)  # that are fitted on a fold's history
FEATURE_COUNTS, PLAIN_COUNTS, LAST_COUNTS = "counts with features", "counts of the ads", "counts of the last ad"
WIDTHS = (4.0, 8.0, 12.0, 20.0, 32.0)  # of a kernel
DEFAULT_WIDTH = 12.0
QUERIES, DRAWN = 1_000, 1_500  # queries that are learned from, candidates that stand for all
STEPS, RIDGE = 15, 1e-3
MISSED = 1.0  # standard errors of the difference in recall


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
    members |= {COUNTS: (FEATURE_COUNTS, PLAIN_COUNTS, LAST_COUNTS)} if COUNTS in channels else {}
    return members | {name: (name,) for name in (VALUES, LINEAR) if name in channels}


def even_votes(embeddings: Sequence[str], channels: Sequence[str]) -> Votes:
    """One each, for a log without earlier queries, and to learn from."""
    members = list_members(embeddings, channels)
    names = [name for parts in members.values() for name in parts]
    widths = {name: DEFAULT_WIDTH for name in (*embeddings, VECTORS) if name in members}
    return Votes(dict.fromkeys([*names, FORECAST], 1.0), widths, tuple(members))


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


def log_likelihood(evidence: Evidence, weights: Floats) -> float:
    """Mean over the queries, in nats, up to a constant that the number of candidates gives."""
    utility = np.where(evidence.possible, evidence.values @ weights, -np.inf)
    highest = utility.max(1)
    return float((utility[:, 0] - highest - np.log(np.exp(utility - highest[:, None]).sum(1))).mean())


def judge_channels(evidence: Evidence, members: dict[str, tuple[str, ...]], length: int) -> dict[str, Bools]:
    """Whether targets are found, by the halves that the weights were not fitted on; with all channels ("") and without
    each.
    """
    found = {}
    for left in ("", *members):
        names = [name for channel, parts in members.items() if channel != left for name in parts] + [FORECAST]
        found[left] = cross_find(evidence, names, length)
    return found


def cross_find(evidence: Evidence, names: Sequence[str], length: int) -> Bools:
    """Whether each target is found by the weights of the other half of the queries."""
    found = np.zeros(len(evidence.values), bool)
    halves = [np.arange(half, len(found), 2) for half in (0, 1)]
    for own, other in (halves, halves[::-1]):
        weights = fit_weights(evidence.take(names, other))
        found[own] = evidence.take(names, own).find_within(weights, length)
    return found


def choose_votes(
    evidence: Evidence, members: dict[str, tuple[str, ...]], widths: dict[str, float], length: int, keep: bool
) -> Votes:
    """Leave out, one after the other, the channel that recall misses least, until it misses each; ``keep``: none."""
    kept, everyone = dict(members), np.arange(len(evidence.values))
    first = found = judge_channels(evidence, kept, length)
    while len(kept) > 1 and not keep:
        losses = {name: found[""].astype(float) - found[name] for name in kept}
        least = min(losses, key=lambda name: float(losses[name].mean()))
        if losses[least].mean() > MISSED * losses[least].std() / len(everyone) ** 0.5:
            break
        del kept[least]
        found = judge_channels(evidence, kept, length)
    names = [name for parts in kept.values() for name in parts] + [FORECAST]
    weights = fit_weights(evidence.take(names, everyone))
    rows = [describe_channel(evidence, name, parts, first, kept, length) for name, parts in members.items()]
    return Votes(
        weights={name: float(weight) for name, weight in zip(names, weights, strict=True) if weight > 0},
        widths={name: width for name, width in widths.items() if name in kept},
        channels=tuple(kept),
        rows=tuple(rows),
    )


def describe_channel(
    evidence: Evidence,
    name: str,
    parts: tuple[str, ...],
    found: dict[str, Bools],
    kept: dict[str, tuple[str, ...]],
    length: int,
) -> dict[str, str | float]:
    """A channel's row of the record: recall of the list by it (and the forecast) alone, with all, without it."""
    alone = cross_find(evidence, [*parts, FORECAST], length)
    return {
        "channel": name,
        "recall alone": float(alone.mean()),
        "recall with all": float(found[""].mean()),
        "recall without it": float(found[name].mean()),
        "vote": "yes" if name in kept else "no",
    }
