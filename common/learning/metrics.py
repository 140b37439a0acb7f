"""Offline metrics over one long table: a row per (query, item), its ``rank`` in the query's list, ``relevant`` or not.

Every list metric here is a sum over the query's relevant rows, so that a metric is one polars expression of such a row:
``rank`` (1 is best), ``order`` (1 for the query's best relevant row, 2 for the next) and ``positives`` (how many
answers the query has, those that retrieval missed included). A query without a relevant row scores 0 and stays in.

Ties: a tied score counts AGAINST the positive in every list metric (its rank is behind all negatives of its score), so
a constant score gains nothing from the order of the rows. AUC and GAUC give a tie one half, which is their definition.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

CUTOFFS = (1, 3, 5, 10)


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


def _position_within(*keys: str) -> pl.Expr:
    """1, 2, 3 … within each run of equal keys; on a frame sorted by them this needs no hash of the rows."""
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    starts = pl.any_horizontal((pl.col(key) != pl.col(key).shift()).fill_null(True) for key in keys)
    return row - pl.when(starts).then(row).forward_fill() + 1


def _refuse_missing_scores(predictions: pl.DataFrame) -> None:
    score = pl.col("score").cast(pl.Float64)
    if predictions.select((score.is_null() | score.is_nan()).any()).item():
        raise ValueError("a prediction's score is missing or NaN")


def evaluate(predictions: pl.DataFrame, answers: pl.DataFrame, k: Sequence[int] = CUTOFFS) -> pl.DataFrame:
    """Score predictions (query, item, score) against answers (query, item); the result is that of ``evaluate_ranks``.

    Ties are pessimistic. An answer that stands twice in the predictions is a ValueError.

    >>> predicted = pl.DataFrame({"query": [0, 0, 0], "item": [7, 8, 9], "score": [0.5, 0.5, 0.1]})
    >>> as_dict(evaluate(predicted, pl.DataFrame({"query": [0], "item": [7]}), k=[5]))["mrr@5"]  # tied with 8
    0.5
    """
    _refuse_missing_scores(predictions)
    relevant = answers.select("query", "item").unique()
    return _summarise_hits(_rank_hits(predictions, relevant), relevant, k)


def _rank_hits(predictions: pl.DataFrame, relevant: pl.DataFrame) -> pl.DataFrame:
    """The predicted answers (query, item, rank): the rank is how many rows of the query score at least as much.

    Answers tied with one another would all get the last rank of their tie; they share its last ranks instead.
    """
    scores = predictions.lazy().select("query", "item", "score")
    hits = scores.join(relevant.lazy(), on=["query", "item"]).collect()
    ranked = (
        scores.select("query", "score")
        .join(hits.lazy().select("query", "item", pl.col("score").alias("bar")), on="query")
        .filter(pl.col("score") >= pl.col("bar"))
        .group_by("query", "item")
        .agg(pl.col("bar").first(), pl.len().cast(pl.Int64).alias("rank"))
        .sort("query", "bar", "item")
        .collect()
    )
    if ranked.height != hits.height:
        raise ValueError("an answer stands twice in the predictions: (query, item) must be unique")
    return ranked.select("query", "item", pl.col("rank") - _position_within("query", "bar") + 1)


def evaluate_ranks(ranked: pl.DataFrame, answers: pl.DataFrame, k: Sequence[int] = CUTOFFS) -> pl.DataFrame:
    """Score ranked lists (query, item, rank; an item once a query) against answers (query, item).

    One row per (metric, k): ``value`` is the mean over the queries that have an answer, ``error`` its standard error
    (null for a single query), ``queries`` their number. Rows of items that are not answers may be left out.

    >>> lists = pl.DataFrame({"query": [0, 0, 1], "item": [7, 8, 7], "rank": [1, 2, 1]})
    >>> answers = pl.DataFrame({"query": [0, 1, 2], "item": [8, 7, 7]})  # retrieval missed query 2
    >>> as_dict(evaluate_ranks(lists, answers, k=[5]))["mrr@5"]  # (1 / 2 + 1 + 0) / 3
    0.5
    """
    relevant = answers.select("query", "item").unique()
    hits = ranked.lazy().filter(pl.col("rank") <= max(k)).join(relevant.lazy(), on=["query", "item"]).collect()
    return _summarise_hits(hits, relevant, k)


def _summarise_hits(hits: pl.DataFrame, relevant: pl.DataFrame, k: Sequence[int]) -> pl.DataFrame:
    positives = relevant.lazy().group_by("query").agg(pl.len().cast(pl.Int64).alias("positives")).collect()
    if not positives.height:
        raise ValueError("there are no answers to score against")
    gains = [metric(cut).alias(f"{name}@{cut}") for name, metric in LIST_METRICS.items() for cut in k]
    per_query = (
        hits.lazy()
        .filter(pl.col("rank") <= max(k))
        .select("query", pl.col("rank").cast(pl.Int64))
        .join(positives.lazy(), on="query")
        .sort("query", "rank")
        .with_columns(_position_within("query").alias("order"))
        .select("query", *gains)
        .group_by("query", maintain_order=True)
        .sum()
        .drop("query")
        .collect()
    )
    summary = [(*name.split("@"), *_mean_and_error(per_query[name], positives.height)) for name in per_query.columns]
    schema = {"metric": pl.String, "k": pl.String, "value": pl.Float64, "error": pl.Float64}
    table = pl.DataFrame(summary, schema=schema, orient="row")
    return table.with_columns(pl.col("k").cast(pl.Int64), pl.lit(positives.height).cast(pl.Int64).alias("queries"))


def _mean_and_error(values: pl.Series, queries: int) -> tuple[float, float | None]:
    """Mean and standard error over ``queries``, those absent from ``values`` counting 0."""
    mean = float(values.sum()) / queries
    if queries == 1:
        return mean, None
    deviations = float(((values - mean) ** 2).sum()) + (queries - len(values)) * mean**2
    return mean, (deviations / (queries - 1) / queries) ** 0.5


def as_dict(table: pl.DataFrame) -> dict[str, float]:
    """The result of ``evaluate`` by name and cut-off.

    >>> as_dict(pl.DataFrame({"metric": ["mrr"], "k": [5], "value": [0.25]}))
    {'mrr@5': 0.25}
    """
    return {f"{name}@{k}": value for name, k, value in table.select("metric", "k", "value").iter_rows()}


def auc(scored: pl.DataFrame) -> float | None:
    """Area under the ROC curve of all rows (score, relevant) together; a tie counts one half; None with one class.

    >>> auc(pl.DataFrame({"score": [0.9, 0.4, 0.4], "relevant": [True, True, False]}))  # one pair right, one tied
    0.75
    """
    return gauc(scored.select("score", "relevant", pl.lit(0).alias("query")))


def gauc(scored: pl.DataFrame) -> float | None:
    """AUC per query of (query, score, relevant), averaged with the query's number of rows as weight.

    Queries with one class only have no AUC and are left out; None where that leaves nothing. The weighting is that of
    Zhou et al. 2018 (Deep Interest Network), the ranks are the Mann-Whitney form of the area.

    >>> rows = {"query": [0, 0, 1, 1], "score": [2.0, 1.0, 5.0, 6.0], "relevant": [True, False, True, False]}
    >>> gauc(pl.DataFrame(rows))  # query 0 is right, query 1 is wrong
    0.5
    """
    _refuse_missing_scores(scored)
    relevant = pl.col("relevant").cast(pl.Float64)
    above = pl.col("score").rank("average").over("query")
    per_query = (
        scored.lazy()
        .select("query", relevant.alias("relevant"), (above * relevant).alias("ranks"))
        .group_by("query")
        .agg(pl.len().cast(pl.Float64).alias("rows"), pl.col("relevant").sum().alias("good"), pl.col("ranks").sum())
        .filter((pl.col("good") > 0) & (pl.col("good") < pl.col("rows")))
        .sort("query")
    )
    good, bad = pl.col("good"), pl.col("rows") - pl.col("good")
    area = (pl.col("ranks") - good * (good + 1) / 2) / (good * bad)
    result: float | None = per_query.select((area * pl.col("rows")).sum() / pl.col("rows").sum()).collect().item()
    return None if result is None or np.isnan(result) else result


def coverage(ranked: pl.DataFrame, catalogue: int, k: int) -> float:
    """Share of a catalogue of that many items that stands in the first k of at least one list.

    >>> coverage(pl.DataFrame({"item": [7, 8, 7], "rank": [1, 2, 1]}), 10, k=2)
    0.2
    """
    return ranked.filter(pl.col("rank") <= k)["item"].n_unique() / catalogue


def novelty(ranked: pl.DataFrame, clicks: pl.DataFrame, k: int) -> float | None:
    """Mean of -log2(an item's share of all clicks) over the first k ranks of all lists (Vargas and Castells 2011).

    ``clicks`` has one row per click (item). An item never clicked counts as clicked once, so that the mean is finite.

    >>> novelty(pl.DataFrame({"item": [7, 8], "rank": [1, 2]}), pl.DataFrame({"item": [7, 7, 8, 9]}), k=2)
    1.5
    """
    counts = clicks.group_by("item").agg(pl.len().alias("count"))
    listed = ranked.filter(pl.col("rank") <= k).join(counts, on="item", how="left", maintain_order="left")
    share = pl.col("count").fill_null(1) / max(clicks.height, 1)
    result: float | None = listed.select((-share.log(2)).mean()).item()
    return result


def category_diversity(ranked: pl.DataFrame, categories: pl.DataFrame, k: int) -> float | None:
    """Mean over lists of the share of pairs in the first k whose categories differ (Ziegler et al. 2005).

    ``categories`` maps item to category; items without one, and lists with fewer than two items, are left out.

    >>> lists = pl.DataFrame({"query": [0, 0, 0], "item": [7, 8, 9], "rank": [1, 2, 3]})
    >>> category_diversity(lists, pl.DataFrame({"item": [7, 8, 9], "category": ["a", "a", "b"]}), k=3)
    0.6666666666666667
    """
    listed = ranked.filter(pl.col("rank") <= k).join(categories.select("item", "category"), on="item")
    alike = listed.group_by("query", "category").len().with_columns(pl.col("len").cast(pl.Float64))
    per_query = alike.group_by("query").agg(pl.col("len").sum(), same=(pl.col("len") * (pl.col("len") - 1)).sum())
    pairs = per_query.filter(pl.col("len") > 1).sort("query")
    result: float | None = pairs.select((1 - pl.col("same") / (pl.col("len") * (pl.col("len") - 1))).mean()).item()
    return result


def reciprocal_ranks(
    score: NDArray[np.float64], labels: NDArray[np.float32], sizes: NDArray[np.int32], k: int
) -> NDArray[np.float64]:
    """Per query 1 / rank of its one positive if within the first ``k``, else 0; ties count against the positive.

    The same rule as ``mrr``, over arrays (n,) whose rows stand query by query, ``sizes`` rows each: for the inner
    loops of an early stop or a weight search.

    >>> score, labels = np.array([0.9, 0.5, 0.5, 2.0, 3.0]), np.array([0, 1, 0, 0, 1])
    >>> reciprocal_ranks(score, labels, np.array([3, 2]), k=5).round(3).tolist()  # third, for the tie; first
    [0.333, 1.0]
    """
    if not len(sizes):
        return np.empty(0)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    best = np.maximum.reduceat(np.where(labels > 0, score, -np.inf), starts)
    ahead = np.add.reduceat((score >= np.repeat(best, sizes)).astype(np.int64), starts)
    return np.where(np.isfinite(best) & (ahead <= k), 1 / np.maximum(ahead, 1), 0.0)
