"""Comparisons within a query by hand and by polars, and counts in time windows against a loop."""

import numpy as np
import polars as pl
import pytest

from common.features.in_list import group_rows, rank_within, share_within
from common.features.windows import count_events, count_windows
from common.retrieval.sort_keys import falling_bits
from common.time_units import HOUR_MS

# --- within a query ---


def test_rows_of_a_query_that_stand_together_are_compared_as_any_others() -> None:
    rng = np.random.default_rng(0)
    query, order = np.sort(rng.integers(0, 20, 300)), rng.permutation(300)
    values = rng.integers(-3, 9, 300).astype(np.float32)
    ranks, shares = rank_within(values, group_rows(query)), share_within(abs(values)[None], group_rows(query))
    mixed = group_rows(query[order])
    np.testing.assert_array_equal(rank_within(values[order], mixed), ranks[order])
    np.testing.assert_array_equal(share_within(abs(values)[order][None], mixed), shares[:, order])
    by_polars = pl.DataFrame({"query": query, "x": values}).select(
        rank=pl.col("x").rank("average", descending=True).over("query"),
        share=pl.col("x").abs() / pl.col("x").abs().max().over("query"),
    )
    np.testing.assert_array_equal(ranks, by_polars["rank"])
    np.testing.assert_allclose(shares[0], by_polars["share"], rtol=1e-6)
    none = np.empty(0, np.float32)
    assert rank_within(none, group_rows(none)).shape == (0,)
    assert share_within(none[None], group_rows(none)).shape == (1, 0)


def test_the_larger_a_value_the_smaller_its_bits() -> None:
    values = np.array([-np.inf, -2.5, -1e-30, 0.0, 1e-30, 1.0, np.float32(1) + 2.0**-23, 7e9, np.inf], np.float32)
    assert (np.diff(falling_bits(values).astype(np.int64)) < 0).all()
    assert falling_bits(np.array([-0.0], np.float32)) == falling_bits(np.array([0.0], np.float32))


# --- windows ---


@pytest.mark.parametrize(
    ("before", "after"), [(1.0, 0.0), (0.0, 1.0), (3.0, 3.0), (-1.0, 5.0), (0.5, 0.25), (1e5, 1e5), (4.0, -2.0)]
)
def test_window_counts_agree_with_a_loop(before: float, after: float) -> None:
    rng = np.random.default_rng(0)
    quarter = HOUR_MS // 4  # times on a grid: many fall on the very edge of a window
    keys = rng.integers(0, 6, 300).astype(np.int32)
    times = 1_507_000_000_000 + rng.integers(0, 60, 300) * quarter
    queries = rng.integers(0, 8, 200).astype(np.int32)
    at = 1_507_000_000_000 + rng.integers(-30, 90, 200) * quarter
    counted = count_events(keys, times).count(queries, at, [(before, after)])[0]
    assert counted.dtype == np.float32
    assert counted.tolist() == [  # open on the left, closed on the right
        ((keys == own) & (moment - before * HOUR_MS < times) & (times <= moment + after * HOUR_MS)).sum()
        for own, moment in zip(queries, at, strict=True)
    ]
    assert counted.any()


def test_times_outside_the_range_and_keys_without_events_count_nothing_of_their_neighbours() -> None:
    keys = np.array([0, 1, 1, 2], np.int32)
    counts = count_events(keys, np.array([0, 0, 5 * HOUR_MS, 9 * HOUR_MS]))
    century = 100 * 365 * 24 * HOUR_MS
    queries = np.array([1, 1, 1, 1, 5], np.int32)
    at = np.array([-century, century, -HOUR_MS, 2 * HOUR_MS, 2 * HOUR_MS])
    assert counts.count(queries, at, [(2.0, 0.5)])[0].tolist() == [0, 0, 0, 0, 0]
    assert counts.count(queries, at, [(2.5, 4.0)])[0].tolist() == [0, 0, 1, 2, 0]
    assert counts.count(queries, at, [(1e6, 1e6)])[0].tolist() == [2, 2, 2, 2, 0]
    none = count_events(keys[:0], at[:0])
    assert none.count(queries[:1], at[-1:], [(5, 5)])[0].tolist() == [0]


def test_keys_too_great_to_be_packed_share_no_events() -> None:
    log = pl.DataFrame({"item": [7, 7 + 2**23], "time": [0, 0]})
    assert count_windows(log, log, "item", {"all": (9.0, 9.0)})["all"].to_list() == [1, 1]
