"""The service of a finished run: a device and the videos that it is shown -> one video, and the share played.

The clock of this competition is the day, so that most of what is known was tabulated at export, from the log before
the day: what describes a video, a device, a comment stream, a profile name within a channel, and the device's own past.
A request joins these and computes what depends on the list: pair_ and list_ features, models, decision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.day.serving.benchmark import Answer, Mark
from common.day.serving.keyed_table import KeyedTable
from common.engine.result_store import read_value
from common.learning.conditional_logit import Logit
from common.learning.gbdt import Ranker
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.features.build import EXTRA_BLOCKS
from competitions.mgtv.features.device_history import DeviceHistory
from competitions.mgtv.features.list import describe_lists
from competitions.mgtv.features.pair import describe_pairs
from competitions.mgtv.models import click_ranker, decision
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.dataset import join_day
from competitions.mgtv.split import Slates, hide_outcome

Codes = NDArray[np.integer]


@dataclass(frozen=True)
class DayTables:
    """What is known of a ``day``. By row, the video's code: ``videos``, their block ``by_video``, their ``comments``,
    their ``shares`` of all that is shown, and their ``channels`` as numbers. By device: ``devices`` (their block), the
    log of their ``history``, and ``profiles`` with names as codes, 0 for none.

    ``names``: of each profile column of names the features of every name in every channel.
    """

    day: int
    videos: pl.DataFrame
    by_video: pl.DataFrame
    comments: pl.DataFrame
    shares: pl.Series
    channels: Codes
    devices: KeyedTable
    history: KeyedTable
    profiles: KeyedTable
    names: Mapping[str, "NameFeatures"]


@dataclass(frozen=True)
class NameFeatures:
    """``values`` (names, channels, features) of a profile column of names, and what the features are called."""

    columns: Sequence[str]
    values: NDArray[np.float32]


@dataclass(frozen=True)
class ServedDay:
    """What a service answers from."""

    tables: DayTables
    rankers: Sequence[Ranker]
    completion: Completion
    blend: Logit
    config: MgtvConfig


@dataclass(frozen=True)
class Request:
    """A device, and the codes of the videos that it is shown, with their positions."""

    device: int
    video: Codes
    position: Codes


class MgtvService:
    """The tables and the models of a day."""

    def __init__(self, export: Path, _: str) -> None:
        """Map the export, of which there is one variant."""
        self.served: ServedDay = read_value(export)

    def answer(self, requests: Sequence[Request], mark: Mark) -> list[Answer]:
        """For each slate the code of a video, and the share played."""
        served, config = self.served, self.served.config
        slates = join_requests(requests, served.tables.day)
        blocks = describe_blocks(served.tables, slates, config, mark)
        day = join_day(blocks, slates, served.tables.videos, hide_outcome(slates))
        mark("matrix")
        probabilities = click_ranker.mix(served.blend, click_ranker.score(day, served.rankers), day)
        mark("watch models")
        rewards = decision.expect_rewards(day, served.completion, config.truth.no_duration)
        mark("completion")
        rows = decision.decide(day, probabilities, rewards, config.decide.power)
        answers: list[Answer] = np.column_stack([slates.rows["video"].to_numpy()[rows], rewards.rate[rows]]).tolist()
        mark("decision")
        return answers


load = MgtvService  # what a worker process calls, with an export and a variant


def describe_blocks(tables: DayTables, slates: Slates, config: MgtvConfig, mark: Mark) -> dict[str, pl.DataFrame]:
    """The blocks of the slates, as ``pipeline.build_blocks`` makes them from the whole log."""
    settings, rows, queries = config.features, slates.rows, slates.queries
    shown = np.unique(rows["video"].to_numpy())
    videos, by_video = tables.videos[shown], tables.by_video[shown]
    history = DeviceHistory(tables.day, tables.history.take(queries["device"]))
    own = tables.devices.take(queries["device"])
    by_query = queries.join(own, on="device", how="left", maintain_order="left").drop("device")
    blocks = {"video": by_video, "device": by_query, "comment": tables.comments[shown]}
    mark("look up")
    blocks["pair"] = describe_pairs(history, slates, videos, by_video, by_query, settings.half_lives[-1])
    mark("pair")
    blocks["profile"] = describe_profiles(tables, rows)
    mark("profile")
    lists = describe_lists(slates, videos, by_video, blocks["pair"])
    blocks["list"] = lists.with_columns(tables.shares[rows["video"]])
    mark("list")
    for name in EXTRA_BLOCKS.keys() & {*settings.blocks}:
        blocks[name] = EXTRA_BLOCKS[name](history, slates, tables.videos)
        mark(name)
    return {name: blocks[name] for name in settings.blocks}


def describe_profiles(tables: DayTables, rows: pl.DataFrame) -> pl.DataFrame:
    """The profile block: the device's amounts, and the rates of its names in the video's channel."""
    own = tables.profiles.take(rows["device"])
    profiles = rows.select("device").join(own, on="device", how="left", maintain_order="left")
    parts = [profiles.drop("device", *tables.names)]
    channel = tables.channels[rows["video"].to_numpy()]
    for name, features in tables.names.items():
        code = profiles[name].fill_null(0).to_numpy()
        parts.append(pl.DataFrame(features.values[code, channel], features.columns, orient="row"))
    return pl.concat(parts, how="horizontal")


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
