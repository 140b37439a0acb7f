"""Devices answered from an export, one at a time: the features, the pick and the rate of the pipeline."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.day.serving.benchmark import answer_all
from common.day.serving.service import ignore
from common.engine.errors import UserError
from common.engine.result_store import read_value, write_value
from common.learning.conditional_logit import Logit
from common.learning.dataset import to_matrix
from common.learning.gbdt import Ranker
from competitions.mgtv.competition import COMPETITION
from competitions.mgtv.config import BLOCKS, CompletionSettings, MgtvConfig
from competitions.mgtv.day import export
from competitions.mgtv.day import service as serving
from competitions.mgtv.day.service import MgtvService, Request
from competitions.mgtv.features.build import EXTRA_BLOCKS, Sources, join_blocks
from competitions.mgtv.features.device_history import DeviceHistory
from competitions.mgtv.io.reader import Codes
from competitions.mgtv.models import click_ranker, completion, decision
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.split import Slates
from tests.unit.mgtv.mgtv_world import SETTINGS, SLATES, build, build_day, draw_sources, make_slates
from tests.unit.rankers import fit_rows

DIDS = [f"d{number}" for number in range(100)]
VIDS = [1_000 + 7 * number for number in range(15)]
CONFIG: MgtvConfig = msgspec.structs.replace(COMPETITION.load_config([]), features=SETTINGS)


@dataclass(frozen=True)
class Tried:
    """The day as the pipeline serves it, with answers and rates drawn, and what was fitted on it."""

    sources: Sources
    day: DayFeatures
    ranker: Ranker
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
    ranker = fit_rows(click_ranker.MODEL, parameters, rows, None, 10, 0, 0)
    names = tuple(name for name in rows.names if not name.startswith("list_"))
    own = rows.features[:, [rows.names.index(name) for name in names]]
    settings = CompletionSettings(blocks=BLOCKS, bins=4, rounds=8, patience=1, parameters=parameters)
    fitted = completion.fit(completion.Plays(names, own, day.rates), None, settings, 0)
    return Tried(sources, day, ranker, fitted, click_ranker.find_blend([day], [click_ranker.score(day, ranker)]))


def serve(tried: Tried, folder: Path, config: MgtvConfig = CONFIG) -> MgtvService:
    """The service as it comes back from its export."""
    codes = Codes(pl.DataFrame({"did": DIDS}), pl.DataFrame({"vid": VIDS}))
    tables = export.tabulate(SLATES, tried.sources, codes)
    write_value(folder, MgtvService(tables, tried.ranker, tried.completion, tried.blend, config))
    service: MgtvService = read_value(folder)
    return service


def list_requests() -> list[Request]:
    """The slates as requests."""
    lists = SLATES.rows.group_by("query", maintain_order=True).agg(pl.col("device").first(), "video")
    return [Request(device, np.array(own)) for _, device, own in lists.iter_rows()]


def describe(service: MgtvService, requests: Sequence[Request]) -> pl.DataFrame:
    """The features of the requests, one at a time."""
    slates = [serving.join_requests([request], service.tables.day) for request in requests]
    blocks = [serving.describe_blocks(service.tables, one, service.config.features, ignore) for one in slates]
    return pl.concat([join_blocks(own, one.rows) for own, one in zip(blocks, slates, strict=True)])


def describe_own(history: DeviceHistory, slates: Slates, videos: pl.DataFrame) -> pl.DataFrame:
    """The usual length of what a device was shown, one row a query."""
    usual = history.log.group_by("device").agg(own_usual=pl.col("duration").median())
    return slates.queries.join(usual, on="device", how="left", maintain_order="left").select("query", "own_usual")


def test_one_device_at_a_time_is_described_as_by_the_pipeline(tried: Tried, tmp_path: Path) -> None:
    service = serve(tried, tmp_path)
    described, whole = describe(service, list_requests()), build(tried.sources, SLATES)
    assert described.columns == whole.columns
    assert {name.partition("_")[0] for name in described.columns} == {*BLOCKS}
    np.testing.assert_array_equal(to_matrix(described), to_matrix(whole))


def test_a_block_of_ones_own_is_described_as_by_the_pipeline(
    tried: Tried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXTRA_BLOCKS, "own", describe_own)
    features = msgspec.structs.replace(SETTINGS, blocks=(*BLOCKS, "own"))
    service = serve(tried, tmp_path, msgspec.structs.replace(CONFIG, features=features))
    described = describe(service, list_requests())
    assert described.columns[-1] == "own_usual"
    np.testing.assert_array_equal(to_matrix(described), to_matrix(build(tried.sources, SLATES, features)))


def test_one_device_at_a_time_is_answered_as_by_the_pipeline(tried: Tried, tmp_path: Path) -> None:
    service, day = serve(tried, tmp_path), tried.day
    probabilities = click_ranker.mix(tried.blend, click_ranker.score(day, tried.ranker), day)
    rewards = decision.expect_rewards(day, tried.completion, CONFIG.truth.no_duration)
    rows = decision.decide(day, probabilities, rewards)
    expected = [
        {"vid": VIDS[SLATES.rows["video"][row]], "completion_rate": pytest.approx(rewards.rate[row], abs=1e-6)}
        for row in rows.tolist()
    ]
    requests = list_requests()
    assert [service.answer([request], ignore)[0] for request in requests] == expected
    assert answer_all(service, requests, batch=5) == expected


def test_a_device_that_is_not_known_is_described_as_one_without_a_past(tried: Tried, tmp_path: Path) -> None:
    service = serve(tried, tmp_path)
    stranger = service.parse(msgspec.json.encode({"did": "nobody", "vids": VIDS[:5]}))
    described = describe(service, [stranger])
    lists = {device: own["video"].to_list() for (device,), own in SLATES.rows.group_by("device")}
    slates = make_slates(SLATES.day, lists | {500: range(5)})  # a device that no log has
    # The share of all that is shown is that of the export, which does not have this list.
    whole = build(tried.sources, slates).filter(slates.rows["device"] == 500).drop("list_share_today")
    assert_frame_equal(described.select(whole.columns), whole, check_exact=True)
    assert service.answer([stranger], ignore)[0]["vid"] in VIDS[:5]


def test_a_video_that_is_not_known_is_named_and_one_that_is_there_twice_counts_once(
    tried: Tried, tmp_path: Path
) -> None:
    service = serve(tried, tmp_path)
    with pytest.raises(UserError, match=r"^vids\[1\]: the run has no video 5$"):
        service.parse(b'{"did": "d3", "vids": [%d, 5, 5]}' % VIDS[0])
    twice = service.parse(msgspec.json.encode({"did": "d3", "vids": [VIDS[4], VIDS[2], VIDS[4]]}))
    assert (twice.device, twice.video.tolist()) == (3, [4, 2])


def test_a_video_without_a_duration_is_worth_nothing(tried: Tried, tmp_path: Path) -> None:
    lost = tried.sources.videos.with_columns(duration=pl.when(pl.col("video") != 3).then("duration"))
    service = serve(replace(tried, sources=replace(tried.sources, videos=lost)), tmp_path)
    requests = list_requests()
    assert any(3 in request.video for request in requests)
    assert all(answer["vid"] != VIDS[3] for answer in answer_all(service, requests))


def test_a_completion_that_fitted_nothing_has_one_answer(tried: Tried, tmp_path: Path) -> None:
    bins = completion.make_bins(np.ones(30), 4, 41)
    assert len(bins.table) == 1
    service = serve(replace(tried, completion=Completion(bins, None, (), 0)), tmp_path)
    assert {answer["completion_rate"] for answer in answer_all(service, list_requests())} == {1.0}
