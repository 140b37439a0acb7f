"""What a simulation looks like beside what it imitates: ``python -m competitions simulate news --describe``.

The published values are of three sources: the host's files ("host"); Globo.com's public log, from which the host drew:
its later users in the host's layout ("later", by ``python -m competitions standin news``; they have fewer sessions than
the host's), the earliest 40 % of its users ("early").
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from common.day.hosts import TRUTH
from common.io.tables import read_csv
from common.simulation.calibration import Measures, calibrate, quantiles
from common.time_units import HOUR_MS
from competitions.news.io.reader import ARTICLES, TEST_A, TRAIN
from competitions.news.simulator.sessions import SESSION_BREAK_MS, TERMINAL_GAP_MS

PUBLISHED = Path(__file__).with_name("published.csv")
PAIR = ["user_id", "click_article_id"]
GAP, CLICKS, SIZE, CATEGORY, OPENS = (pl.col(name) for name in ("gap", "clicks", "len", "category_id", "opens"))
TIME, ARTICLE = pl.col("click_timestamp"), pl.col("click_article_id")
AGE = (TIME - pl.col("created_at_ts")) / HOUR_MS
FINAL = (GAP == TERMINAL_GAP_MS).fill_null(False)
KINDS = {"clicks": pl.lit(True), "opening clicks": OPENS, "later clicks of a session": ~OPENS, "final clicks": FINAL}
SAME_CATEGORY = CATEGORY.diff().over("user_id") == 0

TRAIN_USERS = {
    "train users of two clicks": (CLICKS == 2).mean(),
}
TEST_USERS = {
    "test users with one visible click": (CLICKS == 1).mean(),
    "test users whose last visible click opens a session": pl.col("opens").mean(),
}
TRAIN_SESSIONS = {"clicks per train session, mean": SIZE.mean(), "train sessions of two clicks": (SIZE == 2).mean()}
ALL_CLICKS = {
    **quantiles("hours between sessions", GAP.filter(OPENS) / HOUR_MS, (25, 50, 75)),
    "articles ever clicked": ARTICLE.n_unique(),
    "repeated (user, article) pairs": 1 - pl.struct(PAIR).n_unique() / pl.len(),
    "clicks before the article's creation": (AGE < 0).mean(),
    **quantiles("age at click in hours", AGE, (25, 50, 75, 90)),
    **{f"clicks on the {top} top articles": ARTICLE.unique_counts().top_k(top).sum() / pl.len() for top in (100, 1000)},
    "same category as the click before, in a session": SAME_CATEGORY.filter(~OPENS).mean(),
    "same category as the click before, opening": SAME_CATEGORY.filter(OPENS).mean(),
}
IS_TOP = pl.col("top").fill_null(False)
TOPS = {f"{kind} on the 5 top articles of their hour": IS_TOP.filter(of).mean() for kind, of in KINDS.items()}
FOLLOWERS = {
    "final clicks on the article's first follower": (pl.col("first").sum() / pl.col("steps").sum()).fill_nan(None),
    "final clicks on the article's five first followers": (pl.col("five").sum() / pl.col("steps").sum()).fill_nan(None),
    "followers of an article, median": pl.col("followers").median(),
}


def describe(folder: Path) -> pl.DataFrame:
    """The calibration table of the simulation in ``folder``, see ``calibrate``."""
    return calibrate(folder, PUBLISHED, _list_parts(folder))


def _list_parts(folder: Path) -> Iterator[tuple[pl.LazyFrame, Measures]]:
    articles = read_csv(folder / ARTICLES).lazy()
    train, test = (_read_log(folder / name) for name in (TRAIN, TEST_A))
    for log, file, own in ((train, "train", TRAIN_USERS), (test, "test", TEST_USERS)):
        yield (
            log.group_by("user_id").agg(clicks=pl.len(), opens=OPENS.last()),
            {
                f"{file} users": pl.len(),
                f"{file} clicks": CLICKS.sum(),
                f"clicks per {file} user, mean": CLICKS.mean(),
                **own,
            },
        )
    yield train.group_by(session=OPENS.cum_sum()).len(), TRAIN_SESSIONS
    clicks = pl.concat([train, test])
    yield clicks.join(articles, left_on="click_article_id", right_on="article_id", maintain_order="left"), ALL_CLICKS
    seen = read_csv(folder / TRUTH).lazy().join(clicks.select(*PAIR, seen=True).unique(), on=PAIR, how="left")
    yield seen, {"hidden articles read before": pl.col("seen").is_not_null().mean()}
    yield _find_hour_tops(clicks, 5), TOPS
    yield _count_followers(clicks, 50), FOLLOWERS


def _read_log(path: Path) -> pl.LazyFrame:
    """The log by user, with the gap in ms since the user's click before (null at the first)."""
    log = read_csv(path).sort("user_id", "click_timestamp").with_columns(gap=TIME.diff().over("user_id"))
    return log.with_columns(opens=(GAP > SESSION_BREAK_MS).fill_null(True)).lazy()


def _find_hour_tops(clicks: pl.LazyFrame, top: int) -> pl.LazyFrame:
    """Odd users' clicks: is it on one of the ``top`` articles that even users clicked most that hour (null: no)?

    Counted on other users' clicks, or the share would grow as the log thins.
    """
    clicks = clicks.with_columns(hour=TIME // HOUR_MS)
    odd = pl.col("user_id") % 2 == 1
    counts = clicks.filter(~odd).group_by("hour", "click_article_id").len()
    rank = pl.struct(-SIZE.cast(pl.Int64), "click_article_id").rank("ordinal").over("hour")
    best = counts.select("hour", "click_article_id", top=rank <= top)
    return clicks.filter(odd).join(best, on=["hour", "click_article_id"], how="left")


def _count_followers(clicks: pl.LazyFrame, least: int) -> pl.LazyFrame:
    """A row an article that ``least`` final clicks or more follow: ``steps``, on how many ``followers``, on the
    ``first`` and the ``five`` most frequent of them.
    """
    steps = clicks.with_columns(before=ARTICLE.shift(1).over("user_id")).filter(FINAL)
    counts = steps.group_by("before", "click_article_id").len()
    each = {"steps": SIZE.sum(), "followers": pl.len(), "first": SIZE.max(), "five": SIZE.top_k(5).sum()}
    return counts.group_by("before").agg(**each).filter(pl.col("steps") >= least)
