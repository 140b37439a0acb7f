"""What `make look-template` shows of the raw files: histories, times, popularity."""

from common.day.look.columns import RawTable
from common.day.look.distributions import Sides
from common.day.look.page import Look
from common.engine.run import Run
from competitions.template.config import TemplateConfig
from competitions.template.io import reader


def look(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Look:
    """Tables and pictures of the host's files."""
    events = run.step(reader.read_events, files.events)
    users = run.step(reader.read_users, files.users, events).value
    log = events.value
    sides = Sides({"all": log, "test": log.join(users, on="user", how="semi")})
    return Look(
        tables=[RawTable("events", {"all": [files.events]}), RawTable("users", {"test": [files.users]})],
        pictures={
            "Histories": [sides.counts("user", "Events of a user", "events")],
            "Times": [sides.timeline("time", "Events by day")],
            "Popularity": [sides.concentration("item", "Share of events of the most frequent items", "items")],
        },
    )
