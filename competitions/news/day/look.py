"""What `make look-news` shows of the raw files: histories, times, popularity, articles, devices; train beside test."""

import polars as pl

from common.day.look.columns import RawTable
from common.day.look.distributions import concentration, count_by, histogram, share_values, timeline
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
    log = clicks.value.frame.join(articles.value.frame, on="item", how="left").with_columns(
        wait=pl.col("time").diff().over("user", order_by="time") / MINUTE_MS,
        age=(pl.col("time") - pl.col("created")) / HOUR_MS,
    )
    sides = {"train": log.filter(~pl.col("is_test")), "test": log.filter("is_test")}

    def column(name: str) -> dict[str, pl.Series]:
        return {side: frame[name].drop_nulls() for side, frame in sides.items()}

    hours = {side: (frame["time"] % DAY_MS) // HOUR_MS for side, frame in sides.items()}
    embeddings = [RawTable("embeddings", {"all": [files.embeddings]})] if files.embeddings else []
    return Look(
        tables=[
            RawTable("clicks", {"train": [files.train], "test": list(files.tests)}),
            RawTable("articles", {"all": [files.articles]}),
            *embeddings,
        ],
        pictures={
            "Histories": [
                histogram(
                    "Clicks of a user",
                    "clicks",
                    {side: count_by(frame, "user") for side, frame in sides.items()},
                    note="The test users' last click is hidden.",
                ),
                histogram(
                    "Minutes between two clicks",
                    "minutes",
                    column("wait"),
                    logarithmic=True,
                    note="A peak at half a minute is how the host's sessions end.",
                ),
            ],
            "Times": [
                timeline("Clicks by day", column("time")),
                histogram("Hour of the day", "hour (UTC)", hours),
            ],
            "Popularity": [
                concentration("How few articles hold how many clicks", column("item"), "articles"),
                histogram(
                    "Clicks of an article",
                    "clicks",
                    {side: count_by(frame, "item") for side, frame in sides.items()},
                    logarithmic=True,
                ),
            ],
            "Articles": [
                histogram("Age when clicked", "hours", column("age"), logarithmic=True),
                histogram("Words of what is clicked", "words", column("words")),
                share_values("Category of what is clicked", column("category")),
            ],
            "Devices and places": [
                share_values(name.replace("_", " "), column(name))
                for name in ("device_group", "os", "region", "referrer")
            ],
        },
        notes=list_notes([note._asdict() for note in (*files.notes, *articles.value.notes, *clicks.value.notes)]),
    )
