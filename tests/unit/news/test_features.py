"""The feature blocks: alignment with the candidates, hand-computed values, and how far one wrong row reaches."""

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.learning.split import Fold
from competitions.news import features, next_click, pair_features, split
from competitions.news.io.reader import Embeddings
from tests.unit.news.news_world import ARTICLES, HOUR_MS, PAIRS, START, World, frame, make_log

Blocks = dict[str, pl.DataFrame]


def make_candidates(fold: Fold, items: pl.Series, each: int = 12) -> pl.DataFrame:
    """Some items for each query, with two channels."""
    rng = np.random.default_rng(0)
    drawn = [np.sort(rng.choice(items.to_numpy(), each, replace=False)) for _ in fold.queries["query"]]
    frame = pl.DataFrame({"query": fold.queries["query"].to_numpy().repeat(each), "item": np.concatenate(drawn)})
    score = np.where(rng.random(frame.height) < 0.3, np.nan, rng.random(frame.height))
    return frame.cast(pl.Int32).with_columns(
        fusion=pl.Series(rng.random(frame.height), dtype=pl.Float32),
        rank_near=pl.int_range(pl.len()).cast(pl.Float32),
        score_near=pl.Series(score, dtype=pl.Float32).fill_nan(None),
    )


def build(world: World, fold: Fold, candidates: pl.DataFrame) -> Blocks:
    return {
        "item": features.item_block(fold, world.articles, candidates),
        "pair": features.pair_block(fold, world.articles, candidates, world.content),
        "channel": features.channel_block(candidates),
    }


@pytest.fixture(scope="module")
def candidates(world: World, fold: Fold) -> pl.DataFrame:
    return make_candidates(fold, world.articles["item"])


@pytest.fixture(scope="module")
def blocks(world: World, fold: Fold, candidates: pl.DataFrame) -> Blocks:
    return build(world, fold, candidates)


# --- shape ---


def test_a_block_has_a_row_for_each_candidate_and_names_that_show_the_block(
    blocks: Blocks, candidates: pl.DataFrame
) -> None:
    for name, block in blocks.items():
        assert block.height == candidates.height
        assert set(block.dtypes) == {pl.Float32}
        assert all(column.startswith(f"{name}_") for column in block.columns)
    names = [column for block in blocks.values() for column in block.columns]
    assert len(set(names)) == len(names)


def test_rows_stand_beside_their_own_candidates_whatever_the_size_of_a_chunk(
    world: World, fold: Fold, candidates: pl.DataFrame, blocks: Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do they depend on the other queries: see tests/unit/news/day/test_service.py."""
    monkeypatch.setattr(pair_features, "CHUNK_ROWS", 7)
    for name, block in build(world, fold, candidates).items():
        assert_frame_equal(block, blocks[name])


# --- item ---


def test_articles_whose_ids_differ_by_a_power_of_two_share_no_clicks() -> None:
    far = 10 + 2**23
    fold = split.build_test_fold(make_log((1, 10, 0), (1, far, 30), (5, 11, 60), test=(5,)))
    articles = frame(((item, 1, START, 9) for item in (10, 11, far)), ARTICLES)
    item = features.item_block(fold, articles, frame([(0, 10), (0, 11), (0, far)], PAIRS))
    assert item["item_clicks_all"].to_list() == [1, 1, 1]


def test_clicks_in_windows_agree_with_a_loop(fold: Fold, candidates: pl.DataFrame, blocks: Blocks) -> None:
    events = defaultdict(list)
    for item, time in fold.history.select("item", "time").rows():
        events[item].append(time)
    times = dict(fold.queries.select("query", "time").rows())
    keys = [(item, times[query]) for query, item in candidates.select("query", "item").rows()]
    for name, (before, after) in features.WINDOWS_HOURS.items():
        expected = [
            sum(now - before * HOUR_MS < time <= now + after * HOUR_MS for time in events[item]) for item, now in keys
        ]
        assert blocks["item"][name].to_list() == expected, name
        best = pl.DataFrame({"query": candidates["query"], "x": expected}).select(pl.col("x").max().over("query"))
        share = [own / max(top, 1e-9) for own, top in zip(expected, best["x"], strict=True)]
        assert blocks["item"][f"{name}_share"].to_list() == pytest.approx(share)


SMALL = make_log(
    *[(1, 20, 3 * 3600), (2, 20, 5 * 3600), (3, 20, 9 * 3600), (3, 21, 9 * 3600 + 1)],
    *[(5, 10, 0), (5, 11, 60), (5, 12, 4 * 3600), (5, 13, 4 * 3600 + 120), (6, 11, 7200)],
    test=(5, 6),
)
BORN = {  # item: category, hours before the start, words
    **{10: (1, 10, 100), 11: (2, 20, 200), 12: (1, 30, 300), 13: (3, 40, 400)},
    **{20: (3, 5, 150), 21: (1, -2, 50), 22: (2, 1, 0)},
}
SMALL_ARTICLES = frame(
    ((item, category, START - hours * HOUR_MS, words) for item, (category, hours, words) in BORN.items()), ARTICLES
)
SMALL_CANDIDATES = frame([(0, 20), (0, 21), (0, 22), (0, 99), (1, 21)], PAIRS)


def test_the_age_and_the_life_of_an_article_by_hand() -> None:
    item = features.item_block(split.build_test_fold(SMALL), SMALL_ARTICLES, SMALL_CANDIDATES)
    now = 4 + 2 / 60
    assert item["item_age_hours"].to_list() == pytest.approx([now + 5, now - 2, now + 1, None, 0.0])
    assert item["item_words"].to_list() == [150, 50, 0, None, 50]
    assert item["item_since_first_hours"][:3].to_list() == pytest.approx([now - 3, now - 9 - 1 / 3600, None])
    assert item["item_since_last_hours"][:3].to_list() == pytest.approx([now - 9, now - 9 - 1 / 3600, None])
    assert item["item_since_middle_hours"][0] == pytest.approx(now - 5)
    assert item["item_trend"][:2].to_list() == [1, 0]  # clicks of the next hour by those of the last, and one
    assert item["item_trend_6h"][:2].to_list() == [1, 1]  # article 20: two clicks behind, one before


# --- pair ---


def pairs(items: Sequence[int] = (), vectors: Sequence[Sequence[float]] = ()) -> pl.DataFrame:
    given = Embeddings(np.array(items, np.int32), np.array(vectors, np.float32)) if items else None
    return features.pair_block(split.build_test_fold(SMALL), SMALL_ARTICLES, SMALL_CANDIDATES, given)


def test_an_article_against_what_the_user_read_by_hand() -> None:
    pair = pairs()
    assert pair["pair_same_category"].to_list() == [1, 0, 0, None, 0]
    assert pair["pair_category_share"].to_list() == [0.25, 0.5, 0.25, None, None]
    assert pair["pair_category_recent"].to_list() == pytest.approx([1, 0.8 + 0.8**3, 0.8**2, None, None])
    assert pair["pair_words_difference"].to_list() == [-100, -200, -250, None, -150]
    assert pair["pair_created_difference_hours"].to_list() == [35, 42, 39, None, 22]


def test_cosines_with_the_last_click_and_with_the_decayed_last_ones_by_hand() -> None:
    pair = pairs([12, 13, 20, 21], [[1, 0], [0, 2], [0.6, 0.8], [0, 0]])
    assert pair["pair_content_last"].to_list() == pytest.approx([0.8, 0, None, None, 0])
    mean = np.array([0.7, 1.0]) / math.hypot(0.7, 1.0)  # 13 last, 12 before it; 10 and 11 have no vector
    assert pair["pair_content_mean"].to_list() == pytest.approx([float(mean @ [0.6, 0.8]), 0, None, None, 0])
    content = pairs([10, 22], [[1, 1], [0, 3]])
    assert content["pair_content_last"].to_list()[2] == 0  # the last click has no embedding
    assert content["pair_content_mean"].to_list()[2] == pytest.approx(math.sqrt(0.5))
    assert np.isnan(content["pair_content_mean"].to_numpy()[[0, 1, 3, 4]]).all()


Event = tuple[int, int, int]  # group, item, time


def share_by_hand(
    events: list[Event],
    group: int,
    item: int,
    now: int,
    prior: float,
    strength: float,
    windows: next_click.Windows = next_click.WINDOWS_HOURS,
) -> float:
    """One candidate's share, from the formula, by a loop over the clicks."""
    for window in windows:
        count, total = count_by_hand(events, group, item, now, window)
        prior = (count + strength * prior) / (total + strength)
    return prior


def count_by_hand(events: list[Event], group: int, item: int, now: int, window: tuple[float, float]) -> tuple[int, int]:
    """Clicks of a group on an article in a window, and all of the group."""
    before, after = window
    near = [one for one in events if now - before * HOUR_MS < one[2] <= now + after * HOUR_MS and one[0] == group]
    return sum(one[1] == item for one in near), len(near)


def test_how_likely_an_article_is_the_next_click_agrees_with_a_loop(
    fold: Fold, candidates: pl.DataFrame, blocks: Blocks
) -> None:
    going: list[Event] = []
    steps: list[Event] = []
    last_steps: list[Event] = []
    contexts: dict[str, list[Event]] = {name: [] for name in next_click.CONTEXTS}
    of_context: dict[str, list[Event]] = {name: [] for name in next_click.STEP_CONTEXTS}
    previous: dict[str, int] = {}
    for row in fold.history.sort("user", "time", "item").iter_rows(named=True):
        if (
            previous
            and row["user"] == previous["user"]
            and (wait := row["time"] - previous["time"]) <= split.SESSION_MS
        ):
            going.append((0, row["item"], row["time"]))
            for name, events in contexts.items():
                events.append((row[name], row["item"], row["time"]))
            if row["item"] != previous["item"]:
                steps.append((previous["item"], row["item"], row["time"]))
                last_steps += steps[-1:] if wait == split.GAP_MS else []
                for name, events in of_context.items():
                    events.append((1000 * previous["item"] + row[name], row["item"], row["time"]))
        previous = row
    assert min(map(len, (going, steps, last_steps))) > 100
    last = dict(fold.seen.filter(back=0).select("query", "item").iter_rows())
    pair, queries = blocks["pair"], {row["query"]: row for row in fold.queries.iter_rows(named=True)}
    for at, (query, item) in list(enumerate(candidates.select("query", "item").iter_rows()))[::7]:
        own, now = queries[query], queries[query]["time"]
        every = share_by_hand(going, 0, item, now, next_click.RARE, next_click.ALL_CLICKS)
        ever = next_click.WINDOWS_HOURS[:1]
        usual = share_by_hand(going, 0, item, now, next_click.RARE, next_click.ALL_CLICKS, ever)
        likely = every
        for name, events in contexts.items():
            ever, *_, hour = (count_by_hand(events, own[name], item, now, one) for one in next_click.WINDOWS_HOURS)
            assert pair[f"pair_{name}_lift"][at] == pytest.approx((ever[0] + 1) / (ever[1] * usual + 1))
            lift = (hour[0] + 1) / (hour[1] * every + 1)
            assert pair[f"pair_{name}_hour_lift"][at] == pytest.approx(lift)
            likely *= lift if name in next_click.LOCAL else 1
        step = share_by_hand(steps, last[query], item, now, every, next_click.STEPS)
        assert pair["pair_next_all"][at] == pytest.approx(every)
        assert pair["pair_next_step"][at] == pytest.approx(step)
        expected = share_by_hand(steps, last[query], item, now, likely, next_click.STEPS)
        assert pair["pair_next_step_context"][at] == pytest.approx(expected)
        for name, window in next_click.STEP_HOURS.items():
            near = share_by_hand(steps, last[query], item, now, expected, next_click.STEPS, [window])
            assert pair[f"pair_next_step_{name}"][at] == pytest.approx(near)
        for name, events in of_context.items():
            group, hours = 1000 * last[query] + own[name], next_click.STEP_CONTEXT_HOURS
            share = share_by_hand(events, group, item, now, expected, next_click.CONTEXT_STEPS, hours)
            assert pair[f"pair_next_step_{name}"][at] == pytest.approx(share)
        expected = share_by_hand(last_steps, last[query], item, now, step, next_click.STEPS)
        assert pair["pair_next_last_step"][at] == pytest.approx(expected)


def test_what_users_of_the_same_region_read_after_an_article_tells_what_all_users_do_not() -> None:
    # Twelve users of region 0 go from article 20 to 21 within the hour, as many of region 1 from 20 to 22.
    readers = [user for user in range(60) if user % 5 < 2]
    steps = [(user, item, 60 * user + wait) for user in readers for item, wait in ((20, 0), (21 + user % 5, 30))]
    fold = split.build_test_fold(make_log(*steps, (100, 20, 3600), test=(100,)))  # a user of region 0
    pair = features.pair_block(fold, SMALL_ARTICLES, SMALL_CANDIDATES.filter(query=0), None)
    assert pair["pair_next_step"][1] == pytest.approx(pair["pair_next_step"][2])
    for at, count in ((1, 12), (2, 0)):
        share = pair["pair_next_step_context"][at]
        for _ in next_click.STEP_CONTEXT_HOURS:  # all steps lie in both windows
            share = (count + next_click.CONTEXT_STEPS * share) / (12 + next_click.CONTEXT_STEPS)
        assert pair["pair_next_step_region"][at] == pytest.approx(share)
    assert pair["pair_next_step_region"][1] > 3 * pair["pair_next_step_region"][2]


def test_shares_are_read_from_a_log_in_which_no_session_goes_on() -> None:
    fold = split.build_test_fold(make_log((1, 20, 0), (2, 21, 50), (5, 22, 60), test=(5,)))
    pair = features.pair_block(fold, SMALL_ARTICLES, SMALL_CANDIDATES.filter(query=0), None)
    assert pair["pair_next_last_step"].to_list() == pytest.approx([next_click.RARE] * 4)


# --- channel ---


def test_channel_features_by_hand() -> None:
    rows = [(0, 5, 0.3, 1.0, 8.0), (0, 6, 0.2, None, None), (0, 7, 0.5, 2.0, 2.0), (1, 5, 0.1, 1.0, 4.0)]
    listed = pl.DataFrame(rows, schema=["query", "item", "fusion", "rank_hot", "score_hot"], orient="row")
    block = features.channel_block(listed).to_dict(as_series=False)
    assert block["channel_fusion_rank"] == [2, 3, 1, 1]
    assert block["channel_rank_hot"] == [1, None, 2, 1]
    assert block["channel_score_hot"] == [8, None, 2, 4]
    assert block["channel_score_hot_share"] == [1, 0, 0.25, 1]
    assert block["channel_fusion"] == pytest.approx([0.3, 0.2, 0.5, 0.1])
