"""What `make look-template` shows of the raw files: histories, times, popularity."""

from common.day.look.log import look_at_log
from common.day.look.page import Look
from common.engine.run import Run
from competitions.template.config import TemplateConfig
from competitions.template.io import reader


def look(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Look:
    """Tables and pictures of the host's files."""
    events = run.step(reader.read_events, files.events)
    users = run.step(reader.read_users, files.users, events).value
    sides = {"all": events.value, "test": events.value.join(users, on="user", how="semi")}
    return look_at_log(sides, {"events": files.events, "users": files.users})
