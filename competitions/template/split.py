"""Two folds that go through the same functions: what is asked of the log's last days, and what the host asks."""

import numpy as np
import polars as pl

from common.learning.split import Fold
from competitions.template.config import SplitSettings

DAY_MS = 86_400_000


def label_fold(events: pl.DataFrame, settings: SplitSettings, seed: int) -> Fold:
    """The first event of each user in the last days, asked from what lies before them; ``role``: train or valid."""
    cut = settings.cut * 1000 or int(events["time"].max()) - int(settings.days * DAY_MS)  # type: ignore[arg-type]
    history = events.filter(pl.col("time") < cut)
    later = events.filter(pl.col("time") >= cut).group_by("user", maintain_order=True).first().select("user", "item")
    asked = later.join(history, on="user", how="semi", maintain_order="left")
    draw = np.random.default_rng(seed).random(asked.height)
    role = np.where(draw < settings.valid_share, "valid", "train")
    fold = ask(history, asked.select("user").with_columns(role=pl.Series(role)))
    answers = fold.queries.select("query", "user").join(asked, on="user", maintain_order="left").select("query", "item")
    return Fold(fold.history, fold.queries, fold.seen, answers)


def ask(history: pl.DataFrame, asked: pl.DataFrame) -> Fold:
    """The next event of each user of ``asked`` (user, ...) after the whole ``history``; no answers."""
    past = history.join(asked.select("user"), on="user", how="semi", maintain_order="left")
    ends = past.group_by("user", maintain_order=True).agg(time=pl.col("time").last(), events=pl.len())
    queries = asked.join(ends, on="user", maintain_order="left").with_row_index("query")
    queries = queries.with_columns(pl.col("query").cast(pl.Int32))
    back = pl.int_range(pl.len(), 0, -1).over("user") - 1
    seen = past.with_columns(back=back).join(queries.select("user", "query"), on="user", maintain_order="left")
    return Fold(history, queries, seen.select("query", "item", "time", "back"), None)
