"""From vectors and tables to candidates: neighbours, popularity, fusion, and sums and tops under them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.learning.cooccurrence import exact_sum, keep_top
from common.learning.features import HOUR_MS
from competitions.news.nearest import find_nearest
from competitions.news.retrieval import fusion, lists
from competitions.news.retrieval.fusion import fuse_channels
from competitions.news.retrieval.neighbours import FollowSettings, score_neighbours
from competitions.news.retrieval.popularity import find_popular

Click = tuple[int, int, int]  # user, item, time in ms
Weights = dict[tuple[int, int], float]
CLICKS = {"user": pl.Int32, "item": pl.Int32, "time": pl.Int64}
TABLE = {"item": pl.Int32, "neighbour": pl.Int32, "weight": pl.Float32}
SEEN = {"query": pl.Int32, "item": pl.Int32, "time": pl.Int64, "back": pl.Int32}
SCORED = {"query": pl.Int32, "item": pl.Int32, "score": pl.Float32}
START = 1_507_000_000_000


def frame(rows: Iterable[tuple[float, ...]], schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=schema, orient="row")


# --- nearest neighbours ---


def pairs_of(table: pl.DataFrame) -> Weights:
    assert dict(table.schema) == TABLE
    return {(item, neighbour): weight for item, neighbour, weight in table.rows()}


def test_nearest_neighbours_agree_with_numpy() -> None:
    rng = np.random.default_rng(0)
    items = np.sort(rng.choice(500, 60, replace=False)).astype(np.int32)
    vectors = (rng.normal(size=(60, 8)) * rng.uniform(0.1, 9, (60, 1))).astype(np.float32)
    queries = np.array([*items[::3], 1000, -4], np.int32)
    table = find_nearest(items, vectors, queries, top=7)
    cosine = vectors @ vectors.T / np.linalg.norm(vectors, axis=1) / np.linalg.norm(vectors, axis=1)[:, None]
    np.fill_diagonal(cosine, -2)
    best = np.argsort(-cosine[::3], axis=1)[:, :7]
    assert table["item"].to_list() == np.repeat(items[::3], 7).tolist()
    assert table["neighbour"].to_list() == items[best].ravel().tolist()
    np.testing.assert_allclose(
        table["weight"].to_numpy(), np.take_along_axis(cosine[::3], best, axis=1).ravel(), rtol=1e-5
    )


def test_an_item_is_not_its_own_neighbour_though_twins_stand_before_it() -> None:
    items, vectors = np.array([3, 5, 8, 9], np.int32), np.array([[1, 1]] * 3 + [[1, 0]], np.float32)
    table = find_nearest(items, vectors, items, top=1)
    assert table["item"].to_list() == [3, 5, 8, 9]
    assert (table["item"] != table["neighbour"]).all()
    everyone = find_nearest(items, vectors, items, top=50)
    assert everyone.group_by("item").len()["len"].to_list() == [3, 3, 3, 3]


def test_an_item_without_direction_is_near_nothing_and_breaks_nothing() -> None:
    items, vectors = np.array([1, 2, 3], np.int32), np.array([[0, 0], [1, 0], [0, 2]], np.float32)
    assert pairs_of(find_nearest(items, vectors, items[:1], top=5)) == {(1, 2): 0.0, (1, 3): 0.0}


# --- neighbours of a query's clicks ---

LOG = frame(
    [(0, 10, 2 * HOUR_MS, 0), (0, 11, HOUR_MS, 1), (0, 12, 0, 2), (1, 11, 9 * HOUR_MS, 0)],
    SEEN,
)
LINKS = frame(
    [(10, 20, 1.0), (10, 12, 7.0), (10, 11, 9.0), (11, 20, 0.5), (11, 21, 4.0), (12, 22, 80.0), (99, 23, 5.0)], TABLE
)


def scores_of(scored: pl.DataFrame) -> Weights:
    assert dict(scored.schema) == SCORED
    assert_frame_equal(scored, scored.sort(["query", "score", "item"], descending=[False, True, False]))
    return {(query, item): score for query, item, score in scored.rows()}


def score(last: int, decay: float, half_life_hours: float, top: int = 10) -> Weights:
    settings = FollowSettings(last=last, decay=decay, half_life_hours=half_life_hours)
    return scores_of(score_neighbours(LOG, LINKS, settings, top))


def test_scores_add_up_decayed_weights_and_leave_out_what_was_seen() -> None:
    assert score(2, 0.5, 1.0) == {(0, 20): 1 + 0.5 * 0.5 * 0.5, (0, 21): 4 * 0.25, (1, 21): 4.0, (1, 20): 0.5}


def test_scores_decay_by_rank_and_by_the_hours_before_the_last_click() -> None:
    assert score(3, 0.1, 1e9) == pytest.approx({(0, 20): 1.05, (0, 21): 0.4, (0, 22): 0.8, (1, 21): 4, (1, 20): 0.5})
    assert score(3, 1.0, 0.5) == {(0, 20): 1.125, (0, 21): 1.0, (0, 22): 80 / 16, (1, 21): 4.0, (1, 20): 0.5}


def test_scores_start_from_the_last_clicks_and_keep_the_best_items() -> None:
    assert score(1, 1.0, 1.0).keys() == {(0, 20), (1, 20), (1, 21)}
    assert score(3, 1.0, 1e9, top=1) == {(0, 22): 80.0, (1, 21): 4.0}


# --- popularity ---


def popular_by_loop(
    history: list[Click], queries: list[tuple[int, int]], seen: set[tuple[int, int]], before: float, after: float
) -> Weights:
    width = int((before + after) * HOUR_MS / 8)
    counted: Weights = defaultdict(float)
    for query, time in queries:
        own = time // width
        for _, item, moment in history:
            first, last = own - round(before * HOUR_MS / width), own + round(after * HOUR_MS / width)
            if first <= moment // width <= last and (query, item) not in seen:
                counted[query, item] += 1
    return counted


@pytest.mark.parametrize(("before", "after"), [(1.0, 1.0), (0.0, 3.0), (3.0, 0.0), (24.0, 24.0), (2.0, 6.0)])
def test_popularity_counts_the_buckets_around_the_query(before: float, after: float) -> None:
    rng = np.random.default_rng(1)
    history = [(0, int(rng.integers(12)), START + int(rng.integers(72 * HOUR_MS))) for _ in range(500)]
    queries = [(query, START + int(rng.integers(-HOUR_MS, 73 * HOUR_MS))) for query in range(40)]
    queries += [(query + 40, time) for query, time in queries[:5]]  # two queries of one moment
    seen = {(query, int(rng.integers(12))) for query in range(45) for _ in range(2)}
    expected = popular_by_loop(history, queries, seen, before, after)

    def find(top: int) -> pl.DataFrame:
        return find_popular(
            frame(history, CLICKS),
            frame(queries, {"query": pl.Int32, "time": pl.Int64}),
            frame([(q, i, 0, 0) for q, i in seen], SEEN),
            (before, after),
            top,
        )

    full = find(100)
    assert scores_of(full) == expected
    assert_frame_equal(find(3), full.group_by("query", maintain_order=True).head(3))


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


def test_fusion_gives_unique_keys_and_agrees_with_a_loop() -> None:
    rng = np.random.default_rng(4)
    channels: dict[str, pl.DataFrame] = {}
    fused: Weights = defaultdict(float)
    for name in "abcd":
        rows = [
            (q, int(i), 1.0 / rank) for q in range(30) for rank, i in enumerate(rng.choice(40, 12, replace=False), 1)
        ]
        channels[name] = frame(rows, SCORED)
        for query, item, score in rows:
            fused[query, item] += 1 / (20 + round(1 / score))
    union = fuse_channels(channels, top=10)
    assert not union.select("query", "item").is_duplicated().any()
    assert_frame_equal(union, union.sort("query", "item"))
    assert union.group_by("query").len()["len"].to_list() == [10] * 30
    assert {(q, i): f for q, i, f in union.select("query", "item", "fusion").rows()} == pytest.approx(
        {(q, i): fused[q, i] for q, i in union.select("query", "item").rows()}
    )
    for query in range(30):
        kept = union.filter(query=query)["fusion"].min()
        left_out = [
            value for (q, i), value in fused.items() if q == query and i not in union.filter(query=query)["item"]
        ]
        assert max(left_out) <= kept + 1e-6  # type: ignore[operator]


# --- sums and tops ---


def test_the_exact_sum_does_not_depend_on_the_order_of_its_rows() -> None:
    rng = np.random.default_rng(0)
    values = pl.DataFrame({"group": rng.integers(0, 3, 20_000), "x": 10.0 ** rng.uniform(-6, 3, 20_000)})
    orders = [values, *(values.sample(fraction=1, shuffle=True, seed=seed) for seed in range(6))]
    sums = {tuple(order.group_by("group").agg(exact_sum(pl.col("x"))).sort("group")["x"]) for order in orders}
    assert len(sums) == 1
    assert next(iter(sums)) == pytest.approx(values.group_by("group").agg(pl.col("x").sum()).sort("group")["x"])


def test_the_exact_sum_is_right_to_the_last_digit_it_keeps() -> None:
    tiny = 2.0**-32
    assert (
        pl.DataFrame({"x": [1.0, tiny, -0.25, 0.5, 3 * tiny]}).select(exact_sum(pl.col("x"))).item() == 1.25 + 4 * tiny
    )
    assert pl.DataFrame({"x": [0.6 * tiny] * 3}).select(exact_sum(pl.col("x"))).item() == 3 * tiny


def test_keep_top_ranks_within_the_group_with_ties_by_item() -> None:
    rows = [(1, 5, 2.0), (1, 4, 2.0), (1, 3, 9.0), (1, 6, 2.0), (0, 9, -1.0), (0, 8, 0.0), (2, 1, 5.0)]
    wide = pl.DataFrame(rows, schema={"query": pl.Int32, "item": pl.Int32, "score": pl.Float64}, orient="row")
    kept = keep_top(wide.lazy(), "query", "item", "score", 2)
    assert kept.rows() == [(0, 8, 0.0), (0, 9, -1.0), (1, 3, 9.0), (1, 4, 2.0), (2, 1, 5.0)]
    assert kept.schema["score"] == pl.Float32


# --- parts ---


def draw_fold(rng: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    seen = [
        (query, int(rng.integers(20)), START + back * 7 * 10**6, 6 - back) for query in range(12) for back in range(7)
    ]
    links = [(i, j, float(rng.random())) for i in range(20) for j in rng.choice(30, 8, replace=False).tolist()]
    return frame(seen, SEEN), frame(links, TABLE)


def list_some(seen: pl.DataFrame, table: pl.DataFrame) -> dict[str, pl.DataFrame]:
    settings = FollowSettings(last=5, decay=0.8, half_life_hours=3.0)
    log = frame([(0, i, START + i * 2 * 10**6) for i in range(30)], CLICKS)
    queries = seen.group_by("query", maintain_order=True).agg(pl.col("time").max())
    listed = {
        "near": score_neighbours(seen, table, settings, 6),
        "hot": find_popular(log, queries, seen, (2.0, 2.0), 6),
    }
    return listed | {"union": fuse_channels(listed, 7)}


def test_a_list_does_not_depend_on_the_other_queries_nor_on_the_size_of_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, table = draw_fold(np.random.default_rng(3))
    whole = list_some(seen, table)
    assert all(listed["query"].n_unique() == 12 for listed in whole.values())
    for query in range(12):
        alone = list_some(seen.filter(query=query), table)
        for name, listed in alone.items():
            assert_frame_equal(listed, whole[name].filter(query=query), check_exact=True)
    monkeypatch.setattr(lists, "PART_ENTRIES", 30)
    for name, listed in list_some(seen, table).items():
        assert_frame_equal(listed, whole[name], check_exact=True)
