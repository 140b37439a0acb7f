"""What `make look-template` shows of the raw files: histories, times, popularity."""

import polars as pl

from common.day.look.columns import RawTable, count_by
from common.day.look.page import Look
from common.engine.run import Run
from competitions.template.config import TemplateConfig
from competitions.template.io import reader


def look(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Look:
    """Tables and pictures of the host's files."""
    events = run.step(reader.read_events, files.events)
    users = run.step(reader.read_users, files.users, events).value
    log = events.value
    sides = {"all": log, "test": log.join(users, on="user", how="semi")}
    return Look(
        tables=[RawTable("events", {"all": [files.events]}), RawTable("users", {"test": [files.users]})],
        frames={
            "Events": {side: frame.select(pl.col("time").cast(pl.Datetime("ms"))) for side, frame in sides.items()},
            "Users": {side: count_by(frame, ["user"], "events of a user") for side, frame in sides.items()},
            "Items": {side: count_by(frame, ["item"], "events of an item") for side, frame in sides.items()},
        },
    )
