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

import polars as pl

from common.features import attach
from competitions.mgtv.config import FeatureSettings
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

    def date_of(self, day: int) -> datetime.date | None:
        """The date of a day, counted on from the nearest day of the log that has one."""
        if not self.dates:
            return None
        known = min(self.dates, key=lambda other: (abs(other - day), other))
        return self.dates[known] + datetime.timedelta(days=day - known)


def list_dates(days: Sequence[int], dates: Sequence[datetime.date | None]) -> dict[int, datetime.date]:
    """The date of every day that has clicks."""
    return {day: date for day, date in zip(days, dates, strict=True) if date is not None}


def build(sources: Sources, slates: Slates, settings: FeatureSettings, seed: int) -> pl.DataFrame:
    """One row per row of the slates, in order: the features of the chosen blocks."""
    chosen, videos = settings.blocks, sources.videos
    history = build_history(sources.log, slates, videos)
    by_video = describe_videos(sources.tally, videos, slates.day, settings)
    by_query = describe_devices(history, slates, settings)
    rows = slates.rows.select("query", "video")
    blocks = {"video": _spread(by_video, rows, "video"), "device": _spread(by_query, rows, "query")}
    if "pair" in chosen:
        blocks["pair"] = describe_pairs(history, slates, videos, by_video, by_query, settings)
    if "profile" in chosen:
        blocks["profile"] = describe_profiles(sources.profiles, sources.categories, slates, videos, settings)
    if "comment" in chosen:
        comments = describe_comments(sources.comments, videos, sources.date_of(slates.day))
        blocks["comment"] = _spread(comments, rows, "video")
    if "sequence" in chosen:
        vectors = fit_video_vectors(sources.log, slates, videos.height, settings, seed)
        blocks["sequence"] = describe_sequences(history, slates, vectors, settings)
    if "list" in chosen:
        compared = [blocks[block] for block in ("video", "pair") if block in blocks]
        blocks["list"] = describe_slates(slates, videos, pl.concat(compared, how="horizontal"))
    blocks |= {name: describe(history, slates, videos) for name, describe in EXTRA_BLOCKS.items() if name in chosen}
    return pl.concat([blocks[name] for name in chosen], how="horizontal")


def _spread(features: pl.DataFrame, rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """Features by video or query, for every row."""
    return attach(rows.select(key), features, [key]).drop(key)
