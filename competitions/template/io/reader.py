"""The raw files: events.csv (user_id, item_id, timestamp in seconds) and users.csv (user_id), the users to answer for.

Two checks to begin with: each file has its columns and whole numbers in them, and every user to answer for has a past.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from common.engine.errors import UserError
from common.io.column import Column
from common.io.csv import CsvFile
from common.io.files import require_file

EVENTS, USERS = "events.csv", "users.csv"
EVENT_FIELDS = (Column("user_id", pl.Int32), Column("item_id", pl.Int32), Column("timestamp", pl.Int64))
USER_FIELDS = (Column("user_id", pl.Int32),)
WHERE = "put the host's files into data/template/raw or name their folder with RAW=DIR"


@dataclass(frozen=True)
class RawFiles:
    """The files that a run reads."""

    events: Path
    users: Path


def locate(raw: Path) -> RawFiles:
    """The files in a folder. ``UserError`` names the one that is missing."""
    for name in (EVENTS, USERS):
        require_file(raw / name, WHERE)
    return RawFiles(raw / EVENTS, raw / USERS)


def read_events(path: Path) -> pl.DataFrame:
    """The log, by user and time: user, item, time (in ms)."""
    table = CsvFile(path, EVENT_FIELDS, WHERE).read().frame
    return table.select(user="user_id", item="item_id", time=pl.col("timestamp") * 1000).sort("user", "time", "item")


def read_users(path: Path, events: pl.DataFrame) -> pl.DataFrame:
    """The users to answer for (user), each of whom must have an event in the log."""
    users = CsvFile(path, USER_FIELDS, WHERE).read().frame.select(user="user_id").unique().sort("user")
    unknown = users.join(events, on="user", how="anti")
    if unknown.height:
        raise UserError(f"{path}: user {unknown['user'][0]} has no event in {EVENTS} ({unknown.height} such users).")
    return users
