"""Tiny raw files for the news competition whose users follow a planted rule, and edits of them.

The rule: whoever opens article A of a pair opens its partner B exactly 30 s later. Everything else is noise: hot
articles, drawn by Zipf's law, at least a minute apart. One hidden click in ten is noise as well.
"""

from pathlib import Path

import numpy as np
import polars as pl

from competitions.news import split, submission
from competitions.news.io import reader

START_MS, GAP_MS, DAY_MS = 1_507_000_000_000, 30_000, 86_400_000
PAIRS, HOT, UNREAD = 40, 30, 10
HOT_FROM = 2 * PAIRS  # articles 2i and 2i + 1 are a pair
READ_ONCE = HOT_FROM + HOT  # read by one user, once
ARTICLE_COUNT = READ_ONCE + 1 + UNREAD
TRAIN_USERS, TEST_USERS, TEST_FROM = 240, 80, 1000
ONE_CLICK = {TEST_FROM + TEST_USERS: 0, TEST_FROM + TEST_USERS + 1: READ_ONCE}  # test users: their only visible click
NOISE_SHARE = 0.1

Click = tuple[int, int, int]  # user, article, ms


def write_raw(folder: Path, truth: Path) -> None:
    """The planted files, in the host's layout, and the hidden clicks."""
    rng = np.random.default_rng(11)
    folder.mkdir(parents=True)
    train = [click for user in range(TRAIN_USERS) for click in _read(rng, user, int(rng.integers(1, 6)))]
    test, hidden = [], []
    for user in range(TEST_FROM, TEST_FROM + TEST_USERS):
        *visible, last = _read(rng, user, int(rng.integers(2, 9)))
        test += visible
        hidden.append(last)
    for user, article in ONE_CLICK.items():
        test.append((user, article, START_MS + DAY_MS))
        hidden.append((user, 1, START_MS + DAY_MS + GAP_MS))
    _write_log(folder / reader.TRAIN, train)
    _write_log(folder / reader.TEST_A, test)
    _write_articles(folder, rng)
    answers = pl.DataFrame(hidden, schema=["user_id", "click_article_id", "time"], orient="row")
    answers.drop("time").write_csv(truth)


def _read(rng: np.random.Generator, user: int, noise: int) -> list[Click]:
    """One user's clicks in order: noise, a pair, noise, and a pair at the end.

    The last pair is hidden from the labelled fold, so it is the one before that shows the rule.
    """
    clicks: list[Click] = []
    time = START_MS + int(rng.integers(2 * DAY_MS))
    for step in range(noise):
        clicks.append((user, _draw_hot(rng), time))
        time += int(rng.integers(60_000, 7_200_000))
        if step == noise // 2:
            clicks += _read_pair(rng, user, time)
            time += 600_000
    return clicks + _read_pair(rng, user, time)


def _read_pair(rng: np.random.Generator, user: int, time: int) -> list[Click]:
    first = 2 * int(rng.integers(PAIRS))
    second = _draw_hot(rng) if rng.random() < NOISE_SHARE else first + 1
    return [(user, first, time), (user, second, time + GAP_MS)]


def _draw_hot(rng: np.random.Generator) -> int:
    chance = 1 / np.arange(1, HOT + 1)
    return HOT_FROM + int(rng.choice(HOT, p=chance / chance.sum()))


def _write_log(path: Path, clicks: list[Click]) -> None:
    log = pl.DataFrame(clicks, schema=["user", "item", "time"], orient="row").sort("time", "user")
    user, constant = pl.col("user"), {"environment": pl.lit(4), "os": pl.lit(17), "country": pl.lit(1)}
    named = log.with_columns(**constant, device_group=user % 3, region=user % 28, referrer=user % 2 + 1)
    named.select(pl.col(column.name).alias(column.header) for column in reader.CLICK_COLUMNS).write_csv(path)


def _write_articles(folder: Path, rng: np.random.Generator) -> None:
    ids = np.arange(ARTICLE_COUNT)
    columns = {
        "article_id": ids,
        "category_id": rng.integers(0, 8, ARTICLE_COUNT),
        "created_at_ts": START_MS - rng.integers(0, DAY_MS, ARTICLE_COUNT),
        "words_count": rng.integers(20, 400, ARTICLE_COUNT),
    }
    pl.DataFrame(columns).write_csv(folder / reader.ARTICLES)
    embedded = ids[ids % 5 > 0]
    width = [column.header for column in reader.EMBEDDING_COLUMNS[1:]]
    values = pl.DataFrame(rng.normal(size=(len(embedded), len(width))), schema=width)
    values.insert_column(0, pl.Series("article_id", embedded)).write_csv(folder / reader.EMBEDDINGS, float_precision=6)


def write_popular(folder: Path, path: Path) -> None:
    """The popularity baseline: the five most clicked articles for everybody."""
    logs = [pl.read_csv(folder / name) for name in (reader.TRAIN, reader.TEST_A)]
    counts = pl.concat(logs)["click_article_id"].value_counts().sort("count", "click_article_id", descending=True)
    best = counts["click_article_id"].head(submission.LENGTH).to_list()
    users = logs[1].select(pl.col("user_id").unique().sort())
    users.with_columns(
        pl.lit(item).alias(name) for item, name in zip(best, submission.ARTICLES, strict=True)
    ).write_csv(path)


def replace_future(folder: Path) -> int:
    """Give other articles to every train user's last click, and to the test users' clicks from their last 30 s step on.

    These are what the labelled fold asks for, and what follows it.
    """
    train, test = (
        pl.read_csv(folder / name).sort("user_id", "click_timestamp") for name in (reader.TRAIN, reader.TEST_A)
    )
    is_last = pl.int_range(pl.len()).over("user_id") == pl.len().over("user_id") - 1
    step_at = pl.when(_is_step()).then("click_timestamp").max().over("user_id")
    changed = 0
    for name, log, late in (
        (reader.TRAIN, train, is_last),
        (reader.TEST_A, test, (pl.col("click_timestamp") >= step_at).fill_null(value=False)),
    ):
        other = (pl.col("click_article_id") + 7) % ARTICLE_COUNT
        marked = log.with_columns(late=late)
        edited = marked.with_columns(click_article_id=pl.when("late").then(other).otherwise("click_article_id"))
        edited.drop("late").write_csv(folder / name)
        changed += int(marked["late"].sum())
    return changed


def add_future(folder: Path) -> int:
    """Add a click at the end of the log of test users who made a 30 s step before: past their labelled click.

    Only where the user keeps the block of hours and the class of session by which validation users are matched to test
    users.
    """
    path = folder / reader.TEST_A
    log = pl.read_csv(path).sort("user_id", "click_timestamp")
    ends = (
        log.with_columns(step=_is_step())
        .group_by("user_id", maintain_order=True)
        .agg(pl.all().exclude("step").last(), has_step=pl.col("step").any())
    )
    later = ends.with_columns(
        click_timestamp=pl.col("click_timestamp") + split.SESSION_MS + 1,
        click_article_id=pl.lit(READ_ONCE + 1, pl.Int64),
    )
    later = later.select(log.columns)
    names = {"user_id": "user", "click_article_id": "item", "click_timestamp": "time"}
    before, after = (
        split.stratify(clicks.rename(names).with_columns(is_target=True)).group_by("user").last()
        for clicks in (log, pl.concat([log, later]))
    )
    same = before.join(after, on=["user", *split.CELL], how="semi")["user"]
    steps = ends.filter("has_step")["user_id"]
    added = later.filter(pl.col("user_id").is_in(same.implode()), pl.col("user_id").is_in(steps.implode()))
    pl.concat([log, added]).write_csv(path)
    return added.height


def _is_step() -> pl.Expr:
    return pl.col("click_timestamp").diff().over("user_id") == GAP_MS
