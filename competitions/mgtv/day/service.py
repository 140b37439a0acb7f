"""A request is a device and the videos that it is shown, in their order; the answer is one of them, and the share of it
that will be played.

The clock of this competition is the day, so that most of what is known was tabulated at export, from the log before
the day: what describes a video, a device, a comment stream, and the device's own past,
which in a live service would grow during the day. A request joins these and computes what depends on the list: pair_
and list_ features, models, decision. A device that the test does not ask about is answered as a new one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.day.serving.keyed_table import take_rows
from common.day.serving.service import Answer, Mark, decode
from common.engine.errors import UserError
from common.learning.conditional_logit import Logit
from common.learning.gbdt import Ranker
from competitions.mgtv.config import FeatureSettings, MgtvConfig
from competitions.mgtv.features.build import EXTRA_BLOCKS
from competitions.mgtv.features.device_history import DeviceHistory
from competitions.mgtv.features.list import describe_lists
from competitions.mgtv.features.pair import describe_pairs
from competitions.mgtv.features.profile import describe_profiles
from competitions.mgtv.models import click_ranker, decision
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.dataset import join_day
from competitions.mgtv.split import Slates, hide_outcome
from competitions.mgtv.submission import DECIMALS

NEW = -1  # the code of a device that is not known


class Slate(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request: a device, and what it is shown, by the host's ids."""

    did: str
    vids: Annotated[
        list[Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]],
        msgspec.Meta(min_length=1, max_length=1 << 15),
    ]


@dataclass(frozen=True)
class DayTables:
    """What is known of a ``day``. By row, the video's code: the host's id ``vid``, ``videos``, their block
    ``by_video``, their ``comments``, their ``shares`` of all that is shown. By device: its code by ``did`` (did,
    device), ``devices`` (their block, also that of ``NEW``), the log of their ``history``, their
    ``profiles``.
    """

    day: int
    did: pl.DataFrame
    vid: pl.Series
    videos: pl.DataFrame
    by_video: pl.DataFrame
    comments: pl.DataFrame
    shares: pl.Series
    devices: pl.DataFrame
    history: pl.DataFrame
    profiles: pl.DataFrame


@dataclass(frozen=True)
class Request:
    """A device, and the codes of the videos that it is shown, in their order."""

    device: int
    video: NDArray[np.integer]


@dataclass(frozen=True)
class MgtvService:
    """What answers are made of: the tables and the models of a day."""

    tables: DayTables
    ranker: Ranker
    completion: Completion
    blend: Logit
    config: MgtvConfig

    def parse(self, body: bytes) -> Request:
        """A device and its list, in which a repeated video counts once. Of an unknown video nothing can be said."""
        slate, tables = decode(body, Slate), self.tables
        vids = pl.Series("vid", slate.vids).unique(maintain_order=True)
        codes = tables.vid.search_sorted(vids)
        unknown = vids.filter(~vids.is_in(tables.vid.implode()))
        if len(unknown):
            raise UserError(f"vids[{slate.vids.index(unknown[0])}]: the run has no video {unknown[0]}")
        device = tables.did.filter(pl.col("did") == slate.did)["device"]
        return Request(device[0] if len(device) else NEW, codes.to_numpy())

    def answer(self, requests: Sequence[Request], mark: Mark) -> list[Answer]:
        """For each list the id of a video, and the share played."""
        slates = join_requests(requests, self.tables.day)
        blocks = describe_blocks(self.tables, slates, self.config.features, mark)
        day = join_day(blocks, slates, self.tables.videos, hide_outcome(slates))
        mark("matrix")
        probabilities = click_ranker.mix(self.blend, click_ranker.score(day, self.ranker), day)
        mark("watch model")
        rewards = decision.expect_rewards(day, self.completion, self.config.truth.no_duration)
        mark("completion")
        rows = decision.decide(day, probabilities, rewards)
        vids, rates = self.tables.vid[slates.rows["video"][rows]], rewards.rate[rows].round(DECIMALS)
        answers = [{"vid": vid, "completion_rate": rate} for vid, rate in zip(vids, rates.tolist(), strict=True)]
        mark("decision")
        return answers


def describe_blocks(
    tables: DayTables, slates: Slates, settings: FeatureSettings, mark: Mark
) -> dict[str, pl.DataFrame]:
    """The blocks of the slates, as ``pipeline.build_blocks`` makes them from the whole log."""
    rows, queries = slates.rows, slates.queries
    shown = np.unique(rows["video"].to_numpy())
    videos, by_video = tables.videos[shown], tables.by_video[shown]
    history = DeviceHistory(tables.day, take_rows(tables.history, "device", queries["device"]))
    own = take_rows(tables.devices, "device", queries["device"])
    by_query = queries.join(own, on="device", how="left", maintain_order="left").drop("device")
    blocks = {"video": by_video, "device": by_query, "comment": tables.comments[shown]}
    mark("look up")
    blocks["pair"] = describe_pairs(history, slates, videos, by_video, by_query)
    mark("pair")
    blocks["profile"] = describe_profiles(take_rows(tables.profiles, "device", queries["device"]), slates)
    mark("profile")
    lists = describe_lists(slates, videos, by_video, blocks["pair"])
    blocks["list"] = lists.with_columns(tables.shares[rows["video"]])
    mark("list")
    for name in EXTRA_BLOCKS.keys() & {*settings.blocks}:
        blocks[name] = EXTRA_BLOCKS[name](history, slates, tables.videos)
        mark(name)
    return {name: blocks[name] for name in settings.blocks}


def join_requests(requests: Sequence[Request], day: int) -> Slates:
    """Some requests as the pipeline's slates."""
    devices = pl.DataFrame({"device": [request.device for request in requests]}, {"device": pl.Int32})
    queries = devices.select(pl.int_range(pl.len(), dtype=pl.Int32).alias("query"), "device")
    sizes = [len(request.video) for request in requests]
    rows = queries[np.repeat(np.arange(len(requests)), sizes)].with_columns(
        video=pl.Series(np.concatenate([request.video for request in requests]), dtype=pl.Int32),
        position=pl.Series(np.concatenate([np.arange(size) for size in sizes]), dtype=pl.Int16),
    )
    return Slates(day, queries, rows)
