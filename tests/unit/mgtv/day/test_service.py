"""Devices answered from an export, one at a time: the features, the pick and the rate of the pipeline."""

from dataclasses import replace
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
from competitions.mgtv.features.build import Sources
from competitions.mgtv.models import click_ranker, completion
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.pipeline import DayModels
from tests.unit.mgtv.mgtv_world import (
    SETTINGS,
    SLATES,
    build,
    build_day,
    draw_sources,
)
from tests.unit.rankers import fit_rows

CONFIG: MgtvConfig = msgspec.structs.replace(COMPETITION.load_config([]), features=SETTINGS)


@pytest.fixture(scope="module")
def sources() -> Sources:
    return draw_sources()


@pytest.fixture(scope="module")
def day(sources: Sources) -> DayFeatures:
    """The day as the pipeline serves it, with answers and rates drawn."""
    features, rng = build_day(sources, SLATES), np.random.default_rng(0)
    labels = np.zeros(len(features.rates), np.float32)
    labels[np.cumsum(features.rows.group_sizes) - 1] = 1
    rows = replace(features.rows, labels=labels)
    return replace(features, rows=rows, rates=rng.gamma(1, 0.6, len(labels)))


@pytest.fixture(scope="module")
def models(day: DayFeatures) -> tuple[list[Ranker], Completion, Logit]:
    parameters = {"num_leaves": 4, "min_data_in_leaf": 3, "num_threads": 1}
    rankers = [
        fit_rows("lightgbm_softmax", parameters, day.rows, None, 10, 0, 0),
        fit_rows("logit", {"l2": 0.1}, day.rows, None, 20, 0, 0),
    ]
    names = tuple(name for name in day.rows.names if not name.startswith("list_"))
    own = day.rows.features[:, [day.rows.names.index(name) for name in names]]
    settings = CompletionSettings(blocks=BLOCKS, bins=4, rounds=8, patience=1, parameters=parameters)
    fitted = completion.fit(completion.Plays(names, own, day.rates), None, settings, 0)
    scored = RankingDataset(
        ("a", "b"), click_ranker.score(day, rankers).astype(np.float32), day.rows.labels, day.rows.group_sizes
    )
    return rankers, fitted, fit_logit(scored, None, 0.1)


def pass_on(ranker: Ranker) -> Ranker:
    return ranker


def write(
    sources: Sources, models: tuple[list[Ranker], Completion, Logit], folder: Path, share: float = 1.0
) -> list[pl.DataFrame]:
    rankers, fitted, blend = models
    both = Variant("both", "whole", rankers=(0, 1), share=share, blend=blend)
    export.write_tables(SLATES, sources, CONFIG, folder / "export")
    fits = [Result(ranker.kind, partial(pass_on, ranker)) for ranker in rankers]
    export.write_models_of_day(DayModels(fits, Result("fitted", lambda: fitted)), [both], folder / "export")
    export.write_requests(SLATES, SLATES.rows["query"].unique(), folder / "requests")
    return serving.read_requests(folder / "requests")


def test_features_of_one_device_are_those_of_the_whole_day(
    sources: Sources, models: tuple[list[Ranker], Completion, Logit], tmp_path: Path
) -> None:
    requests = write(sources, models, tmp_path)
    service = serving.load(tmp_path / "export", "whole")
    described = pl.concat([service.tables.describe(service.make_slates([request]), ignore) for request in requests])
    whole = build(sources, SLATES)
    assert described.columns == whole.columns
    assert {name.partition("_")[0] for name in described.columns} == {*BLOCKS}
    np.testing.assert_array_equal(to_matrix(described), to_matrix(whole))


def test_a_share_of_the_trees_is_taken_of_the_completion_too(
    sources: Sources, models: tuple[list[Ranker], Completion, Logit], tmp_path: Path
) -> None:
    write(sources, models, tmp_path, share=0.5)
    service = serving.load(tmp_path / "export", "whole")
    assert service.models[0].rounds == 5
    assert service.completion.num_trees() == 4 * len(models[1].bins.table)


def test_a_video_without_a_duration_is_worth_nothing(
    sources: Sources, models: tuple[list[Ranker], Completion, Logit], tmp_path: Path
) -> None:
    lost = sources.videos.with_columns(duration=pl.when(pl.col("video") != 3).then("duration"))
    requests = write(replace(sources, videos=lost), models, tmp_path)
    answers = answer_all(serving.load(tmp_path / "export", "whole"), requests)
    shown = [request["video"].to_list() for request in requests]
    assert any(3 in videos for videos in shown)
    assert all(answer[0] != 3 for answer in answers)


def test_a_completion_that_fitted_nothing_has_one_answer(
    sources: Sources, models: tuple[list[Ranker], Completion, Logit], tmp_path: Path
) -> None:
    rankers, _, blend = models
    bins = completion.make_bins(np.ones(30), 4, 41)
    assert len(bins.table) == 1
    requests = write(sources, (rankers, Completion(bins, None, (), 0), blend), tmp_path)
    answers = answer_all(serving.load(tmp_path / "export", "whole"), requests)
    assert {rate for _, rate in answers} == {1.0}


def test_a_damaged_completion_is_told_in_a_sentence(
    sources: Sources, models: tuple[list[Ranker], Completion, Logit], tmp_path: Path
) -> None:
    write(sources, models, tmp_path)
    (tmp_path / "export" / "whole" / serving.COMPLETION).write_text("nothing")
    with pytest.raises(UserError, match=r"completion.txt cannot be read"):
        serving.load(tmp_path / "export", "whole")
