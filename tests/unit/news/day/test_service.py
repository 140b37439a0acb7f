"""Users one at a time: the candidates and features of the pipeline. Answers: tests/contract/test_serving.py."""

from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.engine.run import Run
from common.learning.gbdt import Ranker
from common.retrieval.fusion import fuse_channels, fused_to_frame
from common.retrieval.lists import ScoredLists
from common.retrieval.popularity import PopularLists
from competitions.news import features, split
from competitions.news.competition import COMPETITION
from competitions.news.config import NewsConfig
from competitions.news.day import export, service
from competitions.news.day.recommend import recommend
from competitions.news.day.service import NewsService
from competitions.news.lookups import Catalogue, build_feature_tables
from competitions.news.pipeline import FoldInputs, retrieve
from competitions.news.plan import list_blocks
from competitions.news.retrieval.channels import POPULAR_HOURS
from tests.results import as_result
from tests.unit.news.news_world import World
from tests.unit.news.test_features import build

CONFIG: NewsConfig = COMPETITION.load_config(["recall.per_channel=12", "recall.candidates=20"])
CHANNELS = CONFIG.recall.channels
NO_LIST = ScoredLists(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))


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
    channels = export.fit_channels(inputs, settings, run)
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


HOUR_MS = 3_600_000


@pytest.mark.parametrize("hours", [0, 1000])
def test_where_nothing_is_retrieved_the_last_hour_of_the_log_answers_and_says_so(
    tried: Tried, world: World, hours: int
) -> None:
    (first, *_) = msgspec.json.decode(tried.bodies[0])["clicks"]
    log = world.clicks.select("item", "time")
    end = int(log["time"].to_numpy().max())
    popular = {
        name: PopularLists(window, np.zeros(0, np.int64), NO_LIST)  # the time of no request was counted
        for name, window in POPULAR_HOURS.items()
    }
    loaded = replace(tried.service, channels={**tried.service.channels, **popular})
    late = {"clicks": [first | {"click_article_id": 2**31 - 1, "click_timestamp": end + hours * HOUR_MS}]}
    answer = loaded.answer(loaded.parse(msgspec.json.encode(late)))
    counts = [
        log.filter(pl.col("time") > end - before * HOUR_MS).group_by("item").agg(pl.len().alias(name))
        for before, name in ((1, "hour"), (24, "day"), (10**5, "ever"))
    ]
    table = counts[2].join(counts[1], on="item", how="left").join(counts[0], on="item", how="left").fill_null(0)
    known = table.join(world.articles.filter(pl.col("created") <= end + hours * HOUR_MS), on="item", how="semi")
    ordered = known.sort("hour", "day", "ever", "item", descending=[True, True, True, False])
    assert answer == {"articles": ordered["item"].head(5).to_list(), "fallback": "popular"}


def test_what_is_not_listed_or_not_yet_created_is_no_answer_and_five_remain(
    tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ranker prefers high ids; of every eight articles two can be named, and one is created after the request."""
    monkeypatch.setattr(service, "score_lists", lambda *_: wanted[-1])
    wanted, loaded = list[np.ndarray[Any, Any]](), tried.service
    catalogue = loaded.features.catalogue
    short = 0
    for body in tried.bodies:
        request = loaded.parse(body)
        query = service.make_query(request)
        items, time = loaded.retrieve(query.histories).items, int(query.histories.times[0])
        created = np.where(catalogue.items % 8 == 2, time + 1, time)
        listed = catalogue.items % 8 < 3
        fields = {name: values[listed] for name, values in (vars(catalogue) | {"created": created}).items()}
        limited = replace(loaded, features=replace(loaded.features, catalogue=Catalogue(**fields)))
        wanted.append(items.astype(float))
        answer = limited.answer(request)
        best = sorted((int(item) for item in items if item % 8 < 2), reverse=True)[:5]
        assert answer["articles"][: len(best)] == best
        assert ("fallback" in answer) == (len(best) < 5)
        assert len({*answer["articles"]} - {*query.histories.items.tolist()}) == 5
        assert all(item % 8 < 2 for item in answer["articles"])
        short += len(best) < 5
    assert 0 < short < len(tried.bodies)


def test_a_reader_in_no_log_reads_at_the_last_click_of_all(
    tried: Tried, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "score_lists", lambda ranker, names, features, sizes: np.zeros(len(features)))
    rows = recommend(export.Export(tried.service, tried.bodies, [], world.articles), [110])
    created = dict(world.articles.select("item", "created").iter_rows())
    last = world.clicks.filter("is_target")["time"].to_numpy().max()
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    for row in rows:
        assert row["hours_old"] == round((last - created[row["article"]]) / HOUR_MS, 1) >= 0
