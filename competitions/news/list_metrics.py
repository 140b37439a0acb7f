"""What the lists are like beside their score: coverage and diversity.

``ranked`` has one row per (query, item) with its ``rank``, 1 = best.
"""

import polars as pl


def coverage(ranked: pl.DataFrame, catalogue: int, k: int) -> float:
    """Share of a catalogue of that many items that stands in the first k of at least one list.

    >>> coverage(pl.DataFrame({"item": [7, 8, 7], "rank": [1, 2, 1]}), 10, k=2)
    0.2
    """
    return ranked.filter(pl.col("rank") <= k)["item"].n_unique() / catalogue


def category_diversity(ranked: pl.DataFrame, categories: pl.DataFrame, k: int) -> float | None:
    """Mean over lists of the share of pairs in the first k whose categories differ (Ziegler et al. 2005).

    ``categories`` maps item to category; items without one, and lists with fewer than two items, are left out.

    >>> lists = pl.DataFrame({"query": [0, 0, 0], "item": [7, 8, 9], "rank": [1, 2, 3]})
    >>> category_diversity(lists, pl.DataFrame({"item": [7, 8, 9], "category": ["a", "a", "b"]}), k=3)
    0.6666666666666667
    """
    listed = ranked.filter(pl.col("rank") <= k).join(categories.select("item", "category"), on="item")
    alike = listed.group_by("query", "category").len().with_columns(pl.col("len").cast(pl.Float64))
    per_query = alike.group_by("query").agg(pl.col("len").sum(), same=(pl.col("len") * (pl.col("len") - 1)).sum())
    pairs = per_query.filter(pl.col("len") > 1).sort("query")
    result: float | None = pairs.select((1 - pl.col("same") / (pl.col("len") * (pl.col("len") - 1))).mean()).item()
    return result
