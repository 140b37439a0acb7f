"""Globo.com's clicks in the host's layout, by hand: who is in, who is tested, and what stays as it was."""

from pathlib import Path

import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.learning.news.standin import convert
from competitions.news.io import reader

CLICK_HEADER = (
    "user_id,session_id,session_start,session_size,click_article_id,click_timestamp,click_environment,"
    "click_deviceGroup,click_os,click_country,click_region,click_referrer_type"
)
START = 1_506_823_200_000  # an hour
MINUTE_MS = 60_000
USERS = 50  # user 7 n + 1 arrives in minute n, and is back 30 s later
ONCE = 1_000  # clicks once


def click(user: int, item: int, minute: float) -> str:
    return f"{user},1,{START},2,{item},{START + int(minute * MINUTE_MS)},1,2,3,4,{user % 5},6"


def write(folder: Path, users: int = USERS) -> Path:
    """The log in two hours, the second of which has the user who arrived in minute 20 a third time; none is sorted."""
    clicks = folder / "clicks"
    clicks.mkdir(parents=True)
    first = [line for n in range(users) for line in (click(7 * n + 1, 200, n + 0.5), click(7 * n + 1, 100 + n, n))]
    second = [click(ONCE, 199, 61), click(7 * 20 + 1, 201, 62)]
    for hour, lines in enumerate((first[::-1], second, [])):
        (clicks / f"clicks_hour_{hour:03d}.csv").write_text("\n".join((CLICK_HEADER, *lines)) + "\n")
    listed = [f"{item},{item % 3},{START},0,{item * 7}" for item in (200, 201, *range(100, 170))]
    header = "article_id,category_id,created_at_ts,publisher_id,words_count"
    (folder / "articles_metadata.csv").write_text("\n".join((header, *listed)) + "\n")
    return folder


def test_of_the_later_users_the_first_fifth_is_tested_on_its_last_click(tmp_path: Path) -> None:
    converted = tmp_path / "out"
    dataset = convert(write(tmp_path / "globo"), converted)
    assert dataset.rows == {"train users": 24, "train clicks": 48, "test users": 6, "test clicks": 7, "articles": 32}
    train, test = pl.read_csv(converted / reader.TRAIN), pl.read_csv(converted / reader.TEST_A)
    truth = pl.read_csv(converted / "truth.csv")
    # The first 20 of 50 are out; then six are tested, and the others numbered as they arrive.
    assert truth.rows() == [(200_000, 201), *((200_000 + n, 200) for n in range(1, 6))]
    assert test["user_id"].to_list() == [200_000, *range(200_000, 200_006)]
    assert test["click_article_id"].to_list() == [120, 200, *range(121, 126)]
    assert train.filter(user_id=3)["click_article_id"].to_list() == [129, 200]
    assert train.filter(user_id=3)["click_timestamp"].to_list() == [
        START + 29 * MINUTE_MS,
        START + 29 * MINUTE_MS + 30_000,
    ]
    assert train.filter(user_id=3)["click_region"].to_list() == [(7 * 29 + 1) % 5] * 2
    articles = pl.read_csv(converted / reader.ARTICLES)  # those that these users clicked
    assert articles["article_id"].to_list() == [*range(120, 150), 200, 201]
    assert articles.row(0) == (120, 0, START, 840)
    files = reader.locate(converted)
    read = reader.read_clicks(files.train, files.tests, files.target, reader.read_articles(files.articles).frame)
    assert (read.frame.height, read.frame.filter("is_target").height) == (55, 7)


def test_the_quarter_has_every_fourth_user_and_their_articles(tmp_path: Path) -> None:
    convert(write(tmp_path / "globo"), tmp_path / "out")
    quarter, whole = (tmp_path / name for name in ("out-quarter", "out"))
    train, test, truth = (pl.read_csv(quarter / name) for name in (reader.TRAIN, reader.TEST_A, "truth.csv"))
    assert train.equals(pl.read_csv(whole / reader.TRAIN).filter(pl.col("user_id") % 4 == 0))
    assert test["user_id"].unique().sort().to_list() == [200_000, 200_004]
    clicked = pl.concat([log["click_article_id"] for log in (train, test, truth)])
    assert set(pl.read_csv(quarter / reader.ARTICLES)["article_id"]) == set(clicked)


def test_an_article_without_a_row_or_a_log_of_few_users_is_refused(tmp_path: Path) -> None:
    few, odd = write(tmp_path / "few", users=19), write(tmp_path / "globo")
    with pytest.raises(UserError, match="fewer than 20 users with two clicks"):
        convert(few, tmp_path / "out")
    path = odd / "clicks" / "clicks_hour_000.csv"
    path.write_text(path.read_text().replace(",130,", ",700,"))
    with pytest.raises(UserError, match=r"articles_metadata\.csv has no row for 1 article\(s\) of the log .* 700"):
        convert(odd, tmp_path / "out")
    assert not (tmp_path / "out").exists()
