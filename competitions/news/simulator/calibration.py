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
from common.simulation.calibration import calibrate
from common.time_units import HOUR_MS
from competitions.news.io.reader import ARTICLES, TEST_A, TRAIN
from competitions.news.simulator.sessions import SESSION_BREAK_MS, TERMINAL_GAP_MS

PUBLISHED = Path(__file__).with_name("published.csv")
PAIR = ["user_id", "click_article_id"]
GAP, SIZE, OPENS = (pl.col(name) for name in ("gap", "len", "opens"))
TIME, ARTICLE = pl.col("click_timestamp"), pl.col("click_article_id")


def describe(folder: Path) -> pl.DataFrame:
    """The calibration table of the simulation in ``folder``, see ``calibrate``."""
    return calibrate(folder, PUBLISHED, _list_frames(folder))


def _list_frames(folder: Path) -> Iterator[tuple[str, pl.LazyFrame]]:
    articles = read_csv(folder / ARTICLES).lazy()
    train, test = (_read_log(folder / name) for name in (TRAIN, TEST_A))
    for name, log in (("train users", train), ("test users", test)):
        yield name, log.group_by("user_id").agg(clicks=pl.len(), opens=OPENS.last())
    yield "train sessions", train.group_by(session=OPENS.cum_sum()).len()
    clicks = pl.concat([train, test])
    measured = clicks.join(articles, left_on="click_article_id", right_on="article_id", maintain_order="left")
    yield (
        "clicks",
        measured.with_columns(
            hours=GAP / HOUR_MS,
            age=(TIME - pl.col("created_at_ts")) / HOUR_MS,
            again=~pl.struct(PAIR).is_first_distinct(),
            same=pl.col("category_id").diff().over("user_id") == 0,
        ),
    )
    yield "articles", clicks.group_by(ARTICLE).len().with_columns(rank=SIZE.rank("ordinal", descending=True))
    read = clicks.select(*PAIR, seen=True).unique()
    hidden = read_csv(folder / TRUTH).lazy().join(read, on=PAIR, how="left")
    yield "hidden", hidden.with_columns(pl.col("seen").fill_null(False))
    yield "odd users' clicks", _find_hour_tops(clicks, 5)
    yield "followers", _count_followers(clicks, 50)


def _read_log(path: Path) -> pl.LazyFrame:
    """The log by user, with the gap in ms since the user's click before (null at the first); whether a click opens a
    session, and whether it is the final one behind the fixed gap.
    """
    log = read_csv(path).sort("user_id", "click_timestamp").with_columns(gap=TIME.diff().over("user_id"))
    opens, final = (GAP > SESSION_BREAK_MS).fill_null(True), (GAP == TERMINAL_GAP_MS).fill_null(False)
    return log.with_columns(opens=opens, final=final).lazy()


def _find_hour_tops(clicks: pl.LazyFrame, top: int) -> pl.LazyFrame:
    """Odd users' clicks: is it on one of the ``top`` articles that even users clicked most that hour?

    Counted on other users' clicks, or the share would grow as the log thins.
    """
    clicks = clicks.with_columns(hour=TIME // HOUR_MS)
    odd = pl.col("user_id") % 2 == 1
    counts = clicks.filter(~odd).group_by("hour", "click_article_id").len()
    rank = pl.struct(-SIZE.cast(pl.Int64), "click_article_id").rank("ordinal").over("hour")
    best = counts.select("hour", "click_article_id", top=rank <= top)
    joined = clicks.filter(odd).join(best, on=["hour", "click_article_id"], how="left")
    return joined.with_columns(pl.col("top").fill_null(False))


def _count_followers(clicks: pl.LazyFrame, least: int) -> pl.LazyFrame:
    """A row an article that ``least`` final clicks or more follow: ``steps``, on how many ``followers``, on the
    ``first`` and the ``five`` most frequent of them.
    """
    steps = clicks.with_columns(before=ARTICLE.shift(1).over("user_id")).filter("final")
    counts = steps.group_by("before", "click_article_id").len()
    each = {"steps": SIZE.sum(), "followers": pl.len(), "first": SIZE.max(), "five": SIZE.top_k(5).sum()}
    return counts.group_by("before").agg(**each).filter(pl.col("steps") >= least)
