"""Flat lists: the best of each row, what was seen, and ranges of rows."""

import numpy as np
import polars as pl
import pytest

from common.retrieval.lists import (
    Histories,
    ScoredLists,
    count_up,
    drop_seen,
    gather_histories,
    keep_best,
    slice_histories,
)
from tests.unit.news.news_world import SEEN, frame

CLICKED = frame([(4, 12, 100, 1), (4, 10, 300, 0), (7, 11, 50, 0)], SEEN)


def make_lists(*rows: list[tuple[int, float]]) -> ScoredLists:
    entries = [entry for row in rows for entry in row]
    items, scores = ([entry[side] for entry in entries] for side in (0, 1))
    starts = count_up(np.array([len(row) for row in rows], np.int64))
    return ScoredLists(starts, np.array(items, np.int32), np.array(scores, np.float32))


def entries_of(listed: ScoredLists) -> list[tuple[int, int, float]]:
    return list(zip(listed.rows.tolist(), listed.items.tolist(), listed.scores.tolist(), strict=True))


@pytest.mark.parametrize("largest", [40, 2**31 - 1])  # packed into 64 bits, and too large for that
def test_the_best_of_a_row_are_those_of_a_sort_with_ties_by_item(largest: int) -> None:
    rng = np.random.default_rng(0)
    rows, scores = rng.integers(0, 6, 400), rng.integers(-3, 4, 400) / 2
    items = rng.permutation(400) % 41
    items[items == 40] = largest
    rows[rows == 3] = 2  # a row without entries
    best = entries_of(keep_best(rows, items, scores, 9, 6))
    for row in range(6):
        own = sorted((-s, i) for r, i, s in zip(rows, items, scores, strict=True) if r == row)[:9]
        assert [(i, s) for r, i, s in best if r == row] == [(i, -s) for s, i in own]
    tops = np.array([0, 1, 2, 3, 4, 5])
    assert np.diff(keep_best(rows, items, scores, tops, 6).starts).tolist() == [0, 1, 2, 0, 4, 5]
    assert keep_best(rows[:0], items[:0], scores[:0], 5, 3).starts.tolist() == [0, 0, 0, 0]


def test_clicks_stand_by_query_in_the_order_of_time() -> None:
    ids, histories = gather_histories(CLICKED)
    assert ids.tolist() == [4, 7]
    assert (histories.times.tolist(), histories.items.tolist()) == ([300, 50], [12, 10, 11])
    assert histories.rows.tolist() == [0, 0, 1]
    queries = pl.DataFrame({"query": [7, 5, 4], "time": [9, 8, 7]}, schema_overrides={"query": pl.Int32})
    ids, histories = gather_histories(CLICKED, queries)
    assert (ids.tolist(), histories.times.tolist()) == ([4, 5, 7], [7, 8, 9])
    assert histories.starts.tolist() == [0, 2, 2, 3]
    part = slice_histories(histories, 2, 3)
    assert (part.times.tolist(), part.items.tolist(), part.starts.tolist()) == ([9], [11], [0, 1])
    with pytest.raises(ValueError, match="not among the queries"):
        gather_histories(CLICKED, queries.filter(pl.col("query") < 6))


def test_seen_items_leave_their_own_list_alone() -> None:
    _, histories = gather_histories(CLICKED)
    listed = make_lists([(11, 3.0), (10, 2.0), (13, 1.0)], [(11, 3.0), (10, 2.0)])
    assert entries_of(drop_seen(listed, histories)) == [(0, 11, 3.0), (0, 13, 1.0), (1, 10, 2.0)]
    empty = Histories(np.zeros(2, np.int64), np.zeros(3, np.int64), *[np.empty(0, np.int64)] * 3)
    assert entries_of(drop_seen(listed, empty)) == entries_of(listed)
