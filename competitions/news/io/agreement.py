"""Whether the logs and the articles are of one time, before anything is fitted on them."""

import polars as pl

from common.io.agreement import compare
from common.io.notes import Note
from competitions.news.io.reader import TEST_A, TRAIN

TIME, CREATED = "click_timestamp", "created_at_ts"


def compare_files(clicks: pl.DataFrame, articles: pl.DataFrame, target: str) -> tuple[Note, ...]:
    """What disagrees between the train log, each test log (``target`` is the one to predict) and the articles."""
    clicks = clicks.with_columns(pl.col("time").cast(pl.Datetime("ms")))
    train = clicks.filter(~pl.col("is_test"))
    notes: list[Note] = []
    for name, rows in ((target, pl.col("is_target")), (TEST_A, pl.col("is_test") & ~pl.col("is_target"))):
        notes += compare(name, TRAIN, {TIME: (train["time"], clicks.filter(rows)["time"])})
    known = train.join(articles.select("item", pl.col("created").cast(pl.Datetime("ms"))), on="item")
    return (*notes, *compare(TRAIN, f"{CREATED} of their articles", {TIME: (known["created"], known["time"])}))
