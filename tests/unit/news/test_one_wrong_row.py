"""One wrong time moves what is known of its own user and article, and nothing that others see."""

from dataclasses import replace

import polars as pl
import pytest

from common.learning.split import Fold
from competitions.news import split
from competitions.news.io.reader import TIME_MAX_MS, TIME_MIN_MS
from tests.unit.news.news_world import START, World, make_world
from tests.unit.news.test_features import build, make_candidates

WORLD = make_world()
ODD = WORLD.clicks.with_row_index("row").filter(pl.col("is_target"))["row"][5]
USER, ARTICLE = WORLD.clicks["user"][ODD], WORLD.clicks["item"][ODD]


def features_of(world: World) -> tuple[Fold, dict[str, pl.DataFrame]]:
    fold = split.build_test_fold(world.clicks)
    return fold, build(world, fold, CANDIDATES)


CANDIDATES = make_candidates(split.build_test_fold(WORLD.clicks), WORLD.articles["item"], 20)


@pytest.mark.parametrize("time", [TIME_MIN_MS, TIME_MAX_MS, START - 366 * 86_400_000])
def test_a_click_at_a_wrong_time_leaves_other_users_and_articles(time: int) -> None:
    """But for shares and ranks within a query, in which the article stands beside the others."""
    here = pl.int_range(pl.len()) == ODD
    clicks = WORLD.clicks.with_columns(pl.when(here).then(pl.lit(time)).otherwise("time").alias("time"))
    fold, before = features_of(WORLD)
    _, after = features_of(replace(WORLD, clicks=clicks.sort("user", "time", "item")))
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
    fold, before = features_of(WORLD)
    _, after = features_of(replace(WORLD, articles=WORLD.articles.with_columns(wrong)))
    readers = fold.seen.filter(item=ARTICLE)["query"].implode()
    queries = ~fold.queries["query"].is_in(readers)
    rows = (CANDIDATES["item"] != ARTICLE) & ~CANDIDATES["query"].is_in(readers)
    assert 100 < rows.sum() < CANDIDATES.height - 50
    assert after["query"].filter(queries).equals(before["query"].filter(queries))
    for block in ("item", "pair"):
        assert after[block].filter(rows).equals(before[block].filter(rows))
