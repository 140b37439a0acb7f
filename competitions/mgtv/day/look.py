"""What `make look-mgtv` shows of the raw files: slates, days, completion, popularity, videos; log beside test."""

import dataclasses
from collections.abc import Mapping, Sequence

import msgspec
import polars as pl

from common.day.look.columns import RawTable
from common.day.look.distributions import Picture, Sides, count_by, histogram
from common.day.look.page import Look
from common.engine.decisions import AUTO
from common.engine.run import Run, collect
from competitions.mgtv import labels
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.io import reader

Pictures = Sequence[Picture | None]


def look(files: reader.RawFiles, config: MgtvConfig, run: Run) -> Look:
    """Tables and pictures of the host's files."""
    logs = dataclasses.replace(files, profiles=None, comments=(), notes=())
    codes = run.step(reader.learn_codes, logs)
    videos = run.step(reader.read_videos, logs, codes, config.host)
    days = [run.step(reader.read_day, day, codes, config.host, name=f"day{day.day:02d}.read") for day in files.days]
    test = run.step(reader.read_test, logs, codes)
    truth = config.truth if config.truth.clip != AUTO else msgspec.structs.replace(config.truth, clip=0.0)  # as it is
    log = run.step(labels.stack_log, collect([day.frame for day in days]), videos.frame, truth, name="stack").value
    shown = {"log": log.filter("shown"), "test": test.value.shown}
    notes = [*files.notes, *videos.value.notes, *(note for day in days for note in day.value.notes), *test.value.notes]
    return Look(
        tables=list_tables(files),
        pictures={
            "Slates": draw_slates(log, shown),
            "Days": [draw_days(log)],
            "Completion": draw_completion(log),
            "Videos": draw_videos(log, shown, videos.value.frame),
        },
        notes=notes,
    )


def draw_slates(log: pl.DataFrame, shown: Mapping[str, pl.DataFrame]) -> Pictures:
    """How many videos a device is shown, how often it is seen, how few videos are shown most."""
    slates = {
        "log": count_by(shown["log"].select(key=pl.struct("day", "device")), "key"),
        "test": count_by(shown["test"], "device"),
    }
    days = log.group_by("device").agg(pl.col("day").n_unique())["day"]
    return [
        histogram("Videos shown to a device on a day", "videos", slates, logarithmic=True),
        histogram("Days on which a device is seen", "days", {"log": days}),
        Sides(shown).concentration("video", "Share of impressions of the most shown videos", "videos"),
    ]


def draw_days(log: pl.DataFrame) -> Picture | None:
    """Impressions, clicks and plays by day."""
    parts = {"shown": pl.col("shown"), "clicked": pl.col("clicked"), "played": pl.col("t").is_not_null()}
    days = {name: log.filter(part)["day"] for name, part in parts.items()}
    return histogram("Each day's share of impressions, clicks and plays", "day", days)


def draw_completion(log: pl.DataFrame) -> Pictures:
    """How much of a video is played, and where in its slate a clicked video stands."""
    note = "t of the score. 1: played to the end; near 0: left at once."
    return [
        histogram("Share of a video that was played", "share", {"log": log["t"].drop_nulls()}, note=note),
        histogram("Position of clicked videos", "position", {"log": log.filter("clicked")["position"]}),
    ]


def draw_videos(log: pl.DataFrame, shown: Mapping[str, pl.DataFrame], videos: pl.DataFrame) -> Pictures:
    """The lengths, channels and types of what is shown; whether the table has it."""
    known = Sides({side: frame.join(videos, on="video", how="left") for side, frame in shown.items()})
    watched = log.filter(pl.col("t").is_not_null()).join(videos, on="video")
    lengths = {"shown": known.frames["log"]["duration"], "watched": watched["duration"]}
    return [
        histogram("Length", "seconds", lengths, logarithmic=True),
        known.shares("channel", "Channel", missing=True),
        known.shares("type", "Type", missing=True),
        known.shares("known", "Is in the table of videos", missing=True, names={True: "yes", False: "no"}),
    ]


def list_tables(files: reader.RawFiles) -> list[RawTable]:
    """The host's tables; comments are workbooks and stand apart."""
    parts = {
        "impressions": {"log": [day.show for day in files.days], "test": [files.shown]},
        "clicks": {"log": [day.click for day in files.days if day.click is not None]},
        "plays": {"log": [day.play for day in files.days if day.play is not None]},
        "videos": {"all": [files.videos]},
        "test devices": {"test": [files.test_devices]},
        "profiles": {"all": [files.profiles] if files.profiles is not None else []},
    }
    return [
        RawTable(title, filled)
        for title, sides in parts.items()
        if (filled := {side: [path for path in paths if path is not None] for side, paths in sides.items() if paths})
    ]
