"""A look at a log of users and items: its rows, its times, how often a user and an item stand in it, side by side."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from common.day.look.columns import RawTable, count_by
from common.day.look.page import Look


def look_at_log(sides: Mapping[str, pl.DataFrame], files: Mapping[str, Path]) -> Look:
    """Of frames (user, item, time in ms) by side, such as train and test; ``files``: the raw ones by name."""
    return Look(
        tables=[RawTable(name, {"all": [path]}) for name, path in files.items()],
        frames={
            "Times": {side: frame.select(pl.col("time").cast(pl.Datetime("ms"))) for side, frame in sides.items()},
            "Users": {side: count_by(frame, ["user"], "rows of a user") for side, frame in sides.items()},
            "Items": {side: count_by(frame, ["item"], "rows of an item") for side, frame in sides.items()},
        },
    )
