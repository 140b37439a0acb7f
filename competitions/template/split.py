"""Two folds that go through the same functions: the log's last days, whose answers are known, and the host's users."""

import numpy as np
import polars as pl

from common.learning.kinds import check_answers, require_columns
from common.learning.split import Fold, build_fold
from common.time_units import DAY_MS
from competitions.template.config import SplitSettings

ANSWERS = 1  # several: 5  # of what a user does after the cut, so many different items are right


def label_fold(events: pl.DataFrame, settings: SplitSettings, seed: int) -> Fold:
    """What users of the log do in its last days, predicted from what lies before; ``role``: train or valid."""
    require_columns(events, ("user", "item", "time"), "read_events of io/reader.py")
    cut = int(events["time"].max()) - int(settings.days * DAY_MS)  # type: ignore[arg-type]
    later = events.filter(pl.col("time") >= cut).unique(["user", "item"], keep="first", maintain_order=True)
    fold = ask(events.filter(pl.col("time") < cut), later.select(pl.col("user").unique().sort()), cut)
    draw = np.random.default_rng(seed).random(fold.queries.height)
    queries = fold.queries.with_columns(role=pl.Series(np.where(draw < settings.valid_share, "valid", "train")))
    answers = later.join(queries, on="user", maintain_order="left").group_by("query", maintain_order=True).head(ANSWERS)
    checked = check_answers(answers.select("query", "item"), "one" if ANSWERS == 1 else "several")
    return Fold(fold.history, queries, fold.seen, checked)


def ask(history: pl.DataFrame, users: pl.DataFrame, time: int | None = None) -> Fold:
    """A query for each of ``users`` (user) who has a past: what comes after the ``history``, asked at a ``time`` in ms,
    None: at its end. No answers.
    """
    now = int(history["time"].max()) if time is None else time  # type: ignore[arg-type]
    known = users.select("user").join(history, on="user", how="semi", maintain_order="left")
    return build_fold(history, known.with_row_index("query").with_columns(time=pl.lit(now)))
