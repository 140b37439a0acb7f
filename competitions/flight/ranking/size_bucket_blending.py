"""Blending rankers by the size of the query: a mixture of softmax probabilities whose weights differ by bucket.

The weights maximise the likelihood of the positives. It moves with every query, where a hit rate among the first few
stands still or jumps; and it is concave in the weights of a mixture, so that the maximum is found exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.learning.blending import take_queries
from common.learning.listwise_softmax import Labels, Scores, Sizes, find_starts, fit_temperatures, softmax_within
from common.learning.metrics import reciprocal_ranks

FLOOR = 1e-12  # of a probability in the likelihood
MIN_ERRORS = 2.0
ITERATIONS, TOLERANCE = 500, 1e-6
Units = NDArray[np.int64]


@dataclass(frozen=True)
class BucketBlend:
    """A mixture of the models' softmax probabilities, its weights chosen by the number of rows in the query.

    ``temperatures`` (models): factor of each model's scores before the softmax. ``edges``: the largest size of every
    bucket but the last. ``weights`` (buckets, models), each bucket's summing to 1. ``method`` made them: "equal",
    "global" (the same weights in all buckets), "buckets" or "model 0", "model 1" ... (one alone). ``likelihoods`` and
    ``hit_rates``: mean log likelihood, and share of the ``queries`` that count whose positive is among the first k,
    for each method where it did not look.
    """

    temperatures: tuple[float, ...]
    edges: tuple[int, ...]
    weights: tuple[tuple[float, ...], ...]
    method: str
    likelihoods: dict[str, float]
    hit_rates: dict[str, float]
    queries: int

    @property
    def hit_rate(self) -> float:
        """The cross-fitted hit rate of the method chosen."""
        return self.hit_rates[self.method]


@dataclass(frozen=True)
class BucketSearch:
    """The settings of ``search_buckets``: the hit rate is reported among the first ``k``.

    Buckets are ranges of sizes with at least ``bucket_queries`` queries each; only queries with more than ``min_size``
    rows count.
    """

    k: int
    bucket_queries: int
    min_size: int = 10


class _Mixture(NamedTuple):
    """A fitted method: ``temperatures`` (models) and ``weights`` (buckets, models)."""

    temperatures: Scores
    weights: Scores


class _Judged(NamedTuple):
    """Of a method, by query: the log likelihood, and 1 for a hit, where it did not look."""

    likelihood: Scores
    hit: Scores


def search_buckets(
    scores: Scores, labels: Labels, sizes: Sizes, search: BucketSearch, units: Units | None = None
) -> BucketBlend:
    """Find the mixture of raw scores (n, models) with the highest likelihood.

    A query has at most one positive. A bucket's weights are drawn towards the global weights as if ``bucket_queries``
    further queries spoke for those: own share q / (q + bucket_queries) for a bucket of q queries. Every method is
    fitted on either half of the queries (every other one) and judged on the other. The best of those that beat "equal"
    by more than ``MIN_ERRORS`` standard errors of the difference is fitted on all and taken; where none does, "equal"
    is: the best of many on few queries is mostly luck. ``units`` (queries,) says which queries are the same one judged
    again, by repeated folds: they stay in one half and count as one in the error.
    """
    counted = sizes > search.min_size
    data = take_queries(scores, labels, sizes, counted)
    unit = np.arange(len(data[2])) if units is None else np.unique(units[counted], return_inverse=True)[1]
    edges = _cut_sizes(data[2], search.bucket_queries)
    judged = _cross_fit(*data, edges, search, unit)
    method = _choose(judged, unit)
    chosen = _fit_methods(*data, edges, search)[method]
    return BucketBlend(
        tuple(chosen.temperatures.tolist()),
        edges,
        tuple(tuple(row) for row in chosen.weights.tolist()),
        method,
        {name: _mean(each.likelihood) for name, each in judged.items()},
        {name: _mean(each.hit) for name, each in judged.items()},
        len(data[2]),
    )


def apply_buckets(blend: BucketBlend, scores: Scores, sizes: Sizes) -> Scores:
    """Mixed probabilities (n,) for raw scores (n, models); a query of any size belongs to a bucket."""
    return _mix(_Mixture(np.array(blend.temperatures), np.array(blend.weights)), blend.edges, scores, sizes)


def hits(scores: Scores, labels: Labels, sizes: Sizes, k: int) -> Scores:
    """Per query 1 where its positive is among the first ``k``, else 0; ties count against the positive."""
    return (reciprocal_ranks(scores, labels, sizes, k) > 0).astype(np.float64)


def fit_weights(probabilities: Scores) -> Scores:
    """The weights (models,) of the mixture that gives the positives the highest likelihood.

    ``probabilities`` (queries, models): each model's of the positive. Found by the expectation-maximisation algorithm
    (Dempster, Laird and Rubin 1977), which climbs to the only maximum.
    """
    models = probabilities.shape[1]
    weights, known = np.full(models, 1 / models), np.maximum(probabilities, FLOOR)
    for _ in range(ITERATIONS if len(known) else 0):
        shares = known * weights
        moved = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
        done = np.abs(moved - weights).max() < TOLERANCE
        weights = moved
        if done:
            break
    return np.asarray(weights)


def average_units(values: Scores, units: Units) -> Scores:
    """The mean of each unit's values, where ``units`` numbers them from 0."""
    return np.asarray(np.bincount(units, values) / np.bincount(units))


def _mix(mixture: _Mixture, edges: Sequence[int], scores: Scores, sizes: Sizes) -> Scores:
    bucket = np.searchsorted(edges, sizes)
    mixed = np.zeros(len(scores))
    for model, temperature in enumerate(mixture.temperatures):
        if mixture.weights[:, model].any():
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


def _cross_fit(
    scores: Scores, labels: Labels, sizes: Sizes, edges: Sequence[int], search: BucketSearch, unit: Units
) -> dict[str, _Judged]:
    """Every method judged on the half of the queries that it was not fitted on."""
    judged: dict[str, _Judged] = {}
    for part in (unit % 2 == 0, unit % 2 == 1):
        rest = take_queries(scores, labels, sizes, ~part)
        for method, mixture in _fit_methods(*take_queries(scores, labels, sizes, part), edges, search).items():
            mixed = _mix(mixture, edges, rest[0], rest[2])
            own = judged.setdefault(method, _Judged(np.zeros(len(sizes)), np.zeros(len(sizes))))
            own.likelihood[~part] = _find_likelihoods(mixed, rest[1], rest[2])
            own.hit[~part] = hits(mixed, rest[1], rest[2], search.k)
    return judged


def _find_likelihoods(mixed: Scores, labels: Labels, sizes: Sizes) -> Scores:
    """By query the log of the positive's probability, 0 without one."""
    if not len(sizes):
        return np.empty(0)
    return np.asarray(np.add.reduceat(labels * np.log(np.maximum(mixed, FLOOR)), find_starts(sizes)))


def _choose(judged: dict[str, _Judged], unit: Units) -> str:
    """The likeliest method among those that beat "equal" by ``MIN_ERRORS`` standard errors of the difference."""
    if not len(unit):
        return "equal"
    base = judged["equal"].likelihood
    gains = {method: average_units(each.likelihood - base, unit) for method, each in judged.items()}
    clear = [method for method, gain in gains.items() if gain.mean() > MIN_ERRORS * gain.std() / len(gain) ** 0.5]
    return max(clear, key=lambda method: _mean(judged[method].likelihood), default="equal")


def _fit_methods(
    scores: Scores, labels: Labels, sizes: Sizes, edges: Sequence[int], search: BucketSearch
) -> dict[str, _Mixture]:
    """Every method fitted on all of these queries, the simplest first."""
    models = scores.shape[1]
    temperatures = fit_temperatures(scores, labels, sizes)
    probabilities = softmax_within(scores * temperatures, sizes)[labels > 0]
    answered = np.repeat(sizes, sizes)[labels > 0]
    overall = fit_weights(probabilities)
    bucket = np.searchsorted(edges, answered)
    methods = {"equal": np.full(models, 1 / models), "global": overall}
    methods["buckets"] = np.tile(overall, (len(edges) + 1, 1))
    for number in range(len(edges) + 1 if edges else 0):
        queries = int((bucket == number).sum())
        own = fit_weights(probabilities[bucket == number])
        methods["buckets"][number] += queries / (queries + search.bucket_queries) * (own - overall)
    methods |= {f"model {model}": alone for model, alone in enumerate(np.eye(models))}
    every = (len(edges) + 1, models)
    return {method: _Mixture(temperatures, np.broadcast_to(weights, every)) for method, weights in methods.items()}


def _mean(values: Scores) -> float:
    return float(values.mean()) if len(values) else 0.0
