"""Offline metrics over one long table: a row per (query, item), its ``rank`` in the query's list, ``relevant`` or not.

Every list metric here is a sum over the query's relevant rows, so that a metric is one polars expression of such a row:
``rank`` (1 is best), ``order`` (1 for the query's best relevant row, 2 for the next) and ``positives`` (how many
answers the query has, those that retrieval missed included). A query without a relevant row scores 0 and stays in.

Ties: a tied score counts AGAINST the positive, so that a constant score gains nothing from the order of the rows.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Floats, Ints
from common.learning.listwise_softmax import Labels, Sizes, find_starts


def average(values: Floats, weights: Floats | None = None, clusters: Ints | None = None) -> tuple[float, float]:
    """The mean over queries, by default of equal ``weights``, and its standard error: those of every score, model,
    slice and difference, in every verb. For equal weights the error is deviation / sqrt(queries). Zeros where no query
    counts.

    ``clusters``: queries that rise and fall together (the users who click one item, the twins of a search) share a
    number: Liang and Zeger 1986. None: all are independent.

    >>> average(np.array([1.0, 0.0, 0.0]), np.array([2.0, 1.0, 1.0]))[0]
    0.5
    >>> values = np.array([0.0, 1.0, 0.0, 1.0])
    >>> [round(average(values, clusters=own)[1], 2) for own in (None, np.arange(4) % 2)]
    [0.25, 0.35]
    """
    counted = np.ones(len(values)) if weights is None else weights
    if not counted.any():
        return 0.0, 0.0
    mean = float((values * counted).sum() / counted.sum())
    # Each query's share of the weight stays as drawn: what varies is its score, so the weight stands inside the square.
    apart = (values - mean) * counted
    if clusters is not None:
        apart = np.bincount(np.unique(clusters, return_inverse=True)[1], apart).astype(np.float64)
    return mean, float(np.sqrt((apart**2).sum()) / counted.sum())


def precision(k: int) -> pl.Expr:
    """Relevant items in the first k, divided by k (also where the list is shorter).

    >>> pl.select(rank=3, order=1, positives=2).select(precision(4)).item()
    0.25
    """
    return _within(k) / k


def recall(k: int) -> pl.Expr:
    """Relevant items in the first k, divided by the query's answers.

    >>> pl.select(rank=3, order=1, positives=2).select(recall(4)).item()
    0.5
    """
    return _within(k) / pl.col("positives")


def f1(k: int) -> pl.Expr:
    """Harmonic mean of precision and recall at k, per query: 2 hits / (k + answers).

    >>> pl.select(rank=3, order=1, positives=4).select(f1(4)).item()
    0.25
    """
    return 2.0 * _within(k) / (k + pl.col("positives"))


def hit_rate(k: int) -> pl.Expr:
    """1 where the first k hold a relevant item: only the best relevant row counts (``order`` 1).

    >>> pl.DataFrame({"rank": [1, 2, 9], "order": [1, 2, 1]}).select(hit_rate(5)).to_series().to_list()
    [1.0, 0.0, 0.0]
    """
    return _within(k) * (pl.col("order") == 1)


def mrr(k: int) -> pl.Expr:
    """1 / rank of the best relevant item, 0 beyond k (with one answer: the news competition's score at k = 5).

    >>> pl.DataFrame({"rank": [4, 6], "order": [1, 1]}).select(mrr(5)).to_series().to_list()
    [0.25, 0.0]
    """
    return hit_rate(k) / pl.col("rank")


def average_precision(k: int) -> pl.Expr:
    """Sum of the precision at each relevant rank up to k, divided by the query's answers (trec_eval's map_cut).

    >>> pl.select(rank=4, order=2, positives=4).select(average_precision(5)).item()  # 2 / 4, over 4 answers
    0.125
    """
    return _within(k) * pl.col("order") / pl.col("rank") / pl.col("positives")


def ndcg(k: int) -> pl.Expr:
    """Discounted gain 1 / log2(rank + 1) up to k over the best possible (Jarvelin and Kekalainen 2002).

    >>> pl.DataFrame({"rank": [3, 7, 9], "positives": [1, 1, 1]}).select(ndcg(8).round(3)).to_series().to_list()
    [0.5, 0.333, 0.0]
    """
    # The best list has its answers on the first ranks: as many terms as the query has answers, k at most.
    ideal = pl.sum_horizontal((pl.col("positives") >= i) / np.log2(i + 1.0) for i in range(1, k + 1))
    return _within(k) / (pl.col("rank") + 1.0).log(2) / ideal


def _within(k: int) -> pl.Expr:
    return (pl.col("rank") <= k).cast(pl.Float64)


LIST_METRICS: Mapping[str, Callable[[int], pl.Expr]] = {
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "hit_rate": hit_rate,
    "ndcg": ndcg,
    "map": average_precision,
    "mrr": mrr,
}


def evaluate_ranks(ranked: pl.DataFrame, answers: pl.DataFrame, k: Sequence[int]) -> pl.DataFrame:
    """Score ranked lists (query, item, rank; an item once a query) against answers (query, item).

    One row per (metric, k): ``value`` is the mean over the queries that have an answer, ``error`` its standard error,
    ``queries`` their number. Rows of items that are not answers may be left out.

    >>> lists = pl.DataFrame({"query": [0, 0, 1], "item": [7, 8, 7], "rank": [1, 2, 1]})
    >>> answers = pl.DataFrame({"query": [0, 1, 2], "item": [8, 7, 7]})  # retrieval missed query 2
    >>> as_dict(evaluate_ranks(lists, answers, k=[5]))["mrr@5"]  # (1 / 2 + 1 + 0) / 3
    0.5
    """
    relevant = answers.select("query", "item").unique()
    hits = ranked.lazy().filter(pl.col("rank") <= max(k)).join(relevant.lazy(), on=["query", "item"]).collect()
    positives = relevant.lazy().group_by("query").agg(pl.len().cast(pl.Int64).alias("positives")).collect()
    if not positives.height:
        raise ValueError("there are no answers to score against")
    per_query = score_hits(hits, positives, k).drop("query")
    missed = np.zeros(positives.height - per_query.height)
    means = {column.name: average(np.append(column.to_numpy(), missed)) for column in per_query}
    rows = [(*name.split("@"), *mean, positives.height) for name, mean in means.items()]
    return pl.DataFrame(rows, ["metric", "k", "value", "error", "queries"], orient="row").cast({"k": pl.Int64})


def score_hits(hits: pl.DataFrame, positives: pl.DataFrame, k: Sequence[int]) -> pl.DataFrame:
    """Every metric of every query that has hits: ``hits`` (query, rank: of a right answer in the list), ``positives``
    (query, positives: its right answers). A query without hits has no row: it scores 0.

    >>> hits = pl.DataFrame({"query": [7, 7], "rank": [1, 4]})
    >>> score_hits(hits, pl.DataFrame({"query": [7], "positives": [3]}), [3]).select("query", "map@3", "mrr@3").rows()
    [(7, 0.3333333333333333, 1.0)]
    """
    gains = [metric(cut).alias(f"{name}@{cut}") for name, metric in LIST_METRICS.items() for cut in k]
    return (
        hits.lazy()
        .select("query", pl.col("rank").cast(pl.Int64))
        .join(positives.lazy(), on="query")
        .sort("query", "rank")
        .with_columns(pl.col("rank").rank("ordinal").over("query").cast(pl.Int64).alias("order"))
        .select("query", *gains)
        .group_by("query", maintain_order=True)
        .sum()
        .collect()
    )


def as_dict(table: pl.DataFrame) -> dict[str, float]:
    """The result of ``evaluate_ranks`` by name and cut-off.

    >>> as_dict(pl.DataFrame({"metric": ["mrr"], "k": [5], "value": [0.25]}))
    {'mrr@5': 0.25}
    """
    return {f"{name}@{k}": value for name, k, value in table.select("metric", "k", "value").iter_rows()}


def rank_answers(score: Floats, labels: Labels, sizes: Sizes) -> Ints:
    """The rank of each query's one right row by falling ``score`` (n,), ties against it; 0: it has none.

    Rows stand query by query, ``sizes`` rows each; ``labels`` (n,): 1 for the right one.

    >>> rank_answers(np.array([3.0, 2.0, 5.0, 5.0, 1.0]), np.array([0, 1, 1, 0, 0]), np.array([2, 2, 1])).tolist()
    [2, 2, 0]
    """
    starts = find_starts(sizes)
    best = np.maximum.reduceat(np.where(labels > 0, score, -np.inf), starts)
    ahead = np.add.reduceat((score >= np.repeat(best, sizes)).astype(np.int64), starts)
    return np.where(np.isfinite(best), ahead, 0)


def rank_rows(score: Floats, labels: Labels, sizes: Sizes) -> Ints:
    """The rank of every row in its query by falling ``score`` (n,), ties against those with ``labels`` of 1.

    >>> rank_rows(np.array([3.0, 2.0, 5.0, 5.0, 1.0]), np.array([0, 1, 1, 0, 1]), np.array([2, 3])).tolist()
    [1, 2, 2, 1, 3]
    """
    query, starts = np.repeat(np.arange(len(sizes)), sizes), find_starts(sizes)
    order, ranks = np.lexsort((labels, -score, query)), np.empty(len(score), np.int64)
    ranks[order] = np.arange(len(score)) - np.repeat(starts, sizes) + 1
    return ranks


def score_lists(metric: str, score: Floats, labels: Labels, sizes: Sizes, answers: Ints | None = None) -> Floats:
    """What each query earns under a ``metric`` such as "ndcg@10", one of ``LIST_METRICS``, by the order of its rows.

    Rows as in ``rank_rows``. ``answers`` (queries,): how many right ones each query has, those that are not among its
    rows included; None: none is missing.

    >>> score, labels = np.array([3.0, 2.0, 1.0, 1.0]), np.array([1, 0, 1, 0])
    >>> score_lists("recall@1", score, labels, np.array([3, 1])).tolist()
    [0.5, 0.0]
    >>> score_lists("recall@1", score, labels, np.array([3, 1]), np.array([4, 1])).tolist()
    [0.25, 0.0]
    """
    right, query = labels > 0, np.repeat(np.arange(len(sizes)), sizes)
    known = np.bincount(query[right], minlength=len(sizes)) if answers is None else answers
    hits = pl.DataFrame({"query": query[right], "rank": rank_rows(score, labels, sizes)[right]})
    positives = pl.DataFrame({"query": np.arange(len(sizes)), "positives": known.astype(np.int64)})
    scored = score_hits(hits, positives, [int(metric.partition("@")[2])])
    earned = np.zeros(len(sizes))
    earned[scored["query"].to_numpy()] = scored[metric].to_numpy()
    return earned


def reciprocal_ranks(score: Floats, labels: Labels, sizes: Sizes, k: int) -> Floats:
    """Per query 1 / rank of its right row (``rank_answers``) if within the first ``k``, else 0.

    The same rule as ``mrr``, over arrays: for the inner loops of an early stop or a weight search.

    >>> score, labels = np.array([0.9, 0.5, 0.5, 2.0, 3.0]), np.array([0, 1, 0, 0, 1])
    >>> reciprocal_ranks(score, labels, np.array([3, 2]), k=5).round(3).tolist()  # third, for the tie; first
    [0.333, 1.0]
    """
    ranks = rank_answers(score, labels, sizes)
    return np.where((ranks > 0) & (ranks <= k), 1 / np.maximum(ranks, 1), 0.0)


# --- rows: a yes or no each ---


def score_auc(labels: NDArray[np.floating], predicted: Floats) -> Floats:
    """A score for each row (n,) whose mean, weighted by ``weigh_classes``, is the AUC, and whose error (``average``) is
    that of DeLong, DeLong and Clarke-Pearson 1988; of two models on the same rows the paired difference's as well.

    The placement of a yes is the share of the noes that are predicted lower (ties count half), of a no that of the
    yeses that are predicted higher. AUC is the mean placement of either class, its variance the sum over both of
    var(placement) / rows. A row's score is 2 x placement - AUC, its distance from the AUC widened by
    sqrt(m / (m - 1)) in a class of m rows: DeLong's variance divides by m - 1.

    >>> labels, predicted = np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.5, 0.1])
    >>> scores, weights = score_auc(labels, predicted), weigh_classes(labels)
    >>> average(scores, weights)  # placements 1, 1/2 of either class: AUC 3/4, variance 1/8 / 2 + 1/8 / 2
    (0.75, 0.3535533905932738)
    """
    from scipy.stats import rankdata  # here: it takes long to import

    yes = labels > 0
    ranks, scores = rankdata(predicted), np.empty(len(predicted))
    lower_noes = (ranks[yes] - rankdata(predicted[yes])) / (~yes).sum()
    lower_yeses = (ranks[~yes] - rankdata(predicted[~yes])) / yes.sum()
    area = lower_noes.mean()
    for own, placement in ((yes, lower_noes), (~yes, 1 - lower_yeses)):
        widened = np.sqrt(len(placement) / max(len(placement) - 1, 1))
        scores[own] = area + 2 * (placement - area) * widened
    return scores


def weigh_classes(labels: NDArray[np.floating]) -> Floats:
    """The weights (n,) by which both classes count alike, 1 in the mean.

    >>> weigh_classes(np.array([1, 0, 0, 0])).round(3).tolist()
    [2.0, 0.667, 0.667, 0.667]
    """
    yes = labels > 0
    counts = np.where(yes, yes.sum(), (~yes).sum())
    return np.asarray(len(labels) / (2 * counts))


def score_log_loss(labels: NDArray[np.floating], probability: Floats) -> Floats:
    """The log loss of each row (n,): -log of the probability of what came; lower is better, no bound.

    >>> score_log_loss(np.array([1, 0]), np.array([0.5, 0.25])).round(3).tolist()
    [0.693, 0.288]
    """
    tiny = np.finfo(np.float64).tiny
    return np.asarray(-np.log(np.maximum(np.where(labels > 0, probability, 1 - probability), tiny)))


def measure_rows(labels: NDArray[np.floating], predicted: Floats) -> dict[str, float]:
    """AUC and log loss with their errors.

    >>> measured = measure_rows(np.array([1.0, 0.0]), np.array([0.75, 0.25]))
    >>> {name: round(value, 3) for name, value in measured.items()}
    {'auc': 1.0, 'auc_error': 0.0, 'log_loss': 0.288, 'log_loss_error': 0.0}
    """
    area, area_error = average(score_auc(labels, predicted), weigh_classes(labels))
    loss, loss_error = average(score_log_loss(labels, predicted))
    return {"auc": area, "auc_error": area_error, "log_loss": loss, "log_loss_error": loss_error}
