"""Logs and articles of one time say nothing; a log or a table that was moved is named."""

import polars as pl
import pytest

from common.time_units import DAY_MS, HOUR_MS
from competitions.news.io.agreement import compare_files
from competitions.news.io.reader import TEST_A

START, ARTICLES, DAYS = 1_507_000_000_000, 60, 14
BOARD_B = "testB_click_log.csv"
CLICK = pl.col("time")


def make_articles() -> pl.DataFrame:
    created = START + pl.int_range(ARTICLES, eager=True) * DAYS * DAY_MS // ARTICLES
    return pl.DataFrame({"item": range(ARTICLES), "created": created})


def make_clicks() -> pl.DataFrame:
    """Every article is clicked for ten hours, by users of the train log and of both boards."""
    articles = make_articles()
    logs = pl.DataFrame({"is_test": [False, True, True], "is_target": [False, False, True]})
    hours = pl.DataFrame({"hour": range(10)})
    clicks = articles.join(logs, how="cross").join(hours, how="cross")
    return clicks.select(
        "item", time=pl.col("created") + pl.col("hour") * HOUR_MS, is_test="is_test", is_target="is_target"
    )


@pytest.mark.parametrize("days", [-400, 365])
@pytest.mark.parametrize(("name", "log"), [(BOARD_B, "is_target"), (TEST_A, ~pl.col("is_target") & pl.col("is_test"))])
def test_a_moved_test_log_is_named(days: int, name: str, log: str | pl.Expr) -> None:
    moved = make_clicks().with_columns(time=pl.when(log).then(CLICK + days * DAY_MS).otherwise(CLICK))
    (note,) = compare_files(moved, make_articles(), BOARD_B)
    assert note.file == name
    assert f"{abs(days)} days {'later' if days > 0 else 'earlier'} than in train_click_log.csv" in note.what


def test_articles_of_another_time_are_named() -> None:
    articles = make_articles().with_columns(pl.col("created") - 365 * DAY_MS)
    (note,) = compare_files(make_clicks(), articles, BOARD_B)
    assert note.what == "click_timestamp: 365 days later than in created_at_ts of their articles"
