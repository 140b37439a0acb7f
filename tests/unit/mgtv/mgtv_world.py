"""Tiny MGTV logs, tables and served days for the tests of features and decisions: written row by row, or drawn."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.engine.run import Result, Run
from common.learning.dataset import RankingDataset
from competitions.mgtv import pipeline
from competitions.mgtv.config import BLOCKS, FeatureSettings, MgtvConfig, SplitSettings
from competitions.mgtv.features.build import join_blocks
from competitions.mgtv.features.target_encoding import tally_videos
from competitions.mgtv.io.logs import DAY_SCHEMA
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.split import Slates, build_slates, hide_outcome
from tests.results import as_result

FEATURES = FeatureSettings(blocks=BLOCKS)
SPLIT = SplitSettings(valid_days=2, folds=1, train_days=3, train_queries=100, valid_queries=100)
LOG = {**DAY_SCHEMA, "t": pl.Float32, "answer": pl.Boolean}
LOG.pop("play")
VIDEOS = {
    "video": pl.Int32,
    "collection": pl.Int32,
    "type": pl.Int32,
    "duration": pl.Float32,
    "source": pl.Int32,
    "channel": pl.Int32,
    "intact": pl.Int32,
    "stype": pl.Int32,
    "serial": pl.Int32,
    "series": pl.Int32,
    "known": pl.Boolean,
}
COMMENTS = {
    "video": pl.Int32,
    "date": pl.Date,
    "comments": pl.Int32,
    "sentiment": pl.Float32,
    "offset_s": pl.Float32,
    "length": pl.Int32,
}
DAY = 5  # that the drawn slates are of
PROFILES = pl.DataFrame(
    {
        "device": range(12),
        "f0": [7.0, 2.5, None] * 4,
        "f3": [0.5, None] * 6,
        "f87": [10, 30, 20, None, 10, 30] * 2,
    },
    schema={"device": pl.Int32, "f0": pl.Float32, "f3": pl.Float32, "f87": pl.Int32},
)
Floats = NDArray[np.float64]


def row(day: int, device: int, video: int, t: float | None = None, **changes: Any) -> dict[str, Any]:
    """A log row: shown, and clicked where a ``t`` is given; a clicked row is the answer unless it says otherwise."""
    clicked = changes.get("clicked", t is not None)
    plain = {"position": 0, "shown": True, "clicked": clicked, "click_ms": None, "answer": clicked}
    return {"day": day, "device": device, "video": video, "t": t} | plain | changes


def make_log(*rows: Mapping[str, Any]) -> pl.DataFrame:
    frame = pl.DataFrame(list(rows), schema=LOG)
    return frame.sort("day", "device", "position", "video", nulls_last=True)


def make_videos(**columns: Sequence[Any]) -> pl.DataFrame:
    """One row per code; columns that are not given are null, durations 100 s."""
    height = max((len(values) for values in columns.values()), default=3)
    plain = {name: [None] * height for name in VIDEOS}
    counted = {"video": list(range(height)), "known": [True] * height, "duration": [100.0] * height}
    return pl.DataFrame(plain | counted | columns, schema=VIDEOS)


def make_slates(day: int, lists: Mapping[int, Sequence[int]]) -> Slates:
    """One query per device, about its videos in this order."""
    shown = [(device, video, index) for device, videos in lists.items() for index, video in enumerate(videos)]
    schema = {"device": pl.Int32, "video": pl.Int32, "position": pl.Int16}
    devices = pl.DataFrame({"device": list(lists)}, schema={"device": pl.Int32})
    return build_slates(day, devices, pl.DataFrame(shown, schema=schema, orient="row"))


def make_day(
    sizes: Sequence[int],
    answers: Sequence[int],
    features: Mapping[str, Any] | None = None,
    completions: Sequence[float] | Floats | None = None,
    **changes: Any,
) -> DayFeatures:
    """A day of slates of these ``sizes``, whose answers stand at these positions; a rate is known where watched."""
    starts = np.cumsum([0, *sizes])[:-1]
    labels = np.zeros(sum(sizes), np.float32)
    labels[starts + np.array(answers, int)] = 1
    columns = features or {"video_a": np.arange(sum(sizes), dtype=float)}
    matrix = np.column_stack([np.asarray(values, np.float32) for values in columns.values()])
    rows = RankingDataset(tuple(columns), matrix, labels, np.array(sizes, np.int32))
    known = np.where(labels > 0, 1.0, np.nan) if completions is None else np.asarray(completions, float)
    plain: dict[str, Any] = {
        "clicked": labels > 0,
        "scorable": np.ones(len(labels), bool),
        "devices": np.arange(len(sizes)),
        "queries": len(sizes),
        "day": 9,
    }
    return DayFeatures(rows=rows, completions=known, **(plain | changes))


def draw_log(seed: int, devices: int = 12, videos: int = 15, days: int = 6) -> pl.DataFrame:
    """Lists of four to seven videos a device and day, of which some are clicked; a few clicks were never shown."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in range(1, days + 1):
        for device in range(devices):
            for index, video in enumerate(rng.permutation(videos)[: rng.integers(4, 8)].tolist()):
                clicked, shown = bool(rng.random() < 0.4), bool(rng.random() < 0.95)
                t = float(np.round(rng.gamma(1.0, 0.6), 3)) if clicked and rng.random() < 0.9 else None
                at = int(rng.integers(10**6)) if clicked else None
                position = index if shown else None
                changes = {"clicked": clicked, "click_ms": at, "shown": shown, "position": position}
                rows.append(row(day, device, video, t, **changes, answer=clicked and bool(rng.random() < 0.5)))
    return make_log(*rows)


def draw_videos(seed: int, videos: int = 15) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    few = {name: rng.integers(0, 3, videos).tolist() for name in ("type", "source", "intact", "stype", "series")}
    few["channel"] = [None, *rng.integers(0, 2, videos - 1).tolist()]
    few["collection"] = [None, *rng.integers(0, 4, videos - 1).tolist()]
    lengths = rng.choice([20.0, 90.0, 600.0, 2700.0], videos)
    return make_videos(**few, serial=rng.integers(1, 6, videos).tolist(), duration=lengths.tolist())


def draw_comments(seed: int, videos: int = 15, days: int = 8) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        (video, date_of(day), int(rng.integers(1, 5)), float(rng.integers(-2, 3)), float(rng.integers(90)), 12)
        for day in range(1, days)
        for video in range(0, videos, 2)
    ]
    return pl.DataFrame(rows, schema=COMMENTS, orient="row")


def date_of(day: int) -> datetime.date:
    return datetime.date(2025, 4, 1) + datetime.timedelta(days=day)


class DirectRun:
    """A run that calls every step and keeps nothing."""

    def step(self, f: Callable[..., Any], /, *args: Any, name: str) -> Result[Any]:
        return as_result(f(*(arg.value if isinstance(arg, Result) else arg for arg in args)))


RUN = cast(Run, DirectRun())


@dataclass(frozen=True)
class Read:
    """A table as a reader returns it."""

    frame: pl.DataFrame


def make_tables(
    log: pl.DataFrame, videos: pl.DataFrame, profiles: pl.DataFrame, comments: pl.DataFrame
) -> pipeline.Tables:
    """What the blocks read, as results of steps."""
    read = {"videos": Read(videos), "profiles": Read(profiles), "comments": Read(comments)}
    made = {"log": log, "tally": tally_videos(log), "dates": {1: date_of(1)}}
    tables = read | made | dict.fromkeys(("codes", "days", "test"))
    return pipeline.Tables(**{name: as_result(value) for name, value in tables.items()})  # type: ignore[arg-type]


def build(tables: pipeline.Tables, slates: Slates) -> pl.DataFrame:
    """One row per row of the slates, in order: the features of all blocks, as the pipeline builds them."""
    blocks = pipeline.build_blocks(RUN, "day", tables, as_result(slates), FEATURES)
    return join_blocks({name: frame.value for name, frame in blocks.items()}, slates.rows)


def build_day(tables: pipeline.Tables, slates: Slates, outcome: pl.DataFrame | None = None) -> DayFeatures:
    """A day with its outcome; None: as the test."""
    labels = as_result(hide_outcome(slates) if outcome is None else outcome)
    config = cast(MgtvConfig, SimpleNamespace(features=FEATURES))
    return pipeline.build_day(RUN, "day", tables, as_result(slates), labels, config).value


def draw_tables(seed: int = 0) -> pipeline.Tables:
    """Those of a drawn log, with profiles and comments."""
    return make_tables(draw_log(seed), draw_videos(seed), PROFILES, draw_comments(seed))


# Of the day: lists of two to five videos; the last device has no past.
SLATES = make_slates(DAY, {device: [device, 3, 12, 7, 0][: 2 + device % 4] for device in range(11)} | {77: [1, 14]})
