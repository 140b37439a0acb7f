"""From vectors and tables to candidates: neighbours, popularity, fusion, and the sums under them."""

from collections import defaultdict

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.retrieval import fusion
from common.retrieval.fusion import fuse_channels
from common.retrieval.neighbours import score_neighbours
from common.retrieval.popularity import find_popular, popular_bucket_ms
from common.retrieval.settings import FollowSettings
from common.time_units import HOUR_MS
from competitions.news.retrieval.content import find_nearest
from tests.unit.news.news_world import SCORED, SEEN, START, frame

Weights = dict[tuple[int, int], float]
CLICKS = {"user": pl.Int32, "item": pl.Int32, "time": pl.Int64}
TABLE = {"item": pl.Int32, "neighbour": pl.Int32, "weight": pl.Float32}


# --- nearest neighbours ---


def test_an_item_is_not_its_own_neighbour_though_twins_stand_before_it() -> None:
    items, vectors = np.array([3, 5, 8, 9], np.int32), np.array([[1, 1]] * 3 + [[1, 0]], np.float32)
    table = find_nearest(items, vectors, items, top=1)
    assert table["item"].to_list() == [3, 5, 8, 9]
    assert (table["item"] != table["neighbour"]).all()
    everyone = find_nearest(items, vectors, items, top=50)
    assert everyone.group_by("item").len()["len"].to_list() == [3, 3, 3, 3]
    assert everyone.filter(item=9)["weight"].to_list() == pytest.approx([0.5**0.5] * 3)  # the cosine of (1, 1), (1, 0)
    aimless = np.array([[0, 0], [1, 0], [0, 2]], np.float32)  # the first is near nothing, and breaks nothing
    near = find_nearest(items[:3], aimless, items[:1], top=5)
    assert dict(near.schema) == TABLE
    assert near.rows() == [(3, 5, 0.0), (3, 8, 0.0)]


# --- neighbours of a query's clicks ---

LOG = frame([(0, 10, 2 * HOUR_MS, 0), (0, 11, HOUR_MS, 1), (0, 12, 0, 2), (1, 11, 9 * HOUR_MS, 0)], SEEN)
LINKS = frame(
    [(10, 20, 1.0), (10, 12, 7.0), (10, 11, 9.0), (11, 20, 0.5), (11, 21, 4.0), (12, 22, 80.0), (99, 23, 5.0)], TABLE
)


def scores_of(scored: pl.DataFrame) -> Weights:
    assert dict(scored.schema) == SCORED
    assert_frame_equal(scored, scored.sort(["query", "score", "item"], descending=[False, True, False]))
    return {(query, item): score for query, item, score in scored.rows()}


@pytest.mark.parametrize(
    ("settings", "top", "expected"),
    [
        ((2, 0.5, 1.0), 10, {(0, 20): 1 + 0.5 * 0.5 * 0.5, (0, 21): 4 * 0.25, (1, 21): 4.0, (1, 20): 0.5}),
        ((3, 0.1, 1e9), 10, {(0, 20): 1.05, (0, 21): 0.4, (0, 22): 0.8, (1, 21): 4, (1, 20): 0.5}),  # by rank
        ((3, 1.0, 0.5), 10, {(0, 20): 1.125, (0, 21): 1.0, (0, 22): 80 / 16, (1, 21): 4.0, (1, 20): 0.5}),  # by hours
        ((1, 1.0, 1.0), 10, {(0, 20): 1.0, (1, 20): 0.5, (1, 21): 4.0}),  # from the last click alone
        ((3, 1.0, 1e9), 1, {(0, 22): 80.0, (1, 21): 4.0}),
        ((1, 1.0, 1.0), 1, {(0, 20): 1.0, (1, 21): 4.0}),  # behind two that were seen
    ],
)
def test_scores_add_up_decayed_weights_and_leave_out_what_was_seen(
    settings: tuple[int, float, float], top: int, expected: Weights
) -> None:
    last, decay, hours = settings
    chosen = FollowSettings(last=last, decay=decay, half_life_hours=hours)
    assert scores_of(score_neighbours(LOG, LINKS, chosen, top)) == pytest.approx(expected)


# --- popularity ---


@pytest.mark.parametrize(("before", "after"), [(1.0, 1.0), (0.0, 3.0), (3.0, 0.0), (24.0, 24.0), (2.0, 6.0)])
def test_popularity_counts_the_buckets_around_the_query(before: float, after: float) -> None:
    rng = np.random.default_rng(1)
    history = [(0, int(rng.integers(12)), START + int(rng.integers(72 * HOUR_MS))) for _ in range(500)]
    queries = [(query, START + int(rng.integers(-HOUR_MS, 73 * HOUR_MS))) for query in range(40)]
    queries += [(query + 40, time) for query, time in queries[:5]]  # two queries of one moment
    seen = {(query, int(rng.integers(12))) for query in range(45) for _ in range(2)}
    width = popular_bucket_ms((before, after))
    first, last = round(-before * HOUR_MS / width), round(after * HOUR_MS / width) if after else -1
    expected: Weights = defaultdict(float)
    for query, time in queries:
        for _, item, moment in history:
            if first <= moment // width - time // width <= last and (query, item) not in seen:
                expected[query, item] += 1
    log, times = frame(history, CLICKS), frame(queries, {"query": pl.Int32, "time": pl.Int64})
    known = frame([(q, i, 0, 0) for q, i in seen], SEEN)
    full, short = (find_popular(log, times, known, (before, after), top) for top in (100, 3))
    assert scores_of(full) == expected
    assert_frame_equal(short, full.group_by("query", maintain_order=True).head(3))


# --- union ---


def fuse(channels: dict[str, pl.DataFrame], constant: float, top: int) -> pl.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fusion, "CONSTANT", constant)
        return fuse_channels(channels, top)


def test_fusion_adds_reciprocal_ranks_and_keeps_every_rank_and_score() -> None:
    channels = {
        "near": frame([(0, 5, 0.9), (0, 6, 0.4), (1, 7, 0.1)], SCORED),
        "hot": frame([(0, 6, 40), (0, 8, 30), (0, 9, 20)], SCORED),
        "none": frame([], SCORED),
    }
    union = fuse(channels, constant=10.0, top=3)
    assert union.columns == [
        *["query", "item", "fusion", "rank_near", "score_near", "rank_hot", "score_hot", "rank_none", "score_none"]
    ]
    rounded = union.with_columns(pl.col(pl.Float32).cast(pl.Float64).round(4))
    both = round(1 / 12 + 1 / 11, 4)
    assert rounded.drop("rank_none", "score_none").rows() == [
        (0, 5, round(1 / 11, 4), 1.0, 0.9, None, None),
        (0, 6, both, 2.0, 0.4, 1.0, 40.0),
        (0, 8, round(1 / 12, 4), None, None, 2.0, 30.0),  # 9 is fourth
        (1, 7, round(1 / 11, 4), 1.0, 0.1, None, None),
    ]
    assert union["rank_none"].null_count() == union["score_none"].null_count() == union.height
    weighed = fuse_channels(channels, 3, {"near": 0.5, "hot": 2.0, "none": 1.0}).filter(query=0)
    assert weighed["item"].to_list() == [6, 8, 9]
    assert weighed["fusion"].to_list() == pytest.approx([0.5 / 22 + 2 / 21, 2 / 22, 2 / 23])
