"""Whether the logs and the articles are of one time, before anything is fitted on them."""

import polars as pl

from common.io.agreement import FEWEST, Dates, Share, compare, note_shares
from common.io.notes import Note
from common.time_units import DAY_MS
from competitions.news.io.reader import ARTICLES, TEST_A, TRAIN

TIME, CREATED = "click_timestamp", "created_at_ts"


def compare_files(clicks: pl.DataFrame, articles: pl.DataFrame, target: str) -> tuple[Note, ...]:
    """What disagrees between the train log, each test log (``target`` is the one to predict) and the articles."""
    train = clicks.filter(~pl.col("is_test"))
    notes: list[Note] = []
    for name, rows in ((target, pl.col("is_target")), (TEST_A, pl.col("is_test") & ~pl.col("is_target"))):
        notes += compare(name, TRAIN, [pair_clicks(train, clicks.filter(rows))])
    known = train.join(articles.select("item", "created"), on="item")
    notes += compare(TRAIN, f"{CREATED} of their articles", [Dates(TIME, known["created"], known["time"])])
    early = known.filter(pl.col("time") < pl.col("created")).height
    notes += note_shares(ARTICLES, [Share(f"{CREATED} behind the click", early, known.height, 0.5)])
    return tuple(notes)


def pair_clicks(train: pl.DataFrame, test: pl.DataFrame) -> Dates:
    """The middle of each article's clicks in both logs: an article is read for a day or two, by all users alike. Where
    they share too few articles, all clicks.
    """
    middles = [log.group_by("item").agg(pl.col("time").median()) for log in (train, test)]
    both = middles[0].join(middles[1], on="item", suffix="_test")
    if both.height < FEWEST:
        return Dates(TIME, train["time"], test["time"])
    return Dates(f"{TIME} of the articles in both", both["time"], both["time_test"], within=DAY_MS)
