"""What a simulation looks like beside what it imitates: ``python -m competitions simulate news --describe``.

The published values are of three sources: the host's files ("host"); the first hour of the public Globo.com log, from
which the host drew ("hour"); a sample of 15,929 of that log's users ("sample").
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from common.io.tables import read_csv
from common.simulation.calibration import Measure, calibrate, quantiles, top_share
from common.time_units import DAY_MS, HOUR_MS
from competitions.news.io.reader import ARTICLES, EMBEDDINGS, TEST_A, TRAIN, count_lines
from competitions.news.simulator.articles import START_MS
from competitions.news.simulator.sessions import SESSION_BREAK_MS, TERMINAL_GAP_MS

LAST_MAIN_MS = 1_508_284_800_000  # 2017-10-18 00:00 UTC
GAP, CLICKS, SIZE, CATEGORY = (pl.col(name) for name in ("gap", "clicks", "len", "category_id"))
TIME = pl.col("click_timestamp")
FIRST_DAY = (pl.col("first").median() - START_MS) // DAY_MS
AGE = (TIME - pl.col("created_at_ts")) / HOUR_MS

TRAIN_USERS = (
    Measure("train users", pl.len(), 200_000, "host", "with scale"),
    Measure("train clicks", CLICKS.sum(), 1_112_623, "host", "with scale"),
    Measure("clicks per train user, mean", CLICKS.mean(), 5.56, "host"),
    Measure("clicks per train user, median", CLICKS.median(), 3, "sample"),
    Measure("clicks per train user, least", CLICKS.min(), 2, "host"),
    Measure("first click of a train user, median day", FIRST_DAY, 5, "sample"),
    Measure("train users whose last gap is 30 s", (pl.col("last_gap") == TERMINAL_GAP_MS).mean(), 1.0, "hour"),
)
TEST_USERS = (
    Measure("test users", pl.len(), 50_000, "host", "with scale"),
    Measure("test clicks, visible", CLICKS.sum(), 518_010, "host", "with scale"),
    Measure("clicks per test user, mean", CLICKS.mean(), 10.36, "host"),
    Measure("clicks per test user, median", CLICKS.median(), 4, "sample"),
    Measure("clicks per test user, least", CLICKS.min(), 1, "host"),
    Measure("first click of a test user, median day", FIRST_DAY, 1, "sample"),
)
TRAIN_SESSIONS = (
    Measure("clicks per train session, mean", SIZE.mean(), 2.66, "hour"),
    Measure("train sessions of two clicks", (SIZE == 2).mean(), 0.64, "hour"),
)
TRAIN_GAPS = (
    Measure("train gaps of 30 s", (GAP == TERMINAL_GAP_MS).mean()),
    Measure(
        "hours between train sessions, median",
        GAP.filter(GAP > SESSION_BREAK_MS).median() / HOUR_MS,
        41.8,
        "sample",
    ),
)
CATALOGUE = (
    Measure("articles", pl.len(), 364_047, "host", "with scale"),
    Measure("categories", CATEGORY.n_unique(), 461, "host", "otherwise"),
    Measure("articles with an embedding", pl.col("embeddings").first() / pl.len(), 0.811, "host"),
    Measure("words, most", pl.col("words_count").max(), 6690, "host"),
)
ALL_CLICKS = (
    Measure("articles ever clicked", pl.col("click_article_id").n_unique(), 31_000, "host", "otherwise"),
    Measure("clicks after 2017-10-17 (host: a few)", (TIME >= LAST_MAIN_MS).mean()),
    Measure(
        "repeated (user, article) pairs",
        1 - pl.struct("user_id", "click_article_id").n_unique() / pl.len(),
        0.0075,
        "host",
    ),
    *quantiles("age at click in hours", AGE, {25: 5.2, 50: 7.6, 75: 13.8, 90: 24.2}, "sample"),
    Measure("clicks within two days of creation", (AGE <= 48).mean(), 0.98, "sample"),
    Measure("clicks on the 100 top articles", top_share("click_article_id", 100), 0.40, "sample"),
    Measure("clicks on the 1000 top articles", top_share("click_article_id", 1000), 0.82, "sample"),
    Measure("clicks on the top 5 categories", top_share("category_id", 5), 0.39, "sample"),
    Measure("clicks on the top 20 categories", top_share("category_id", 20), 0.71, "sample"),
    Measure(
        "same category as the click before, in a session",
        (pl.col("category_before") == CATEGORY).filter(GAP <= SESSION_BREAK_MS).mean(),
        0.20,
        "sample",
    ),
    Measure("environment 4", (pl.col("click_environment") == 4).mean(), 0.960, "hour"),
    Measure("device group 3", (pl.col("click_deviceGroup") == 3).mean(), 0.542, "hour"),
    Measure("os 2", (pl.col("click_os") == 2).mean(), 0.365, "hour"),
    Measure("country 1", (pl.col("click_country") == 1).mean(), 0.940, "hour"),
    Measure("region 25", (pl.col("click_region") == 25).mean(), 0.272, "hour"),
    Measure("referrer 1", (pl.col("click_referrer_type") == 1).mean(), 0.502, "hour"),
)
HOURS = (Measure("clicks on the 5 top articles of their hour", pl.col("top").mean(), 0.38, "sample"),)


def describe(folder: Path) -> pl.DataFrame:
    """The calibration table of the simulation in ``folder``, see ``calibrate``."""
    return calibrate(folder, _list_parts(folder))


def _list_parts(folder: Path) -> Iterator[tuple[pl.LazyFrame, Sequence[Measure]]]:
    train, test = (_read_log(folder / name) for name in (TRAIN, TEST_A))
    users = {"clicks": pl.len(), "first": TIME.min(), "last_gap": GAP.last()}
    yield train.group_by("user_id").agg(**users), TRAIN_USERS
    yield test.group_by("user_id").agg(**users), TEST_USERS
    session = (GAP > SESSION_BREAK_MS).fill_null(True).cum_sum().alias("session")
    yield train.group_by(session).len(), TRAIN_SESSIONS
    yield train, TRAIN_GAPS
    articles = read_csv(folder / ARTICLES).lazy()
    yield articles.with_columns(embeddings=count_lines(folder / EMBEDDINGS)), CATALOGUE
    both = pl.concat([train, test]).join(articles, left_on="click_article_id", right_on="article_id")
    before = CATEGORY.shift(1).over("user_id", order_by="click_timestamp")
    yield both.with_columns(category_before=before), ALL_CLICKS
    yield _find_hour_tops(both, 5), HOURS


def _read_log(path: Path) -> pl.LazyFrame:
    """The log by user, with the gap in ms since the user's click before (null at the first)."""
    log = read_csv(path).sort("user_id", "click_timestamp")
    return log.with_columns(gap=TIME.diff().over("user_id")).lazy()


def _find_hour_tops(clicks: pl.LazyFrame, top: int) -> pl.LazyFrame:
    """Odd users' clicks of the main days: is it on one of the ``top`` articles that even users clicked most that hour?

    Counted on other users' clicks, or the share would grow as the log thins.
    """
    main = clicks.filter(TIME < LAST_MAIN_MS).with_columns(hour=TIME // HOUR_MS)
    odd = pl.col("user_id") % 2 == 1
    counts = main.filter(~odd).group_by("hour", "click_article_id").len()
    rank = pl.struct(-SIZE.cast(pl.Int64), "click_article_id").rank("ordinal").over("hour")
    best = counts.select("hour", "click_article_id", top=rank <= top)
    joined = main.filter(odd).join(best, on=["hour", "click_article_id"], how="left")
    return joined.select(pl.col("top").fill_null(False))
