"""The metrics against tables worked out by hand, and against pytrec_eval and a loop on random data with ties."""

import math

import numpy as np
import polars as pl
import pytest
import pytrec_eval

from common.learning import metrics

IDS = {"query": pl.Int32, "item": pl.Int32}
Row = tuple[int, int, float]
CUTS = (1, 2, 3, 5, 10)


def predictions(*rows: Row) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={**IDS, "score": pl.Float64}, orient="row")


def answers(*rows: tuple[int, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=IDS, orient="row")


def ranked(*lists: list[int]) -> pl.DataFrame:
    """Lists of items, one per query 0, 1, 2 …, best first."""
    rows = [(query, item, rank) for query, items in enumerate(lists) for rank, item in enumerate(items, 1)]
    return pl.DataFrame(rows, schema={**IDS, "rank": pl.Int32}, orient="row")


def value(table: pl.DataFrame, metric: str, k: int) -> float:
    return float(table.filter(metric=metric, k=k)["value"].item())


# --- by hand ---


def test_standard_error_counts_the_missed_queries() -> None:
    table = metrics.evaluate_ranks(ranked([1], [2], [3]), answers((0, 1), (1, 2), (2, 9), (3, 9), (4, 1)), k=(1,))
    sample = np.array([1, 1, 0, 0, 0])
    assert value(table, "hit_rate", 1) == pytest.approx(sample.mean())
    error = table.filter(metric="hit_rate")["error"].item()
    assert error == pytest.approx(sample.std(ddof=1) / math.sqrt(5))
    assert metrics.evaluate_ranks(ranked([1]), answers((0, 1)))["error"].null_count() == len(metrics.LIST_METRICS) * 4


# --- reciprocal ranks of rows that stand query by query ---


def test_reciprocal_ranks_agree_with_a_loop() -> None:
    """Scores on four levels tie; every other query has no positive."""
    rng = np.random.default_rng(2)
    sizes = rng.integers(1, 9, 200).astype(np.int32)
    ends = np.cumsum(sizes)
    score = rng.integers(0, 4, ends[-1]).astype(np.float64)
    labels = np.zeros(ends[-1], np.float32)
    labels[(ends - sizes + rng.integers(0, sizes))[::2]] = 1
    expected = []
    for end, size in zip(ends, sizes, strict=True):
        own, label = score[end - size : end], labels[end - size : end]
        rank = int((own >= own[label == 1][0]).sum()) if label.any() else 99
        expected.append(1 / rank if rank <= 3 else 0)
    assert metrics.reciprocal_ranks(score, labels, sizes, 3).tolist() == expected
    assert metrics.reciprocal_ranks(score[:0], labels[:0], sizes[:0], 5).shape == (0,)


# --- independent implementations ---


def random_table(seed: int, queries: int, levels: int | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Predictions of 1..14 of 20 items per query (scores on few levels where given, so that they tie), 1..4 answers."""
    rng = np.random.default_rng(seed)
    scored: list[Row] = []
    relevant: list[tuple[int, int]] = []
    for query in range(queries):
        items = rng.permutation(20)[: rng.integers(1, 15)]
        scores = rng.random(len(items)) if levels is None else rng.integers(0, levels, len(items))
        scored += [(query, int(item), float(score)) for item, score in zip(items, scores, strict=True)]
        relevant += [(query, int(item)) for item in rng.permutation(20)[: rng.integers(1, 5)]]
    return predictions(*scored), answers(*relevant)


def oracle(lists: pl.DataFrame, relevant: pl.DataFrame) -> dict[str, dict[str, float]]:
    """pytrec_eval's measures per query."""
    run: dict[str, dict[str, float]] = {}
    for query, item, rank in lists.iter_rows():
        run.setdefault(str(query), {})[str(item)] = -float(rank)
    truth: dict[str, dict[str, int]] = {}
    for query, item in relevant.iter_rows():
        truth.setdefault(str(query), {})[str(item)] = 1
    cuts = ",".join(map(str, CUTS))
    measures = {f"{name}.{cuts}" for name in ("P", "recall", "map_cut", "ndcg_cut", "success")} | {"recip_rank"}
    result: dict[str, dict[str, float]] = pytrec_eval.RelevanceEvaluator(truth, measures).evaluate(run)
    return result


NAMES = {"precision": "P", "recall": "recall", "map": "map_cut", "ndcg": "ndcg_cut", "hit_rate": "success"}


def test_list_metrics_agree_with_pytrec_eval() -> None:
    scored, relevant = random_table(1, 200, None)
    lists = scored.select("query", "item", rank=pl.col("score").rank("ordinal", descending=True).over("query"))
    per_query = oracle(lists, relevant).values()
    table = metrics.evaluate_ranks(lists, relevant, CUTS)
    for ours, theirs in NAMES.items():
        for k in CUTS:
            values = np.array([query[f"{theirs}_{k}"] for query in per_query])
            row = table.filter(metric=ours, k=k)
            assert row["value"].item() == pytest.approx(values.mean(), abs=1e-12), (ours, k)
            assert row["error"].item() == pytest.approx(values.std(ddof=1) / math.sqrt(200), abs=1e-12), (ours, k)
    deep = metrics.evaluate_ranks(lists, relevant, (20,))
    assert value(deep, "mrr", 20) == pytest.approx(np.mean([query["recip_rank"] for query in per_query]))
