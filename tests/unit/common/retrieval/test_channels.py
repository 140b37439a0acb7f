"""The contract of every channel, on a small log with families of items; and what each finds there."""

import subprocess
import sys
from dataclasses import replace

import msgspec
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.engine.errors import UserError
from common.learning.split import Fold, build_fold
from common.retrieval.channels import FITS, fit_channel, list_channel, list_queries
from common.retrieval.fusion import fuse_channels, learn_weights
from common.retrieval.recall import measure_recall
from common.retrieval.settings import Channels, ChannelSettings, EaseSettings, FactorSettings, name_channels
from common.time_units import HOUR_MS

TOP, FAMILY, ITEMS = 12, 5, 60
SMALL = Channels(als=FactorSettings(size=8), ease=EaseSettings(ridge=10.0))
CHANNELS = name_channels(SMALL)
NAMES = list(CHANNELS)
LISTED = {"query": pl.Int32, "item": pl.Int32, "score": pl.Float32, "rank": pl.Int32}


def make_events(users: int = 120, seed: int = 0) -> pl.DataFrame:
    """Eight events of each user over four days, three of four within the family of the one before."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        item, times = int(rng.integers(ITEMS)), np.sort(rng.integers(0, 96 * HOUR_MS, 8))
        for time in times.tolist():
            rows.append((user, item, time))
            item = (
                item // FAMILY * FAMILY + int(rng.integers(FAMILY)) if rng.random() < 0.75 else int(rng.integers(ITEMS))
            )
    return pl.DataFrame(rows, schema={"user": pl.Int32, "item": pl.Int32, "time": pl.Int64}, orient="row")


EVENTS = make_events()


@pytest.fixture(scope="module")
def fold() -> Fold:
    """What each of 60 users does next, two times of each: after three of their events and after five."""
    order = EVENTS.sort("user", "time", "item").with_columns(at=pl.int_range(pl.len()).over("user"))
    asked = order.filter(pl.col("at").is_in([2, 4]) & (pl.col("user") < 60)).select("user", "time", "at")
    queries = asked.with_row_index("query").cast({"query": pl.Int32})
    later = order.select("user", "item", at=pl.col("at") - 1)
    answers = queries.join(later, on=["user", "at"], maintain_order="left").select("query", "item")
    return build_fold(EVENTS, queries, answers, past_only=False)


def list_one(fold: Fold, name: str, top: int = TOP, *, repeats: bool = False) -> pl.DataFrame:
    return list_channel(fold, CHANNELS[name], top, 0, repeats=repeats)


def test_every_channel_is_tried_here() -> None:
    assert {type(settings) for settings in CHANNELS.values()} == set(FITS)


@pytest.mark.parametrize("name", NAMES)
def test_a_list_has_at_most_so_many_items_each_once_best_first(fold: Fold, name: str) -> None:
    lists = list_one(fold, name)
    assert dict(lists.schema) == LISTED
    silent = fold.queries.join(lists, on="query", how="anti")
    assert silent.height <= (name == "popular")  # whose first query comes before anything was counted
    assert np.isfinite(lists["score"].to_numpy()).all()
    assert_frame_equal(lists, lists.sort(["query", "score", "item"], descending=[False, True, False]))
    assert lists["rank"].to_list() == (lists.select(pl.int_range(1, pl.len() + 1).over("query")).to_series().to_list())
    assert not lists.select("query", "item").is_duplicated().any()
    assert lists["rank"].max() == TOP
    assert_frame_equal(list_one(fold, name, 3), lists.filter(pl.col("rank") <= 3))


@pytest.mark.parametrize("name", NAMES)
def test_what_was_seen_is_listed_only_where_it_may_repeat(fold: Fold, name: str) -> None:
    assert list_one(fold, name).join(fold.seen, on=["query", "item"], how="semi").is_empty()
    repeated = list_one(fold, name, repeats=True)
    assert repeated.join(fold.seen, on=["query", "item"], how="semi").height > 0
    assert repeated["rank"].max() == TOP


@pytest.mark.parametrize("name", NAMES)
def test_the_same_fold_gives_the_same_lists_in_whatever_order_its_rows_stand(fold: Fold, name: str) -> None:
    lists = list_one(fold, name)
    assert_frame_equal(list_one(fold, name), lists, check_exact=True)
    mixed = {
        part: getattr(fold, part).sample(fraction=1, shuffle=True, seed=1) for part in ("history", "queries", "seen")
    }
    assert_frame_equal(list_one(replace(fold, **mixed), name), lists, check_exact=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_query_is_answered_alone_as_among_others(fold: Fold, name: str) -> None:
    scorer = fit_channel(fold.history, CHANNELS[name], 0)
    whole = list_queries(scorer, fold.queries, fold.seen, TOP)
    for query in (0, 7):
        alone = list_queries(scorer, fold.queries.filter(query=query), fold.seen.filter(query=query), TOP)
        assert_frame_equal(alone, whole.filter(query=query), rel_tol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_after_a_query_counts(fold: Fold, name: str) -> None:
    """Neither the later events of its own user nor, of a live system, those of others."""
    own = fold.queries.select("user", until="time").group_by("user").agg(pl.col("until").max())
    later = (pl.col("time") > pl.col("until")).fill_null(value=False)
    changed = EVENTS.join(own, on="user", how="left").with_columns(
        item=pl.when(later).then((pl.col("item") + 17) % ITEMS).otherwise("item").cast(pl.Int32)
    )
    same = build_fold(changed.drop("until"), fold.queries, past_only=False)
    assert_frame_equal(list_one(same, name), list_one(fold, name), check_exact=True)

    cut = 60 * HOUR_MS
    asked = pl.DataFrame({"query": range(120), "user": range(120), "time": [cut] * 120})
    moved = pl.when(pl.col("time") > cut).then((pl.col("item") + 17) % ITEMS).otherwise("item").cast(pl.Int32)
    live, other = (build_fold(events, asked) for events in (EVENTS, EVENTS.with_columns(item=moved)))
    assert_frame_equal(list_one(live, name), list_one(other, name), check_exact=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_query_without_a_past_or_of_unknown_items_breaks_nothing(fold: Fold, name: str) -> None:
    queries = pl.DataFrame(
        {"query": [1, 2, 3], "time": [96 * HOUR_MS] * 3}, schema={"query": pl.Int32, "time": pl.Int64}
    )
    seen = fold.seen.head(2).with_columns(
        query=pl.Series([2, 3], dtype=pl.Int32), item=pl.Series([999, 0], dtype=pl.Int32)
    )
    lists = list_queries(
        fit_channel(fold.history, CHANNELS[name], 0), queries, seen.with_columns(back=pl.lit(0, pl.Int32)), TOP
    )
    assert set(lists["query"]) == ({1, 2, 3} if name == "popular" else {3})
    nobody = list_queries(fit_channel(fold.history, CHANNELS[name], 0), queries.clear(), seen.clear(), TOP)
    assert dict(nobody.schema) == LISTED
    with pytest.raises(UserError, match="A channel lists nothing for any of 120 queries, from a history of 0 events"):
        list_one(replace(fold, history=fold.history.clear()), name)


def test_channels_of_neighbours_find_the_family_and_fusion_finds_more_than_chance(fold: Fold) -> None:
    lists = {name: list_one(fold, name) for name in NAMES}
    for name in set(NAMES) - {"popular"}:
        pairs = lists[name].filter(rank=1).join(fold.seen.filter(back=0), on="query", suffix="_last")
        assert (pairs["item"] // FAMILY == pairs["item_last"] // FAMILY).mean() > 0.5, name  # type: ignore[operator]
    assert fold.answers is not None
    weights = learn_weights(lists, fold.answers, seed=0)
    assert weights["popular"] < min(weights["covisit"], 1)
    table = measure_recall(fold, lists, fuse_channels(lists, 2 * TOP, weights))
    recall = dict(zip(table["channel"], table["recall@5"], strict=True))
    assert recall["covisit"] > 2 * recall["popular"]
    assert recall["union"] > 0.9 * recall["covisit"]


def test_of_several_answers_each_counts_for_recall_and_the_first_for_its_rank() -> None:
    queries = pl.DataFrame({"query": [0, 1]}, schema={"query": pl.Int32})
    listed = pl.DataFrame({"query": [0, 0, 0, 1], "item": [5, 6, 7, 5], "score": [3.0, 2, 1, 1]})
    lists = listed.cast({"query": pl.Int32, "item": pl.Int32, "score": pl.Float32})
    answers = pl.DataFrame({"query": [0, 0, 1], "item": [6, 7, 9]}, schema={"query": pl.Int32, "item": pl.Int32})
    table = measure_recall(Fold(lists, queries, lists, answers), {"a": lists}, fuse_channels({"a": lists}, 9))
    alone = table.row(0, named=True)
    assert (alone["mrr@5"], alone["recall@5"], alone["only"]) == (1 / 4, 2 / 3, 2 / 3)
    assert learn_weights({"a": lists}, answers, seed=0) == {"a": 1.0}


# --- settings ---


def test_settings_of_channels_are_read_from_tables_by_their_names() -> None:
    read = msgspec.convert({"popular": {"before_hours": 24.0}, "covisit": {"follow": {"last": 5}}}, Channels)
    assert name_channels(read)["popular"] != Channels().popular
    assert read.covisit.follow.last == 5
    chosen: dict[str, ChannelSettings] = name_channels(read)
    assert list(chosen) == NAMES


# --- folds ---


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"events": EVENTS.drop("item")}, "events: there is no column item; it has user, time."),
        (
            {"events": EVENTS.cast({"item": pl.String})},
            "events.item must hold whole numbers, and is String: number the",
        ),
        ({"events": EVENTS.with_columns(item=pl.col("item") - 1)}, "events.item must hold whole numbers, and is Int32"),
        ({"events": EVENTS.cast({"time": pl.Datetime("ms")})}, "events.time must hold whole numbers, and is Datetime"),
        ({"twice": 1}, "queries: query 3 stands there twice"),
    ],
)
def test_a_log_that_is_none_is_refused(change: dict[str, object], sentence: str) -> None:
    queries = pl.DataFrame({"query": [3], "user": [0], "time": [5]})
    queries = pl.concat([queries] * (2 if "twice" in change else 1))
    with pytest.raises(UserError, match=sentence.replace("(", r"\(")):
        build_fold(change.get("events", EVENTS), queries)  # type: ignore[arg-type]


def test_settings_import_no_polars_so_that_a_config_may_hold_them() -> None:
    script = "import sys, common.retrieval.settings; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert not {"polars", "numpy", "scipy", "implicit"} & set(shown.split())
