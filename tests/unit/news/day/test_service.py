"""Users answered from an export, one at a time: the candidates, features and articles of the pipeline."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.day.serving.benchmark import Variant, answer_all, ignore
from common.day.serving.model_files import write_variants
from common.engine.run import Result, Run
from common.learning.blending import Blend
from common.learning.dataset import RankingDataset
from common.learning.gbdt import Ranker
from common.learning.split import Fold
from competitions.news import features, ranking, split, submission
from competitions.news.competition import COMPETITION
from competitions.news.config import NewsConfig
from competitions.news.day import export, service
from competitions.news.pipeline import FoldInputs, retrieve
from competitions.news.retrieval.channels import list_channels
from competitions.news.retrieval.fusion import fuse_channels, fused_to_frame
from competitions.news.retrieval.lists import gather_histories, lists_to_frame
from tests.unit.news.news_world import World, make_world
from tests.unit.rankers import fit_rows

T = TypeVar("T")
CONFIG: NewsConfig = COMPETITION.load_config(["recall.per_channel=12", "recall.candidates=20"])
WEIGHTS = (0.7, 0.3)


@dataclass(frozen=True)
class Tried:
    """A tiny competition as the pipeline solves it, and its export."""

    world: World
    fold: Fold
    candidates: pl.DataFrame
    blocks: dict[str, pl.DataFrame]
    rankers: list[Ranker]
    folder: Path


def result(value: T, key: str) -> Result[T]:
    return Result(key, lambda: value)


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    folder, world = tmp_path_factory.mktemp("news"), make_world()
    fold, articles, settings = split.build_test_fold(world.clicks), world.articles, CONFIG.recall
    run = Run(folder / "run", folder / "cache", quiet=True)
    held, content = result(fold, "fold"), result(world.content, "content")
    inputs = FoldInputs("test", held, result(articles, "articles"), content)
    lists = retrieve(inputs, settings, run).value
    fusion = {name: 0.25 + 0.5 * number for number, name in enumerate(lists)}
    candidates = fuse_channels(lists, settings.candidates, fusion)
    blocks = {
        "query": features.query_block(fold, articles),
        "item": features.item_block(fold, articles, candidates),
        "pair": features.pair_block(fold, articles, candidates, world.content),
        "channel": features.channel_block(candidates),
    }
    rankers = fit_two(candidates, blocks)
    steps = len(run.timings)
    export.write_tables(inputs, fusion, CONFIG, run, folder / "export")
    both = Variant("both", "whole", rankers=(0, 1), blend=service.Weights(weights=WEIGHTS))
    write_variants(rankers, [both], folder / "export")
    assert len(run.timings) > steps
    assert all(record.kept for record in run.timings[steps:])
    export.write_requests(fold, fold.queries, folder / "requests")
    return Tried(world, fold, candidates, blocks, rankers, folder)


def fit_two(candidates: pl.DataFrame, blocks: dict[str, pl.DataFrame]) -> list[Ranker]:
    """Rankers of drawn answers: what they learn is nothing, but they tell rows apart."""
    matrix = features.assemble(candidates["query"], blocks, slice(None))
    sizes = candidates.group_by("query", maintain_order=True).len()["len"].to_numpy().astype(np.int32)
    labels = np.zeros(len(matrix), np.float32)
    labels[np.cumsum(sizes) - 1 - np.random.default_rng(0).integers(0, 5, len(sizes))] = 1
    rows = RankingDataset(features.feature_names(blocks), matrix, labels, sizes)
    lightgbm = {"num_leaves": 5, "min_data_in_leaf": 5, "num_threads": 1, "objective": "lambdarank"}
    xgboost = {"objective": "rank:ndcg", "max_depth": 3, "nthread": 1}
    return [
        fit_rows("lightgbm_lambdarank", lightgbm, rows, None, 10, 0, 0),
        fit_rows("xgboost", xgboost, rows, None, 10, 0, 0),
    ]


def test_the_candidates_of_one_user_are_those_of_the_whole_fold(tried: Tried) -> None:
    tables = service.Tables(tried.folder / "export")
    parts = []
    for query, request in enumerate(service.read_requests(tried.folder / "requests")):
        fused = tables.retrieve(service.join_requests([request]).histories)
        parts.append(fused_to_frame(np.array([query], np.int32), fused, CONFIG.recall.channels))
    assert len(parts) == 40
    assert_frame_equal(pl.concat(parts), tried.candidates, check_exact=True)
    scores = [f"score_{name}" for name in CONFIG.recall.channels]
    assert len(scores) == 15
    assert all(tried.candidates[name].is_not_null().any() for name in scores)


@pytest.mark.parametrize("channels", [["fresh"], ["popular_24h", "fresh"], ["next_last", "content", "covisit"]])
def test_some_channels_alone_list_what_the_pipeline_lists(tried: Tried, channels: list[str]) -> None:
    config = COMPETITION.load_config([f"recall.channels={channels}", "recall.per_channel=12"])
    run, settings = Run(tried.folder / "some", tried.folder / "cache", quiet=True), config.recall
    held, articles = result(tried.fold, "fold"), result(tried.world.articles, "articles")
    inputs = FoldInputs("test", held, articles, None)  # and no embeddings
    stepped = retrieve(inputs, settings, run).value
    ids, histories = gather_histories(tried.fold.seen, tried.fold.queries)
    lists = list_channels(histories, export.make_channel_tables(inputs, config, run), channels, 12)
    for name, listed in zip(channels, lists, strict=True):
        assert_frame_equal(lists_to_frame(ids, listed), stepped[name], check_exact=True)


def test_one_user_at_a_time_is_answered_as_by_the_pipeline(tried: Tried) -> None:
    requests = service.read_requests(tried.folder / "requests")
    loaded = service.load(tried.folder / "export", "whole")
    gathered = [loaded.gather([request], ignore) for request in requests]
    assert gathered[0].names == features.feature_names(tried.blocks)
    whole = features.assemble(tried.candidates["query"], tried.blocks, slice(None))
    np.testing.assert_array_equal(np.vstack([one.features for one in gathered]), whole)
    blend = Blend(WEIGHTS, 0.0, np.empty(0))
    predicted = ranking.score_test(tried.candidates, tried.blocks, tried.rankers, blend)
    rows = submission.recommend(tried.fold, predicted, tried.world.articles)
    expected = [[float(item) for item in row[1:]] for row in rows.sort("user_id").iter_rows()]
    answers = [loaded.answer([request], ignore)[0] for request in requests]
    assert answers == expected
    assert answer_all(loaded, requests, batch=7) == expected


def test_the_expected_answers_are_read_by_user(tried: Tried, tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    path.write_text("user_id,article_1,article_2,article_3,article_4,article_5\n9,1,2,3,4,5\n4,6,7,8,9,10\n")
    chosen = pl.DataFrame({"user": [4, 9]})
    assert export.list_expected(path, chosen) == [[6, 7, 8, 9, 10], [1, 2, 3, 4, 5]]
