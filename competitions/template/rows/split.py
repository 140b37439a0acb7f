"""Two folds that go through the same functions, a frame of rows each: ``label`` is null where it is asked for."""

import polars as pl

from common.learning.kinds import require_columns
from common.time_units import DAY_MS
from competitions.template.rows.config import SplitSettings

COLUMNS = ("query", "user", "item", "kind", "time", "label")


def hide_last(labelled: pl.DataFrame, settings: SplitSettings) -> pl.DataFrame:
    """The labelled rows, where those of the last days are asked for; ``answer``: every row's label."""
    rows = require_columns(labelled, COLUMNS, "read_labelled of io/reader.py")
    cut = rows["time"].max() - settings.days * DAY_MS  # type: ignore[operator]
    hidden = pl.when(pl.col("time") < cut).then(pl.col("label"))
    return rows.with_columns(label=hidden, answer="label")


def append_asked(labelled: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """The labelled rows, and the host's behind them."""
    return pl.concat([labelled, require_columns(asked, COLUMNS, "read_asked of io/reader.py")])
