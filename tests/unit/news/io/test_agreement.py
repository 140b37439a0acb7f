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


def test_files_of_one_time_say_nothing() -> None:
    assert compare_files(make_clicks(), make_articles(), BOARD_B) == ()


@pytest.mark.parametrize("days", [-400, -10, 3, 300])
@pytest.mark.parametrize(("name", "log"), [(BOARD_B, "is_target"), (TEST_A, ~pl.col("is_target") & pl.col("is_test"))])
def test_a_moved_test_log_is_named(days: int, name: str, log: str | pl.Expr) -> None:
    moved = make_clicks().with_columns(time=pl.when(log).then(CLICK + days * DAY_MS).otherwise(CLICK))
    (note,) = compare_files(moved, make_articles(), BOARD_B)
    assert note.file == name
    assert note.what.endswith(f"{abs(days)} days {'later' if days > 0 else 'earlier'}")


def test_a_log_of_other_articles_is_held_against_all_clicks() -> None:
    other = make_clicks().filter("is_target").with_columns(pl.col("item") + ARTICLES, time=CLICK - 60 * DAY_MS)
    clicks = pl.concat([make_clicks().filter(~pl.col("is_test")), other])
    (note,) = compare_files(clicks, make_articles(), BOARD_B)
    assert note.what.endswith("60 days earlier")


@pytest.mark.parametrize(
    ("days", "expected"), [(-365, "365 days later"), (20, "created_at_ts behind the click in 100%")]
)
def test_articles_of_another_time_are_named(days: int, expected: str) -> None:
    articles = make_articles().with_columns(pl.col("created") + days * DAY_MS)
    assert any(expected in note.what for note in compare_files(make_clicks(), articles, BOARD_B))
