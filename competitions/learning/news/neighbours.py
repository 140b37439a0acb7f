"""Popularity, item-based collaborative filtering and swing, as public solutions describe them.

Each method is a function (fold, seed) -> lists (query, item, score), best first within a query, the query's
own articles left out. It reads ``fold.history`` and ``fold.seen``, never ``fold.answers``.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import polars as pl
import scipy.sparse as sp

from common.learning.cooccurrence import count_covisits, exact_sum, keep_top
from common.learning.split import Fold
from common.retrieval.neighbours import score_neighbours
from common.retrieval.settings import CovisitSettings, FollowSettings
from competitions.learning import families

LISTED = 50
NEIGHBOURS = 10  # of each clicked article that the official baseline and its descendants follow
FOLLOWED = 200  # of each of the last two clicks
SWING_ALPHA, SWING_USERS, SWING_TOP = 1.0, 100, 100  # added to shared items; users of an item; neighbours of an item
FAR_HOURS = 1e9  # a half-life that leaves time out
EVERY_CLICK = FollowSettings(last=10_000, decay=1.0, half_life_hours=FAR_HOURS)
LAST_TWO = FollowSettings(last=2, decay=0.7, half_life_hours=FAR_HOURS)
# A pair further apart than the reach would weigh under 0.9^39 = 0.016.
BY_POSITION = CovisitSettings(
    reach=40, forward=1.0, reverse=0.7, decay=0.9, half_life_hours=FAR_HOURS, power=0.5, top=FOLLOWED
)


def list_popular(fold: Fold, seed: int) -> pl.DataFrame:
    """The most clicked articles of the whole log, the same for everybody."""
    del seed
    counts = fold.history["item"].value_counts(name="score").sort(["score", "item"], descending=[True, False])
    popular = counts.head(2 * LISTED).lazy().with_columns(pl.col("score").cast(pl.Float64))
    everybody = fold.queries.lazy().select("query").join(popular, how="cross")
    return keep_top(drop_seen(everybody, fold.seen), "query", "item", "score", LISTED)


def list_by_item_cf(fold: Fold, seed: int) -> pl.DataFrame:
    """The official baseline: cosine over all pairs of a user's log, over the user's whole history."""
    table = count_together(fold.history, NEIGHBOURS)
    return fill(score_neighbours(fold.seen, table, EVERY_CLICK, LISTED), list_popular(fold, seed))


def list_by_last_two(fold: Fold, seed: int) -> pl.DataFrame:
    """The second place's retrieval: near pairs count more (0.9 a position, 0.7 backwards), from the last two clicks."""
    del seed
    return score_neighbours(fold.seen, count_covisits(fold.history, BY_POSITION), LAST_TWO, LISTED)


def list_by_swing(fold: Fold, seed: int) -> pl.DataFrame:
    """Swing, followed from the last two clicks."""
    return score_neighbours(fold.seen, count_swings(fold.history, seed), LAST_TWO, LISTED)


def count_swings(clicks: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Swing: two users who share items i and j are better evidence for (i, j) the fewer items they share in all.

    weight(i, j) = sum over pairs of users of both, of 1 / (``SWING_ALPHA`` + items that the two users share), divided
    by sqrt(users of j). At most ``SWING_USERS`` of an item are compared: the number of user pairs grows with its
    square. They are the first in one random order of all users (by ``seed``), so that popular items keep their overlap.

    >>> clicks = pl.DataFrame({"user": [0, 0, 1, 1, 2], "item": [7, 8, 7, 8, 8]})  # 0 and 1 share both items
    >>> swings = count_swings(clicks, seed=0)
    >>> (1 / swings["weight"].cast(pl.Float64) ** 2).round(3).to_list()  # 1 / (1 + 2) / sqrt(users): 3 of 8, 2 of 7
    [27.0, 18.0]
    """
    pairs = clicks.select("user", "item").unique().sort("item", "user")
    users = pairs["user"].unique().sort()
    turn = np.random.default_rng(seed).permutation(len(users))
    turned = pairs.join(pl.DataFrame({"user": users, "turn": turn}), on="user").sort("item", "turn")
    some = turned.group_by("item", maintain_order=True).head(SWING_USERS).select("item", "user").lazy()
    # Two users who share one item only link it to nothing: pairs with a single row are dropped before the large join.
    couples = some.join(some, on="item", suffix="_2").filter(pl.col("user") < pl.col("user_2"))
    shared = couples.with_columns(n=pl.len().over("user", "user_2")).filter(pl.col("n") > 1)
    triples = shared.join(shared.select("user", "user_2", neighbour="item"), on=["user", "user_2"])
    weights = triples.filter(pl.col("item") != pl.col("neighbour")).group_by("item", "neighbour")
    scored = weights.agg(weight=exact_sum(1 / (SWING_ALPHA + pl.col("n"))))
    count = pairs.lazy().group_by("item").agg(count=pl.len())
    joined = scored.join(count.rename({"item": "neighbour"}), on="neighbour")
    scaled = joined.select("item", "neighbour", weight=pl.col("weight") / pl.col("count").sqrt())
    return keep_top(scaled, "item", "neighbour", "weight", SWING_TOP)


def count_together(clicks: pl.DataFrame, top: int) -> pl.DataFrame:
    """(item, neighbour, weight): sum over common users of 1 / log(1 + user's clicks), over sqrt(users of both)."""
    pairs = clicks.select("user", "item").unique().sort("user", "item")
    users, items = pairs["user"].unique().sort(), pairs["item"].unique().sort()
    row, column = users.search_sorted(pairs["user"]).to_numpy(), items.search_sorted(pairs["item"]).to_numpy()
    clicked = sp.csr_array((np.ones(pairs.height, np.float32), (row, column)), shape=(len(users), len(items)))
    by_user = sp.diags_array((1 / np.log1p(np.bincount(row))).astype(np.float32))
    by_item = sp.diags_array((1 / np.sqrt(np.bincount(column))).astype(np.float32))
    product = sp.coo_array(by_item @ (clicked.T @ (by_user @ clicked)) @ by_item)
    off = product.row != product.col
    table = {"item": items[product.row[off]], "neighbour": items[product.col[off]], "weight": product.data[off]}
    return keep_top(pl.LazyFrame(table), "item", "neighbour", "weight", top)


def fill(lists: pl.DataFrame, spare: pl.DataFrame) -> pl.DataFrame:
    """``spare`` behind the lists, up to LISTED a query: scores below 0 in its order."""
    known = spare.join(lists.select("query", "item"), on=["query", "item"], how="anti", maintain_order="left")
    behind = known.with_columns(score=(-1.0 - pl.int_range(pl.len()).over("query")).cast(pl.Float32))
    return keep_top(pl.concat([lists, behind]).lazy(), "query", "item", "score", LISTED)


def drop_seen(scored: pl.LazyFrame, seen: pl.DataFrame) -> pl.LazyFrame:
    """Leave out the items that a query has already seen."""
    return scored.join(seen.lazy().select("query", "item"), on=["query", "item"], how="anti")


class Method(NamedTuple):
    """A public method: ``key``, ``title``, ``family`` of its rung; ``rank(fold, seed)``: its lists."""

    key: str
    title: str
    family: families.Family
    rank: Callable[[Fold, int], pl.DataFrame]


METHODS = (
    Method("popularity-ever", "global popularity", families.POPULARITY, list_popular),
    Method("item-cf", "item CF of all clicks", families.NEIGHBOURS, list_by_item_cf),
    Method("item-cf-last", "item CF of the last two clicks", families.NEIGHBOURS, list_by_last_two),
    Method("swing", "swing", families.NEIGHBOURS, list_by_swing),
)
