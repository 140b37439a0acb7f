"""Two folds that go through the same functions: the log's last days, whose answers are known, and the host's users."""

import numpy as np
import polars as pl

from common.learning.split import Fold
from common.time_units import DAY_MS
from competitions.template.config import SplitSettings


def label_fold(events: pl.DataFrame, settings: SplitSettings, seed: int) -> Fold:
    """The first event of each user in the last days, predicted from what lies before; ``role``: train or valid."""
    cut = int(events["time"].max()) - int(settings.days * DAY_MS)  # type: ignore[arg-type]
    history = events.filter(pl.col("time") < cut)
    later = events.filter(pl.col("time") >= cut).group_by("user", maintain_order=True).first().select("user", "item")
    known = later.join(history, on="user", how="semi", maintain_order="left")
    draw = np.random.default_rng(seed).random(known.height)
    role = np.where(draw < settings.valid_share, "valid", "train")
    fold = list_queries(history, known.select("user").with_columns(role=pl.Series(role)))
    answers = fold.queries.select("query", "user").join(known, on="user", maintain_order="left").select("query", "item")
    return Fold(fold.history, fold.queries, fold.seen, answers)


def list_queries(history: pl.DataFrame, users: pl.DataFrame) -> Fold:
    """A query for each of ``users`` (user, ...): the next event after the whole ``history``; no answers.

    ``seen``: the events of these users; ``back`` counts them from the last one, 0.
    """
    past = history.join(users.select("user"), on="user", how="semi", maintain_order="left")
    ends = past.group_by("user", maintain_order=True).agg(time=pl.col("time").last(), events=pl.len())
    queries = users.join(ends, on="user", maintain_order="left").with_row_index("query").cast({"query": pl.Int32})
    back = pl.int_range(pl.len(), 0, -1).over("user") - 1
    seen = past.with_columns(back=back).join(queries.select("user", "query"), on="user", maintain_order="left")
    return Fold(history, queries, seen.select("query", "item", "time", "back"), None)
