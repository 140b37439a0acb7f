"""The raw files: events.csv (user_id, item_id, timestamp in seconds) and users.csv (user_id), the users to answer for.

Two checks to begin with: each file has its columns and whole numbers in them, and every user to answer for has a past.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from common.engine.errors import UserError
from common.io.files import UNREADABLE, describe_failure, require_file
from common.io.tables import read_csv

EVENTS, USERS = "events.csv", "users.csv"
EVENT_COLUMNS, USER_COLUMNS = ("user_id", "item_id", "timestamp"), ("user_id",)
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
    table = read_numbers(path, EVENT_COLUMNS)
    return table.select(
        user=pl.col("user_id").cast(pl.Int32),
        item=pl.col("item_id").cast(pl.Int32),
        time=pl.col("timestamp") * 1000,
    ).sort("user", "time", "item")


def read_users(path: Path, events: pl.DataFrame) -> pl.DataFrame:
    """The users to answer for (user), each of whom must have an event in the log."""
    users = read_numbers(path, USER_COLUMNS).select(user=pl.col("user_id").cast(pl.Int32)).unique().sort("user")
    unknown = users.join(events, on="user", how="anti")
    if unknown.height:
        raise UserError(f"{path}: user {unknown['user'][0]} has no event in {EVENTS} ({unknown.height} such users).")
    return users


def read_numbers(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    """The named columns of a CSV as whole numbers from 0 on. ``UserError`` names the first line that has none."""
    try:
        text = read_csv(path, infer_schema=False)
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read as CSV ({describe_failure(error)}); {WHERE}") from error
    missing = [name for name in columns if name not in text.columns]
    if missing or not text.height:
        fault = f"lacks the column {missing[0]}" if missing else "holds a header and no rows"
        raise UserError(f"{path} {fault}; {WHERE}")
    numbers = text.select(pl.col(name).cast(pl.Int64, strict=False) for name in columns).with_row_index("line", 2)
    broken = numbers.filter(~pl.all_horizontal(pl.col(columns).is_between(0, (1 << 31) - 1).fill_null(value=False)))
    if broken.height:
        raise UserError(
            f"{path}, line {broken['line'][0]}: a value is no whole number from 0 on ({broken.height} rows)."
        )
    return numbers.drop("line")
