"""The metrics against pytrec_eval and a loop, on random data with ties."""

import math

import numpy as np
import polars as pl
import pytest
import pytrec_eval

from common.learning import metrics

IDS = {"query": pl.Int32, "item": pl.Int32}
CUTS = (1, 2, 3, 5, 10)
QUERIES = 200


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


def draw_lists(seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lists of 1..14 of 20 items per query (query, item, rank), and 1..4 answers (query, item)."""
    rng = np.random.default_rng(seed)
    lists = [(query, int(item), rank) for query in range(QUERIES) for rank, item in draw_items(rng, 15)]
    answers = [(query, int(item)) for query in range(QUERIES) for _, item in draw_items(rng, 5)]
    return (
        pl.DataFrame(lists, {**IDS, "rank": pl.Int32}, orient="row"),
        pl.DataFrame(answers, IDS, orient="row"),
    )


def draw_items(rng: np.random.Generator, below: int) -> enumerate[int]:
    return enumerate(rng.permutation(20)[: rng.integers(1, below)].tolist(), 1)


def evaluate_by_trec(lists: pl.DataFrame, relevant: pl.DataFrame) -> list[dict[str, float]]:
    """pytrec_eval's measures, a query each."""
    run: dict[str, dict[str, float]] = {}
    for query, item, rank in lists.iter_rows():
        run.setdefault(str(query), {})[str(item)] = -float(rank)
    truth: dict[str, dict[str, int]] = {}
    for query, item in relevant.iter_rows():
        truth.setdefault(str(query), {})[str(item)] = 1
    cuts = ",".join(map(str, CUTS))
    measures = {f"{name}.{cuts}" for name in ("P", "recall", "map_cut", "ndcg_cut", "success")} | {"recip_rank"}
    return list(pytrec_eval.RelevanceEvaluator(truth, measures).evaluate(run).values())


NAMES = {"precision": "P", "recall": "recall", "map": "map_cut", "ndcg": "ndcg_cut", "hit_rate": "success"}


def test_list_metrics_and_their_errors_agree_with_pytrec_eval() -> None:
    lists, relevant = draw_lists(1)
    by_query = evaluate_by_trec(lists, relevant)
    table = metrics.evaluate_ranks(lists, relevant, CUTS)
    for ours, theirs in NAMES.items():
        for k in CUTS:
            values = np.array([query[f"{theirs}_{k}"] for query in by_query])
            row = table.filter(metric=ours, k=k)
            assert row["value"].item() == pytest.approx(values.mean(), abs=1e-12), (ours, k)
            assert row["error"].item() == pytest.approx(values.std() / math.sqrt(QUERIES), abs=1e-12), (ours, k)
    deep = metrics.as_dict(metrics.evaluate_ranks(lists, relevant, (20,)))
    assert deep["mrr@20"] == pytest.approx(np.mean([query["recip_rank"] for query in by_query]))
    single = metrics.evaluate_ranks(lists.head(1), relevant.head(1), CUTS)
    assert set(single["error"]) == {0.0}
