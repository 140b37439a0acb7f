"""What `make look-news` shows of the raw files: histories, times, popularity, articles, devices; train beside test."""

import polars as pl

from common.day.look.columns import RawTable
from common.day.look.distributions import Sides
from common.day.look.page import Look
from common.engine.run import Run
from common.time_units import DAY_MS, HOUR_MS, MINUTE_MS
from competitions.news.config import NewsConfig
from competitions.news.io import reader


def look(files: reader.RawFiles, config: NewsConfig, run: Run) -> Look:
    """Tables and pictures of the host's files."""
    articles = run.step(reader.read_articles, files.articles)
    clicks = run.step(reader.read_clicks, files.train, files.tests, files.target, articles.frame)
    log = clicks.value.frame.join(articles.value.frame, on="item", how="left").with_columns(
        wait=pl.col("time").diff().over("user", order_by="time") / MINUTE_MS,
        age=(pl.col("time") - pl.col("created")) / HOUR_MS,
        hour=pl.col("time") % DAY_MS // HOUR_MS,
    )
    sides = Sides({"train": log.filter(~pl.col("is_test")), "test": log.filter("is_test")})
    hidden, ends = "The test users' last click is hidden.", "In the host's log, many sessions end with a gap of 30 s."
    places = ("device_group", "os", "region", "referrer")
    embeddings = [RawTable("embeddings", {"all": [files.embeddings]})] if files.embeddings else []
    return Look(
        tables=[
            RawTable("clicks", {"train": [files.train], "test": list(files.tests)}),
            RawTable("articles", {"all": [files.articles]}),
            *embeddings,
        ],
        pictures={
            "Histories": [
                sides.counts("user", "Clicks of a user", "clicks", note=hidden),
                sides.histogram("wait", "Minutes between two clicks", "minutes", logarithmic=True, note=ends),
            ],
            "Times": [
                sides.timeline("time", "Clicks by day"),
                sides.histogram("hour", "Hour of the day", "hour (UTC)"),
            ],
            "Popularity": [
                sides.concentration("item", "Share of clicks on the most clicked articles", "articles"),
                sides.counts("item", "Clicks of an article", "clicks", logarithmic=True),
            ],
            "Articles": [
                sides.histogram("age", "Age of clicked articles", "hours", logarithmic=True),
                sides.histogram("words", "Length of clicked articles", "words"),
                sides.shares("category", "Category of clicked articles"),
            ],
            "Devices and places": [sides.shares(name, name.replace("_", " ")) for name in places],
        },
        notes=(*files.notes, *articles.value.notes, *clicks.value.notes),
    )
