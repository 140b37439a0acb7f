"""The metrics against tables worked out by hand, and against pytrec_eval and scikit-learn on random data with ties."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from common.learning import metrics

Row = tuple[int, int, float | None]
IDS = {"query": pl.Int32, "item": pl.Int32}
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


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        # Query 0 lists 4 items and finds 2 of its 3 answers at ranks 1 and 3; query 1 finds its answer at rank 2;
        # recall missed query 2 (it has no row at all). The cut-off is 3.
        ("precision", (2 / 3 + 1 / 3 + 0) / 3),
        ("recall", (2 / 3 + 1 + 0) / 3),
        ("f1", (2 * 2 / 6 + 2 * 1 / 4 + 0) / 3),
        ("hit_rate", (1 + 1 + 0) / 3),
        ("mrr", (1 + 1 / 2 + 0) / 3),
        ("map", ((1 / 1 + 2 / 3) / 3 + 1 / 2 + 0) / 3),
        ("ndcg", ((1 + 1 / 2) / (1 + 1 / math.log2(3) + 1 / 2) + 1 / math.log2(3) + 0) / 3),
    ],
)
def test_list_metrics_on_a_hand_computed_table(metric: str, expected: float) -> None:
    scored = predictions((0, 10, 0.9), (0, 11, 0.8), (0, 12, 0.7), (0, 13, 0.6), (1, 10, 0.2), (1, 11, 0.1))
    relevant = answers((0, 10), (0, 12), (0, 99), (1, 11), (2, 10))
    table = metrics.evaluate(scored, relevant, k=(1, 3))
    assert value(table, metric, 3) == pytest.approx(expected)
    assert set(table["queries"]) == {3}


def test_a_tie_counts_against_the_positive_wherever_its_row_stands() -> None:
    tied = [(0, item, 0.5) for item in range(4)]
    for item in range(4):
        table = metrics.evaluate(predictions(*tied, (0, 9, 0.1)), answers((0, item)), k=(3, 4))
        assert (value(table, "mrr", 3), value(table, "mrr", 4)) == (0, 1 / 4)


def test_tied_positives_share_the_last_ranks_of_their_tie() -> None:
    scored = predictions((0, 1, 0.5), (0, 2, 0.5), (0, 3, 0.5), (0, 4, 0.5), (0, 5, 0.9))
    table = metrics.evaluate(scored, answers((0, 1), (0, 3)), k=(3, 4, 5))
    assert [value(table, "recall", k) for k in (3, 4, 5)] == [0, 0.5, 1]


def test_standard_error_counts_the_missed_queries() -> None:
    table = metrics.evaluate_ranks(ranked([1], [2], [3]), answers((0, 1), (1, 2), (2, 9), (3, 9), (4, 1)), k=(1,))
    sample = np.array([1, 1, 0, 0, 0])
    assert value(table, "hit_rate", 1) == pytest.approx(sample.mean())
    error = table.filter(metric="hit_rate")["error"].item()
    assert error == pytest.approx(sample.std(ddof=1) / math.sqrt(5))
    assert metrics.evaluate_ranks(ranked([1]), answers((0, 1)))["error"].null_count() == len(metrics.LIST_METRICS) * 4


@pytest.mark.parametrize(
    ("scored", "relevant", "words"),
    [
        (predictions((0, 1, math.nan)), answers((0, 1)), "missing or NaN"),
        (predictions((0, 1, None)), answers((0, 1)), "missing or NaN"),
        (predictions((0, 1, 0.5), (0, 1, 0.4)), answers((0, 1)), "twice"),
        (predictions((0, 1, 0.5)), answers(), "no answers"),
    ],
)
def test_bad_tables_are_refused(scored: pl.DataFrame, relevant: pl.DataFrame, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        metrics.evaluate(scored, relevant)


def test_coverage_novelty_and_diversity_look_at_the_first_k() -> None:
    lists = ranked([1, 2, 3, 9], [1, 4], [5])
    assert metrics.coverage(lists, 10, 2) == 4 / 10
    clicks = pl.DataFrame({"item": [1, 1, 2, 2, 4, 4, 4, 4]}, schema={"item": pl.Int32})
    # Shares at k = 2: 1 and 2 have 1/4, 4 has 1/2; 5 was never clicked and counts as one click of 8.
    assert metrics.novelty(lists, clicks, 2) == pytest.approx((2 + 2 + 2 + 1 + 3) / 5)
    categories = pl.DataFrame({"item": [1, 2, 3, 4], "category": [7, 7, 8, 7]}, schema_overrides={"item": pl.Int32})
    assert metrics.category_diversity(lists, categories, 2) == 0
    assert metrics.category_diversity(lists, categories, 4) == pytest.approx((2 / 3 + 0) / 2)
    assert metrics.category_diversity(ranked([5]), categories, 5) is None


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


def oracle(scored: pl.DataFrame, relevant: pl.DataFrame) -> dict[str, dict[str, float]]:
    """pytrec_eval's measures per query, on scores that it cannot tie: ours are broken against the positive first."""
    pairs = set(relevant.rows())
    run: dict[str, dict[str, float]] = {}
    for query, group in scored.group_by("query"):
        order = sorted(group.rows(), key=lambda row: (-row[2], (row[0], row[1]) in pairs, row[1]))
        run[str(query[0])] = {str(row[1]): float(len(order) - index) for index, row in enumerate(order)}
    truth: dict[str, dict[str, int]] = {}
    for query, item in relevant.iter_rows():
        truth.setdefault(str(query), {})[str(item)] = 1
    cuts = ",".join(map(str, CUTS))
    measures = {f"{name}.{cuts}" for name in ("P", "recall", "map_cut", "ndcg_cut", "success")} | {"recip_rank"}
    result: dict[str, dict[str, float]] = pytrec_eval.RelevanceEvaluator(truth, measures).evaluate(run)
    return result


NAMES = {"precision": "P", "recall": "recall", "map": "map_cut", "ndcg": "ndcg_cut", "hit_rate": "success"}


@pytest.mark.parametrize("levels", [None, 3])
def test_list_metrics_agree_with_pytrec_eval(levels: int | None) -> None:
    scored, relevant = random_table(1, 200, levels)
    per_query = oracle(scored, relevant).values()
    table = metrics.evaluate(scored, relevant, CUTS)
    for ours, theirs in NAMES.items():
        for k in CUTS:
            values = np.array([query[f"{theirs}_{k}"] for query in per_query])
            row = table.filter(metric=ours, k=k)
            assert row["value"].item() == pytest.approx(values.mean(), abs=1e-12), (ours, k)
            assert row["error"].item() == pytest.approx(values.std(ddof=1) / math.sqrt(200), abs=1e-12), (ours, k)
    deep = metrics.evaluate(scored, relevant, (20,))
    assert value(deep, "mrr", 20) == pytest.approx(np.mean([query["recip_rank"] for query in per_query]))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from([None, 1, 2, 4]))
def test_evaluate_agrees_with_ranking_every_row(seed: int, queries: int, levels: int | None) -> None:
    scored, relevant = random_table(seed, queries, levels)
    marked = scored.join(relevant.with_columns(relevant=True), on=["query", "item"], how="left")
    by_score = marked.with_columns(pl.col("relevant").fill_null(False)).sort(
        ["query", "score", "relevant", "item"], descending=[False, True, False, False]
    )
    every_row = by_score.with_columns(pl.int_range(1, pl.len() + 1).over("query").alias("rank"))
    assert metrics.evaluate(scored, relevant).equals(metrics.evaluate_ranks(every_row, relevant))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([None, 2, 5]))
def test_auc_and_gauc_agree_with_scikit_learn(seed: int, levels: int | None) -> None:
    scored, _ = random_table(seed, 12, levels)
    rng = np.random.default_rng(seed)
    scored = scored.with_columns(pl.Series("relevant", rng.random(scored.height) < 0.4))
    areas: list[tuple[float, int]] = []
    for _, group in scored.group_by("query"):
        if group["relevant"].n_unique() == 2:
            areas.append((_area(group), group.height))
    expected = np.average([area for area, _ in areas], weights=[rows for _, rows in areas])
    assert metrics.gauc(scored) == pytest.approx(expected)
    assert metrics.auc(scored) == pytest.approx(_area(scored))


def _area(group: pl.DataFrame) -> Any:
    return roc_auc_score(group["relevant"].to_numpy(), group["score"].to_numpy())


def test_one_class_has_no_area() -> None:
    one_class = pl.DataFrame({"query": [0, 0], "score": [0.1, 0.2], "relevant": [True, True]})
    assert metrics.auc(one_class) is metrics.gauc(one_class) is None


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
