"""Devices answered from an export, one at a time: the features, the pick and the rate of the pipeline."""

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from common.day.serving.benchmark import answer_all, ignore
from common.engine.result_store import write_value
from common.learning.conditional_logit import Logit, fit_logit
from common.learning.dataset import RankingDataset, to_matrix
from common.learning.gbdt import Ranker
from competitions.mgtv.competition import COMPETITION
from competitions.mgtv.config import BLOCKS, CompletionSettings, MgtvConfig
from competitions.mgtv.day import export
from competitions.mgtv.day import service as serving
from competitions.mgtv.day.service import MgtvService, Request
from competitions.mgtv.features.build import EXTRA_BLOCKS, Sources, join_blocks
from competitions.mgtv.features.device_history import DeviceHistory
from competitions.mgtv.models import click_ranker, completion, decision
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.split import Slates
from tests.unit.mgtv.mgtv_world import SETTINGS, SLATES, build, build_day, draw_sources
from tests.unit.rankers import fit_rows

CONFIG: MgtvConfig = msgspec.structs.replace(COMPETITION.load_config([]), features=SETTINGS)


@dataclass(frozen=True)
class Tried:
    """The day as the pipeline serves it, with answers and rates drawn, and what was fitted on it."""

    sources: Sources
    day: DayFeatures
    rankers: list[Ranker]
    completion: Completion
    blend: Logit


@pytest.fixture(scope="module")
def tried() -> Tried:
    sources = draw_sources()
    features, rng = build_day(sources, SLATES), np.random.default_rng(0)
    labels = np.zeros(len(features.rates), np.float32)
    labels[np.cumsum(features.rows.group_sizes) - 1] = 1
    rows = replace(features.rows, labels=labels)
    day = replace(features, rows=rows, rates=rng.gamma(1, 0.6, len(labels)))
    parameters = {"num_leaves": 4, "min_data_in_leaf": 3, "num_threads": 1}
    rankers = [
        fit_rows("lightgbm_softmax", parameters, rows, None, 10, 0, 0),
        fit_rows("logit", {"l2": 0.1}, rows, None, 20, 0, 0),
    ]
    names = tuple(name for name in rows.names if not name.startswith("list_"))
    own = rows.features[:, [rows.names.index(name) for name in names]]
    settings = CompletionSettings(blocks=BLOCKS, bins=4, rounds=8, patience=1, parameters=parameters)
    fitted = completion.fit(completion.Plays(names, own, day.rates), None, settings, 0)
    scores = click_ranker.score(day, rankers).astype(np.float32)
    scored = RankingDataset(("a", "b"), scores, labels, rows.group_sizes)
    return Tried(sources, day, rankers, fitted, fit_logit(scored, None, 0.1))


def write(tried: Tried, folder: Path, config: MgtvConfig = CONFIG) -> list[Request]:
    """The requests of the export."""
    tables = export.tabulate(SLATES, tried.sources, config.features)
    write_value(folder / "export", MgtvService(tables, tried.rankers, tried.completion, tried.blend, config))
    write_value(folder / "requests", export.list_requests(SLATES, SLATES.rows["query"].unique()))
    return serving.read_requests(folder / "requests")


def describe(folder: Path, requests: list[Request]) -> pl.DataFrame:
    """The features of the requests, one at a time."""
    served = serving.load(folder / "export", "whole")
    slates = [serving.join_requests([request], served.tables.day) for request in requests]
    blocks = [serving.describe_blocks(served.tables, one, served.config.features, ignore) for one in slates]
    return pl.concat([join_blocks(own, one.rows) for own, one in zip(blocks, slates, strict=True)])


def describe_own(history: DeviceHistory, slates: Slates, videos: pl.DataFrame) -> pl.DataFrame:
    """The usual length of what a device was shown, one row a query."""
    usual = history.log.group_by("device").agg(own_usual=pl.col("duration").median())
    return slates.queries.join(usual, on="device", how="left", maintain_order="left").select("query", "own_usual")


def test_one_device_at_a_time_is_described_as_by_the_pipeline(tried: Tried, tmp_path: Path) -> None:
    described = describe(tmp_path, write(tried, tmp_path))
    whole = build(tried.sources, SLATES)
    assert described.columns == whole.columns
    assert {name.partition("_")[0] for name in described.columns} == {*BLOCKS}
    np.testing.assert_array_equal(to_matrix(described), to_matrix(whole))


def test_a_block_of_ones_own_is_described_as_by_the_pipeline(
    tried: Tried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXTRA_BLOCKS, "own", describe_own)
    features = msgspec.structs.replace(SETTINGS, blocks=(*BLOCKS, "own"))
    described = describe(tmp_path, write(tried, tmp_path, msgspec.structs.replace(CONFIG, features=features)))
    assert described.columns[-1] == "own_usual"
    np.testing.assert_array_equal(to_matrix(described), to_matrix(build(tried.sources, SLATES, features)))


def test_one_device_at_a_time_is_answered_as_by_the_pipeline(tried: Tried, tmp_path: Path) -> None:
    requests = write(tried, tmp_path)
    service, day = serving.load(tmp_path / "export", "whole"), tried.day
    probabilities = click_ranker.mix(tried.blend, click_ranker.score(day, tried.rankers), day)
    rewards = decision.expect_rewards(day, tried.completion, CONFIG.truth.no_duration)
    rows = decision.decide(day, probabilities, rewards)
    expected = np.column_stack([SLATES.rows["video"].to_numpy()[rows], rewards.rate[rows]])
    np.testing.assert_allclose([service.answer([request], ignore)[0] for request in requests], expected)
    np.testing.assert_allclose(answer_all(service, requests, batch=5), expected)


def test_a_video_without_a_duration_is_worth_nothing(tried: Tried, tmp_path: Path) -> None:
    lost = tried.sources.videos.with_columns(duration=pl.when(pl.col("video") != 3).then("duration"))
    requests = write(replace(tried, sources=replace(tried.sources, videos=lost)), tmp_path)
    answers = answer_all(serving.load(tmp_path / "export", "whole"), requests)
    shown = [request.video.tolist() for request in requests]
    assert any(3 in videos for videos in shown)
    assert all(answer[0] != 3 for answer in answers)


def test_a_completion_that_fitted_nothing_has_one_answer(tried: Tried, tmp_path: Path) -> None:
    bins = completion.make_bins(np.ones(30), 4, 41)
    assert len(bins.table) == 1
    requests = write(replace(tried, completion=Completion(bins, None, (), 0)), tmp_path)
    answers = answer_all(serving.load(tmp_path / "export", "whole"), requests)
    assert {rate for _, rate in answers} == {1.0}
