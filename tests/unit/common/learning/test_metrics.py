"""The metrics against tables worked out by hand, and against a loop on random data with ties."""

import math

import numpy as np
import polars as pl
import pytest

from common.learning import metrics

IDS = {"query": pl.Int32, "item": pl.Int32}


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
    ("metric", "first", "expected"),
    [
        # Query 0 lists 4 items and finds 2 of its 3 answers at ranks 1 and 3; query 1 finds its answer at rank 2;
        # recall missed query 2 (it has no row at all). The cut-offs are 1 and 3.
        ("precision", 1 / 3, (2 / 3 + 1 / 3 + 0) / 3),
        ("recall", 1 / 3 / 3, (2 / 3 + 1 + 0) / 3),
        ("f1", 2 * 1 / 4 / 3, (2 * 2 / 6 + 2 * 1 / 4 + 0) / 3),
        ("hit_rate", 1 / 3, (1 + 1 + 0) / 3),
        ("mrr", 1 / 3, (1 + 1 / 2 + 0) / 3),
        ("map", 1 / 3 / 3, ((1 / 1 + 2 / 3) / 3 + 1 / 2 + 0) / 3),
        ("ndcg", 1 / 3, ((1 + 1 / 2) / (1 + 1 / math.log2(3) + 1 / 2) + 1 / math.log2(3) + 0) / 3),
    ],
)
def test_list_metrics_on_a_hand_computed_table(metric: str, first: float, expected: float) -> None:
    lists = ranked([10, 11, 12, 13], [10, 11])
    relevant = answers((0, 10), (0, 12), (0, 99), (1, 11), (2, 10))
    table = metrics.evaluate_ranks(lists, relevant, k=(1, 3))
    assert (value(table, metric, 1), value(table, metric, 3)) == pytest.approx((first, expected))
    assert set(table["queries"]) == {3}


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


def test_no_answers_are_refused() -> None:
    with pytest.raises(ValueError, match="no answers"):
        metrics.evaluate_ranks(ranked([1]), answers())
