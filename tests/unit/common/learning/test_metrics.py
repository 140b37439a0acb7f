"""The metrics against pytrec_eval and a loop, on random data with ties."""

import math

import numpy as np
import polars as pl
import pytest
import pytrec_eval
from sklearn.metrics import log_loss, roc_auc_score

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


def test_lists_with_several_answers_agree_with_the_table_of_ranks() -> None:
    """Those that retrieval missed count among the answers."""
    rng = np.random.default_rng(4)
    sizes = rng.integers(1, 12, QUERIES).astype(np.int32)
    query = np.repeat(np.arange(QUERIES), sizes)
    score, labels = rng.permutation(len(query)).astype(np.float64), (rng.random(len(query)) < 0.3).astype(np.float32)
    missed = rng.integers(0, 3, QUERIES)
    frame = pl.DataFrame({"query": query, "item": np.arange(len(query)), "score": score, "label": labels})
    lists = frame.with_columns(rank=pl.col("score").rank("ordinal", descending=True).over("query"))
    outside = pl.DataFrame({"query": np.repeat(np.arange(QUERIES), missed)}).with_columns(
        item=-1 - pl.int_range(pl.len())
    )
    answers = pl.concat([frame.filter(pl.col("label") > 0).select("query", "item"), outside.cast({"item": pl.Int64})])
    table = metrics.as_dict(metrics.evaluate_ranks(lists, answers, (5, 10)))
    counts = np.bincount(query, labels, QUERIES).astype(np.int64) + missed
    for name in ("ndcg@10", "map@5", "mrr@5", "recall@10", "hit_rate@5"):
        earned = metrics.score_lists(name, score, labels, sizes, counts)
        assert earned[counts > 0].mean() == pytest.approx(table[name]), name


def test_auc_and_its_error_agree_with_scikit_learn_and_delong_by_hand_on_ten_rows() -> None:
    labels = np.array([1, 0, 1, 1, 0, 0, 1, 0, 0, 0])
    predicted = np.array([0.9, 0.8, 0.7, 0.7, 0.7, 0.4, 0.35, 0.3, 0.2, 0.1])
    scores, weights = metrics.score_auc(labels, predicted), metrics.weigh_classes(labels)
    area, error = metrics.average(scores, weights)
    assert area == pytest.approx(roc_auc_score(labels, predicted)) == 0.75
    # Placements of the yeses 1, 3/4, 3/4, 1/2: variance 1/24; of the noes 1/4, 1/2, 3/4, 1, 1, 1: variance 1/10.
    assert error == pytest.approx(math.sqrt(1 / 24 / 4 + 1 / 10 / 6))
    assert metrics.score_log_loss(labels, predicted).mean() == pytest.approx(log_loss(labels, predicted))


def place(labels: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The placements of yeses and noes, pair by pair."""
    yes, no = predicted[labels == 1][:, None], predicted[labels == 0][None]
    pairs = (yes > no) + (yes == no) / 2
    return pairs.mean(1), pairs.mean(0)


def test_the_paired_difference_of_two_areas_is_delongs() -> None:
    """Scores on a few levels tie."""
    rng = np.random.default_rng(8)
    labels = (rng.random(400) < 0.2).astype(np.float64)
    models = [rng.integers(0, 9, 400) + labels * pull for pull in (2, 4)]
    placed = [place(labels, model) for model in models]
    variance = sum(
        np.cov(one, other)[[0, 0, 1], [0, 1, 1]] @ [1, -2, 1] / len(one) for one, other in zip(*placed, strict=True)
    )
    gains = np.subtract(*(metrics.score_auc(labels, model) for model in models))
    mean, error = metrics.average(gains, metrics.weigh_classes(labels))
    assert mean == pytest.approx(np.subtract(*(roc_auc_score(labels, model) for model in models)))
    assert error == pytest.approx(math.sqrt(variance))
