"""What the lists are like beside their score: coverage, novelty, diversity.

``ranked`` has one row per (query, item) with its ``rank``, 1 = best.
"""

import polars as pl


def coverage(ranked: pl.DataFrame, catalogue: int, k: int) -> float:
    """Share of a catalogue of that many items that stands in the first k of at least one list.

    >>> coverage(pl.DataFrame({"item": [7, 8, 7], "rank": [1, 2, 1]}), 10, k=2)
    0.2
    """
    return ranked.filter(pl.col("rank") <= k)["item"].n_unique() / catalogue


def novelty(ranked: pl.DataFrame, clicks: pl.DataFrame, k: int) -> float | None:
    """Mean of -log2(an item's share of all clicks) over the first k ranks of all lists (Vargas and Castells 2011).

    ``clicks`` has one row per click (item). An item never clicked counts as clicked once, so that the mean is finite.

    >>> novelty(pl.DataFrame({"item": [7, 8], "rank": [1, 2]}), pl.DataFrame({"item": [7, 7, 8, 9]}), k=2)
    1.5
    """
    counts = clicks.group_by("item").agg(pl.len().alias("count"))
    listed = ranked.filter(pl.col("rank") <= k).join(counts, on="item", how="left", maintain_order="left")
    share = pl.col("count").fill_null(1) / max(clicks.height, 1)
    result: float | None = listed.select((-share.log(2)).mean()).item()
    return result


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
