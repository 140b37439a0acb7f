"""Real clicks in the host's layout: the later users of Globo.com's public log, of which the host's files are a part.

    python -m competitions standin news --from DIR

``DIR``: Kaggle, "News Portal User Interactions by Globo.com", unpacked: clicks/clicks_hour_*.csv and
articles_metadata.csv. The host predicts users who arrive early in this log, so it holds the host's hidden clicks. To
keep a stand-in from being a key to them, it is made of the latest 60 % of the users to arrive, whose last clicks the
host's own train file shows, under new numbers. Of them the first fifth to arrive is the test, as at the host: its last
clicks are hidden. Beside the folder a second one, "-quarter", has every fourth user.
"""

from pathlib import Path

import polars as pl

from common.day.hosts import TRUTH
from common.engine.errors import UserError
from common.engine.progress import track
from common.io.column import Column
from common.io.csv import CsvFile
from competitions.learning.public import PublicDataset, find_file, write_dataset
from competitions.news.io.reader import ARTICLE_COLUMNS, ARTICLES, CLICK_COLUMNS, TEST_A, TRAIN

HINT = (
    "download the data set gspmoreira/news-portal-user-interactions-by-globocom from Kaggle, unpack it, and name its "
    "folder"
)
CLICK_FOLDERS = ("clicks", "clicks/clicks", ".")
CLICK_FILES = "clicks_hour_*.csv"
METADATA = "articles_metadata.csv"
HEADERS = [column.header for column in CLICK_COLUMNS]
CLICK_FIELDS = tuple(Column(header, pl.Int64) for header in HEADERS)
ARTICLE_FIELDS = tuple(Column(column.header, pl.Int64) for column in ARTICLE_COLUMNS)
EARLY_SHARE = 0.4  # of the users, those who arrive first: the host's test users are among them
TEST_SHARE = 5  # the first fifth of the others to arrive are test users
FIRST_TEST_USER = 200_000
QUARTER = 4


def convert(source: Path, out: Path) -> PublicDataset:
    """Write Globo.com's later users to ``out`` in the host's layout: train and test log, articles, truth."""
    metadata = find_file(source, (METADATA, f"articles_metadata/{METADATA}"), HINT)
    clicks = number_users(read_log(source))
    articles = read_articles(metadata, clicks["click_article_id"].unique())
    quarter = clicks.filter(pl.col("user_id") % QUARTER == 0)
    write_part(out.with_name(f"{out.name}-quarter"), quarter, articles)
    return write_part(out, clicks, articles)


def read_log(source: Path) -> pl.DataFrame:
    """The clicks of every user with two and more, unsorted."""
    files = next((paths for name in CLICK_FOLDERS if (paths := sorted((source / name).glob(CLICK_FILES)))), [])
    if not files:
        raise UserError(f"no {CLICK_FILES} is in {source / CLICK_FOLDERS[0]}; {HINT}")
    read = [CsvFile(path, CLICK_FIELDS, HINT).read(may_be_empty=True).frame for path in track(files, "Reading clicks")]
    several = pl.concat(read).select(HEADERS).filter(pl.len().over("user_id") > 1)
    if several["user_id"].n_unique() < TEST_SHARE * QUARTER:
        raise UserError(
            f"the {len(files)} file(s) of {files[0].parent} have fewer than 20 users with two clicks; {HINT}"
        )
    return several


def number_users(clicks: pl.DataFrame) -> pl.DataFrame:
    """The clicks of the later users, by user and time, with new numbers in the order of arrival.

    Train users count from 0, test users, who arrive before them, from 200000 on.
    """
    users = clicks.group_by("user_id").agg(pl.col("click_timestamp").min()).sort("click_timestamp", "user_id")
    users = users[int(EARLY_SHARE * users.height) :]
    tests = users.height // TEST_SHARE
    numbers = [*range(FIRST_TEST_USER, FIRST_TEST_USER + tests), *range(users.height - tests)]
    known = users.select("user_id", number=pl.Series(numbers))
    numbered = clicks.join(known, on="user_id").with_columns(user_id="number")
    return numbered.select(HEADERS).sort("user_id", "click_timestamp", "click_article_id")


def read_articles(path: Path, clicked: pl.Series) -> pl.DataFrame:
    """articles.csv: the articles that anyone clicked, in the order of their ids."""
    articles = CsvFile(path, ARTICLE_FIELDS, HINT).read().frame
    unknown = clicked.filter(~clicked.is_in(articles["article_id"].implode()))
    if len(unknown):
        raise UserError(
            f"{path} has no row for {len(unknown)} article(s) of the log (first: {unknown.sort()[0]}); {HINT}"
        )
    listed = articles.filter(pl.col("article_id").is_in(clicked.implode())).sort("article_id", "line")
    return listed.select(column.header for column in ARTICLE_COLUMNS).unique("article_id", maintain_order=True)


def write_part(out: Path, clicks: pl.DataFrame, articles: pl.DataFrame) -> PublicDataset:
    """Hide the test users' last clicks and write the files."""
    test = clicks.filter(pl.col("user_id") >= FIRST_TEST_USER)
    train = clicks.filter(pl.col("user_id") < FIRST_TEST_USER)
    truth = test.group_by("user_id", maintain_order=True).last().select("user_id", "click_article_id")
    test = test.filter(pl.int_range(pl.len()).over("user_id") < pl.len().over("user_id") - 1)
    listed = articles.join(clicks, left_on="article_id", right_on="click_article_id", how="semi", maintain_order="left")
    rows = {
        "train users": train["user_id"].n_unique(),
        "train clicks": train.height,
        "test users": truth.height,
        "test clicks": test.height,
        "articles": listed.height,
    }
    tables = {TRAIN: train, TEST_A: test, ARTICLES: listed, TRUTH: truth}
    return write_dataset(out, PublicDataset("News Portal User Interactions by Globo.com", rows), tables)
