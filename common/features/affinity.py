"""How much of what a user did was of an item's kind: its category, its brand, its genres."""

from collections.abc import Sequence

import polars as pl

from common.learning.cooccurrence import exact_sum


def measure_affinity(
    candidates: pl.DataFrame, seen: pl.DataFrame, items: pl.DataFrame, attributes: Sequence[str], decay: float = 0.8
) -> pl.DataFrame:
    """One row per candidate (query, item), in order: of each attribute NAME_share, the share of the query's past that
    has the item's value, and NAME_recent, that share with the weight decay^back of each event (0 = the latest).

    ``seen``: query, item, back; ``items``: item and the ``attributes``. One may be lists of values, such as genres: the
    mean of an item's counts. 0 without a past or a value that occurs in it; null for an item without a value.

    >>> items = pl.DataFrame({"item": [7, 8, 9], "genre": [["war"], ["war", "love"], ["love"]]})
    >>> seen = pl.DataFrame({"query": [0, 0], "item": [7, 8], "back": [1, 0]})
    >>> candidates = pl.DataFrame({"query": [0, 0], "item": [9, 7]})
    >>> affinity = measure_affinity(candidates, seen, items, ["genre"], decay=0.5)
    >>> affinity.select(pl.all().round(3)).rows()  # love: 8 alone, the latest, 1 of 1.5; war: both
    [(0.5, 0.667), (1.0, 1.0)]
    """
    weight = seen.lazy().select("query", "item", weight=decay ** pl.col("back").cast(pl.Float64))
    total = weight.group_by("query").agg(events=pl.len(), total=exact_sum(pl.col("weight")))
    numbered, columns = candidates.lazy().select("query", "item").with_row_index("row"), []
    for name in attributes:
        values = items.lazy().select("item", value=name).drop_nulls("value")
        if items.schema[name] == pl.List:
            values = values.explode("value").drop_nulls("value").unique()
        own = weight.join(values, on="item").group_by("query", "value")
        shares = own.agg(same=pl.len(), recent=exact_sum(pl.col("weight"))).join(total, on="query")
        shares = shares.select(
            "query", "value", share=pl.col("same") / pl.col("events"), recent=pl.col("recent") / pl.col("total")
        )
        valued = numbered.join(values, on="item").join(shares, on=["query", "value"], how="left")
        means = valued.group_by("row").agg(exact_sum(pl.col("share", "recent").fill_null(0.0)) / pl.len())
        placed = numbered.join(means, on="row", how="left").sort("row")
        columns.append(placed.select(pl.col("share", "recent").name.prefix(f"{name}_")).collect())
    return pl.concat(columns, how="horizontal")
