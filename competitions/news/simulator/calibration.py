"""What a simulation looks like beside what it imitates: ``python -m competitions simulate news --describe``.

The published values are of three sources: the host's files ("host"); the first hour of the public Globo.com log, from
which the host drew ("hour"); a sample of 15,929 of that log's users ("sample").
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from common.io.tables import read_csv
from common.simulation.calibration import Measures, calibrate, quantiles
from common.time_units import DAY_MS, HOUR_MS
from competitions.news.io.reader import ARTICLES, EMBEDDINGS, TEST_A, TRAIN, count_lines
from competitions.news.simulator.articles import START_MS
from competitions.news.simulator.sessions import SESSION_BREAK_MS, TERMINAL_GAP_MS

PUBLISHED = Path(__file__).with_name("published.csv")
LAST_MAIN_MS = 1_508_284_800_000  # 2017-10-18 00:00 UTC
GAP, CLICKS, SIZE, CATEGORY = (pl.col(name) for name in ("gap", "clicks", "len", "category_id"))
TIME = pl.col("click_timestamp")
AGE = (TIME - pl.col("created_at_ts")) / HOUR_MS


def top_share(column: str, top: int) -> pl.Expr:
    """The share of the rows that has one of the ``top`` most frequent values of a column.

    >>> pl.DataFrame({"item": [1, 1, 1, 2, 3]}).select(top_share("item", 1)).item()
    0.6
    """
    return pl.col(column).unique_counts().top_k(top).sum() / pl.len()


TRAIN_SESSIONS = {
    "clicks per train session, mean": SIZE.mean(),
    "train sessions of two clicks": (SIZE == 2).mean(),
}
TRAIN_GAPS = {"hours between train sessions, median": GAP.filter(GAP > SESSION_BREAK_MS).median() / HOUR_MS}
CATALOGUE = {
    "articles": pl.len(),
    "categories": CATEGORY.n_unique(),
    "articles with an embedding": pl.col("embeddings").first() / pl.len(),
    "words, most": pl.col("words_count").max(),
}
ALL_CLICKS = {
    "articles ever clicked": pl.col("click_article_id").n_unique(),
    "repeated (user, article) pairs": 1 - pl.struct("user_id", "click_article_id").n_unique() / pl.len(),
    **quantiles("age at click in hours", AGE, (25, 50, 75, 90)),
    "clicks within two days of creation": (AGE <= 48).mean(),
    **{f"clicks on the {top} top articles": top_share("click_article_id", top) for top in (100, 1000)},
    **{f"clicks on the top {top} categories": top_share("category_id", top) for top in (5, 20)},
    "same category as the click before, in a session": (pl.col("category_before") == CATEGORY)
    .filter(GAP <= SESSION_BREAK_MS)
    .mean(),
}


def describe(folder: Path) -> pl.DataFrame:
    """The calibration table of the simulation in ``folder``, see ``calibrate``."""
    return calibrate(folder, PUBLISHED, _list_parts(folder))


def _list_parts(folder: Path) -> Iterator[tuple[pl.LazyFrame, Measures]]:
    train, test = (_read_log(folder / name) for name in (TRAIN, TEST_A))
    users = {"clicks": pl.len(), "first": TIME.min(), "last_gap": GAP.last()}
    last_gap = {"train users whose last gap is 30 s": (pl.col("last_gap") == TERMINAL_GAP_MS).mean()}
    yield train.group_by("user_id").agg(**users), _measure_users("train", "train clicks") | last_gap
    yield test.group_by("user_id").agg(**users), _measure_users("test", "test clicks, visible")
    session = (GAP > SESSION_BREAK_MS).fill_null(True).cum_sum().alias("session")
    yield train.group_by(session).len(), TRAIN_SESSIONS
    yield train, TRAIN_GAPS
    articles = read_csv(folder / ARTICLES).lazy()
    yield articles.with_columns(embeddings=count_lines(folder / EMBEDDINGS)), CATALOGUE
    both = pl.concat([train, test]).join(articles, left_on="click_article_id", right_on="article_id")
    before = CATEGORY.shift(1).over("user_id", order_by="click_timestamp")
    yield both.with_columns(category_before=before), ALL_CLICKS
    yield _find_hour_tops(both, 5), {"clicks on the 5 top articles of their hour": pl.col("top").mean()}


def _measure_users(file: str, clicks: str) -> dict[str, pl.Expr]:
    """Of a row a user of a file."""
    each = {"mean": CLICKS.mean(), "median": CLICKS.median(), "least": CLICKS.min()}
    return {
        f"{file} users": pl.len(),
        clicks: CLICKS.sum(),
        **{f"clicks per {file} user, {name}": value for name, value in each.items()},
        f"first click of a {file} user, median day": (pl.col("first").median() - START_MS) // DAY_MS,
    }


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
