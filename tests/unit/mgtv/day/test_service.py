"""Devices answered from an export, one at a time: the features, the pick and the rate of the pipeline."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from common.day.serving.benchmark import Variant, answer_all, ignore
from common.engine.errors import UserError
from common.engine.run import Result
from common.learning.conditional_logit import Logit, fit_logit
from common.learning.dataset import RankingDataset, to_matrix
from common.learning.gbdt import Ranker
from competitions.mgtv.competition import COMPETITION
from competitions.mgtv.config import BLOCKS, CompletionSettings, MgtvConfig
from competitions.mgtv.day import export
from competitions.mgtv.day import service as serving
from competitions.mgtv.features.build import EXTRA_BLOCKS, Sources
from competitions.mgtv.features.device_history import DeviceHistory
from competitions.mgtv.models import click_ranker, completion
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.pipeline import DayModels
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


def pass_on(ranker: Ranker) -> Ranker:
    return ranker


def write(tried: Tried, folder: Path, share: float = 1.0) -> list[pl.DataFrame]:
    """The requests of the export."""
    both = Variant("both", "whole", rankers=(0, 1), share=share, blend=tried.blend)
    export.write_tables(SLATES, tried.sources, CONFIG, folder / "export")
    fits = [Result(ranker.kind, partial(pass_on, ranker)) for ranker in tried.rankers]
    export.write_models_of_day(DayModels(fits, Result("fitted", lambda: tried.completion)), [both], folder / "export")
    export.write_requests(SLATES, SLATES.rows["query"].unique(), folder / "requests")
    return serving.read_requests(folder / "requests")


def describe_own(history: DeviceHistory, slates: Slates, videos: pl.DataFrame) -> pl.DataFrame:
    """The usual length of what a device was shown, one row a query."""
    usual = history.log.group_by("device").agg(own_usual=pl.col("duration").median())
    return slates.queries.join(usual, on="device", how="left", maintain_order="left").select("query", "own_usual")


def test_one_device_at_a_time_is_described_as_by_the_pipeline(tried: Tried, tmp_path: Path) -> None:
    requests = write(tried, tmp_path)
    service = serving.load(tmp_path / "export", "whole")
    described = pl.concat([service.tables.describe(service.make_slates([request]), ignore) for request in requests])
    whole = build(tried.sources, SLATES)
    assert described.columns == whole.columns
    assert {name.partition("_")[0] for name in described.columns} == {*BLOCKS}
    np.testing.assert_array_equal(to_matrix(described), to_matrix(whole))


def test_a_block_of_ones_own_is_described_as_by_the_pipeline(
    tried: Tried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = write(tried, tmp_path)
    service = serving.load(tmp_path / "export", "whole")
    monkeypatch.setitem(EXTRA_BLOCKS, "own", describe_own)
    settings = service.tables.settings
    features = msgspec.structs.replace(settings.features, blocks=(*BLOCKS, "own"))
    service.tables.settings = msgspec.structs.replace(settings, features=features)
    described = pl.concat([service.tables.describe(service.make_slates([request]), ignore) for request in requests])
    whole = build(tried.sources, SLATES, features)
    assert described.columns[-1] == "own_usual"
    np.testing.assert_array_equal(to_matrix(described), to_matrix(whole))


def test_a_share_of_the_trees_is_taken_of_the_completion_too(tried: Tried, tmp_path: Path) -> None:
    write(tried, tmp_path, share=0.5)
    service = serving.load(tmp_path / "export", "whole")
    assert service.models[0].rounds == 5
    assert service.completion.num_trees() == 4 * len(tried.completion.bins.table)
    (tmp_path / "export" / "whole" / serving.COMPLETION).write_text("nothing")
    with pytest.raises(UserError, match=r"completion.txt cannot be read"):
        serving.load(tmp_path / "export", "whole")


def test_a_video_without_a_duration_is_worth_nothing(tried: Tried, tmp_path: Path) -> None:
    lost = tried.sources.videos.with_columns(duration=pl.when(pl.col("video") != 3).then("duration"))
    requests = write(replace(tried, sources=replace(tried.sources, videos=lost)), tmp_path)
    answers = answer_all(serving.load(tmp_path / "export", "whole"), requests)
    shown = [request["video"].to_list() for request in requests]
    assert any(3 in videos for videos in shown)
    assert all(answer[0] != 3 for answer in answers)


def test_a_completion_that_fitted_nothing_has_one_answer(tried: Tried, tmp_path: Path) -> None:
    bins = completion.make_bins(np.ones(30), 4, 41)
    assert len(bins.table) == 1
    requests = write(replace(tried, completion=Completion(bins, None, (), 0)), tmp_path)
    answers = answer_all(serving.load(tmp_path / "export", "whole"), requests)
    assert {rate for _, rate in answers} == {1.0}
