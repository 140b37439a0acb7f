"""Users one at a time: the candidates and features of the pipeline. Answers: tests/contract/test_serving.py."""

from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.engine.run import Run
from common.learning.gbdt import Ranker
from competitions.news import features, split
from competitions.news.competition import COMPETITION
from competitions.news.config import NewsConfig
from competitions.news.day import export, service
from competitions.news.day.service import NewsService
from competitions.news.lookups import build_feature_tables
from competitions.news.pipeline import FoldInputs, retrieve
from competitions.news.plan import list_blocks
from competitions.news.retrieval.fusion import fuse_channels, fused_to_frame
from tests.results import as_result
from tests.unit.news.news_world import World
from tests.unit.news.test_features import build

CONFIG: NewsConfig = COMPETITION.load_config(["recall.per_channel=12", "recall.candidates=20"])
CHANNELS = CONFIG.recall.channels


@dataclass(frozen=True)
class Tried:
    """The candidates and features of a tiny competition, and its service."""

    candidates: pl.DataFrame
    blocks: dict[str, pl.DataFrame]
    service: NewsService
    bodies: list[bytes]


@pytest.fixture(scope="module")
def tried(world: World, tmp_path_factory: pytest.TempPathFactory) -> Tried:
    folder = tmp_path_factory.mktemp("news")
    fold, articles, settings = split.build_test_fold(world.clicks), world.articles, CONFIG.recall
    run = Run(folder / "run", folder / "cache")
    held, content = as_result(fold), as_result(world.content)
    inputs = FoldInputs("test", held, as_result(articles), content)
    lists = retrieve(inputs, settings, run).value
    fusion = {name: 0.25 + 0.5 * number for number, name in enumerate(lists)}
    candidates = fuse_channels(lists, settings.candidates, fusion)
    blocks = build(world, fold, candidates)
    steps = len(run.timings)
    channels = export.make_channel_tables(inputs, settings, run)
    tables = build_feature_tables(fold.history, articles, world.content)
    served = NewsService(channels, tables, fusion, settings, list_blocks(), Ranker("x", None, 1, {}))
    bodies = list(export.list_bodies(fold, fold.queries))
    assert len(run.timings) > steps
    assert all(record.kept for record in run.timings[steps:])
    return Tried(candidates, blocks, served, bodies)


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


def test_the_order_of_clicks_and_a_repeated_one_make_no_difference(tried: Tried) -> None:
    body = max(tried.bodies, key=len)
    clicks = msgspec.json.decode(body)["clicks"]
    mixed = msgspec.json.encode({"clicks": [*clicks[::-1], clicks[0]]})
    np.testing.assert_array_equal(tried.service.parse(mixed), tried.service.parse(body))
