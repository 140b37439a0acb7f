"""The features of every row that is asked about, block by block, from the log before the day.

    video     the video, and what it belongs to          device   the device's habits
    pair      the device with the video, its programme … list     the row among what was shown beside it
    profile   the host's 88 profile columns              comment  time-synced comments
    sequence  nearness to what the device watched last

A feature's name begins with its block. Nothing here is given what came of the day.
"""

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from competitions.mgtv.config import FeatureSettings
from competitions.mgtv.features.comment import describe_comments
from competitions.mgtv.features.device import describe_devices
from competitions.mgtv.features.device_history import Past, gather_past
from competitions.mgtv.features.device_video import describe_pairs
from competitions.mgtv.features.profile import describe_profiles
from competitions.mgtv.features.sequence import describe_sequences, learn_vectors
from competitions.mgtv.features.slate import describe_lists
from competitions.mgtv.features.video import describe_videos
from competitions.mgtv.split import Asked

# Blocks that need no more than the devices' past, what is asked, and the videos.
FURTHER: dict[str, Callable[[Past, Asked, pl.DataFrame], pl.DataFrame]] = {}


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


def build(sources: Sources, asked: Asked, settings: FeatureSettings, seed: int) -> pl.DataFrame:
    """One row per asked row, in order: the features of the chosen blocks."""
    chosen, videos = settings.blocks, sources.videos
    past = gather_past(sources.log, asked, videos)
    about = describe_videos(sources.tally, videos, asked.day, settings)
    devices = describe_devices(past, asked, settings)
    rows = asked.rows.select("query", "video")
    made: dict[str, pl.DataFrame] = {
        "video": rows.join(about, on="video", how="left", maintain_order="left").drop("query", "video"),
        "device": rows.join(devices, on="query", how="left", maintain_order="left").drop("query", "video"),
    }
    if "pair" in chosen:
        made["pair"] = describe_pairs(past, asked, videos, about, devices, settings)
    if "profile" in chosen:
        made["profile"] = describe_profiles(sources.profiles, sources.categories, asked, videos, settings)
    if "comment" in chosen:
        noted = describe_comments(sources.comments, videos, sources.date_of(asked.day))
        made["comment"] = rows.join(noted, on="video", how="left", maintain_order="left").drop("query", "video")
    if "sequence" in chosen:
        vectors = learn_vectors(sources.log, asked, videos.height, settings, seed)
        made["sequence"] = describe_sequences(past, asked, vectors, settings)
    if "list" in chosen:
        compared = [made[block] for block in ("video", "pair") if block in made]
        made["list"] = describe_lists(asked, videos, pl.concat(compared, how="horizontal"))
    made |= {name: describe(past, asked, videos) for name, describe in FURTHER.items() if name in chosen}
    return pl.concat(_in_order(made, chosen), how="horizontal")


def _in_order(made: Mapping[str, pl.DataFrame], chosen: Sequence[str]) -> list[pl.DataFrame]:
    return [made[block] for block in chosen]
