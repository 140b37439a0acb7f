"""The retrieval channels of the news competition: their contract, what they may not know, and recall by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.engine.run import Run
from common.learning.split import Fold
from common.retrieval import fusion, neighbours
from common.retrieval.fusion import fuse_channels, learn_fusion
from common.retrieval.recall import measure_recall
from competitions.news import features, split
from competitions.news.competition import COMPETITION
from competitions.news.config import RecallSettings
from competitions.news.io.reader import Embeddings
from competitions.news.pipeline import FoldInputs, build_candidates, retrieve
from competitions.news.retrieval import content
from tests.results import as_result
from tests.unit.news.news_world import ARTICLES, HOUR_MS, PAIRS, SCORED, START, World, frame, make_log

Channels = dict[str, pl.DataFrame]
SETTINGS: RecallSettings = COMPETITION.load_config(["recall.per_channel=30"]).recall


@pytest.fixture(scope="module")
def retrieved(world: World, fold: Fold, tmp_path_factory: pytest.TempPathFactory) -> tuple[Channels, Run]:
    return list_all(world, fold, tmp_path_factory.mktemp("channels"))


def list_all(world: World, fold: Fold, folder: Path) -> tuple[Channels, Run]:
    """The lists of all channels, and the run that made them."""
    run = Run(folder / "run", folder / "cache")
    inputs = FoldInputs("labelled", as_result(fold), as_result(world.articles), as_result(world.content))
    return retrieve(inputs, SETTINGS, run).value, run


# --- every channel ---


def test_every_channel_lists_unseen_items_once_best_first(fold: Fold, retrieved: tuple[Channels, Run]) -> None:
    assert list(retrieved[0]) == SETTINGS.channels
    for name, channel in retrieved[0].items():
        assert channel.schema == SCORED, name
        assert channel.height > 0, name
        assert_frame_equal(channel, channel.sort(["query", "score", "item"], descending=[False, True, False]))
        assert not channel.select("query", "item").is_duplicated().any(), name
        assert channel.join(fold.seen, on=["query", "item"], how="semi").is_empty(), name
        assert channel.join(fold.queries, on="query", how="anti").is_empty(), name
        assert channel.group_by("query").len()["len"].max() <= 30, name  # type: ignore[operator]
        assert np.isfinite(channel["score"].to_numpy()).all(), name


def test_lists_do_not_depend_on_the_size_of_a_part(
    world: World, fold: Fold, retrieved: tuple[Channels, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor on the other queries: see tests/unit/news/day/test_service.py."""
    whole = fuse_channels(retrieved[0], 7)
    monkeypatch.setattr(neighbours, "FOLLOWED_ROWS", 5)
    monkeypatch.setattr(fusion, "FUSED_ROWS", 5)
    parts = list_all(world, fold, tmp_path)[0]
    for name, channel in parts.items():
        assert_frame_equal(channel, retrieved[0][name], check_exact=True)
    assert_frame_equal(fuse_channels(parts, 7), whole, check_exact=True)


def describe_own(fold: Fold, articles: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """A block of one's own: the number of the article."""
    return candidates.select(own_item=pl.col("item").cast(pl.Float32))


def test_a_registered_block_is_built_beside_the_others_unless_it_is_left_out(
    world: World, fold: Fold, retrieved: tuple[Channels, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(features.EXTRA_BLOCKS, "own", describe_own)
    inputs = FoldInputs("labelled", as_result(fold), as_result(world.articles), None)
    lists, votes = as_result(retrieved[0]), as_result({name: 1.0 for name in retrieved[0]})
    for settings, blocks in (
        (["rank.blocks=-pair"], ["item", "channel", "own"]),
        (["rank.blocks=item,own"], ["item", "own"]),
        (["rank.blocks=-own"], ["item", "pair", "channel"]),
    ):
        run = Run(tmp_path / "run", tmp_path / "cache")
        made = build_candidates(inputs, lists, votes, COMPETITION.load_config(settings), run)
        assert list(made.blocks.value) == blocks
        assert ("labelled.own_block" in {step.name for step in run.timings}) == ("own" in blocks)


# --- content neighbours ---


def test_content_neighbours_are_near_and_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    clicks = make_log((1, 10, 0), (1, 11, 30), (5, 10, 50), (5, 12, 90), test=(5,))
    fold = split.build_test_fold(clicks)
    old, new = START - 100 * HOUR_MS, START - 5 * HOUR_MS
    created = {10: old, 11: old, 12: new, 13: new, 14: old, 15: new}
    articles = frame(((item, 1, time, 9) for item, time in created.items()), ARTICLES)
    vectors = np.array([[1, 0], [0.5, 0.5], [0, 1], [1, 0.1], [1, 0.01]], np.float32)
    given = Embeddings(np.array([10, 11, 12, 13, 14], np.int32), vectors)  # 15 has none
    monkeypatch.setattr(content, "SPAN_HOURS", 24.0)
    table = content.find_content_neighbours(given, articles, fold)
    # 14 is nearest to 10 but old and never clicked; 11 is old too, but clicked. 11 is in no query's past.
    assert table.select("item", "neighbour").rows() == [(10, 13), (10, 11), (10, 12), (12, 11), (12, 13), (12, 10)]
    monkeypatch.setattr(content, "SPAN_HOURS", 500.0)
    monkeypatch.setattr(content, "TOP", 1)
    wide = content.find_content_neighbours(given, articles, fold)
    assert wide.select("item", "neighbour").rows() == [(10, 14), (12, 11)]


# --- recall ---


def channel(*lists: list[int]) -> pl.DataFrame:
    """Lists of items, one per query 0, 1, 2 …, best first."""
    rows = [(query, item, 1.0 / rank) for query, items in enumerate(lists) for rank, item in enumerate(items, 1)]
    return frame(rows, SCORED)


# Validation queries 0, 1, 2 and 4, query 3 for training; item 7 is always right.
ROLES = pl.DataFrame({"query": range(5), "role": ["valid", "valid", "valid", "train", "valid"]})
QUERIES = ROLES.with_columns(pl.col("query").cast(pl.Int32))
ANSWERED = Fold(pl.DataFrame(), QUERIES, pl.DataFrame(), QUERIES.select("query", item=pl.lit(7, pl.Int32)))


def test_recall_of_channels_and_of_their_union_by_hand() -> None:
    channels = {
        "near": channel([7, 1], [1, 2, 3, 4, 7], [1], [7], [2]),
        "hot": channel([1, 7], [8], [*range(100, 109), 7], [7], [9]),
        "none": channel([], [], [], [7]),
    }
    rows = [(0, 7, 0.5), (0, 1, 0.5), (1, 7, 0.2), (1, 4, 0.9), (1, 3, 0.3), (2, 8, 0.1), (3, 7, 0.9)]
    fused = frame(rows, PAIRS | {"fusion": pl.Float32})
    table = measure_recall(ANSWERED, channels, fused)
    assert table["channel"].to_list() == ["near", "hot", "none", "union"]
    near, hot, none, union = table.drop("channel").to_dicts()
    # Four answers count; query 3 is for training and does not.
    late = {"recall@50": 2 / 4, "recall@100": 2 / 4, "recall@all": 2 / 4, "only": 1 / 4}
    assert near == pytest.approx({"mrr@5": (1 + 1 / 5) / 4, "recall@5": 2 / 4, "recall@10": 2 / 4, **late})
    assert hot == pytest.approx({"mrr@5": 1 / 8, "recall@5": 1 / 4, "recall@10": 2 / 4, **late})
    assert set(none.values()) == {0}
    assert union["mrr@5"] == pytest.approx((1 / 2 + 1 / 3) / 4)  # by fusion, ties by item
    assert union["recall@5"] == union["recall@all"] == 2 / 4
    assert union["only"] == 0


# --- fusion ---


def test_votes_are_weighed_by_the_answers_of_training_queries_alone(
    retrieved: tuple[Channels, Run], fold: Fold
) -> None:
    channels = retrieved[0]
    assert set(learn_fusion(fold, channels, "equal", 0).values()) == {1.0}
    weights = learn_fusion(fold, channels, "learned", 0)
    assert list(weights) == list(channels)
    assert len(set(weights.values())) > 1
    roles = fold.queries.select("query", "role")
    for role, same in (("valid", True), ("train", False)):
        assert fold.answers is not None
        other = pl.when(pl.col("role") == role).then(pl.col("item").reverse()).otherwise("item")
        answers = fold.answers.join(roles, on="query").select("query", item=other.cast(pl.Int32))
        changed = learn_fusion(replace(fold, answers=answers), channels, "learned", 0)
        assert (changed == weights) is same
