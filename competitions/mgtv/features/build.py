"""The features of every shown row, block by block, from the log before the day.

    video     the video, and what it belongs to          device   the device's habits
    pair      the device with the video, its programme … list     the row among what was shown beside it
    profile   the host's 88 profile columns              comment  time-synced comments
    sequence  similarity to what the device watched last

A feature's name begins with its block. Nothing here is given what came of the day.
"""

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from common.learning.features import attach
from competitions.mgtv.config import BlockSettings, FeatureSettings
from competitions.mgtv.features.comment import describe_comments
from competitions.mgtv.features.device import describe_devices
from competitions.mgtv.features.device_history import DeviceHistory, build_history
from competitions.mgtv.features.device_video import describe_pairs
from competitions.mgtv.features.profile import describe_profiles
from competitions.mgtv.features.sequence import describe_sequences, fit_video_vectors
from competitions.mgtv.features.slate import describe_slates
from competitions.mgtv.features.video import describe_videos
from competitions.mgtv.split import Slates

# Blocks that need no more than the devices' history, the slates, and the videos.
EXTRA_BLOCKS: dict[str, Callable[[DeviceHistory, Slates, pl.DataFrame], pl.DataFrame]] = {}
Step = Callable[..., Any]


@dataclass(frozen=True)
class Sources:
    """What features are made of: the log of all days, the tallies of it, and the host's tables.

    ``videos``: one row per video code; ``profiles``: one per device; ``comments``: one per (video, date); ``dates``:
    the date of each day of the log.
    """

    log: pl.DataFrame
    tally: pl.DataFrame
    categories: Mapping[str, pl.DataFrame]
    videos: pl.DataFrame
    profiles: pl.DataFrame
    comments: pl.DataFrame
    dates: Mapping[int, datetime.date]


def list_dates(days: Sequence[int], dates: Sequence[datetime.date | None]) -> dict[int, datetime.date]:
    """The date of every day that has clicks."""
    return {day: date for day, date in zip(days, dates, strict=True) if date is not None}


def describe_blocks(step: Step, sources: Any, slates: Any, settings: FeatureSettings, seed: int) -> dict[str, Any]:
    """The frames of the chosen blocks by name, each a step of its own: a changed block leaves the others as they are.

    ``step(function, *arguments, name=)`` calls, or keeps on disk: ``sources`` and ``slates`` are values, or results.
    """
    chosen = settings.blocks
    videos, own, frames = sources.videos, settings.of_blocks(), {}
    history = step(build_history, sources.log, slates, videos, name="history")
    if {"video", "pair", "list"} & {*chosen}:
        frames["video"] = step(describe_videos, sources.tally, videos, slates.day, own, name="video")
    if {"device", "pair", "list"} & {*chosen}:
        frames["device"] = step(describe_devices, history, slates, own, name="device")
    if "pair" in chosen:
        above = frames["video"], frames["device"]
        frames["pair"] = step(describe_pairs, history, slates, videos, *above, own, name="pair")
    if "profile" in chosen:
        tables = sources.profiles, sources.categories
        frames["profile"] = step(describe_profiles, *tables, slates, videos, own, name="profile")
    if "comment" in chosen:
        known = sources.comments, sources.dates
        frames["comment"] = step(describe_comments_before, *known, videos, slates.day, name="comment")
    if "sequence" in chosen:
        frames["sequence"] = step(describe_similarity, history, sources.log, slates, videos, own, seed, name="sequence")
    if "list" in chosen:
        frames["list"] = step(compare_in_lists, slates, videos, frames["video"], frames.get("pair"), name="list")
    for name, describe in EXTRA_BLOCKS.items():
        if name in chosen:
            frames[name] = step(describe, history, slates, videos, name=name)
    return {name: frames[name] for name in chosen}


def compare_in_lists(
    slates: Slates, videos: pl.DataFrame, by_video: pl.DataFrame, pair: pl.DataFrame | None
) -> pl.DataFrame:
    """The block ``list``: the rates of the blocks ``video`` and ``pair`` beside those of the list's other videos."""
    compared = [spread(by_video, slates.rows), *([] if pair is None else [pair])]
    return describe_slates(slates, videos, pl.concat(compared, how="horizontal"))


def describe_comments_before(
    comments: pl.DataFrame, dates: Mapping[int, datetime.date], videos: pl.DataFrame, day: int
) -> pl.DataFrame:
    """The block ``comment`` as of a day."""
    return describe_comments(comments, videos, find_date(dates, day))


def find_date(dates: Mapping[int, datetime.date], day: int) -> datetime.date | None:
    """The date of a day, counted on from the nearest day of the log that has one."""
    if not dates:
        return None
    known = min(dates, key=lambda other: (abs(other - day), other))
    return dates[known] + datetime.timedelta(days=day - known)


def describe_similarity(
    history: DeviceHistory,
    log: pl.DataFrame,
    slates: Slates,
    videos: pl.DataFrame,
    settings: BlockSettings,
    seed: int,
) -> pl.DataFrame:
    """The block ``sequence``."""
    vectors = fit_video_vectors(log, slates, videos.height, settings, seed)
    return describe_sequences(history, slates, vectors, settings)


def join_blocks(frames: Mapping[str, pl.DataFrame], rows: pl.DataFrame) -> pl.DataFrame:
    """The features of all blocks, one row per row of the slates, in order."""
    return pl.concat([spread(frame, rows) for frame in frames.values()], how="horizontal")


def spread(frame: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Features by video or query, for every row; those by row as they are."""
    key = next((key for key in ("video", "query") if key in frame.columns), None)
    return frame if key is None else attach(rows.select(key), frame, [key]).drop(key)


def call(function: Callable[..., Any], *arguments: Any, name: str) -> Any:
    """A step that is only called."""
    return function(*arguments)


def build(sources: Sources, slates: Slates, settings: FeatureSettings, seed: int) -> pl.DataFrame:
    """One row per row of the slates, in order: the features of the chosen blocks."""
    return join_blocks(describe_blocks(call, sources, slates, settings, seed), slates.rows)
