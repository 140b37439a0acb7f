"""Guarded joins, comparisons within a query, and counts in time windows against a loop."""

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from common.features import HOUR_MS, attach, count_events, rank_within, share_within

# --- attach ---


def test_attach_adds_columns_in_the_order_of_the_left() -> None:
    left = pl.DataFrame({"a": [2, 1, 2, 9], "b": [0, 0, 1, 0]})
    right = pl.DataFrame({"b": [0, 0, 1], "a": [1, 2, 2], "c": [10, 20, 21]})
    assert attach(left, right, ["a", "b"]).rows() == [(2, 0, 20), (1, 0, 10), (2, 1, 21), (9, 0, None)]


def test_attach_refuses_a_duplicate_key_on_the_right_alone() -> None:
    twice = pl.DataFrame({"a": [1, 1, 2], "b": [0, 1, 0]})
    once = pl.DataFrame({"a": [1, 2], "c": [5, 6]})
    with pytest.raises(ValueError, match=r"duplicate key in \['a'\]"):
        attach(once, twice, ["a"])
    assert attach(twice, once, ["a"]).height == 3


def test_attach_refuses_a_duplicate_key_that_no_row_asks_for() -> None:
    with pytest.raises(ValueError, match="duplicate key"):
        attach(pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [7, 7], "c": [0, 1]}), ["a"])


def test_attach_refuses_a_shared_column_by_name() -> None:
    left = pl.DataFrame({"a": [1], "b": [1], "c": [1]})
    with pytest.raises(ValueError, match=r"both frames have \['b', 'c'\]"):
        attach(left, left, ["a"])


def test_attach_keeps_its_order_over_many_rows() -> None:
    keys = np.random.default_rng(0).integers(0, 500, 100_000)
    right = pl.DataFrame({"key": range(500)}).with_columns(value=pl.col("key") * 7).sample(500, shuffle=True, seed=1)
    attached = attach(pl.DataFrame({"key": keys}), right, ["key"])
    assert (attached["key"].to_numpy() == keys).all()
    assert (attached["value"].to_numpy() == keys * 7).all()


# --- within a query ---

WITHIN = pl.DataFrame(
    {"query": [1, 2, 1, 1, 2, 1, 3], "x": [4.0, 0.5, 2.0, None, 1.0, 2.0, None]},
    schema={"query": pl.Int32, "x": pl.Float64},
)


def test_share_is_of_the_largest_in_the_query_and_null_counts_as_nothing() -> None:
    shares = WITHIN.select(share_within("x"))
    assert shares.to_series().to_list() == [1.0, 0.5, 0.5, 0.0, 1.0, 0.5, 0.0]
    assert shares.schema == {"x_share": pl.Float32}


def test_rank_is_one_for_the_largest_and_shared_by_ties() -> None:
    ranks = WITHIN.select(rank_within("x"))
    assert ranks.to_series().to_list() == [1.0, 2.0, 2.5, 4.0, 1.0, 2.5, 1.0]
    assert ranks.schema == {"x_rank": pl.Float32}


def test_the_group_may_be_another_column() -> None:
    frame = pl.DataFrame({"query": [1, 1, 1], "user": [5, 5, 6], "x": [1.0, 2.0, 8.0]})
    both = frame.select(share_within("x", "user"), rank_within("x", "user"))
    assert both.rows() == [(0.5, 2.0), (1.0, 1.0), (1.0, 1.0)]


# --- windows ---


def count_by_hand(
    keys: NDArray[np.int32],
    times: NDArray[np.int64],
    queries: NDArray[np.int32],
    at: NDArray[np.int64],
    before: float,
    after: float,
) -> list[int]:
    return [
        sum(
            key == own and moment - before * HOUR_MS < time <= moment + after * HOUR_MS
            for key, time in zip(keys.tolist(), times.tolist(), strict=True)
        )
        for own, moment in zip(queries.tolist(), at.tolist(), strict=True)
    ]


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
    counted = count_events(keys, times)[0].between(queries, at, before, after)
    assert counted.dtype == np.float32
    assert counted.tolist() == count_by_hand(keys, times, queries, at, before, after)
    assert counted.any()


def test_a_window_is_open_on_the_left_and_closed_on_the_right() -> None:
    counts, _ = count_events(np.array([7, 7], np.int32), np.array([0, 10 * HOUR_MS]))

    def count(time: int, before: float, after: float) -> float:
        return float(counts.between(np.array([7], np.int32), np.array([time]), before, after)[0])

    assert count(2 * HOUR_MS, 2, 0) == 0
    assert count(2 * HOUR_MS - 1, 2, 0) == 1
    assert count(8 * HOUR_MS, 0, 2) == 1
    assert count(8 * HOUR_MS - 1, 0, 2) == 0
    assert count(0, 1, 0) == 1  # the moment itself
    assert count(0, 0, 1) == 0


def test_times_outside_the_range_and_keys_without_events_count_nothing_of_their_neighbours() -> None:
    keys = np.array([0, 1, 1, 2], np.int32)
    counts, _ = count_events(keys, np.array([0, 0, 5 * HOUR_MS, 9 * HOUR_MS]))
    century = 100 * 365 * 24 * HOUR_MS
    queries = np.array([1, 1, 1, 1, 5], np.int32)
    at = np.array([-century, century, -HOUR_MS, 2 * HOUR_MS, 2 * HOUR_MS])
    assert counts.between(queries, at, 2.0, 0.5).tolist() == [0, 0, 0, 0, 0]
    assert counts.between(queries, at, 2.5, 4.0).tolist() == [0, 0, 1, 2, 0]
    assert counts.between(queries, at, 1e6, 1e6).tolist() == [2, 2, 2, 2, 0]


def test_no_events_count_nothing() -> None:
    counts, _ = count_events(np.empty(0, np.int32), np.empty(0, np.int64))
    assert counts.between(np.array([3], np.int32), np.array([HOUR_MS]), 5, 5).tolist() == [0]
