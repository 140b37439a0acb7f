"""Real clicks in the host's layout: a tenth of the users of Globo.com's public news log.

    python -m competitions standin news --from DIR

``DIR``: Kaggle, "News Portal User Interactions by Globo.com", unpacked: clicks/clicks_hour_*.csv and
articles_metadata.csv. The host's own files were drawn from this log, so the log holds the host's hidden clicks. To keep
a stand-in from being a key to them, users are numbered anew, times are true to the hour only, and devices and regions
are left out: set to the most frequent ones. Minutes are filled in, a user's clicks of an hour a minute and a half
apart, in their true order; the 30 s steps of the host's log are gone with them. The target is a test user's last click.
"""

from pathlib import Path

import polars as pl

from common.day.hosts.public import TRUTH, PublicDataset, find_file, write_dataset
from common.engine.errors import UserError
from common.engine.progress import track
from common.io.column import Column
from common.io.csv import CsvFile
from common.time_units import HOUR_MS
from competitions.news.io.reader import ARTICLE_COLUMNS, ARTICLES, TEST_A, TRAIN

HINT = (
    "download the data set gspmoreira/news-portal-user-interactions-by-globocom from Kaggle, unpack it, and name its "
    "folder"
)
CLICK_FOLDERS = ("clicks", "clicks/clicks", ".")
CLICK_FILES = "clicks_hour_*.csv"
METADATA = "articles_metadata.csv"
CLICK_FIELDS = (
    Column("user_id", pl.Int64),
    Column("click_article_id", pl.Int64),
    Column("click_timestamp", pl.Int64),
)
ARTICLE_FIELDS = tuple(Column(column.header, pl.Int64) for column in ARTICLE_COLUMNS)
SAMPLE, MULTIPLIER, MODULUS = 10, 2_654_435_761, 1 << 32  # a user is in where its hash lies in the first tenth
TEST_SHARE = 5  # the first fifth of the users to arrive are test users, as the host's are
FIRST_TEST_USER = 200_000
STEP_MS, ROOM_MS = 90_000, 1_800_000  # between a user's clicks of an hour; less where they would take half of it
# What the host's columns say of every click: the most frequent device and region.
CONTEXT = {
    "click_environment": 4,
    "click_deviceGroup": 1,
    "click_os": 17,
    "click_country": 1,
    "click_region": 21,
    "click_referrer_type": 1,
}


def convert(source: Path, out: Path) -> PublicDataset:
    """Write a tenth of Globo.com's users to ``out`` in the host's layout: train and test log, articles, truth."""
    metadata = find_file(source, (METADATA, f"articles_metadata/{METADATA}"), HINT)
    clicks, clicked = read_log(source)
    articles = convert_articles(metadata, clicked)
    log = blur_times(number_users(clicks)).with_columns(pl.lit(value).alias(name) for name, value in CONTEXT.items())
    is_test = pl.col("user_id") >= FIRST_TEST_USER
    is_last = pl.col("position") == pl.col("position").max().over("user_id")
    train, test = log.filter(~is_test), log.filter(is_test)
    truth = test.filter(is_last).select("user_id", "click_article_id").sort("user_id")
    test = test.filter(~is_last)
    rows = {
        "train users": train["user_id"].n_unique(),
        "train clicks": train.height,
        "test users": truth.height,
        "test clicks": test.height,
        "articles": articles.height,
    }
    columns = ["user_id", "click_article_id", "click_timestamp", *CONTEXT]
    tables = {TRAIN: train.select(columns), TEST_A: test.select(columns), ARTICLES: articles, TRUTH: truth}
    return write_dataset(out, PublicDataset("News Portal User Interactions by Globo.com", rows), tables)


def read_log(source: Path) -> tuple[pl.DataFrame, pl.Series]:
    """The clicks of a tenth of the users (user, item, time in ms; unsorted), and the articles that anyone clicked."""
    files = next((paths for name in CLICK_FOLDERS if (paths := sorted((source / name).glob(CLICK_FILES)))), [])
    if not files:
        raise UserError(f"no {CLICK_FILES} is in {source / CLICK_FOLDERS[0]}; {HINT}")
    samples, clicked = [], []
    for path in track(files, "Reading clicks"):
        clicks = CsvFile(path, CLICK_FIELDS, HINT).read(may_be_empty=True).frame
        clicked.append(clicks["click_article_id"].unique())
        in_sample = (pl.col("user_id") * MULTIPLIER % MODULUS) * SAMPLE < MODULUS
        names = {"user": "user_id", "item": "click_article_id", "time": "click_timestamp"}
        samples.append(clicks.filter(in_sample).select(**{name: pl.col(column) for name, column in names.items()}))
    sample = pl.concat(samples)
    several = sample.filter(pl.len().over("user") > 1)
    if several["user"].n_unique() < TEST_SHARE:
        raise UserError(
            f"the {len(files)} file(s) of {files[0].parent} have fewer than {TEST_SHARE} users of the tenth with two "
            f"clicks; {HINT}"
        )
    return several, pl.concat(clicked).unique().sort()


def convert_articles(path: Path, clicked: pl.Series) -> pl.DataFrame:
    """articles.csv: the articles that anyone clicked, in the order of their ids."""
    articles = CsvFile(path, ARTICLE_FIELDS, HINT).read().frame
    unknown = clicked.filter(~clicked.is_in(articles["article_id"].implode()))
    if len(unknown):
        raise UserError(f"{path} has no row for {len(unknown)} article(s) of the log (first: {unknown[0]}); {HINT}")
    listed = articles.filter(pl.col("article_id").is_in(clicked.implode())).sort("article_id", "line")
    return listed.select(column.header for column in ARTICLE_COLUMNS).unique("article_id", maintain_order=True)


def number_users(clicks: pl.DataFrame) -> pl.DataFrame:
    """Add ``user_id``: the first fifth of the users to click are test users, from 200000 on; train users follow from 0.

    Within each, as in the host's files, who arrives last has the lowest number.
    """
    users = clicks.group_by("user").agg(pl.col("time").min()).sort("time", "user")
    tests = users.height // TEST_SHARE
    numbers = [*range(FIRST_TEST_USER + tests - 1, FIRST_TEST_USER - 1, -1), *range(users.height - tests - 1, -1, -1)]
    return clicks.join(users.select("user", pl.Series("user_id", numbers)), on="user")


def blur_times(clicks: pl.DataFrame) -> pl.DataFrame:
    """One row a click, its time true to the hour: user_id descending, ``position`` in the user's order from 0.

    Users of an hour start in the order of their first click in it, evenly spread; a user's n clicks of an hour follow
    each other after 90 s, or half an hour divided by n where that is less.
    """
    ordered = clicks.sort("user_id", "time", "item", descending=[True, False, False]).with_columns(
        hour=pl.col("time") // HOUR_MS
    )
    visits = ordered.group_by("user_id", "hour").agg(n=pl.len().cast(pl.Int64), first=pl.col("time").min())
    rank = pl.struct("first", "user_id").rank("ordinal").over("hour").cast(pl.Int64) - 1
    step = pl.min_horizontal(pl.lit(STEP_MS), ROOM_MS // pl.col("n"))
    start = rank * (HOUR_MS - pl.col("n") * step) // pl.len().over("hour").cast(pl.Int64)
    placed = visits.select("user_id", "hour", step=step, start=start)
    within = pl.int_range(pl.len(), dtype=pl.Int64).over("user_id", "hour")
    return ordered.join(placed, on=["user_id", "hour"], how="left", maintain_order="left").select(
        "user_id",
        click_article_id="item",
        click_timestamp=pl.col("hour") * HOUR_MS + pl.col("start") + within * pl.col("step"),
        position=pl.int_range(pl.len(), dtype=pl.Int64).over("user_id"),
    )
