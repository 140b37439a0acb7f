"""Globo.com's clicks in the host's layout, by hand: the tenth, who is tested, hours kept and minutes filled in."""

from pathlib import Path

import polars as pl
import pytest

from common.engine.errors import UserError
from common.time_units import HOUR_MS
from competitions.news.day.standin import CONTEXT, blur_times, convert
from competitions.news.io import reader

CLICK_HEADER = (
    "user_id,session_id,session_start,session_size,click_article_id,click_timestamp,click_environment,"
    "click_deviceGroup,click_os,click_country,click_region,click_referrer_type"
)
START = 1_506_823_200_000  # an hour
MINUTE_MS = 60_000


def tenth(user: int) -> int:
    return user * 2_654_435_761 % 2**32 * 10 // 2**32


IN = [user for user in range(400) if tenth(user) == 0][:6]
OUT = next(user for user in range(400) if tenth(user) == 1)


def click(user: int, item: int, minute: float) -> str:
    return f"{user},1,{START},2,{item},{START + int(minute * MINUTE_MS)},1,2,3,4,5,6"


def write(folder: Path) -> Path:
    """Six users of the tenth, the n-th arriving in minute n of the first hour; the last has one click only."""
    clicks = folder / "clicks"
    clicks.mkdir(parents=True)
    hours = {
        0: [click(user, 10 + rank, rank + 0.5) for rank, user in enumerate(IN)]
        + [click(OUT, 99, 3), click(OUT, 99, 4)],
        1: [click(user, 20, 60 + rank) for rank, user in enumerate(IN[:5])] + [click(IN[0], 21, 61)],
        2: [],
    }
    for hour, lines in hours.items():
        (clicks / f"clicks_hour_{hour:03d}.csv").write_text("\n".join((CLICK_HEADER, *lines)) + "\n")
    listed = [f"{item},{item % 3},{START},0,{item * 7}" for item in (20, 21, 99, *range(10, 17), 500)]
    header = "article_id,category_id,created_at_ts,publisher_id,words_count"
    (folder / "articles_metadata.csv").write_text("\n".join((header, *listed)) + "\n")
    return folder


def test_the_first_fifth_to_arrive_is_tested_on_its_last_click_without_devices(tmp_path: Path) -> None:
    converted = tmp_path / "out"
    dataset = convert(write(tmp_path / "globo"), converted)
    assert dataset.rows == {"train users": 4, "train clicks": 8, "test users": 1, "test clicks": 2, "articles": 9}
    train, test = pl.read_csv(converted / reader.TRAIN), pl.read_csv(converted / reader.TEST_A)
    assert pl.read_csv(converted / "truth.csv").rows() == [(200_000, 21)]
    assert test.select("user_id", "click_article_id").rows() == [(200_000, 10), (200_000, 20)]
    # Who arrives last has the lowest number; the user with one click and the one outside the tenth are gone.
    assert train.select("user_id", "click_article_id").rows() == [
        *((3, 11), (3, 20), (2, 12), (2, 20), (1, 13), (1, 20), (0, 14), (0, 20)),
    ]
    for log in (train, test):
        assert log.select(*CONTEXT).unique().rows() == [tuple(CONTEXT.values())]
    articles = pl.read_csv(converted / reader.ARTICLES)  # those that anyone clicked
    assert articles["article_id"].to_list() == [*range(10, 16), 20, 21, 99]
    assert articles.row(0) == (10, 1, START, 70)
    files = reader.locate(converted)
    read = reader.read_clicks(files.train, files.tests, files.target, reader.read_articles(files.articles).frame)
    assert read.notes == ()
    assert (read.frame.height, read.frame.filter("is_target").height) == (10, 2)


def test_a_clock_shows_the_hour_and_no_more() -> None:
    # User 1 clicks three times in the first hour; user 2 once, before it; then user 1 forty times in the second.
    often = pl.DataFrame({"user_id": 1, "item": range(40), "time": [START + HOUR_MS + 1000 * at for at in range(40)]})
    first = pl.DataFrame(
        {"user_id": [1, 1, 1, 2], "item": [7, 8, 9, 5], "time": [START + MINUTE_MS * at for at in (5, 6, 59, 4)]}
    )
    clicks = blur_times(pl.concat([first.cast(pl.Int64), often.cast(pl.Int64)]))
    assert clicks["user_id"].to_list() == [2, *[1] * 43]
    assert clicks["position"].to_list() == [0, *range(43)]
    assert clicks["click_article_id"].to_list() == [5, 7, 8, 9, *range(40)]
    # Two users of the hour: user 2 starts at 0, user 1 half way through what leaves it room for three steps of 90 s.
    half = (HOUR_MS - 3 * 90_000) // 2
    assert clicks["click_timestamp"].to_list() == [
        START,
        *(START + half + step * 90_000 for step in range(3)),
        *(START + HOUR_MS + step * 45_000 for step in range(40)),
    ]


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        ((f",{START + 30_000},", ",noon,"), "clicks_hour_000.csv, line 2: click_timestamp is"),
        ((",12,", ",700,"), "articles_metadata.csv has no row for 1 article(s) of the log (first: 700)"),
    ],
)
def test_odd_files_are_refused(tmp_path: Path, edit: tuple[str, str], fault: str) -> None:
    folder = write(tmp_path / "globo")
    path = folder / "clicks" / "clicks_hour_000.csv"
    assert edit[0] in path.read_text()
    path.write_text(path.read_text().replace(*edit))
    with pytest.raises(UserError) as caught:
        convert(folder, tmp_path / "out")
    assert fault in str(caught.value)
    assert not (tmp_path / "out").exists()
