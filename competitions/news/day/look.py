"""What `make look-news` shows of the raw files: clicks, users, articles; train beside test."""

import polars as pl

from common.day.look.columns import RawTable, count_by
from common.day.look.page import Look
from common.engine.run import Run
from common.time_units import DAY_MS, HOUR_MS, MINUTE_MS
from competitions.news.config import NewsConfig
from competitions.news.io import reader
from competitions.news.io.agreement import compare_files

PLACES = ("device_group", "os", "region", "referrer", "category")


def look(files: reader.RawFiles, config: NewsConfig, run: Run) -> Look:
    """Tables of the host's files, and what their rows are."""
    articles = run.step(reader.read_articles, files.articles)
    clicks = run.step(reader.read_clicks, files.train, files.tests, files.target, articles.field("frame"))
    run.warn(compare_files(clicks.value.frame, articles.value.frame, files.target.name))
    log = clicks.value.frame.join(articles.value.frame, on="item", how="left")
    sides = {"train": log.filter(~pl.col("is_test")), "test": log.filter("is_test")}
    embeddings = [RawTable("embeddings", {"all": [files.embeddings]})] if files.embeddings else []
    return Look(
        tables=[
            RawTable("clicks", {"train": [files.train], "test": list(files.tests)}),
            RawTable("articles", {"all": [files.articles]}),
            *embeddings,
        ],
        frames={
            "Clicks": {side: derive_columns(frame) for side, frame in sides.items()},
            "Users": {side: count_by(frame, ["user"], "clicks of a user") for side, frame in sides.items()},
            "Articles": {side: count_by(frame, ["item"], "clicks of an article") for side, frame in sides.items()},
        },
        notes=(*files.notes, *articles.value.notes, *clicks.value.notes, *run.notes),
    )


def derive_columns(clicks: pl.DataFrame) -> pl.DataFrame:
    """A row a click; a test user's last click is hidden, and many sessions of the host's log end with a gap of 30 s."""
    time = pl.col("time")
    return clicks.select(
        time.cast(pl.Datetime("ms")).alias("day"),
        (time % DAY_MS // HOUR_MS).alias("hour of the day, UTC"),
        (time.diff().over("user", order_by="time") / MINUTE_MS).alias("minutes since the click before"),
        ((time - pl.col("created")) / HOUR_MS).alias("age of the article, hours"),
        pl.col("words").alias("words of the article"),
        *(pl.col(name).cast(pl.String).alias(name.replace("_", " ")) for name in PLACES),
    )
