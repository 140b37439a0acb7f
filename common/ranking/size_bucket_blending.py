"""Blending rankers by the size of the query: a mixture of softmax probabilities whose weights differ by bucket."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.metrics import reciprocal_ranks
from common.ranking.blending import plain_starts, search_shares, take_queries
from common.ranking.listwise_softmax import Labels, Scores, Sizes, find_starts, fit_temperatures, softmax_within

LIKELIHOOD_SHARE = 0.05  # of the mean log likelihood in the objective: the hit rate alone is flat between its steps
FLOOR = 1e-12  # of a probability in that likelihood


@dataclass(frozen=True)
class BucketBlend:
    """A mixture of the models' softmax probabilities, its weights chosen by the number of rows in the query.

    ``temperatures`` (models): factor of each model's scores before the softmax. ``edges``: the largest size of every
    bucket but the last. ``weights`` (buckets, models), each bucket's summing to 1. ``method`` made them: "equal",
    "global" (the same weights in all buckets), "buckets" or "model 0", "model 1" ... (one alone). ``hit_rates``: the
    share of the ``queries`` that count whose positive is among the first k, for each method where it did not look.
    """

    temperatures: tuple[float, ...]
    edges: tuple[int, ...]
    weights: tuple[tuple[float, ...], ...]
    method: str
    hit_rates: dict[str, float]
    queries: int

    @property
    def hit_rate(self) -> float:
        """The cross-fitted hit rate of the method chosen."""
        return self.hit_rates[self.method]


@dataclass(frozen=True)
class _Search:
    """The settings of ``search_buckets``."""

    trials: int
    seed: int
    k: int
    bucket_queries: int


class _Mixture(NamedTuple):
    """What a method found: ``temperatures`` (models) and ``weights`` (buckets, models)."""

    temperatures: Scores
    weights: Scores


class _Contest(NamedTuple):
    """What decides the rank of the positive of q queries, for any weights that are not negative.

    ``bar`` (q, models): the positive's probabilities. ``ahead`` (q,): rows that no model puts behind the positive,
    itself included. ``lead`` (n, models): probability minus the positive's, for the rows on which models disagree,
    and ``query`` (n,) their queries. All other rows are behind whatever the weights.
    """

    bar: Scores
    ahead: NDArray[np.int64]
    lead: Scores
    query: NDArray[np.int64]


def search_buckets(
    scores: Scores,
    labels: Labels,
    sizes: Sizes,
    *,
    trials: int,
    seed: int,
    k: int,
    bucket_queries: int,
    min_size: int = 10,
) -> BucketBlend:
    """Find the mixture of raw scores (n, models) with the highest hit rate among the first ``k``.

    Only queries with more than ``min_size`` rows count; a query has at most one positive. Buckets are ranges of sizes
    with at least ``bucket_queries`` of them each. A bucket's weights are found by Optuna's TPE from equal weights,
    each model alone and the global weights, then drawn towards the global weights as if ``bucket_queries`` further
    queries spoke for those: own share q / (q + bucket_queries) for a bucket of q queries. Every method is fitted on
    either half of the queries (every other one) and judged on the other. The best of those that beat "equal" by more
    than the standard error of the difference is fitted on all and taken; where none does, "equal" is: the best of many
    on few queries is mostly luck.
    """
    task = _Search(trials, seed, k, bucket_queries)
    counted = take_queries(scores, labels, sizes, sizes > min_size)
    edges = _cut_sizes(counted[2], bucket_queries)
    found = _cross_fit(*counted, edges, task)
    method = _choose(found)
    chosen = _fit_methods(*counted, edges, task)[method]
    return BucketBlend(
        tuple(chosen.temperatures.tolist()),
        edges,
        tuple(tuple(row) for row in chosen.weights.tolist()),
        method,
        {name: float(hit.sum()) / max(len(hit), 1) for name, hit in found.items()},
        len(counted[2]),
    )


def apply_buckets(blend: BucketBlend, scores: Scores, sizes: Sizes) -> Scores:
    """Mixed probabilities (n,) for raw scores (n, models); a query of any size belongs to a bucket."""
    return _mix(_Mixture(np.array(blend.temperatures), np.array(blend.weights)), blend.edges, scores, sizes)


def hits(scores: Scores, labels: Labels, sizes: Sizes, k: int) -> Scores:
    """Per query 1 where its positive is among the first ``k``, else 0; ties count against the positive."""
    return (reciprocal_ranks(scores, labels, sizes, k) > 0).astype(np.float64)


def _mix(mixture: _Mixture, edges: Sequence[int], scores: Scores, sizes: Sizes) -> Scores:
    bucket = np.searchsorted(edges, sizes)
    mixed = np.zeros(len(scores))
    for model, temperature in enumerate(mixture.temperatures):
        probabilities = softmax_within(scores[:, model] * temperature, sizes)
        mixed += probabilities * np.repeat(mixture.weights[bucket, model], sizes)
    return mixed


def _cut_sizes(sizes: Sizes, bucket_queries: int) -> tuple[int, ...]:
    """Edges, from the small sizes on, as soon as a bucket holds ``bucket_queries`` queries and the rest does too."""
    values, counts = np.unique(sizes, return_counts=True)
    edges, held, left = [], 0, len(sizes)
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        held, left = held + count, left - count
        if held >= bucket_queries and left >= bucket_queries:
            edges.append(value)
            held = 0
    return tuple(edges)


def _cross_fit(scores: Scores, labels: Labels, sizes: Sizes, edges: Sequence[int], task: _Search) -> dict[str, Scores]:
    """Per method and query 1 for a hit, each query judged with what the other half of them found."""
    found: dict[str, Scores] = {}
    half = np.arange(len(sizes)) % 2 == 0
    for part in (half, ~half):
        rest = take_queries(scores, labels, sizes, ~part)
        for method, mixture in _fit_methods(*take_queries(scores, labels, sizes, part), edges, task).items():
            hit = found.setdefault(method, np.zeros(len(sizes)))
            hit[~part] = hits(_mix(mixture, edges, rest[0], rest[2]), rest[1], rest[2], task.k)
    return found


def _choose(found: dict[str, Scores]) -> str:
    """The method with most hits among those that beat "equal" by more than the standard error of the difference."""
    gains = {method: hit - found["equal"] for method, hit in found.items()}
    clear = (
        [method for method, gain in gains.items() if gain.mean() > gain.std() / len(gain) ** 0.5]
        if len(found["equal"])
        else []
    )
    return max(clear, key=lambda method: found[method].mean(), default="equal")


def _fit_methods(
    scores: Scores, labels: Labels, sizes: Sizes, edges: Sequence[int], task: _Search
) -> dict[str, _Mixture]:
    """Every method fitted on all of these queries, the simplest first."""
    models = scores.shape[1]
    temperatures = fit_temperatures(scores, labels, sizes)
    data = softmax_within(scores * temperatures, sizes), labels, sizes
    overall = _search_hits(data, plain_starts(models), task)
    bucket = np.searchsorted(edges, sizes)
    found = {"equal": np.full(models, 1 / models), "global": overall, "buckets": np.tile(overall, (len(edges) + 1, 1))}
    for place in range(len(edges) + 1 if edges else 0):
        queries = int((bucket == place).sum())
        own = _search_hits(take_queries(*data, bucket == place), [*plain_starts(models), overall], task)
        found["buckets"][place] += queries / (queries + task.bucket_queries) * (own - overall)
    found |= {f"model {model}": alone for model, alone in enumerate(np.eye(models))}
    every = (len(edges) + 1, models)
    return {method: _Mixture(temperatures, np.broadcast_to(weights, every)) for method, weights in found.items()}


def _search_hits(data: tuple[Scores, Labels, Sizes], starts: Sequence[Scores], task: _Search) -> Scores:
    contest = _set_contest(*data)
    if not len(contest.bar):
        return np.full(len(starts[0]), 1 / len(starts[0]))

    def judge(weights: Scores) -> float:
        share = weights / weights.sum()
        ranks = contest.ahead + np.bincount(contest.query, contest.lead @ share >= 0, len(contest.ahead))
        likelihood = np.log(np.maximum(contest.bar @ share, FLOOR)).mean()
        return float((ranks <= task.k).mean() + LIKELIHOOD_SHARE * likelihood)

    return search_shares(judge, starts, task.trials, task.seed)


def _set_contest(probabilities: Scores, labels: Labels, sizes: Sizes) -> _Contest:
    answered = np.add.reduceat(labels, find_starts(sizes)) > 0 if len(sizes) else np.empty(0, bool)
    probabilities, labels, sizes = take_queries(probabilities, labels, sizes, answered)
    query = np.repeat(np.arange(len(sizes)), sizes)
    bar = probabilities[labels > 0]
    lead = probabilities - bar[query]
    ahead, behind = (lead >= 0).all(axis=1), (lead < 0).all(axis=1)
    disputed = ~(ahead | behind)
    return _Contest(bar, np.bincount(query[ahead], minlength=len(sizes)), lead[disputed], query[disputed])
