"""What `make look-mgtv` shows of the raw files: lists, days, completion, videos; log beside test."""

import dataclasses
from pathlib import Path

import msgspec
import polars as pl

from common.day.look.columns import RawTable, count_by
from common.day.look.page import Look
from common.engine.decisions import AUTO
from common.engine.run import Run, collect
from competitions.mgtv import labels
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.io import reader
from competitions.mgtv.io.agreement import compare_days

PARTS = {"shown": pl.col("shown"), "clicked": pl.col("clicked"), "played": pl.col("t").is_not_null()}
NO_COMMENTS = pl.DataFrame(schema={"date": pl.Date})  # they take long to read, and no picture shows them
COMPLETION = pl.col("t").alias("share of a video that was played")
VIDEO = (
    pl.col("duration").alias("seconds of a video"),
    pl.col("channel", "type").cast(pl.String),
    pl.col("known").cast(pl.String).fill_null("false").alias("is in the table of videos"),
)


def look(files: reader.RawFiles, config: MgtvConfig, run: Run) -> Look:
    """Tables and pictures of the host's files."""
    logs = dataclasses.replace(files, profiles=None, comments=(), notes=())
    codes = run.step(reader.learn_codes, logs)
    videos = run.step(reader.read_videos, logs, codes)
    days = [run.step(reader.read_day, day, codes, config.host, name=f"day{day.day:02d}.read") for day in files.days]
    test = run.step(reader.read_test, logs, codes)
    frames = [day.value.frame for day in days]
    run.warn(compare_days(frames, test.value.shown, videos.value.frame, NO_COMMENTS))
    truth = config.truth if config.truth.clip != AUTO else msgspec.structs.replace(config.truth, clip=0.0)  # as it is
    log = run.step(
        labels.stack_log, collect([day.field("frame") for day in days]), videos.field("frame"), truth, name="stack"
    ).value
    shown = {"log": log.filter("shown"), "test": test.value.shown}
    described = {side: frame.join(videos.value.frame, on="video", how="left") for side, frame in shown.items()}
    watched = log.filter(pl.col("t").is_not_null()).join(videos.value.frame, on="video", how="left")
    read = [*videos.value.notes, *(note for day in days for note in day.value.notes), *test.value.notes]
    return Look(
        tables=list_tables(files),
        frames={
            "Lists": {
                "log": count_by(shown["log"], ["day", "device"], "videos of a list"),
                "test": count_by(shown["test"], ["device"], "videos of a list"),
            },
            "Days": {name: log.filter(rows).select("day") for name, rows in PARTS.items()},
            "Answers": {"watched": watched.select(COMPLETION), "clicked": log.filter("clicked").select("position")},
            "Videos": {
                **{side: frame.select(VIDEO) for side, frame in described.items()},
                "watched": watched.select(VIDEO),
            },
            "Popularity": {side: count_by(frame, ["video"], "impressions of a video") for side, frame in shown.items()},
        },
        notes=(*files.notes, *read, *run.notes),
    )


def list_tables(files: reader.RawFiles) -> list[RawTable]:
    """The host's tables; comments are workbooks and stand apart."""
    parts: dict[str, dict[str, list[Path | None]]] = {
        "impressions": {"log": [day.show for day in files.days], "test": [files.shown]},
        "clicks": {"log": [day.click for day in files.days]},
        "plays": {"log": [day.play for day in files.days]},
        "videos": {"all": [files.videos]},
        "test devices": {"test": [files.test_devices]},
        "profiles": {"all": [files.profiles]},
    }
    known = {
        title: {side: [path for path in paths if path is not None] for side, paths in sides.items()}
        for title, sides in parts.items()
    }
    return [RawTable(title, sides) for title, sides in known.items() if any(sides.values())]
