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
class BucketSearch:
    """The settings of ``search_buckets``: the hit rate among the first ``k`` is sought in ``trials`` by ``seed``.

    Buckets are ranges of sizes with at least ``bucket_queries`` queries each; only queries with more than ``min_size``
    rows count.
    """

    trials: int
    seed: int
    k: int
    bucket_queries: int
    min_size: int = 10


class _Mixture(NamedTuple):
    """A fitted method: ``temperatures`` (models) and ``weights`` (buckets, models)."""

    temperatures: Scores
    weights: Scores


class _RankMargins(NamedTuple):
    """What decides the rank of the positive of q queries, for any weights that are not negative.

    ``bar`` (q, models): the positive's probabilities. ``ahead`` (q,): rows that no model puts behind the positive,
    itself included. ``lead`` (n, models): probability minus the positive's, for the rows on which models disagree,
    and ``query`` (n,) their queries. All other rows are behind whatever the weights.
    """

    bar: Scores
    ahead: NDArray[np.int64]
    lead: Scores
    query: NDArray[np.int64]


def search_buckets(scores: Scores, labels: Labels, sizes: Sizes, search: BucketSearch) -> BucketBlend:
    """Find the mixture of raw scores (n, models) with the highest hit rate among the first ``k``.

    A query has at most one positive. A bucket's weights are found by Optuna's TPE from equal weights, each model alone
    and the global weights, then drawn towards the global weights as if ``bucket_queries`` further queries spoke for
    those: own share q / (q + bucket_queries) for a bucket of q queries. Every method is fitted on
    either half of the queries (every other one) and judged on the other. The best of those that beat "equal" by more
    than the standard error of the difference is fitted on all and taken; where none does, "equal" is: the best of many
    on few queries is mostly luck.
    """
    counted = take_queries(scores, labels, sizes, sizes > search.min_size)
    edges = _cut_sizes(counted[2], search.bucket_queries)
    hits_by_method = _cross_fit(*counted, edges, search)
    method = _choose(hits_by_method)
    chosen = _fit_methods(*counted, edges, search)[method]
    return BucketBlend(
        tuple(chosen.temperatures.tolist()),
        edges,
        tuple(tuple(row) for row in chosen.weights.tolist()),
        method,
        {name: float(hit.sum()) / max(len(hit), 1) for name, hit in hits_by_method.items()},
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


def _cross_fit(
    scores: Scores, labels: Labels, sizes: Sizes, edges: Sequence[int], search: BucketSearch
) -> dict[str, Scores]:
    """Per method and query 1 for a hit, each query judged by a fit on the other half of them."""
    hits_by_method: dict[str, Scores] = {}
    half = np.arange(len(sizes)) % 2 == 0
    for part in (half, ~half):
        rest = take_queries(scores, labels, sizes, ~part)
        for method, mixture in _fit_methods(*take_queries(scores, labels, sizes, part), edges, search).items():
            hit = hits_by_method.setdefault(method, np.zeros(len(sizes)))
            hit[~part] = hits(_mix(mixture, edges, rest[0], rest[2]), rest[1], rest[2], search.k)
    return hits_by_method


def _choose(hits_by_method: dict[str, Scores]) -> str:
    """The method with most hits among those that beat "equal" by more than the standard error of the difference."""
    if not len(hits_by_method["equal"]):
        return "equal"
    gains = {method: hit - hits_by_method["equal"] for method, hit in hits_by_method.items()}
    clear = [method for method, gain in gains.items() if gain.mean() > gain.std() / len(gain) ** 0.5]
    return max(clear, key=lambda method: hits_by_method[method].mean(), default="equal")


def _fit_methods(
    scores: Scores, labels: Labels, sizes: Sizes, edges: Sequence[int], search: BucketSearch
) -> dict[str, _Mixture]:
    """Every method fitted on all of these queries, the simplest first."""
    models = scores.shape[1]
    temperatures = fit_temperatures(scores, labels, sizes)
    data = softmax_within(scores * temperatures, sizes), labels, sizes
    overall = _search_hits(data, plain_starts(models), search)
    bucket = np.searchsorted(edges, sizes)
    methods = {"equal": np.full(models, 1 / models), "global": overall}
    methods["buckets"] = np.tile(overall, (len(edges) + 1, 1))
    for number in range(len(edges) + 1 if edges else 0):
        queries = int((bucket == number).sum())
        own = _search_hits(take_queries(*data, bucket == number), [*plain_starts(models), overall], search)
        methods["buckets"][number] += queries / (queries + search.bucket_queries) * (own - overall)
    methods |= {f"model {model}": alone for model, alone in enumerate(np.eye(models))}
    every = (len(edges) + 1, models)
    return {method: _Mixture(temperatures, np.broadcast_to(weights, every)) for method, weights in methods.items()}


def _search_hits(data: tuple[Scores, Labels, Sizes], starts: Sequence[Scores], search: BucketSearch) -> Scores:
    margins = _find_margins(*data)
    if not len(margins.bar):
        return np.full(len(starts[0]), 1 / len(starts[0]))

    def judge(weights: Scores) -> float:
        share = weights / weights.sum()
        ranks = margins.ahead + np.bincount(margins.query, margins.lead @ share >= 0, len(margins.ahead))
        likelihood = np.log(np.maximum(margins.bar @ share, FLOOR)).mean()
        return float((ranks <= search.k).mean() + LIKELIHOOD_SHARE * likelihood)

    return search_shares(judge, starts, search.trials, search.seed)


def _find_margins(probabilities: Scores, labels: Labels, sizes: Sizes) -> _RankMargins:
    answered = np.add.reduceat(labels, find_starts(sizes)) > 0 if len(sizes) else np.empty(0, bool)
    probabilities, labels, sizes = take_queries(probabilities, labels, sizes, answered)
    query = np.repeat(np.arange(len(sizes)), sizes)
    bar = probabilities[labels > 0]
    lead = probabilities - bar[query]
    ahead, behind = (lead >= 0).all(axis=1), (lead < 0).all(axis=1)
    disputed = ~(ahead | behind)
    return _RankMargins(bar, np.bincount(query[ahead], minlength=len(sizes)), lead[disputed], query[disputed])
