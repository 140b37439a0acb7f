"""What `make look-news` shows of the raw files: histories, times, popularity, articles, devices; train beside test."""

import polars as pl

from common.day.look.columns import RawTable
from common.day.look.distributions import Picture, concentration, count_by, histogram, share_values, timeline
from common.day.look.page import Look
from common.day.run_record import list_notes
from common.engine.run import Run
from competitions.news.config import NewsConfig
from competitions.news.io import reader
from competitions.news.split import DAY_MS

HOUR_MS, MINUTE_MS = 3_600_000, 60_000


def look(files: reader.RawFiles, config: NewsConfig, run: Run) -> Look:
    """Tables and pictures of the host's files."""
    articles = run.step(reader.read_articles, files.articles)
    clicks = run.step(reader.read_clicks, files.train, files.tests, files.target, articles.frame)
    embeddings = [RawTable("embeddings", {"all": [files.embeddings]})] if files.embeddings else []
    return Look(
        tables=[
            RawTable("clicks", {"train": [files.train], "test": list(files.tests)}),
            RawTable("articles", {"all": [files.articles]}),
            *embeddings,
        ],
        pictures=draw_log(clicks.value.frame, articles.value.frame),
        notes=list_notes([note._asdict() for note in (*files.notes, *articles.value.notes, *clicks.value.notes)]),
    )


def draw_log(clicks: pl.DataFrame, articles: pl.DataFrame) -> dict[str, list[Picture | None]]:
    """The pictures by heading, the train log beside the test log in each."""
    log = clicks.join(articles, on="item", how="left").with_columns(
        wait=pl.col("time").diff().over("user", order_by="time") / MINUTE_MS,
        age=(pl.col("time") - pl.col("created")) / HOUR_MS,
        hour=(pl.col("time") % DAY_MS) // HOUR_MS,
    )
    sides = {"train": log.filter(~pl.col("is_test")), "test": log.filter("is_test")}

    def column(name: str) -> dict[str, pl.Series]:
        return {side: frame[name].drop_nulls() for side, frame in sides.items()}

    def clicks_by(name: str) -> dict[str, pl.Series]:
        return {side: count_by(frame, name) for side, frame in sides.items()}

    hidden, step = "The test users' last click is hidden.", "A peak at half a minute is how the host's sessions end."
    return {
        "Histories": [
            histogram("Clicks of a user", "clicks", clicks_by("user"), note=hidden),
            histogram("Minutes between two clicks", "minutes", column("wait"), logarithmic=True, note=step),
        ],
        "Times": [
            timeline("Clicks by day", column("time")),
            histogram("Hour of the day", "hour (UTC)", column("hour")),
        ],
        "Popularity": [
            concentration("How few articles hold how many clicks", column("item"), "articles"),
            histogram("Clicks of an article", "clicks", clicks_by("item"), logarithmic=True),
        ],
        "Articles": [
            histogram("Age when clicked", "hours", column("age"), logarithmic=True),
            histogram("Words of what is clicked", "words", column("words")),
            share_values("Category of what is clicked", column("category")),
        ],
        "Devices and places": [
            share_values(name.replace("_", " "), column(name)) for name in ("device_group", "os", "region", "referrer")
        ],
    }
