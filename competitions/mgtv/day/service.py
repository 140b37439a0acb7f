"""The service of a finished run: a device and the videos that it is shown -> one video, and the share played.

The clock of this competition is the day, so that most of what is known was tabulated at export, from the log before
the day: what describes a video, a device, a comment stream, a profile name within a channel, and the device's own past.
A request joins these and computes what depends on the list: pair_ and list_ features, models, decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.day.serving.benchmark import Answer, Mark
from common.day.serving.keyed_table import KeyedTable
from common.engine.result_store import read_value
from common.learning.conditional_logit import Logit
from common.learning.gbdt import Ranker
from competitions.mgtv.config import FeatureSettings, MgtvConfig
from competitions.mgtv.features.build import EXTRA_BLOCKS
from competitions.mgtv.features.device_history import DeviceHistory
from competitions.mgtv.features.list import describe_lists
from competitions.mgtv.features.pair import describe_pairs
from competitions.mgtv.features.profile import ProfileTables, look_up_profiles
from competitions.mgtv.models import click_ranker, decision
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.dataset import join_day
from competitions.mgtv.split import Slates, hide_outcome

Codes = NDArray[np.integer]


@dataclass(frozen=True)
class DayTables:
    """What is known of a ``day``. By row, the video's code: ``videos``, their block ``by_video``, their ``comments``,
    their ``shares`` of all that is shown. By device: ``devices`` (their block), the log of their ``history``. What the
    profile block looks up: ``profiles``.
    """

    day: int
    videos: pl.DataFrame
    by_video: pl.DataFrame
    comments: pl.DataFrame
    shares: pl.Series
    devices: KeyedTable
    history: KeyedTable
    profiles: ProfileTables


@dataclass(frozen=True)
class Request:
    """A device, and the codes of the videos that it is shown, with their positions."""

    device: int
    video: Codes
    position: Codes


@dataclass(frozen=True)
class MgtvService:
    """What answers are made of: the tables and the models of a day."""

    tables: DayTables
    rankers: Sequence[Ranker]
    completion: Completion
    blend: Logit
    config: MgtvConfig

    def answer(self, requests: Sequence[Request], mark: Mark) -> list[Answer]:
        """For each slate the code of a video, and the share played."""
        slates = join_requests(requests, self.tables.day)
        blocks = describe_blocks(self.tables, slates, self.config.features, mark)
        day = join_day(blocks, slates, self.tables.videos, hide_outcome(slates))
        mark("matrix")
        probabilities = click_ranker.mix(self.blend, click_ranker.score(day, self.rankers), day)
        mark("watch models")
        rewards = decision.expect_rewards(day, self.completion, self.config.truth.no_duration)
        mark("completion")
        rows = decision.decide(day, probabilities, rewards)
        answers: list[Answer] = np.column_stack([slates.rows["video"].to_numpy()[rows], rewards.rate[rows]]).tolist()
        mark("decision")
        return answers


def load(export: Path, _: str) -> MgtvService:
    """Map an export, of which there is one variant."""
    service: MgtvService = read_value(export)
    return service


def describe_blocks(
    tables: DayTables, slates: Slates, settings: FeatureSettings, mark: Mark
) -> dict[str, pl.DataFrame]:
    """The blocks of the slates, as ``pipeline.build_blocks`` makes them from the whole log."""
    rows, queries = slates.rows, slates.queries
    shown = np.unique(rows["video"].to_numpy())
    videos, by_video = tables.videos[shown], tables.by_video[shown]
    history = DeviceHistory(tables.day, tables.history.take(queries["device"]))
    own = tables.devices.take(queries["device"])
    by_query = queries.join(own, on="device", how="left", maintain_order="left").drop("device")
    blocks = {"video": by_video, "device": by_query, "comment": tables.comments[shown]}
    mark("look up")
    blocks["pair"] = describe_pairs(history, slates, videos, by_video, by_query, settings.half_lives[-1])
    mark("pair")
    named = KeyedTable(tables.profiles.devices, "device").take(queries["device"])
    blocks["profile"] = look_up_profiles(rows, replace(tables.profiles, devices=named))
    mark("profile")
    lists = describe_lists(slates, videos, by_video, blocks["pair"])
    blocks["list"] = lists.with_columns(tables.shares[rows["video"]])
    mark("list")
    for name in EXTRA_BLOCKS.keys() & {*settings.blocks}:
        blocks[name] = EXTRA_BLOCKS[name](history, slates, tables.videos)
        mark(name)
    return {name: blocks[name] for name in settings.blocks}


def read_requests(path: Path) -> list[Request]:
    """The stored slates, one by one."""
    requests: list[Request] = read_value(path)
    return requests


def join_requests(requests: Sequence[Request], day: int) -> Slates:
    """Some requests as the pipeline's slates."""
    devices = pl.DataFrame({"device": [request.device for request in requests]}, {"device": pl.Int32})
    queries = devices.select(pl.int_range(pl.len(), dtype=pl.Int32).alias("query"), "device")
    owner = np.repeat(np.arange(len(requests)), [len(request.video) for request in requests])
    video, position = (
        np.concatenate([getattr(request, name) for request in requests]) for name in ("video", "position")
    )
    rows = queries[owner].with_columns(video=pl.Series(video, dtype=pl.Int32), position=pl.Series(position))
    return Slates(day, queries, rows)
