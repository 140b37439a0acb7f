"""What `make look-template` shows of the raw files: histories, times, popularity."""

import polars as pl

from common.day.look.columns import RawTable
from common.day.look.distributions import concentration, count_by, histogram, timeline
from common.day.look.page import Look
from common.engine.run import Run
from competitions.template.config import TemplateConfig
from competitions.template.io import reader


def look(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Look:
    """Tables and pictures of the host's files."""
    events = run.step(reader.read_events, files.events)
    users = run.step(reader.read_users, files.users, events).value
    log = events.value
    sides = {"all": log, "to answer for": log.join(users, on="user", how="semi")}

    def column(name: str) -> dict[str, pl.Series]:
        return {side: frame[name] for side, frame in sides.items()}

    return Look(
        tables=[RawTable("events", {"all": [files.events]}), RawTable("users", {"to answer for": [files.users]})],
        pictures={
            "Histories": [
                histogram(
                    "Events of a user", "events", {side: count_by(frame, "user") for side, frame in sides.items()}
                )
            ],
            "Times": [timeline("Events by day", column("time"))],
            "Popularity": [concentration("How few items hold how many events", column("item"), "items")],
        },
    )
