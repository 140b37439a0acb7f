"""A small news log for the unit tests: sessions that end on a 30 s step, planted families, test users who read more."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from common.learning.split import Fold
from competitions.news import split
from competitions.news.config import SplitSettings
from competitions.news.io.reader import Embeddings

START = 1_507_000_000_000
GAP_MS = 30_000
HOUR_MS = 3_600_000
TEST_FROM = 100_000  # test users have ids from here on
CONTEXT = ("environment", "device_group", "os", "country", "region", "referrer")
CLICKS = (
    {"user": pl.Int32, "item": pl.Int32, "time": pl.Int64}
    | dict.fromkeys(CONTEXT, pl.Int16)
    | {"is_test": pl.Boolean, "is_target": pl.Boolean}
)
ARTICLES = {"item": pl.Int32, "category": pl.Int32, "created": pl.Int64, "words": pl.Int32}
PAIRS = {"query": pl.Int32, "item": pl.Int32}
SCORED = PAIRS | {"score": pl.Float32}
SEEN = PAIRS | {"time": pl.Int64, "back": pl.Int32}


def frame(rows: Iterable[tuple[float | str | None, ...]], schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    """A frame of these rows."""
    return pl.DataFrame(list(rows), schema=schema, orient="row")


@dataclass(frozen=True)
class World:
    """The frames that the readers would give."""

    clicks: pl.DataFrame
    articles: pl.DataFrame
    content: Embeddings


def make_log(*rows: tuple[int, int, float], test: tuple[int, ...] = (), board_a: tuple[int, ...] = ()) -> pl.DataFrame:
    """A log of (user, item, seconds from the start); the device columns tell the user, the referrer the item.

    Users of ``test`` are to be predicted; those of ``board_a`` are test users of the board before.
    """
    log = [
        (user, item, START + round(1000 * second), 1, user % 3, 2, 3, user % 5, item % 7, user in {*test, *board_a})
        for user, item, second in rows
    ]
    schema = {name: dtype for name, dtype in CLICKS.items() if name != "is_target"}
    clicks = pl.DataFrame(log, schema=schema, orient="row").with_columns(is_target=pl.col("user").is_in(test))
    return clicks.sort("user", "time", "item")


def make_world(train: int = 120, test: int = 40, items: int = 80, seed: int = 0) -> World:
    """Users 0.. of the train log (2 to 12 clicks) and TEST_FROM.. of the test log (4 to 16), over three days.

    Items come in families of four that are read one after the other; the last step of a train user takes 30 s.
    """
    rng = np.random.default_rng(seed)
    rows: list[tuple[int, int, float]] = []
    for user in [*range(train), *range(TEST_FROM, TEST_FROM + test)]:
        length = int(rng.integers(2, 13) if user < TEST_FROM else rng.integers(4, 17))
        second, item = float(rng.integers(2 * 86_400)), int(rng.integers(items))
        for step in range(length):
            rows.append((user, item + 100, second))
            ends_session = step == length - 2 and user < TEST_FROM
            second += GAP_MS / 1000 if ends_session or rng.random() < 0.2 else float(rng.integers(40, 7200)) + 0.5
            item = item // 4 * 4 + int(rng.integers(4)) if rng.random() < 0.7 else int(rng.integers(items))
    test_users = tuple(range(TEST_FROM, TEST_FROM + test))
    number = np.arange(100, 100 + items + 10)  # the last ten are never clicked
    articles = pl.DataFrame(
        {
            "item": number,
            "category": number // 4 % 6,
            "created": START - HOUR_MS * 24 + rng.integers(0, 72, len(number)) * HOUR_MS,
            "words": rng.integers(0, 400, len(number)),
        },
        schema=ARTICLES,
    )
    embedded = number[number % 5 > 0].astype(np.int32)
    vectors = rng.normal(size=(len(embedded), 16)) + 2 * rng.normal(size=(30, 16))[embedded // 4 % 30]
    return World(make_log(*rows, test=test_users), articles, Embeddings(embedded, vectors.astype(np.float32)))


def label(clicks: pl.DataFrame, train: int = 10_000, valid: int = 25, seed: int = 0) -> Fold:
    """The labelled fold of a log."""
    return split.label_fold(clicks, SplitSettings(train_queries=train, valid_queries=valid, histories=1, folds=1), seed)


def swap_hidden(clicks: pl.DataFrame, fold: Fold) -> pl.DataFrame:
    """The log with another item in every click that the fold's history lacks."""
    gone = clicks.join(fold.history, on=["user", "item", "time"], how="anti")
    hidden = gone.select("user", "item", "time", hidden=True)
    marked = clicks.join(hidden, on=["user", "item", "time"], how="left")
    other = pl.when("hidden").then(100 + (pl.col("item") - 93) % 80).otherwise("item").cast(pl.Int32)
    return marked.with_columns(item=other).drop("hidden").sort("user", "time", "item")
