"""A service of the MGTV competition: a device and the videos that it is shown -> one video, and the share played.

The clock of this competition is the day, so that most of what is known was tabulated at export, from the log before
the day: what describes a video, a device, a comment stream, a profile name within a channel, and the device's own past.
A request joins these and computes what depends on the list: pair_ and list_ features, models, decision.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightgbm
import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Floats
from common.day.serving.benchmark import Answer, Mark
from common.day.serving.feature_tables import read_array, read_keyed, read_struct, read_table
from common.day.serving.model_files import read_logit, read_models, score_models
from common.engine.errors import UserError
from common.learning.dataset import Matrix, to_matrix
from common.learning.listwise_softmax import softmax_within
from competitions.mgtv.config import FeatureSettings
from competitions.mgtv.features.build import EXTRA_BLOCKS, spread
from competitions.mgtv.features.device_history import DeviceHistory
from competitions.mgtv.features.list import describe_lists
from competitions.mgtv.features.pair import describe_pairs
from competitions.mgtv.models.completion import Bins, best_answers
from competitions.mgtv.models.decision import pick
from competitions.mgtv.split import Slates

SETTINGS, BLEND, COMPLETION, REQUESTS = "settings.json", "blend.npz", "completion.txt", "requests.arrow"
VIDEOS, ABOUT, COMMENTS, SHARES = "videos.arrow", "about.arrow", "comments.arrow", "shares.arrow"
DEVICES, PAST, PROFILES = "devices.arrow", "past.arrow", "profiles.arrow"
CHANNELS, BINS = "channels.npy", "bins.npz"
Codes = NDArray[np.int64]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every variant. ``names``: the columns of each profile column's table."""

    day: int
    features: FeatureSettings
    power: float
    no_duration: str
    names: dict[str, list[str]]


class Tables:
    """What was tabulated at export."""

    def __init__(self, export: Path) -> None:
        """Map everything; pages are read when a request needs them."""
        self.settings = read_struct(export / SETTINGS, Settings)
        self.videos, self.about, self.comments = (read_table(export / name) for name in (VIDEOS, ABOUT, COMMENTS))
        self.shares = read_table(export / SHARES)
        self.devices, self.history, self.profiles = (
            read_keyed(export / name, "device") for name in (DEVICES, PAST, PROFILES)
        )
        self.channels = read_array(export / CHANNELS)
        self.named = {name: read_array(export / f"profile-{name}.npy") for name in self.settings.names}

    def describe(self, slates: Slates, mark: Mark) -> pl.DataFrame:
        """The features of every row of the slates, as ``pipeline.build_blocks`` makes them from the whole log."""
        settings, rows, queries = self.settings.features, slates.rows, slates.queries
        video = rows["video"].to_numpy()
        shown = np.unique(video)
        videos, by_video = self.videos[shown], self.about[shown]
        history = DeviceHistory(self.settings.day, self.history.take(queries["device"]))
        own = self.devices.take(queries["device"])
        by_query = queries.join(own, on="device", how="left", maintain_order="left").drop("device")
        blocks = {
            "video": self.about[video].drop("video"),
            "device": by_query[rows["query"].to_numpy()].drop("query"),
            "comment": self.comments[video].drop("video"),
        }
        mark("look up")
        blocks["pair"] = describe_pairs(history, slates, videos, by_video, by_query, settings.half_lives[-1])
        mark("pair")
        blocks["profile"] = self.describe_profiles(rows)
        mark("profile")
        lists = describe_lists(slates, videos, by_video, blocks["pair"])
        blocks["list"] = lists.with_columns(self.shares[video]["list_share_today"])
        mark("list")
        for name in EXTRA_BLOCKS.keys() & {*settings.blocks}:
            blocks[name] = spread(EXTRA_BLOCKS[name](history, slates, self.videos), rows)
            mark(name)
        return pl.concat([blocks[name] for name in settings.blocks], how="horizontal")

    def describe_profiles(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The profile block: the device's amounts, and the rates of its names in the video's channel."""
        own = self.profiles.take(rows["device"])
        profiles = rows.select("device").join(own, on="device", how="left", maintain_order="left")
        parts = [profiles.drop("device", *self.named)]
        channel = self.channels[rows["video"].to_numpy()]
        for name, table in self.named.items():
            code = profiles[name].fill_null(0).to_numpy()  # 0: no name
            parts.append(pl.DataFrame(table[code, channel], self.settings.names[name], orient="row"))
        return pl.concat(parts, how="horizontal")


class MgtvService:
    """Tables, models, blend and completion in memory."""

    def __init__(self, export: Path, variant: str) -> None:
        """Load what one variant needs."""
        own = export / variant
        self.tables, self.models, self.blend = Tables(export), read_models(own), read_logit(own / BLEND)
        self.completion = read_completion(own / COMPLETION)
        with np.load(export / BINS, allow_pickle=False) as arrays:
            self.bins = Bins(**arrays)
        self.durations = self.tables.videos["duration"].is_not_null().to_numpy()

    def answer(self, requests: Sequence[pl.DataFrame], mark: Mark) -> list[Answer]:
        """For each slate (device, video, position) the code of a video, and the share played."""
        slates = self.make_slates(requests)
        frame, video = self.tables.describe(slates, mark), slates.rows["video"].to_numpy()
        matrix, sizes = to_matrix(frame), slates.group_sizes.to_numpy()
        mark("matrix")
        scores = score_models(frame.columns, matrix, self.models).astype(np.float32)
        probabilities = softmax_within(np.asarray(self.blend(scores)), sizes)
        mark("watch models")
        rates, expected = self.expect_rewards(frame.columns, matrix, video)
        mark("completion")
        rows = pick(probabilities * expected**self.tables.settings.power, sizes)
        answers = [[float(video[row]), float(rates[row])] for row in rows]
        mark("decision")
        return answers

    def make_slates(self, requests: Sequence[pl.DataFrame]) -> Slates:
        """Some requests as the pipeline's slates."""
        query = np.repeat(np.arange(len(requests), dtype=np.int32), [len(request) for request in requests])
        rows = pl.concat(requests).select(pl.Series("query", query), "device", "video", "position")
        queries = rows.unique("query", keep="first", maintain_order=True).select("query", "device")
        return Slates(self.tables.settings.day, queries, rows)

    def expect_rewards(self, names: Sequence[str], matrix: Matrix, video: Codes) -> tuple[Floats, Floats]:
        """For each row the best rate to answer, and its expected score if the video is the right one."""
        probabilities = np.ones((len(matrix), 1))
        if self.completion is not None:
            own = matrix[:, [names.index(name) for name in self.completion.feature_name()]]
            probabilities = np.asarray(self.completion.predict(own, num_threads=1), np.float64).reshape(len(own), -1)
        rates, expected = best_answers(probabilities, self.bins)
        if self.tables.settings.no_duration == "nothing":
            expected = np.where(self.durations[video], expected, 0.0)
        return rates, expected


def read_completion(path: Path) -> Any:
    """LightGBM's model of the completion rate; None where all plays fell into one bin, and nothing was fitted."""
    if not path.exists():
        return None
    try:
        return lightgbm.Booster(model_file=path)
    except lightgbm.basic.LightGBMError as error:
        raise UserError(f"{path} cannot be read: {error}; export the run again.") from error


load = MgtvService  # what a worker process calls, with an export and a variant


def read_requests(path: Path) -> list[pl.DataFrame]:
    """The lists of a folder of requests, one by one."""
    rows = read_table(path / REQUESTS)
    return [part.drop("query") for part in rows.partition_by("query", maintain_order=True)]
