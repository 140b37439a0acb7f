"""Users answered one at a time: the candidates, features and articles of the pipeline."""

from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.engine.run import Run
from common.learning.dataset import RankingDataset
from common.learning.gbdt import Ranker
from common.learning.split import Fold
from competitions.news import features, ranking, split, submission
from competitions.news.competition import COMPETITION
from competitions.news.config import MODEL, NewsConfig
from competitions.news.day import export, service
from competitions.news.day.service import NewsService
from competitions.news.lookups import build_feature_tables
from competitions.news.pipeline import FoldInputs, retrieve
from competitions.news.plan import list_blocks
from competitions.news.retrieval.fusion import fuse_channels, fused_to_frame
from tests.results import as_result
from tests.unit.news.news_world import World
from tests.unit.news.test_features import build
from tests.unit.rankers import fit_rows

CONFIG: NewsConfig = COMPETITION.load_config(["recall.per_channel=12", "recall.candidates=20"])
CHANNELS = CONFIG.recall.channels


@dataclass(frozen=True)
class Tried:
    """A tiny competition as the pipeline solves it, and its service."""

    fold: Fold
    candidates: pl.DataFrame
    blocks: dict[str, pl.DataFrame]
    ranker: Ranker
    service: NewsService
    bodies: list[bytes]


@pytest.fixture(scope="module")
def tried(world: World, tmp_path_factory: pytest.TempPathFactory) -> Tried:
    folder = tmp_path_factory.mktemp("news")
    fold, articles, settings = split.build_test_fold(world.clicks), world.articles, CONFIG.recall
    run = Run(folder / "run", folder / "cache", quiet=True)
    held, content = as_result(fold), as_result(world.content)
    inputs = FoldInputs("test", held, as_result(articles), content)
    lists = retrieve(inputs, settings, run).value
    fusion = {name: 0.25 + 0.5 * number for number, name in enumerate(lists)}
    candidates = fuse_channels(lists, settings.candidates, fusion)
    blocks = build(world, fold, candidates)
    ranker = fit_drawn(candidates, blocks)
    steps = len(run.timings)
    channels = export.make_channel_tables(inputs, settings, run)
    tables = build_feature_tables(fold.history, articles, world.content)
    served = NewsService(channels, tables, fusion, settings, list_blocks(), ranker)
    bodies = list(export.list_bodies(fold, fold.queries))
    assert len(run.timings) > steps
    assert all(record.kept for record in run.timings[steps:])
    return Tried(fold, candidates, blocks, ranker, served, bodies)


def fit_drawn(candidates: pl.DataFrame, blocks: dict[str, pl.DataFrame]) -> Ranker:
    """A ranker of drawn answers: what it learns is nothing, but it tells rows apart."""
    matrix, sizes = features.assemble(blocks, slice(None)), ranking.count_rows(candidates)
    labels = np.zeros(len(matrix), np.float32)
    labels[np.cumsum(sizes) - 1 - np.random.default_rng(0).integers(0, 5, len(sizes))] = 1
    rows = RankingDataset(features.feature_names(blocks), matrix, labels, sizes)
    parameters = {"num_leaves": 5, "min_data_in_leaf": 5, "num_threads": 1, "objective": "lambdarank"}
    return fit_rows(MODEL, parameters, rows, None, 10, 0, 0)


def test_the_features_of_one_user_are_those_of_the_whole_fold(tried: Tried) -> None:
    loaded = tried.service
    requests = [loaded.parse(body) for body in tried.bodies]
    queries = [service.make_query(request) for request in requests]
    retrieved = [loaded.retrieve(query.histories) for query in queries]
    described = [loaded.describe(query, one) for query, one in zip(queries, retrieved, strict=True)]
    assert described[0][0] == features.feature_names(tried.blocks)
    whole = features.assemble(tried.blocks, slice(None))
    np.testing.assert_array_equal(np.vstack([matrix for _, matrix in described]), whole)
    fused = [fused_to_frame(np.array([number], np.int32), one, CHANNELS) for number, one in enumerate(retrieved)]
    assert_frame_equal(pl.concat(fused), tried.candidates, check_exact=True)
    assert len(requests) == 40
    assert all(tried.candidates[f"score_{name}"].is_not_null().any() for name in CHANNELS)


def test_one_user_at_a_time_is_answered_as_by_the_pipeline(world: World, tried: Tried) -> None:
    loaded = tried.service
    requests = [loaded.parse(body) for body in tried.bodies]
    predicted = ranking.score_test(tried.candidates, tried.blocks, tried.ranker)
    rows = submission.recommend(tried.fold, predicted, world.articles)
    expected = [{"articles": list(row[1:])} for row in rows.sort("user_id").iter_rows()]
    answers = [loaded.answer(request) for request in requests]
    assert answers == expected
    for request, answer in zip(requests, answers, strict=True):
        assert not {*answer["articles"]} & {*request[:, service.ITEM].tolist()}


def test_the_order_of_clicks_and_a_repeated_one_make_no_difference(tried: Tried) -> None:
    body = max(tried.bodies, key=len)
    clicks = msgspec.json.decode(body)["clicks"]
    mixed = msgspec.json.encode({"clicks": [*clicks[::-1], clicks[0]]})
    np.testing.assert_array_equal(tried.service.parse(mixed), tried.service.parse(body))
