"""What a method of a ladder scores and answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from common.arrays import Floats
from common.learning.metrics import cluster_error, weighted_mean

KINDS = ("won", "lost", "drawn")  # queries, against another method


@dataclass(frozen=True)
class Scored:
    """What a method scores.

    ``each``: the score in the ladder's metric of every validation query, in one order for all methods, 0 for one
    without a list. ``weights``: how much each counts, alike by default. ``more``: further columns of the table.
    ``lists``: of ``gather_lists``, in the same order.
    """

    each: Floats
    weights: Floats | None = None
    more: Mapping[str, float | None] = field(default_factory=dict)
    lists: pl.DataFrame | None = None

    def weigh(self, each: Floats) -> tuple[float, float]:
        """The mean over the queries, and its standard error; zeros where no query counts."""
        weights = np.ones(len(each)) if self.weights is None else self.weights
        return (weighted_mean(each, weights), cluster_error(each, weights)) if weights.any() else (0.0, 0.0)

    def pair(self, below: "Scored") -> pl.DataFrame | None:
        """The lists beside those of the method that this one builds on, and the ``kind`` of each query: won where this
        one scores more. None where either has no lists.
        """
        if self.lists is None or below.lists is None:
            return None
        gain = self.each - below.each
        kind = pl.Series("kind", np.array(KINDS)[np.where(gain > 0, 0, np.where(gain < 0, 1, 2))])
        return self.lists.hstack(below.lists.select("rank", "items").rename("{}_below".format)).with_columns(kind)


def take_first(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    """The first rows of each query by their score, with their ``rank``; equal ones in their order.

    >>> rows = pl.DataFrame({"query": ["b", "a", "a"], "score": [1.0, 0.5, 0.5], "item": ["x", "y", "z"]})
    >>> take_first(rows, 1).rows()
    [('a', 0.5, 'y', 1), ('b', 1.0, 'x', 1)]
    """
    order = rows.sort("query", "score", descending=[False, True], maintain_order=True)
    ranked = order.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("query"))
    return ranked.filter(pl.col("rank") <= most)


def rank_right(rows: pl.DataFrame) -> pl.DataFrame:
    """Query and rank of the best right answer, of rows with a query, a score and whether they are the answer; ties
    count against it.

    >>> rows = pl.DataFrame({"query": ["a"] * 3, "score": [2.0, 1.0, 1.0], "answer": [False, True, False]})
    >>> rank_right(rows).rows()
    [('a', 3)]
    """
    rank = pl.col("score").rank("max", descending=True).over("query").cast(pl.Int64)
    ranked = rows.select("query", "answer", rank=rank).filter("answer")
    return ranked.group_by("query", maintain_order=True).agg(pl.col("rank").min())


def gather_lists(queries: pl.Series, ranks: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """What a method answers, a row a query: query (its name), rank of the right answer (null: not listed), items: the
    first ones in words, a star before the right one. ``ranks``: query, rank; ``shown``: query, rank, item, answer.

    >>> shown = pl.DataFrame({"query": ["a"] * 2, "rank": [1, 2], "item": ["x", "y"], "answer": [False, True]})
    >>> gather_lists(pl.Series(["a", "b"]), pl.DataFrame({"query": ["a"], "rank": [2]}), shown).rows()
    [('a', 2, ['x', '* y']), ('b', None, None)]
    """
    star = pl.when("answer").then(pl.lit("* ")).otherwise(pl.lit(""))
    items = shown.sort("query", "rank").group_by("query").agg(items=pl.concat_str(star, "item"))
    rows = queries.alias("query").to_frame().join(ranks, on="query", how="left", maintain_order="left")
    return rows.join(items, on="query", how="left", maintain_order="left")
