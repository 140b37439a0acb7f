"""What a method of a ladder scores and answers, and the file that keeps both for its card."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Floats
from common.io.files import UNREADABLE
from common.io.submission import write_parquet
from common.io.tables import read_parquet
from common.learning.metrics import weighted_error, weighted_mean

LISTS, BEFORE_FILE = "rungs", ".before.parquet"


@dataclass(frozen=True)
class Lists:
    """What a method answers, for its card. ``queries``: the name of every query, in the order of ``Scored.each``;
    ``ranks``: query, rank (from 1) of its right answer, of the queries whose list holds that; ``shown``: query, rank,
    item (in words), answer (bool): the first items of each list.
    """

    queries: pl.Series
    ranks: pl.DataFrame
    shown: pl.DataFrame


@dataclass(frozen=True)
class Scored:
    """What a method scores.

    ``each``: the score in the ladder's metric of every validation query, in one order for all methods, 0 for one
    without a list. ``weights``: how much each counts, alike by default. ``more``: further columns of the table.
    """

    each: Floats
    weights: Floats | None = None
    more: Mapping[str, float | None] = field(default_factory=dict)
    lists: Lists | None = None

    def weigh(self, each: Floats) -> tuple[float, float]:
        """The mean over the queries, and its standard error; zeros where no query counts."""
        weights = np.ones(len(each)) if self.weights is None else self.weights
        return (weighted_mean(each, weights), weighted_error(each, weights)) if weights.any() else (0.0, 0.0)


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


def keep_lists(folder: Path, key: str, scored: Scored, lists: Lists) -> None:
    """Write what a method answers, a row a query: query, score, weight, rank of the right answer (null: not listed),
    and its first items in words. What it answered when it was measured before stays beside it.
    """
    star = pl.when("answer").then(pl.lit("* ")).otherwise(pl.lit(""))
    items = lists.shown.sort("query", "rank").group_by("query").agg(items=pl.concat_str(star, "item"))
    weights = np.ones(len(scored.each)) if scored.weights is None else scored.weights
    rows = pl.DataFrame({"query": lists.queries, "score": scored.each, "weight": weights})
    for more in (lists.ranks.select("query", "rank"), items):
        rows = rows.join(more, on="query", how="left", maintain_order="left")
    path = folder / f"{key}.parquet"
    if path.exists():
        path.replace(folder / f"{key}{BEFORE_FILE}")
    write_parquet(rows, path)


def read_lists(folder: Path, key: str, end: str = ".parquet") -> pl.DataFrame | None:
    """What a method answers, as ``keep_lists`` wrote it; None where it left nothing that can be read."""
    try:
        return read_parquet(folder / f"{key}{end}")
    except UNREADABLE:
        return None
