"""What `make look-template` shows of the raw files: rows, times, users, items."""

import polars as pl

from common.day.look.columns import RawTable, count_by
from common.day.look.page import Look
from common.engine.run import Run
from competitions.template.rows.config import TemplateConfig
from competitions.template.rows.io import reader


def look(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Look:
    """Tables and pictures of the host's files."""
    sides = {
        "train": run.step(reader.read_labelled, files.train).value,
        "test": run.step(reader.read_asked, files.test).value,
    }
    return Look(
        tables=[RawTable("rows", {"train": [files.train], "test": [files.test]})],
        frames={
            "Rows": {side: frame.select(pl.col("time").cast(pl.Datetime("ms"))) for side, frame in sides.items()},
            "Users": {side: count_by(frame, ["user"], "rows of a user") for side, frame in sides.items()},
            "Items": {side: count_by(frame, ["item"], "rows of an item") for side, frame in sides.items()},
        },
    )
