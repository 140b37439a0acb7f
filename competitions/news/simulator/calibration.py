"""What a simulation looks like beside what it imitates: ``python -m competitions simulate news --describe``.

The targets are of three sources: the host's files as published ("host"); the first hour of the public Globo.com log,
from which the host drew ("hour"); a sample of 15,929 of that log's users ("sample").
"""

import json
from pathlib import Path
from typing import NamedTuple

import polars as pl

from common.day.hosts.simulated import REPORT
from common.engine.errors import UserError
from common.io.tables import read_csv
from common.time_units import HOUR_MS
from competitions.news.io.csv_reader import count_rows
from competitions.news.io.reader import ARTICLES, EMBEDDINGS, TEST_A, TRAIN
from competitions.news.simulator.articles import START_MS
from competitions.news.simulator.sessions import SESSION_BREAK_MS, TERMINAL_GAP_MS

LAST_MAIN_MS = 1_508_284_800_000  # 2017-10-18 00:00 UTC


class Target(NamedTuple):
    """A published value and where it is from; ``scales``: it grows with the scale."""

    value: float | None
    source: str = ""
    scales: bool = False
    full_scale_only: bool = False  # changes with the scale, by no simple rule


TARGETS = {
    "train users": Target(200_000, "host", True),
    "train clicks": Target(1_112_623, "host", True),
    "test users": Target(50_000, "host", True),
    "test clicks, visible": Target(518_010, "host", True),
    "articles": Target(364_047, "host", True),
    "categories": Target(461, "host", full_scale_only=True),
    "articles with an embedding": Target(0.811, "host"),
    "words, most": Target(6690, "host"),
    "articles ever clicked": Target(31_000, "host", full_scale_only=True),
    "clicks per train user, mean": Target(5.56, "host"),
    "clicks per train user, median": Target(3, "sample"),
    "clicks per train user, least": Target(2, "host"),
    "clicks per test user, mean": Target(10.36, "host"),
    "clicks per test user, median": Target(4, "sample"),
    "clicks per test user, least": Target(1, "host"),
    "clicks after 2017-10-17": Target(None, "host, a few"),
    "repeated (user, article) pairs": Target(0.0075, "host"),
    "train users whose last gap is 30 s": Target(1.0, "hour"),
    "train gaps of 30 s": Target(None, "not published"),
    "clicks per train session, mean": Target(2.66, "hour"),
    "train sessions of two clicks": Target(0.64, "hour"),
    "first click of a train user, median day": Target(5, "sample"),
    "first click of a test user, median day": Target(1, "sample"),
    "hours between train sessions, median": Target(41.8, "sample"),
    "age at click in hours, 25%": Target(5.2, "sample"),
    "age at click in hours, median": Target(7.6, "sample"),
    "age at click in hours, 75%": Target(13.8, "sample"),
    "age at click in hours, 90%": Target(24.2, "sample"),
    "clicks within two days of creation": Target(0.98, "sample"),
    "clicks on the 100 top articles": Target(0.40, "sample"),
    "clicks on the 1000 top articles": Target(0.82, "sample"),
    "clicks on the 5 top articles of their hour": Target(0.38, "sample"),
    "clicks on the top 5 categories": Target(0.39, "sample"),
    "clicks on the top 20 categories": Target(0.71, "sample"),
    "same category as the click before, in a session": Target(0.20, "sample"),
    "environment 4": Target(0.960, "hour"),
    "device group 3": Target(0.542, "hour"),
    "os 2": Target(0.365, "hour"),
    "country 1": Target(0.940, "hour"),
    "region 25": Target(0.272, "hour"),
    "referrer 1": Target(0.502, "hour"),
}
CONTEXT = (  # as a measure is called, its column, the value that is counted
    ("environment", "click_environment", 4),
    ("device group", "click_deviceGroup", 3),
    ("os", "click_os", 2),
    ("country", "click_country", 1),
    ("region", "click_region", 25),
    ("referrer", "click_referrer_type", 1),
)


def describe(out: Path) -> pl.DataFrame:
    """Measure the simulation in ``out``: one row a measure (measure, simulated, target, source).

    A target that is not known, or that holds for the full scale only, is null.

    Raises ``UserError`` where ``out`` holds no finished simulation.
    """
    try:
        report = json.loads((out / REPORT).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"There is no finished simulation in {out}; make one with simulate first.") from error
    measured = measure_files(out)
    scale = report["scale"]
    table = [(name, float(measured[name]), _scale(target, scale), target.source) for name, target in TARGETS.items()]
    return pl.DataFrame(table, schema=["measure", "simulated", "target", "source"], orient="row")


def measure_files(out: Path) -> dict[str, float]:
    """Every measure of ``TARGETS`` on the raw files in ``out``."""
    train, test = (_read_log(out / name) for name in (TRAIN, TEST_A))
    articles = read_csv(out / ARTICLES)
    both = pl.concat([train, test]).join(articles, left_on="click_article_id", right_on="article_id")
    sizes = _measure_sizes(train, test, articles, count_rows(out / EMBEDDINGS))
    context = {f"{name} {value}": _number(both, (pl.col(column) == value).mean()) for name, column, value in CONTEXT}
    return sizes | _measure_sessions(train) | _measure_clicks(both) | context


def _scale(target: Target, scale: float) -> float | None:
    if target.full_scale_only and scale != 1.0:
        return None
    return target.value * scale if target.scales and target.value is not None else target.value


def _read_log(path: Path) -> pl.DataFrame:
    """The log by user, with the gap in ms since the user's click before (null at the first)."""
    log = read_csv(path).sort("user_id", "click_timestamp")
    return log.with_columns(gap=pl.col("click_timestamp").diff().over("user_id"))


def _measure_sizes(
    train: pl.DataFrame, test: pl.DataFrame, articles: pl.DataFrame, embeddings: int
) -> dict[str, float]:
    measures: dict[str, float] = {"articles": articles.height, "categories": articles["category_id"].n_unique()}
    measures["articles with an embedding"] = embeddings / articles.height
    measures["words, most"] = _number(articles, pl.col("words_count").max())
    for name, log in (("train", train), ("test", test)):
        user = log.group_by("user_id").agg(pl.len(), first=pl.col("click_timestamp").min())
        clicks = "train clicks" if name == "train" else "test clicks, visible"
        measures |= {f"{name} users": user.height, clicks: log.height}
        measures[f"clicks per {name} user, mean"] = _number(user, pl.col("len").mean())
        measures[f"clicks per {name} user, median"] = _number(user, pl.col("len").median())
        measures[f"clicks per {name} user, least"] = _number(user, pl.col("len").min())
        day = (pl.col("first").median() - START_MS) // (24 * HOUR_MS)
        measures[f"first click of a {name} user, median day"] = _number(user, day)
    return measures


def _measure_sessions(train: pl.DataFrame) -> dict[str, float]:
    gap = pl.col("gap")
    opens = (gap > SESSION_BREAK_MS).fill_null(True)
    sizes = train.group_by(opens.cum_sum().alias("session")).len()
    last = train.group_by("user_id").agg(gap.last())
    return {
        "train users whose last gap is 30 s": _number(last, (gap == TERMINAL_GAP_MS).mean()),
        "train gaps of 30 s": _number(train, (gap == TERMINAL_GAP_MS).mean()),
        "clicks per train session, mean": _number(sizes, pl.col("len").mean()),
        "train sessions of two clicks": _number(sizes, (pl.col("len") == 2).mean()),
        "hours between train sessions, median": _number(train.filter(gap > SESSION_BREAK_MS), gap.median() / HOUR_MS),
    }


def _measure_clicks(both: pl.DataFrame) -> dict[str, float]:
    age = (pl.col("click_timestamp") - pl.col("created_at_ts")) / HOUR_MS
    before = pl.col("category_id").shift(1).over("user_id", order_by="click_timestamp")
    in_session = both.with_columns(before=before).filter(pl.col("gap") <= SESSION_BREAK_MS)
    same_category = pl.col("before") == pl.col("category_id")
    pairs = both.select("user_id", "click_article_id").n_unique()
    quantiles = {"25%": 0.25, "median": 0.5, "75%": 0.75, "90%": 0.9}
    return {
        "articles ever clicked": both["click_article_id"].n_unique(),
        "clicks after 2017-10-17": _number(both, (pl.col("click_timestamp") >= LAST_MAIN_MS).mean()),
        "repeated (user, article) pairs": 1 - pairs / both.height,
        "clicks within two days of creation": _number(both, (age <= 48).mean()),
        "clicks on the 100 top articles": _top_share(both, "click_article_id", 100),
        "clicks on the 1000 top articles": _top_share(both, "click_article_id", 1000),
        "clicks on the 5 top articles of their hour": _hour_top_share(both, 5),
        "clicks on the top 5 categories": _top_share(both, "category_id", 5),
        "clicks on the top 20 categories": _top_share(both, "category_id", 20),
        "same category as the click before, in a session": _number(in_session, same_category.mean()),
    } | {f"age at click in hours, {name}": _number(both, age.quantile(level)) for name, level in quantiles.items()}


def _top_share(clicks: pl.DataFrame, column: str, top: int) -> float:
    """Share of the clicks that falls on the ``top`` most clicked values of a column."""
    counts = clicks.group_by(column).len()["len"].sort(descending=True)
    return float(counts.head(top).sum() / clicks.height)


def _hour_top_share(clicks: pl.DataFrame, top: int) -> float:
    """Share of odd users' clicks on the articles that even users clicked most in the same hour, of the main days.

    Counted on other users' clicks, or the share would grow as the log thins.
    """
    main = clicks.filter(pl.col("click_timestamp") < LAST_MAIN_MS).with_columns(
        hour=pl.col("click_timestamp") // HOUR_MS
    )
    odd = pl.col("user_id") % 2 == 1
    counts = main.filter(~odd).group_by("hour", "click_article_id").len()
    order = pl.struct(-pl.col("len").cast(pl.Int64), "click_article_id").rank("ordinal").over("hour")
    best = counts.filter(order <= top)
    held = main.filter(odd)
    return held.join(best, on=["hour", "click_article_id"], how="semi").height / held.height


def _number(frame: pl.DataFrame, value: pl.Expr) -> float:
    return float(frame.select(value).item())
