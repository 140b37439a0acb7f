"""Users answered from an export, one at a time: the candidates, features and articles of the pipeline."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.errors import UserError
from common.pipeline.run import Result, Run
from common.ranking.blending import Blend
from common.ranking.dataset import RankingDataset
from common.ranking.gbdt import Ranker
from common.serving.benchmark import answer_all, ignore
from common.split import Fold
from competitions.news import features, pipeline, ranking, retrieval, split
from competitions.news.competition import load_config
from competitions.news.config import NewsConfig
from competitions.news.serving import export
from competitions.news.serving import service as serving
from tests.unit.news.news_world import World, make_world
from tests.unit.rankers import fit_rows

T = TypeVar("T")
CONFIG: NewsConfig = load_config(
    ["recall.per_channel=12", "recall.candidates=20", "recall.item2vec.size=8", "recall.item2vec.epochs=2"]
)
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


def validate(value: T, key: str) -> Result[T]:
    return Result(key, lambda: value)


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    folder, world = tmp_path_factory.mktemp("news"), make_world()
    fold, articles, settings = split.ask_test(world.clicks), world.articles, CONFIG.recall
    run = Run(folder / "run", folder / "cache", quiet=True)
    held, content = validate(fold, "fold"), validate(world.content, "content")
    vectors = run.step(retrieval.embed_clicks, held, settings.item2vec, CONFIG.seed, name="test.vectors")
    made = retrieval.recall(run, "test", held, validate(articles, "articles"), content, vectors, settings, CONFIG.seed)
    channels = {name: channel.value for name, channel in made.items()}
    candidates = retrieval.unite_channels(channels, settings.fusion_constant, settings.candidates)
    blocks = {
        "query": features.query_block(fold, articles),
        "item": features.item_block(fold, articles, candidates),
        "pair": features.pair_block(fold, articles, candidates, vectors.value, world.content),
        "channel": features.channel_block(candidates),
    }
    rankers = fit_two(candidates, blocks)
    cuts = [export.Cut("both", "whole", (0, 1), 1.0, WEIGHTS)]
    known = export.World("test", held, validate(articles, "articles"), content, rankers)
    export.write_world(known, CONFIG, run, cuts, folder / "export")
    assert all(record.kept for record in run.timings[-len(export.tabulate(known, settings, CONFIG.seed, run)) :])
    export.write_requests(fold, fold.queries, folder / "requests")
    return Tried(world, fold, candidates, blocks, rankers, folder)


def fit_two(candidates: pl.DataFrame, blocks: dict[str, pl.DataFrame]) -> list[Ranker]:
    """Rankers of drawn answers: what they learn is nothing, but they tell rows apart."""
    matrix = ranking.stack(candidates["query"], blocks, slice(None))
    sizes = candidates.group_by("query", maintain_order=True).len()["len"].to_numpy().astype(np.int32)
    labels = np.zeros(len(matrix), np.float32)
    labels[np.cumsum(sizes) - 1 - np.random.default_rng(0).integers(0, 5, len(sizes))] = 1
    rows = RankingDataset(ranking.feature_names(blocks), matrix, labels, sizes)
    told = {"num_leaves": 5, "min_data_in_leaf": 5, "num_threads": 1, "objective": "lambdarank"}
    xgboost = {"objective": "rank:ndcg", "max_depth": 3, "nthread": 1}
    return [
        fit_rows("lightgbm_lambdarank", told, rows, None, 10, 0, 0),
        fit_rows("xgboost", xgboost, rows, None, 10, 0, 0),
    ]


def test_the_candidates_of_one_user_are_those_of_the_whole_fold(tried: Tried) -> None:
    tables = serving.Tables(tried.folder / "export")
    found = []
    for place, request in enumerate(serving.read_requests(tried.folder / "requests")):
        one = tables.recall(serving.join_questions([request]), ignore)
        found.append(one.with_columns(query=pl.lit(place, pl.Int32)))
    assert len(found) == 40
    assert_frame_equal(pl.concat(found), tried.candidates, rel_tol=1e-6)
    scores = [f"score_{name}" for name in CONFIG.recall.channels]
    assert len(scores) == 18
    assert all(tried.candidates[name].is_not_null().any() for name in scores)


def test_the_features_of_one_user_are_those_of_the_whole_fold(tried: Tried) -> None:
    service = serving.load(tried.folder / "export", "whole")
    gathered = [service.gather([request], ignore) for request in serving.read_requests(tried.folder / "requests")]
    assert gathered[0].names == ranking.feature_names(tried.blocks)
    whole = ranking.stack(tried.candidates["query"], tried.blocks, slice(None))
    np.testing.assert_allclose(np.vstack([one.features for one in gathered]), whole, rtol=1e-5, atol=1e-6)


def test_one_user_at_a_time_is_answered_as_by_the_pipeline(tried: Tried) -> None:
    requests = serving.read_requests(tried.folder / "requests")
    service = serving.load(tried.folder / "export", "whole")
    blend = Blend(WEIGHTS, 0.0, np.empty(0))
    predicted = ranking.score_test(tried.candidates, tried.blocks, tried.rankers, blend)
    rows = pipeline.answer(tried.fold, predicted, tried.world.articles)
    expected = [[float(item) for item in row[1:]] for row in rows.sort("user_id").iter_rows()]
    found = [service.answer([request], ignore)[0] for request in requests]
    assert found == expected
    assert answer_all(service, requests, batch=7) == expected


def test_seen_articles_are_never_among_the_answers(tried: Tried) -> None:
    requests = serving.read_requests(tried.folder / "requests")
    answers = answer_all(serving.load(tried.folder / "export", "whole"), requests)
    for request, answer in zip(requests, answers, strict=True):
        assert not {*answer} & {float(item) for item in request.seen["item"]}


def test_the_expected_answers_are_read_by_user(tried: Tried, tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    path.write_text("user_id,article_1,article_2,article_3,article_4,article_5\n9,1,2,3,4,5\n4,6,7,8,9,10\n")
    chosen = pl.DataFrame({"user": [4, 9]})
    assert export.list_expected(path, chosen) == [[6, 7, 8, 9, 10], [1, 2, 3, 4, 5]]


def test_a_missing_table_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"settings.json cannot be read.*export the run again"):
        serving.load(tmp_path, "whole")
