"""One wrong time moves what is known of its own user and article, and nothing that others see."""

import polars as pl
import pytest

from common.learning.split import Fold
from competitions.news import features, split
from competitions.news.io.reader import TIME_MAX_MS, TIME_MIN_MS
from tests.unit.news.news_world import START, World, make_world
from tests.unit.news.test_features import make_candidates

WORLD = make_world()
ODD = WORLD.clicks.with_row_index("row").filter(pl.col("is_target"))["row"][5]
USER, ARTICLE = WORLD.clicks["user"][ODD], WORLD.clicks["item"][ODD]
WRONG_TIMES = {"1973": TIME_MIN_MS, "2286": TIME_MAX_MS, "a year before": START - 366 * 86_400_000}


def misdate(time: int) -> World:
    """The log with one click at another time."""
    here = pl.int_range(pl.len()) == ODD
    clicks = WORLD.clicks.with_columns(pl.when(here).then(pl.lit(time)).otherwise("time").alias("time"))
    return World(clicks.sort("user", "time", "item"), WORLD.articles, WORLD.content)


def describe(world: World, candidates: pl.DataFrame) -> tuple[Fold, dict[str, pl.DataFrame]]:
    fold = split.build_test_fold(world.clicks)
    return fold, {
        "query": features.query_block(fold, world.articles).drop("query"),
        "item": features.item_block(fold, world.articles, candidates),
        "pair": features.pair_block(fold, world.articles, candidates, world.content),
    }


CANDIDATES = make_candidates(split.build_test_fold(WORLD.clicks), WORLD.articles["item"], 20)


@pytest.fixture(params=WRONG_TIMES)
def odd(request: pytest.FixtureRequest) -> World:
    return misdate(WRONG_TIMES[request.param])


def test_features_of_other_users_and_articles_stay(odd: World) -> None:
    """But for shares and ranks within a query, in which the article stands beside the others."""
    fold, before = describe(WORLD, CANDIDATES)
    changed, after = describe(odd, CANDIDATES)
    assert changed.queries["query"].to_list() == fold.queries["query"].to_list()
    queries = fold.queries["user"] != USER
    assert after["query"].filter(queries).equals(before["query"].filter(queries))
    users = CANDIDATES.join(fold.queries.select("query", "user"), on="query", maintain_order="left")["user"]
    rows = (users != USER) & (CANDIDATES["item"] != ARTICLE)
    assert rows.sum() > 500
    for block in ("item", "pair"):
        own = [name for name in before[block].columns if not name.endswith(("_share", "_rank")) or block == "pair"]
        assert len(own) > 8
        assert after[block].select(own).filter(rows).equals(before[block].select(own).filter(rows))


@pytest.mark.parametrize("created", [TIME_MIN_MS, TIME_MAX_MS])
def test_an_article_created_at_a_wrong_time_moves_its_own_age_alone(created: int) -> None:
    """And that of the readers whose last or middle article it is."""
    wrong = pl.when(pl.col("item") == ARTICLE).then(pl.lit(created)).otherwise("created").alias("created")
    world = World(WORLD.clicks, WORLD.articles.with_columns(wrong), WORLD.content)
    (fold, before), (_, after) = describe(WORLD, CANDIDATES), describe(world, CANDIDATES)
    readers = fold.seen.filter(item=ARTICLE)["query"].implode()
    queries = ~fold.queries["query"].is_in(readers)
    rows = (CANDIDATES["item"] != ARTICLE) & ~CANDIDATES["query"].is_in(readers)
    assert 100 < rows.sum() < CANDIDATES.height - 50
    assert after["query"].filter(queries).equals(before["query"].filter(queries))
    for block in ("item", "pair"):
        assert after[block].filter(rows).equals(before[block].filter(rows))
